#include "core/observe.h"

static struct command_stats *stats_of(struct request *request)
{
	if (request->command == NULL)
		return NULL;
	return stats_command(request->engine->stats->pools[request->pool->index],
			     request->command->id);
}

void observe_begin(struct request *request)
{
	struct command_stats *stats = stats_of(request);

	if (stats != NULL)
		stat_add(&stats->requests, 1);
}

void observe_end(struct request *request)
{
	struct command_stats *stats = stats_of(request);

	if (stats == NULL)
		return;
	if (request->is_error)
		stat_add(&stats->errors, 1);
	histogram_add(&stats->total_us, loop_now_us(request->engine->loop) - request->begun_us);
}
