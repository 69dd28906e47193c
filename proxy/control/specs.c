#include "control/specs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "route/endpoint.h"

static uint16_t default_port(const struct pool_spec *pool)
{
	return pool->protocol == PROTOCOL_REDIS ? 6379 : 11211;
}

/* As endpoint->text has it. */
static void canonical(const struct pool_spec *pool, const char *text, char out[ADDRESS_TEXT_MAX])
{
	struct address address;
	struct error error;

	out[0] = '\0';
	if (address_parse(text, default_port(pool), &address, &error) == 0)
		address_format(&address, out);
}

/* A shard without a node for as long as its source has not named one. */
static void fill_unknown(struct pool_spec *pool)
{
	const struct discover_spec *discover = &pool->discover;

	pool->shards = alloc_zeroed(1, sizeof(*pool->shards));
	pool->n_shards = 1;
	pool->shards->name = (char *)(uintptr_t) "unknown";
	pool->shards->primary = (char *)(uintptr_t) "unknown:1";
	pool->shards->weight = 1;
	pool->shards->is_unknown = true;
	if (discover->elasticache != NULL)
		pool->shards->primary = discover->elasticache;
	else if (discover->dns != NULL)
		pool->shards->primary = discover->dns;
}

static void fill_found_shard(struct shard_spec *to, const struct found_shard *from)
{
	to->name = from->name;
	to->weight = 1;
	to->primary = from->primary;
	if (from->primary == NULL) {
		to->primary =
			from->n_replicas > 0 ? from->replicas[0] : (char *)(uintptr_t) "unknown:1";
		to->is_unknown = true;
	}
	to->slots = from->slots;
	to->n_slots = from->n_slots;
	to->n_replicas = from->n_replicas;
	to->replicas = alloc_zeroed(from->n_replicas, sizeof(*to->replicas));
	for (size_t i = 0; i < from->n_replicas; i++)
		to->replicas[i].address = from->replicas[i];
}

static void fill_found(struct pool_spec *pool, const struct found *found)
{
	pool->shards = alloc_zeroed(found->n, sizeof(*pool->shards));
	pool->n_shards = found->n;
	for (size_t i = 0; i < found->n; i++)
		fill_found_shard(&pool->shards[i], &found->shards[i]);
}

static void copy_listed(struct pool_spec *pool, const struct pool_spec *from)
{
	pool->shards = alloc_zeroed(from->n_shards, sizeof(*pool->shards));
	for (size_t i = 0; i < from->n_shards; i++) {
		struct shard_spec *to = &pool->shards[i];

		*to = from->shards[i];
		to->replicas = alloc_zeroed(to->n_replicas, sizeof(*to->replicas));
		for (size_t j = 0; j < to->n_replicas; j++)
			to->replicas[j] = from->shards[i].replicas[j];
	}
}

/* The replica of that address and the primary change places; the shard's own place stays. */
static void swap(const struct pool_spec *pool, struct shard_spec *shard, const char *primary)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < shard->n_replicas; i++) {
		canonical(pool, shard->replicas[i].address, text);
		if (strcmp(text, primary) != 0)
			continue;
		char *address = shard->replicas[i].address;

		shard->place = shard->primary;
		shard->replicas[i].address = shard->primary;
		shard->replicas[i].zone = NULL;
		shard->primary = address;
		return;
	}
}

static void apply_roles(struct pool_spec *pool, const struct roles *roles)
{
	char name[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < pool->n_shards; i++) {
		struct shard_spec *shard = &pool->shards[i];

		canonical(pool, shard->primary, name);
		const char *primary =
			roles_primary(roles, pool->name, shard->name != NULL ? shard->name : name);
		if (primary != NULL)
			swap(pool, shard, primary);
	}
}

static void apply_outages(struct pool_spec *pool, const struct outages *outages)
{
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < pool->n_shards; i++) {
		struct shard_spec *shard = &pool->shards[i];

		canonical(pool, shard->primary, address);
		enum outage outage =
			outages_of(outages, pool->name, shard->name != NULL ? shard->name : address,
				   address);
		shard->is_down = outage != OUTAGE_NONE;
		shard->is_damped = outage == OUTAGE_DAMPED;
	}
}

void specs_build(struct specs *specs, const struct config *config, const struct specs_known *known)
{
	specs->n = config->n_pools;
	specs->v = alloc_zeroed(config->n_pools, sizeof(*specs->v));
	for (size_t i = 0; i < config->n_pools; i++) {
		struct pool_spec *pool = &specs->v[i];
		const struct found *found = members_found(known->members, config->pools[i].name);

		*pool = config->pools[i];
		if (pool->n_shards > 0)
			copy_listed(pool, &config->pools[i]);
		else if (found != NULL)
			fill_found(pool, found);
		else
			fill_unknown(pool);
		apply_roles(pool, known->roles);
		apply_outages(pool, known->outages);
		pool->pause = pauses_of(known->pauses, pool->name);
	}
}

void specs_free(struct specs *specs)
{
	for (size_t i = 0; i < specs->n; i++) {
		for (size_t j = 0; j < specs->v[i].n_shards; j++)
			free(specs->v[i].shards[j].replicas);
		free(specs->v[i].shards);
	}
	free(specs->v);
}
