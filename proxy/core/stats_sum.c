#include "core/stats_sum.h"

/* One worker's counters of the subject, or NULL while it has none. */
static const char *block_of(const struct stats *stats, struct stats_subject subject)
{
	switch (subject.of) {
	case STATS_OF_WORKER:
		return (const char *)stats;
	case STATS_OF_POOL:
		return (const char *)stats->pools[subject.pool];
	case STATS_OF_COMMAND:
		/* Pairs with the release in stats_command(): its zeroes are seen before it is. */
		return (const char *)atomic_load_explicit(
			&stats->pools[subject.pool]->commands[subject.id], memory_order_acquire);
	case STATS_OF_ENDPOINT:
		return (const char *)stats->endpoints[subject.id];
	}
	return NULL;
}

bool stats_has(struct stats *const *all, uint16_t n_workers, struct stats_subject subject)
{
	for (uint16_t i = 0; i < n_workers; i++)
		if (block_of(all[i], subject) != NULL)
			return true;
	return false;
}

uint64_t stats_sum(struct stats *const *all, uint16_t n_workers, struct stats_subject subject,
		   size_t offset)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < n_workers; i++) {
		const char *block = block_of(all[i], subject);

		if (block != NULL)
			sum += stat_get((const void *)(block + offset));
	}
	return sum;
}

void stats_merge(struct stats *const *all, uint16_t n_workers, struct stats_subject subject,
		 size_t offset, struct histogram *out)
{
	for (uint16_t i = 0; i < n_workers; i++) {
		const char *block = block_of(all[i], subject);

		if (block != NULL)
			histogram_merge(out, (const void *)(block + offset));
	}
}

uint64_t stats_failures(struct stats *const *all, uint16_t n_workers, uint16_t endpoint_id)
{
	const struct stats_subject subject = {STATS_OF_ENDPOINT, 0, endpoint_id};
	uint64_t failures = 0;

	for (int result = 0; result < CALL_RESULTS; result++)
		if (result != CALL_REPLY)
			failures += stats_sum(all, n_workers, subject, STATS_RESULT_OFFSET(result));
	return failures;
}

static enum endpoint_state state_at(const struct stats *stats, uint16_t endpoint_id)
{
	int state =
		atomic_load_explicit(&stats->endpoints[endpoint_id]->state, memory_order_relaxed);

	return (enum endpoint_state)state;
}

enum endpoint_state stats_endpoint_state(struct stats *const *all, uint16_t n_workers,
					 uint16_t endpoint_id)
{
	enum endpoint_state best = ENDPOINT_DOWN;

	for (uint16_t i = 0; i < n_workers; i++) {
		enum endpoint_state state = state_at(all[i], endpoint_id);

		if (state == ENDPOINT_UP)
			return ENDPOINT_UP;
		if (state == ENDPOINT_CONNECTING)
			best = ENDPOINT_CONNECTING;
	}
	return best;
}

int stats_endpoint_error(struct stats *const *all, uint16_t n_workers, uint16_t endpoint_id)
{
	int found = 0;

	for (uint16_t i = 0; i < n_workers; i++) {
		int error = atomic_load_explicit(&all[i]->endpoints[endpoint_id]->last_error,
						 memory_order_relaxed);

		if (error != 0 && state_at(all[i], endpoint_id) != ENDPOINT_UP)
			return error;
		if (error != 0)
			found = error;
	}
	return found;
}
