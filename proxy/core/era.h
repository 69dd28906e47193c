/*
 * era.h - a topology as one worker uses it: kept while anything that was begun under it goes on.
 *
 *      eras:  [older, 2 users] [older, 1 user] [newest]
 *
 * Clients and requests hold the era that they look at. When the last user of one that is not the
 * newest has gone, the connections that no other era has are closed, and its topology let go.
 * One worker's. Layer: core. Includes: engine.
 */
#ifndef CORE_ERA_H
#define CORE_ERA_H

#include "core/engine.h"

struct era {
	TAILQ_ENTRY(era) link;
	struct engine *engine;
	struct topology *topology;
	struct command *
		*modules; /* by place of the pool in the topology: its own commands, or NULL */
	uint64_t users;
	bool is_ending;
	struct deferred ending;
};

/*
 * Make `topology` the newest, of which a reference is taken: connections that it shares with those
 * before go on, others are begun.
 */
void era_begin(struct engine *engine, struct topology *topology);

/* Free all of them, once the loop has ended. */
void eras_fini(struct engine *engine);

/* For era_put(): it has no users left. */
void era_end_soon(struct era *era);

static inline struct era *era_take(struct era *era)
{
	era->users++;
	return era;
}

static inline void era_put(struct era *era)
{
	if (unlikely(--era->users == 0))
		era_end_soon(era);
}

/* The rows of a pool's own commands, or NULL. */
static inline const struct command *era_modules(const struct era *era, const struct pool *pool)
{
	return era->modules[pool - era->topology->pools];
}

#endif
