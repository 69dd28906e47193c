/*
 * shards.h - the shards of a pool that is being built: their endpoints, and the distribution over them.
 * Layer: route. Includes: topology.
 */
#ifndef ROUTE_SHARDS_H
#define ROUTE_SHARDS_H

#include "route/topology.h"

/*
 * Fill in the shards of `pool` by its spec, with their endpoints behind those that `topology` has
 * already, and its distribution. -1 with `error` naming the shard.
 */
NODISCARD int shards_fill(struct pool *pool, struct topology *topology,
			  const struct pool_spec *spec, struct error *error);

/* Put `what` and its name in front of what is wrong. Returns -1. */
int shards_blame(struct error *error, const char *what, const char *name);

#endif
