#include "route/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define REDIS_PORT     6379
#define MEMCACHED_PORT 11211

static uint16_t default_port(const struct pool_spec *spec)
{
	return spec->protocol == PROTOCOL_REDIS ? REDIS_PORT : MEMCACHED_PORT;
}

/* Put `what` and its name in front of what is wrong. */
int shards_blame(struct error *error, const char *what, const char *name)
{
	struct error why = *error;

	return error_set(error, "%s %s: %s", what, name, why.text);
}

/* Those in the proxy's zone first, so that choosing among them is choosing among the first. */
static int fill_replicas(struct shard *shard, const struct pool_spec *spec,
			 const struct shard_spec *from, struct error *error)
{
	struct endpoint *next = shard->replicas = shard->primary + 1;

	for (int near = 1; near >= 0; near--) {
		for (size_t i = 0; i < from->n_replicas; i++) {
			const struct replica_spec *replica = &from->replicas[i];
			bool is_near = spec->zone != NULL && replica->zone != NULL &&
				       strcmp(spec->zone, replica->zone) == 0;

			if (is_near != (bool)near)
				continue;
			if (address_parse(replica->address, default_port(spec), &next->address,
					  error) != 0)
				return -1;
			address_format(&next->address, next->text);
			next->is_replica = true;
			next->is_near = is_near;
			next++;
		}
	}
	shard->n_replicas = (uint16_t)from->n_replicas;
	return 0;
}

static bool is_led(const struct pool_spec *spec)
{
	return spec->discover.sentinel.n > 0 || spec->discover.cluster.n > 0;
}

/* Can it get another primary than the one it has: one of its replicas, what its name will stand for,
 * or what a source will name? Waiting for a node that nobody takes the place of is of no use. */
static bool may_hold(const struct pool_spec *spec, const struct shard_spec *shard,
		     const struct address *place)
{
	return spec->protocol == PROTOCOL_REDIS && spec->settings.hold_ms > 0 &&
	       (shard->n_replicas > 0 || is_led(spec) ||
		(!place->is_unix && !address_host_is_ip(place->host)));
}

/* The address, and from it the name and label of a shard that has none. */
static int fill_shard(struct shard *shard, struct endpoint *endpoint, const struct pool_spec *spec,
		      const struct shard_spec *from, struct error *error)
{
	char label[DIST_LABEL_MAX + 1];

	const char *place_text = from->place != NULL ? from->place : from->primary;
	char name[ADDRESS_TEXT_MAX];
	struct address place;

	if (address_parse(from->primary, default_port(spec), &endpoint->address, error) != 0 ||
	    address_parse(place_text, default_port(spec), &place, error) != 0)
		return -1;
	address_format(&endpoint->address, endpoint->text);
	address_format(&place, name);
	endpoint->is_unresolved = endpoint->is_unknown = from->is_unknown;
	shard->primary = endpoint;
	shard->weight = from->weight;
	shard->holds = may_hold(spec, from, &place);
	shard->name = alloc_string(from->name != NULL ? from->name : name);
	if (from->name == NULL && dist_label((enum dist_kind)spec->distribution, spec->node_string,
					     place.host, place.port, label, error) != 0)
		return -1;
	shard->label = alloc_string(from->name != NULL ? from->name : label);
	return 0;
}

/* A slot that nobody has goes to the first shard, whose node says what is the matter with it. */
static struct dist *cluster_dist(const struct pool_spec *spec)
{
	uint16_t *owner = alloc_zeroed(CLUSTER_SLOTS, sizeof(*owner));

	for (size_t i = 0; i < spec->n_shards; i++)
		for (size_t j = 0; j < spec->shards[i].n_slots; j++)
			for (uint32_t slot = spec->shards[i].slots[j].first;
			     slot <= spec->shards[i].slots[j].last && slot < CLUSTER_SLOTS; slot++)
				owner[slot] = (uint16_t)i;
	struct dist *dist = dist_build_slots(owner, spec->n_shards);
	free(owner);
	return dist;
}

static int name_cmp(const void *a, const void *b)
{
	const struct shard *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int label_cmp(const void *a, const void *b)
{
	const struct shard *const *x = a, *const *y = b;

	return strcmp((*x)->label, (*y)->label);
}

/* Two shards of one name could not be told apart; of one label, the ring could not. */
static int refuse_twins(const struct pool *pool, int (*cmp)(const void *, const void *),
			const char *what, struct error *error)
{
	const struct shard **sorted = alloc_zeroed(pool->n_shards, sizeof(*sorted));
	int result = 0;

	for (size_t i = 0; i < pool->n_shards; i++)
		sorted[i] = &pool->shards[i];
	qsort(sorted, pool->n_shards, sizeof(*sorted), cmp);
	for (size_t i = 1; i < pool->n_shards && result == 0; i++)
		if (cmp(&sorted[i - 1], &sorted[i]) == 0)
			result = error_set(error,
					   "shards %s and %s have the same %s; expected one each",
					   sorted[i - 1]->name, sorted[i]->name, what);
	free(sorted);
	return result;
}

static int fill_dist(struct pool *pool, const struct pool_spec *spec, struct error *error)
{
	if (pool->is_cluster) {
		pool->dist = cluster_dist(spec);
		return 0;
	}
	struct dist_node *nodes = alloc_zeroed(pool->n_shards, sizeof(*nodes));

	for (size_t i = 0; i < pool->n_shards; i++)
		nodes[i] = (struct dist_node){pool->shards[i].label, pool->shards[i].weight};
	pool->dist = dist_build(pool->distribution, pool->hash, nodes, pool->n_shards, error);
	free(nodes);
	return pool->dist != NULL ? 0 : -1;
}

/* The pool's shards, each with its endpoint behind those of the pools before. */
static int fill_shards(struct pool *pool, struct topology *topology, const struct pool_spec *spec,
		       struct error *error)
{
	pool->shards = alloc_zeroed(spec->n_shards, sizeof(*pool->shards));
	pool->n_shards = (uint16_t)spec->n_shards;
	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *from = &spec->shards[i];
		struct endpoint *endpoint = &topology->endpoints[topology->n_endpoints];

		pool->shards[i].index = i;
		for (size_t j = 0; j <= from->n_replicas; j++) {
			endpoint[j].id = topology->n_endpoints++;
			endpoint[j].pool = pool;
			endpoint[j].shard = &pool->shards[i];
		}
		if (fill_shard(&pool->shards[i], endpoint, spec, from, error) != 0 ||
		    fill_replicas(&pool->shards[i], spec, from, error) != 0)
			return shards_blame(error, "shard",
					    from->name ? from->name : from->primary);
	}
	return 0;
}

int shards_fill(struct pool *pool, struct topology *topology, const struct pool_spec *spec,
		struct error *error)
{
	if (fill_shards(pool, topology, spec, error) != 0 ||
	    refuse_twins(pool, name_cmp, "name", error) != 0 ||
	    refuse_twins(pool, label_cmp, "ring label", error) != 0)
		return -1;
	return fill_dist(pool, spec, error);
}
