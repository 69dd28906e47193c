#include "fleet.h"

#include <check.h>

#include "proto/command.h"

static struct shard_spec pages_shards[] = {
	{.name = (char[]){"a"}, .primary = (char[]){"10.0.0.1:11211"}, .weight = 1},
	{.name = (char[]){"b"}, .primary = (char[]){"10.0.0.2:11211"}, .weight = 2},
	{.name = (char[]){FLEET_ODD_NAME}, .primary = (char[]){"10.0.0.3:11211"}, .weight = 1},
};

static struct replica_spec sessions_replicas[] = {
	{(char[]){"10.0.1.2:6379"}, NULL},
};

static struct shard_spec sessions_shards[] = {
	{.primary = (char[]){"10.0.1.1:6379"},
	 .weight = 1,
	 .replicas = sessions_replicas,
	 .n_replicas = ARRAY_LEN(sessions_replicas)},
};

static const struct pool_spec specs[] = {
	{.name = (char[]){"pages"},
	 .protocol = PROTOCOL_MEMCACHED,
	 .distribution = DIST_KETAMA,
	 .hash = HASH_DEFAULT,
	 .shards = pages_shards,
	 .n_shards = ARRAY_LEN(pages_shards)},
	{.name = (char[]){"sessions"},
	 .protocol = PROTOCOL_REDIS,
	 .distribution = DIST_JUMP,
	 .hash = HASH_DEFAULT,
	 .shards = sessions_shards,
	 .n_shards = ARRAY_LEN(sessions_shards)},
};

void fleet_init(struct fleet *fleet)
{
	struct error error = {0};

	fleet->topology = topology_build(specs, ARRAY_LEN(specs), 1, &error);
	ck_assert_msg(fleet->topology != NULL, "%s", error.text);
	ck_assert_uint_eq(fleet->topology->n_endpoints, FLEET_ENDPOINTS);
	for (int w = 0; w <= FLEET_WORKERS; w++)
		fleet->stats[w] = stats_new(fleet->topology);
}

void fleet_fini(struct fleet *fleet)
{
	for (int w = 0; w <= FLEET_WORKERS; w++)
		stats_free(fleet->stats[w]);
	topology_unref(fleet->topology);
}

struct view fleet_view(const struct fleet *fleet)
{
	return (struct view){
		.topology = fleet->topology,
		.stats = fleet->stats,
		.n_workers = FLEET_WORKERS,
	};
}

struct pool_stats *fleet_pool(struct fleet *fleet, int w, const char *pool)
{
	const struct pool *found = topology_pool(fleet->topology, pool);

	ck_assert_ptr_nonnull(found);
	return fleet->stats[w]->pools[found->index];
}

struct endpoint_stats *fleet_endpoint(struct fleet *fleet, int w, int endpoint)
{
	return fleet->stats[w]->endpoints[endpoint];
}

struct command_stats *fleet_command(struct fleet *fleet, int w, const char *pool,
				    const char *command)
{
	const struct pool *found = topology_pool(fleet->topology, pool);
	struct span name = span_of(command);
	const struct command *row =
		found->protocol == PROTOCOL_REDIS ? resp_command_find(name) : mc_command_find(name);

	ck_assert_ptr_nonnull(row);
	return stats_command(fleet_pool(fleet, w, pool), row->id);
}

void fleet_set_state(struct fleet *fleet, int endpoint, enum endpoint_state state)
{
	for (int w = 0; w < FLEET_WORKERS; w++)
		atomic_store(&fleet_endpoint(fleet, w, endpoint)->state, (int)state);
}
