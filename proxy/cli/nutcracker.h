/*
 * nutcracker.h - twemproxy's configuration file as it is understood by twemproxy 0.5.0.
 *
 * Layer: cli. Includes: control/findings, control/yaml_tree.
 */
#ifndef CLI_NUTCRACKER_H
#define CLI_NUTCRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "control/findings.h"
#include "control/yaml_tree.h"

#define NUTCRACKER_UNSET (-1) /* of a number or a flag that is not in the file */

struct nutcracker_server {
	char *name;    /* what its points on the ring are made of */
	char *address; /* as slipring writes addresses */
	int64_t weight;
};

/* Texts are borrowed from the tree, NULL where they are not given. */
struct nutcracker_pool {
	const char *name;
	const char *listen, *hash, *hash_tag, *distribution, *redis_auth;
	int64_t timeout, backlog, client_connections, redis_db, server_connections;
	int64_t server_retry_timeout, server_failure_limit;
	int64_t redis, preconnect, auto_eject_hosts, tcpkeepalive; /* 0, 1 or unset */
	struct nutcracker_server *servers; /* in twemproxy's order: by length of name, then bytes */
	size_t n_servers;
};

struct nutcracker {
	struct tree tree;
	struct nutcracker_pool *pools;
	size_t n_pools;
};

/* Read a file ("-" is standard input) into a zeroed struct; errors are added to `findings`.
 * nutcracker_free() it in either case. */
void nutcracker_read(const char *path, struct nutcracker *out, struct findings *findings);
void nutcracker_free(struct nutcracker *nutcracker);

/* "host:port" or "/path [mode]" as slipring writes it, for free(); NULL if it is neither. */
NODISCARD char *nutcracker_address(struct span text);

#endif
