/*
 * gutter.h - the detour of keys whose node is down: to spare nodes (gutter), or to the shards that are
 * left (eject).
 *
 *      key --> pool's ring --> own shard -- is_away --> detour's ring --> gutter node or another shard
 *
 * The pool's ring stays as it is, so no key of another shard moves, whatever the distribution, and all
 * come back. A shard that is down and has no detour (failover.mode keep, or all are down) is barred
 * where on_return is flush: nobody uses its node before that is done.
 * Layer: route. Includes: topology.
 */
#ifndef ROUTE_GUTTER_H
#define ROUTE_GUTTER_H

#include "route/topology.h"

/* The pool's gutter nodes, behind the endpoints of its shards, and its detour: once it has its shards
 * and ring. -1 with `error` where an address or name will not do. */
NODISCARD int gutter_fill(struct pool *pool, struct topology *topology,
			  const struct pool_spec *spec, struct error *error);
void gutter_free(struct pool *pool);

/* Where a key goes whose own shard is away; as route_key() has cut it. */
const struct shard *gutter_route(const struct pool *pool, struct span key, struct digest *digest,
				 struct rng *rng);

/* Where a shard's keys are, as status says it: "used", "ejected", "gutter" or "distrusted". */
const char *gutter_state(const struct shard *shard);

#endif
