#include "core/stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/command.h"

const struct stat_row stat_rows[STAT_COUNT] = {
#define STAT(id, name, help) [STAT_##id] = {name, help},
#include "core/stats.def"
#undef STAT
};

const char *const call_result_names[CALL_RESULTS] = {
	[CALL_REPLY] = "reply",	      [CALL_NOT_SENT] = "not_sent", [CALL_LOST] = "lost",
	[CALL_TIMEOUT] = "timeout",   [CALL_DOWN] = "down",	    [CALL_GARBAGE] = "garbage",
	[CALL_NO_LEASE] = "no_lease",
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

struct stats *stats_new(const struct topology *topology)
{
	struct stats *stats = must_alloc(1, sizeof(*stats));

	stats->n_pools = topology->n_pools;
	stats->n_endpoints = topology->n_endpoints;
	stats->pools = must_alloc(stats->n_pools, sizeof(*stats->pools));
	stats->endpoints = must_alloc(stats->n_endpoints, sizeof(*stats->endpoints));
	for (uint16_t i = 0; i < stats->n_pools; i++) {
		struct pool_stats *pool = &stats->pools[i];

		if (topology->pools[i].protocol == PROTOCOL_REDIS)
			resp_command_table(&pool->n_commands);
		else
			mc_command_table(&pool->n_commands);
		pool->n_commands += topology->pools[i].n_commands;
		pool->commands = must_alloc(pool->n_commands, sizeof(*pool->commands));
	}
	return stats;
}

void stats_free(struct stats *stats)
{
	for (uint16_t i = 0; i < stats->n_pools; i++) {
		for (size_t j = 0; j < stats->pools[i].n_commands; j++)
			free(stats->pools[i].commands[j]);
		free(stats->pools[i].commands);
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
