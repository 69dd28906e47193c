#include "core/engine.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "core/connset.h"
#include "core/herd.h"
#include "core/modules.h"
#include "core/replicas.h"
#include "core/request.h"

static void relieve_nothing(void *arg)
{
	(void)arg;
}

void engine_init(struct engine *engine, const struct engine_setup *setup)
{
	struct topology *topology = topology_ref(setup->topology);
	uint16_t shards_max = 0;

	*engine = (struct engine){.topology = topology};
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
	for (uint16_t i = 0; i < topology->n_pools; i++)
		if (topology->pools[i].n_shards > shards_max)
			shards_max = topology->pools[i].n_shards;
	engine->part_of = alloc_zeroed(shards_max, sizeof(struct call *));
	engine->scripts = setup->scripts;
	engine->writes = setup->writes;
	engine->modules = alloc_zeroed(topology->n_pools, sizeof(*engine->modules));
	for (uint16_t i = 0; i < topology->n_pools; i++) {
		engine->modules[i] = modules_rows(&topology->pools[i]);
		if (topology->pools[i].coalesces && setup->marks != NULL && engine->herds == NULL)
			engine->herds = herds_new(setup->marks);
	}
	engine->connsets = alloc_zeroed(topology->n_endpoints, sizeof(*engine->connsets));
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		connset_init(&engine->connsets[i], engine, &topology->endpoints[i]);
	replicas_init(engine);
}

void engine_shut(struct engine *engine)
{
	replicas_shut(engine);
	for (uint16_t i = 0; i < engine->topology->n_endpoints; i++)
		connset_shut(&engine->connsets[i]);
}

void engine_fini(struct engine *engine)
{
	for (uint16_t i = 0; i < engine->topology->n_endpoints; i++)
		connset_fini(&engine->connsets[i]);
	free(engine->connsets);
	replicas_fini(engine);
	herds_free(engine->herds);
	for (uint16_t i = 0; i < engine->topology->n_pools; i++)
		free(engine->modules[i]);
	free(engine->modules);
	free(engine->part_of);
	free(engine->key_order);
	arg_list_fini(&engine->args);
	arg_list_fini(&engine->keys);
	digest_free(engine->digest);
	loop_free(engine->loop);
	slab_fini(&engine->requests);
	slab_fini(&engine->calls);
	chunk_pool_fini(&engine->chunks);
	topology_unref(engine->topology);
}
