/*
 * config.h - typed settings of one configuration file, and where they come from.
 *
 * Made by config_load() or config_from_args(), owned by the caller. Layer: control.
 * Includes: route/spec, base/digest, base/text.
 */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/text.h"
#include "route/spec.h"

struct config {
	uint32_t workers;   /* 0: one per available core */
	char *admin_listen; /* NULL: off */
	int log_level;	    /* enum log_level */
	int log_json;	    /* bool: text or json */
	uint32_t shutdown_grace_ms;
	char *takeover; /* the path of the socket; NULL: off */
	uint32_t takeover_grace_ms;
	uint64_t memory;		/* bytes of buffers, all workers together */
	struct string_list dns_servers; /* none: /etc/resolv.conf's */
	uint32_t dns_min_ttl_ms, dns_max_ttl_ms;
	struct pool_spec *pools;
	size_t n_pools;
	uint8_t fingerprint[DIGEST_MD5_LEN]; /* of the file's bytes and the secrets it names */
};

/*
 * Read and check `path` ("-" is standard input). Every error of the file is appended to
 * `errors` as a line "FILE:LINE:COL: path.to.key: what is wrong; what is expected", every warning
 * to `warnings` likewise. A config for config_free(), or NULL if there was any error.
 */
NODISCARD struct config *config_load(const char *path, struct text *errors, struct text *warnings);

/* As config_load, of bytes in memory that messages call `name`. `warnings` may be NULL. */
NODISCARD struct config *config_parse(struct span content, const char *name, struct text *errors,
				      struct text *warnings);

/*
 * The config of one pool without a file: comma-separated addresses (each with an optional port:
 * 11211 or 6379), served at `listen` (NULL: 127.0.0.1 with that port). As config_load.
 */
NODISCARD struct config *config_from_args(enum pool_protocol protocol, const char *addresses,
					  const char *listen, struct text *errors);

void config_free(struct config *config); /* NULL is fine */

#endif
