#include "control/view.h"

#include "core/connset.h"
#include "core/stats_sum.h"

enum endpoint_state view_endpoint_state(const struct view *view, uint16_t endpoint_id)
{
	return stats_endpoint_state(view->stats, view->n_workers, endpoint_id);
}

const char *view_endpoint_error(const struct view *view, const struct endpoint *endpoint,
				char out[VIEW_ERROR_MAX])
{
	int fault = stats_endpoint_error(view->stats, view->n_workers, endpoint->id);

	_Static_assert(VIEW_ERROR_MAX == CONNSET_WHY_MAX, "connset_fault_text() fills it");
	return fault == 0 ? NULL : connset_fault_text(fault, endpoint, out);
}

enum replica_fault view_replica(const struct view *view, uint16_t endpoint_id, uint64_t *lag_bytes)
{
	enum replica_fault worst = REPLICA_FIT;

	*lag_bytes = 0;
	for (uint16_t i = 0; i < view->n_workers; i++) {
		const struct endpoint_stats *stats = view->stats[i]->endpoints[endpoint_id];
		int its = atomic_load_explicit(&stats->fitness, memory_order_relaxed);
		uint64_t lag = stat_get(&stats->lag_bytes);

		if (its != REPLICA_FIT)
			worst = (enum replica_fault)its;
		if (lag > *lag_bytes)
			*lag_bytes = lag;
	}
	return worst;
}

const struct health_of *view_health(const struct view *view, uint16_t endpoint_id)
{
	return view->health != NULL ? health_get(view->health, endpoint_id) : NULL;
}

/* Spare nodes serve only while they stand in for somebody. */
static bool is_stood_in_for(const struct view *view, const struct pool *pool)
{
	bool is_up = false, is_away = false;

	for (uint16_t i = 0; i < pool->n_gutters; i++)
		is_up |= view_endpoint_state(view, pool->gutters[i].primary->id) == ENDPOINT_UP;
	for (uint16_t i = 0; i < pool->n_shards; i++)
		is_away |= pool->shards[i].is_away;
	return is_up && is_away;
}

bool view_pool_is_ready(const struct view *view, const struct pool *pool)
{
	if (view->draining)
		return false;
	if (is_stood_in_for(view, pool))
		return true;
	for (uint16_t i = 0; i < pool->n_shards; i++)
		if (view_endpoint_state(view, pool->shards[i].primary->id) == ENDPOINT_UP)
			return true;
	return false;
}

/* Why no source has named a node so far; NULL if one has, or has not answered at all yet. */
static const char *why_unknown(const struct view *view, const struct pool *pool)
{
	if (view->members == NULL || !pool->shards[0].primary->is_unknown)
		return NULL;
	return members_trouble(view->members, pool->name);
}

/* One shard's trouble stands for all: a reader who needs every one asks for the status. */
static void say_why(const struct view *view, const struct pool *pool, struct text *why)
{
	char error[VIEW_ERROR_MAX];
	const char *first = why_unknown(view, pool);

	if (first != NULL) {
		text_printf(why, "pool %s: no node of it is known yet (%s)\n", pool->name, first);
		return;
	}
	for (uint16_t i = 0; i < pool->n_shards && first == NULL; i++)
		first = view_endpoint_error(view, pool->shards[i].primary, error);
	text_printf(why, "pool %s: none of its %u shards is up", pool->name,
		    (unsigned)pool->n_shards);
	if (first != NULL)
		text_printf(why, " (%s)\n", first);
	else
		text_puts(why, " yet\n");
}

bool view_is_ready(const struct view *view, struct text *why)
{
	bool is_ready = true;

	if (view->draining) {
		if (why != NULL)
			text_puts(why, "draining: no client is accepted any more\n");
		return false;
	}
	if (view->topology->version == 0) {
		if (why != NULL)
			text_puts(why, "starting: names are being resolved\n");
		return false;
	}
	for (uint16_t i = 0; i < view->topology->n_pools; i++) {
		const struct pool *pool = &view->topology->pools[i];

		if (view_pool_is_ready(view, pool))
			continue;
		if (why != NULL)
			say_why(view, pool, why);
		is_ready = false;
	}
	return is_ready;
}
