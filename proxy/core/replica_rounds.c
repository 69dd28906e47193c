#include <stdlib.h>

#include "base/alloc.h"
#include "core/replicas.h"

/* The probing of one pool. */
struct replica_probes {
	struct replica_probes *next;
	struct engine *engine;
	const struct pool *pool; /* of the newest topology */
	struct timer *timer;	 /* asks */
	struct timer *watch;	 /* looks for answers that are overdue */
	bool is_watching;
};

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static void on_watch(void *arg)
{
	struct replica_probes *probes = arg;
	struct replica **replicas = probes->engine->replicas;
	uint64_t next = 0;

	for (uint16_t i = 0; i < probes->pool->n_shards; i++) {
		const struct shard *shard = &probes->pool->shards[i];

		next = sooner(next, replica_due_ms(replicas[shard->primary->id]));
		for (uint16_t j = 0; j < shard->n_replicas; j++)
			next = sooner(next, replica_due_ms(replicas[shard->replicas[j].id]));
	}
	probes->is_watching = next > 0;
	if (next > 0)
		timer_start(probes->watch, next);
}

static void on_timer(void *arg)
{
	struct replica_probes *probes = arg;
	const struct pool *pool = probes->pool;

	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard *shard = &pool->shards[i];

		if (shard->n_replicas == 0)
			continue;
		replica_ask(probes->engine->replicas[shard->primary->id]);
		for (uint16_t j = 0; j < shard->n_replicas; j++)
			replica_ask(probes->engine->replicas[shard->replicas[j].id]);
	}
	timer_start(probes->timer, pool->settings.health_every_ms);
	if (probes->is_watching)
		return;
	probes->is_watching = true;
	timer_start(probes->watch, pool->settings.health_timeout_ms);
}

static bool has_replicas(const struct pool *pool)
{
	for (uint16_t i = 0; i < pool->n_shards; i++)
		if (pool->shards[i].n_replicas > 0)
			return true;
	return false;
}

static struct replica_probes *probes_of(const struct engine *engine, uint16_t index)
{
	struct replica_probes *probes = engine->probes;

	while (probes != NULL && probes->pool->index != index)
		probes = probes->next;
	return probes;
}

static void free_probes(struct replica_probes *probes)
{
	timer_free(probes->timer);
	timer_free(probes->watch);
	free(probes);
}

/* Those of pools that are gone, or have no replicas any more, go; the others look at the pool as it
 * is now. */
static void renew_probes(struct engine *engine)
{
	struct replica_probes **link = &engine->probes, *probes;

	while ((probes = *link) != NULL) {
		const struct pool *pool = topology_pool_at(engine->topology, probes->pool->index);

		if (pool != NULL && has_replicas(pool)) {
			probes->pool = pool;
			link = &probes->next;
			continue;
		}
		*link = probes->next;
		free_probes(probes);
	}
}

void replicas_watch(struct engine *engine)
{
	const struct topology *topology = engine->topology;

	renew_probes(engine);
	for (uint16_t i = 0; i < topology->n_pools; i++) {
		const struct pool *pool = &topology->pools[i];
		struct replica_probes *probes;

		if (!has_replicas(pool) || probes_of(engine, pool->index) != NULL)
			continue;
		probes = alloc_zeroed(1, sizeof(*probes));
		*probes = (struct replica_probes){engine->probes, engine, pool, NULL, NULL, false};
		probes->timer = timer_new(engine->loop, on_timer, probes);
		probes->watch = timer_new(engine->loop, on_watch, probes);
		timer_start(probes->timer, 1);
		engine->probes = probes;
	}
}

void replicas_shut(struct engine *engine)
{
	struct replica_probes *probes;

	while ((probes = engine->probes) != NULL) {
		engine->probes = probes->next;
		free_probes(probes);
	}
}
