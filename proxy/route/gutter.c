#include "route/gutter.h"

#include <stdio.h>

#include "base/alloc.h"

#define MEMCACHED_PORT 11211
#define NAME_MAX_BYTES 32 /* of "gutter-1" */

/* ------------------------------------------------------------------ spare nodes */

static int fill_gutter(struct shard *gutter, struct endpoint *endpoint, const char *address,
		       struct error *error)
{
	char label[DIST_LABEL_MAX + 1];

	if (address_parse(address, MEMCACHED_PORT, &endpoint->address, error) != 0 ||
	    dist_label(DIST_KETAMA, NULL, endpoint->address.host, endpoint->address.port, label,
		       error) != 0)
		return -1;
	address_format(&endpoint->address, endpoint->text);
	gutter->label = alloc_string(label);
	return 0;
}

static int fill_gutters(struct pool *pool, struct topology *topology, const struct pool_spec *spec,
			struct error *error)
{
	pool->gutters = alloc_zeroed(spec->gutter.n + 1, sizeof(*pool->gutters));
	for (size_t i = 0; i < spec->gutter.n; i++) {
		struct shard *gutter = &pool->gutters[pool->n_gutters++];
		struct endpoint *endpoint = &topology->endpoints[topology->n_endpoints];
		char name[NAME_MAX_BYTES];

		snprintf(name, sizeof(name), "gutter-%zu", i + 1);
		gutter->name = alloc_string(name);
		gutter->weight = 1;
		gutter->index = (uint16_t)(pool->n_shards + i);
		gutter->is_gutter = endpoint->is_gutter = true;
		gutter->primary = endpoint;
		endpoint->id = topology->n_endpoints++;
		endpoint->pool = pool;
		endpoint->shard = gutter;
		if (pool_shard(pool, name) != NULL)
			return error_set(error,
					 "shard %s has the name of a gutter node; expected another",
					 name);
		if (fill_gutter(gutter, endpoint, spec->gutter.v[i], error) != 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ the detour */

/* A ring of those that `detour->shards` has. */
static int build(struct detour *detour, size_t n, enum dist_kind kind, enum hash_kind hash,
		 struct error *error)
{
	struct dist_node *nodes = alloc_zeroed(n, sizeof(*nodes));

	for (size_t i = 0; i < n; i++)
		nodes[i] = (struct dist_node){detour->shards[i]->label, detour->shards[i]->weight};
	detour->dist = dist_build(kind, hash, nodes, n, error);
	free(nodes);
	return detour->dist != NULL ? 0 : -1;
}

static int build_to_gutters(struct pool *pool, struct error *error)
{
	for (uint16_t i = 0; i < pool->n_gutters; i++)
		pool->detour.shards[i] = &pool->gutters[i];
	return build(&pool->detour, pool->n_gutters, DIST_KETAMA, HASH_MD5, error);
}

/* Where all are down, nobody can stand in for any. */
static int build_to_others(struct pool *pool, const struct pool_spec *spec, struct error *error)
{
	size_t n = 0, n_away = 0;

	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *from = &spec->shards[i];

		n_away += from->is_down && !from->is_damped;
		if (!from->is_down)
			pool->detour.shards[n++] = &pool->shards[i];
	}
	if (n == 0 || n_away == 0)
		return 0;
	return build(&pool->detour, n, pool->distribution, pool->hash, error);
}

static void mark(struct pool *pool, const struct pool_spec *spec)
{
	const struct failover_settings *failover = &pool->settings.failover;

	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *from = &spec->shards[i];
		struct shard *shard = &pool->shards[i];

		shard->is_away = pool->detour.dist != NULL && from->is_down && !from->is_damped;
		shard->primary->is_barred =
			from->is_down && !shard->is_away && failover->on_return == ON_RETURN_FLUSH;
		if (shard->is_away)
			pool->detour.ttl_s = failover_ttl_s(failover);
	}
	pool->has_ttl_rules = pool->has_ttl_rules || pool->detour.ttl_s > 0;
}

int gutter_fill(struct pool *pool, struct topology *topology, const struct pool_spec *spec,
		struct error *error)
{
	int mode = pool->settings.failover.mode;
	size_t most = pool->n_shards > spec->gutter.n ? pool->n_shards : spec->gutter.n;

	pool->detour.shards = alloc_zeroed(most, sizeof(struct shard *));
	if (mode == FAILOVER_GUTTER &&
	    (fill_gutters(pool, topology, spec, error) != 0 || build_to_gutters(pool, error) != 0))
		return -1;
	if (mode == FAILOVER_EJECT && build_to_others(pool, spec, error) != 0)
		return -1;
	mark(pool, spec);
	return 0;
}

void gutter_free(struct pool *pool)
{
	for (uint16_t i = 0; i < pool->n_gutters; i++) {
		free(pool->gutters[i].name);
		free(pool->gutters[i].label);
	}
	free(pool->gutters);
	free(pool->detour.shards);
	dist_free(pool->detour.dist);
}

const struct shard *gutter_route(const struct pool *pool, struct span key, struct digest *digest,
				 struct rng *rng)
{
	return pool->detour.shards[dist_lookup(pool->detour.dist, key, digest, rng)];
}

const char *gutter_state(const struct shard *shard)
{
	bool to_gutter = shard->primary->pool->settings.failover.mode == FAILOVER_GUTTER;

	if (shard->is_away)
		return to_gutter ? "gutter" : "ejected";
	return shard->primary->is_barred ? "distrusted" : "used";
}
