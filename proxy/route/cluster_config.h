/*
 * cluster_config.h - what a memcached pool tells clients that look for its nodes: the answer of
 * ElastiCache's auto discovery, without the lines around it.
 *
 * Pure; made with the snapshot, which owns it. Layer: route. Includes: spec, base/error.
 */
#ifndef ROUTE_CLUSTER_CONFIG_H
#define ROUTE_CLUSTER_CONFIG_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "route/spec.h"

/* The key under which nodes that do not know "config get cluster" have it. */
#define CLUSTER_CONFIG_KEY     "AmazonElastiCache:cluster"
#define CLUSTER_CONFIG_KEY_LEN (sizeof(CLUSTER_CONFIG_KEY) - 1)

struct pool;

struct cluster_config {
	char *payload; /* "VERSION\nHOST|IP|PORT HOST|IP|PORT\n"; NULL: there is nothing to tell */
	size_t len;    /* of it, in bytes */
	uint64_t version;
};

/*
 * Make pool->cluster of `hosts`, each HOST:PORT, or, if there are none, of the pool's shards in
 * their order. The IP is empty unless the host is one. What cannot be written so (unix:PATH), or is
 * not known yet, is left out; there is nothing to tell where nothing is left, and in a pool of another protocol.
 * 0, or -1 with `error` for one of hosts that is no address. The payload is for free().
 * Source: AWS, "Adding Auto Discovery to your client library".
 */
NODISCARD int cluster_config_fill(struct pool *pool, const struct string_list *hosts,
				  uint64_t version, struct error *error);

#endif
