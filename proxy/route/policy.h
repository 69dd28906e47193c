/*
 * policy.h - what holds for keys by how they begin: the part of a pool that `prefixes` makes.
 *
 * Built with the snapshot, and as immutable. Layer: route. Includes: topology.
 */
#ifndef ROUTE_POLICY_H
#define ROUTE_POLICY_H

#include "route/topology.h"

/* Make the pool's policies of its specs, and what it says of all of them. */
void policies_fill(struct pool *pool, const struct pool_spec *spec);
void policies_free(struct pool *pool);

/* The policy of a key, or NULL: that of its longest prefix that has one. */
const struct policy *pool_policy(const struct pool *pool, struct span key);

/* The rule for the expiry times of a key, which may be none. */
const struct ttl_rule *pool_ttl(const struct pool *pool, struct span key);

#endif
