/*
 * topology.h - the immutable snapshot that workers route by: pools -> shards -> endpoints.
 *
 * Made by topology_build() on the control thread, shared by all workers, freed with its last
 * reference. Layer: route. Includes: dist, endpoint, spec.
 */
#ifndef ROUTE_TOPOLOGY_H
#define ROUTE_TOPOLOGY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "route/dist.h"
#include "route/endpoint.h"
#include "route/spec.h"

struct shard {
	char *name;  /* what status, errors and `route` call it */
	char *label; /* what its place on the ring is made of */
	uint32_t weight;
	uint16_t index; /* in its pool */
	struct endpoint *primary;
};

struct pool {
	char *name;
	uint16_t index;
	enum pool_protocol protocol;
	enum dist_kind distribution;
	enum hash_kind hash; /* resolved: never HASH_DEFAULT */
	struct dist *dist;
	char hash_tag[2];     /* {0, 0}: none */
	char *prefix_ignored; /* "": none */
	size_t prefix_len;
	struct shard *shards;
	uint16_t n_shards;
	struct pool_settings settings;
};

struct topology {
	uint64_t version;
	_Atomic uint32_t refs;
	struct pool *pools;
	uint16_t n_pools;
	struct endpoint *endpoints; /* all, by id */
	uint16_t n_endpoints;
};

/*
 * Build the snapshot of specs[0..n), with one reference. NULL with `error` naming the pool and
 * shard that cannot be. Nothing of the specs is kept.
 */
NODISCARD struct topology *topology_build(const struct pool_spec *specs, size_t n, uint64_t version,
					  struct error *error);

struct topology *topology_ref(struct topology *topology);
void topology_unref(struct topology *topology);

/* The pool of that name, or NULL. */
const struct pool *topology_pool(const struct topology *topology, const char *name);

/* The shard that owns a whole key: prefix and hash tag are cut here. */
const struct shard *route_key(const struct pool *pool, struct span key, struct digest *digest,
			      struct rng *rng);

#endif
