#include "core/era.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "core/connset.h"
#include "core/modules.h"
#include "core/replicas.h"

/* The endpoint of that id as the newest of the eras that have one knows it, or NULL. */
static const struct endpoint *newest_of(const struct engine *engine, uint16_t id)
{
	const struct era *era;

	TAILQ_FOREACH_REVERSE(era, &engine->eras, era_list, link)
	if (topology_endpoint(era->topology, id) != NULL)
		return topology_endpoint(era->topology, id);
	return NULL;
}

static void free_era(struct era *era)
{
	for (uint16_t i = 0; i < era->topology->n_pools; i++)
		free(era->modules[i]);
	free(era->modules);
	topology_unref(era->topology);
	free(era);
}

static void free_connections(struct engine *engine, uint16_t id)
{
	connset_fini(engine->connsets[id]);
	free(engine->connsets[id]);
	engine->connsets[id] = NULL;
	free(engine->replicas[id]);
	engine->replicas[id] = NULL;
}

static void adopt_endpoint(struct engine *engine, const struct endpoint *endpoint)
{
	struct connset **set = &engine->connsets[endpoint->id];

	replicas_adopt(engine, endpoint);
	if (*set != NULL) {
		connset_adopt(*set, endpoint);
		return;
	}
	*set = alloc_zeroed(1, sizeof(**set));
	connset_init(*set, engine, endpoint);
}

/* Eras do not end in their order: connections that only an older one still has go on, and look at its
 * topology from now on. */
static void leave(struct engine *engine, uint16_t id)
{
	const struct endpoint *other = newest_of(engine, id);

	if (other != NULL)
		adopt_endpoint(engine, other);
	else
		connset_shut(engine->connsets[id]);
}

/* All are closed before any is freed: what fails at one may look at others of its shard. */
static void end(struct deferred *deferred)
{
	struct era *era = container_of(deferred, struct era, ending);
	struct engine *engine = era->engine;
	const struct topology *topology = era->topology;

	era->is_ending = false;
	if (era->users > 0)
		return;
	TAILQ_REMOVE(&engine->eras, era, link);
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		leave(engine, topology->endpoints[i].id);
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		if (newest_of(engine, topology->endpoints[i].id) == NULL)
			free_connections(engine, topology->endpoints[i].id);
	free_era(era);
}

/* Not at once: whoever gave it up may be in the middle of one of its connections. */
void era_end_soon(struct era *era)
{
	if (era->is_ending)
		return;
	era->is_ending = true;
	era->ending.run = end;
	loop_defer(era->engine->loop, &era->ending);
}

static void make_room(struct engine *engine, uint32_t n_ids)
{
	size_t more = n_ids > engine->n_ids ? n_ids - engine->n_ids : 0;

	if (more == 0)
		return;
	engine->connsets = alloc_resize(engine->connsets, n_ids * sizeof(*engine->connsets));
	engine->replicas = alloc_resize(engine->replicas, n_ids * sizeof(*engine->replicas));
	memset(engine->connsets + engine->n_ids, 0, more * sizeof(*engine->connsets));
	memset(engine->replicas + engine->n_ids, 0, more * sizeof(*engine->replicas));
	engine->n_ids = n_ids;
}

static void make_scratch(struct engine *engine)
{
	const struct topology *topology = engine->topology;
	uint32_t most = engine->n_part_of;

	for (uint16_t i = 0; i < topology->n_pools; i++)
		if (pool_places(&topology->pools[i]) > most)
			most = pool_places(&topology->pools[i]);
	if (most == engine->n_part_of)
		return;
	free(engine->part_of);
	engine->part_of = alloc_zeroed(most, sizeof(struct call *));
	engine->n_part_of = most;
}

void era_begin(struct engine *engine, struct topology *topology)
{
	struct era *before = engine->era, *era = alloc_zeroed(1, sizeof(*era));

	era->engine = engine;
	era->topology = topology_ref(topology);
	era->users = 1; /* being the newest */
	era->modules = alloc_zeroed(topology->n_pools, sizeof(*era->modules));
	for (uint16_t i = 0; i < topology->n_pools; i++)
		era->modules[i] = modules_rows(&topology->pools[i]);
	TAILQ_INSERT_TAIL(&engine->eras, era, link);
	engine->era = era;
	engine->topology = era->topology;
	make_room(engine, topology->n_ids);
	make_scratch(engine);
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		adopt_endpoint(engine, &topology->endpoints[i]);
	replicas_watch(engine);
	if (before != NULL)
		era_put(before);
}

void eras_fini(struct engine *engine)
{
	struct era *era;

	for (uint32_t i = 0; i < engine->n_ids; i++)
		if (engine->connsets[i] != NULL)
			free_connections(engine, (uint16_t)i);
	free(engine->connsets);
	free(engine->replicas);
	while ((era = TAILQ_FIRST(&engine->eras)) != NULL) {
		TAILQ_REMOVE(&engine->eras, era, link);
		free_era(era);
	}
	free(engine->part_of);
}
