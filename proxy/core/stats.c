#include "core/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/command.h"

const struct stat_row stat_rows[STAT_COUNT] = {
#define STAT(id, name, help) [STAT_##id] = {name, help},
#include "core/stats.def"
#undef STAT
};

const char *const call_result_names[CALL_RESULTS] = {
	[CALL_REPLY] = "reply",	      [CALL_NOT_SENT] = "not_sent",
	[CALL_LOST] = "lost",	      [CALL_TIMEOUT] = "timeout",
	[CALL_DOWN] = "down",	      [CALL_GARBAGE] = "garbage",
	[CALL_NO_LEASE] = "no_lease", [CALL_NO_PRIMARY] = "no_primary",
};

const char *const endpoint_state_names[ENDPOINT_STATES] = {
	[ENDPOINT_CONNECTING] = "connecting",
	[ENDPOINT_UP] = "up",
	[ENDPOINT_DOWN] = "down",
};

static void *must_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	return p;
}

/* Tables of the size that ids can have: what is not used of them is never touched. */
#define IDS_MAX (UINT16_MAX + 1)

static struct pool_stats *new_pool(const struct pool *from)
{
	struct pool_stats *pool = must_alloc(1, sizeof(*pool));

	if (from->protocol == PROTOCOL_REDIS)
		resp_command_table(&pool->n_commands);
	else
		mc_command_table(&pool->n_commands);
	/* A later topology may have more commands of its own. */
	pool->n_commands += COMMANDS_OWN_MAX;
	pool->commands = must_alloc(pool->n_commands, sizeof(*pool->commands));
	return pool;
}

struct stats *stats_new(const struct topology *topology)
{
	struct stats *stats = must_alloc(1, sizeof(*stats));

	stats->pools = must_alloc(IDS_MAX, sizeof(*stats->pools));
	stats->endpoints = must_alloc(IDS_MAX, sizeof(*stats->endpoints));
	stats_prepare(stats, topology, NULL, NULL);
	return stats;
}

void stats_prepare(struct stats *stats, const struct topology *topology,
		   bool (*is_new)(void *arg, uint16_t id), void *arg)
{
	for (uint16_t i = 0; i < topology->n_pools; i++) {
		const struct pool *pool = &topology->pools[i];

		if (stats->pools[pool->index] == NULL)
			stats->pools[pool->index] = new_pool(pool);
	}
	for (uint16_t i = 0; i < topology->n_endpoints; i++) {
		uint16_t id = topology->endpoints[i].id;

		if (stats->endpoints[id] == NULL)
			stats->endpoints[id] = must_alloc(1, sizeof(struct endpoint_stats));
		else if (is_new != NULL && is_new(arg, id))
			memset(stats->endpoints[id], 0, sizeof(struct endpoint_stats));
	}
}

static void free_pool(struct pool_stats *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; i < pool->n_commands; i++)
		free(pool->commands[i]);
	free(pool->commands);
	free(pool);
}

void stats_free(struct stats *stats)
{
	for (size_t i = 0; i < IDS_MAX; i++) {
		free_pool(stats->pools[i]);
		free(stats->endpoints[i]);
	}
	free(stats->pools);
	free(stats->endpoints);
	free(stats);
}

struct command_stats *stats_command(struct pool_stats *pool, uint16_t command_id)
{
	struct command_stats *command =
		atomic_load_explicit(&pool->commands[command_id], memory_order_relaxed);

	if (unlikely(command == NULL)) {
		command = must_alloc(1, sizeof(*command));
		atomic_store_explicit(&pool->commands[command_id], command, memory_order_release);
	}
	return command;
}
