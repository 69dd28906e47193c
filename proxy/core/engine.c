#include "core/engine.h"

#include <stdlib.h>

#include "core/connset.h"
#include "core/era.h"
#include "core/herd.h"
#include "core/hold.h"
#include "core/replicas.h"
#include "core/request.h"

static void relieve_nothing(void *arg)
{
	(void)arg;
}

/* Reads that share calls are kept from the first topology on that has a pool for them. */
static void begin_herds(struct engine *engine)
{
	const struct topology *topology = engine->topology;

	for (uint16_t i = 0; i < topology->n_pools; i++)
		if (topology->pools[i].coalesces && engine->marks != NULL && engine->herds == NULL)
			engine->herds = herds_new(engine->marks);
}

void engine_init(struct engine *engine, const struct engine_setup *setup)
{
	*engine = (struct engine){.marks = setup->marks};
	TAILQ_INIT(&engine->eras);
	chunk_pool_init(&engine->chunks, setup->memory);
	slab_init(&engine->requests, sizeof(struct request), UINT32_MAX);
	slab_init(&engine->calls, sizeof(struct call), UINT32_MAX);
	engine->loop = loop_new(&engine->chunks);
	engine->digest = digest_new();
	rng_init(&engine->rng, setup->seed);
	engine->stats = setup->all_stats[setup->worker];
	engine->all_stats = setup->all_stats;
	engine->worker = setup->worker;
	engine->n_workers = setup->n_workers;
	engine->relieve = relieve_nothing;
	engine->started_us = loop_now_us(engine->loop);
	engine->scripts = setup->scripts;
	engine->writes = setup->writes;
	engine_adopt(engine, setup->topology);
}

void engine_adopt(struct engine *engine, struct topology *topology)
{
	era_begin(engine, topology);
	begin_herds(engine);
	engine->has_pauses = false;
	for (uint16_t i = 0; i < topology->n_pools; i++)
		engine->has_pauses |= topology->pools[i].pause != PAUSE_NONE;
	hold_adopt(engine);
}

void engine_shut(struct engine *engine)
{
	engine->is_shut = true;
	replicas_shut(engine);
	hold_shut(engine);
	for (uint32_t i = 0; i < engine->n_ids; i++)
		if (engine->connsets[i] != NULL)
			connset_shut(engine->connsets[i]);
}

void engine_fini(struct engine *engine)
{
	eras_fini(engine);
	hold_fini(engine);
	herds_free(engine->herds);
	free(engine->key_order);
	arg_list_fini(&engine->args);
	arg_list_fini(&engine->keys);
	digest_free(engine->digest);
	loop_free(engine->loop);
	slab_fini(&engine->requests);
	slab_fini(&engine->calls);
	chunk_pool_fini(&engine->chunks);
}
