#include "control/registry.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "base/alloc.h"
#include "control/ids.h"

/* A topology that some worker may still look at. */
struct snapshot {
	TAILQ_ENTRY(snapshot) link;
	struct topology *topology;
};

TAILQ_HEAD(snapshot_list, snapshot);

struct registry {
	struct registry_setup setup;
	const struct config *config;
	struct ids *ids;
	struct snapshot_list snapshots; /* the newest first */
	uint64_t version;
};

struct registry *registry_new(const struct registry_setup *setup)
{
	struct registry *registry = alloc_zeroed(1, sizeof(*registry));

	registry->setup = *setup;
	registry->ids = ids_new();
	TAILQ_INIT(&registry->snapshots);
	return registry;
}

struct topology *registry_topology(const struct registry *registry)
{
	const struct snapshot *newest = TAILQ_FIRST(&registry->snapshots);

	return newest != NULL ? newest->topology : NULL;
}

static void forget(struct registry *registry, struct snapshot *snapshot)
{
	TAILQ_REMOVE(&registry->snapshots, snapshot, link);
	ids_drop(registry->ids, snapshot->topology);
	topology_unref(snapshot->topology);
	free(snapshot);
}

/* Let go of those that nobody but this list has a reference to. */
static void tidy(struct registry *registry)
{
	struct snapshot *snapshot, *next;

	for (snapshot = TAILQ_FIRST(&registry->snapshots); snapshot != NULL; snapshot = next) {
		next = TAILQ_NEXT(snapshot, link);
		if (topology_refs(snapshot->topology) == 1)
			forget(registry, snapshot);
	}
}

/* Clients compare versions over restarts too, so they follow the clock. */
static uint64_t next_version(const struct registry *registry)
{
	uint64_t now = (uint64_t)time(NULL);

	return now > registry->version ? now : registry->version + 1;
}

struct topology *registry_prepare(struct registry *registry, const struct config *config,
				  struct error *error)
{
	struct topology *topology;

	tidy(registry);
	topology = topology_build(config->pools, config->n_pools, next_version(registry), error);
	if (topology == NULL)
		return NULL;
	if (ids_assign(registry->ids, topology, error) == 0)
		return topology;
	topology_unref(topology);
	return NULL;
}

void registry_commit(struct registry *registry, const struct config *config,
		     struct topology *topology)
{
	struct topology *before = registry_topology(registry);
	struct snapshot *snapshot = alloc_zeroed(1, sizeof(*snapshot));

	snapshot->topology = topology;
	TAILQ_INSERT_HEAD(&registry->snapshots, snapshot, link);
	registry->config = config;
	registry->version = topology->version;
	crew_tell(registry->setup.crew, topology, ids_is_new, registry->ids);
	registry->setup.on_published(registry->setup.arg, before, topology);
}

void registry_discard(struct registry *registry, struct topology *topology)
{
	ids_drop(registry->ids, topology);
	topology_unref(topology);
}

void registry_free(struct registry *registry)
{
	while (!TAILQ_EMPTY(&registry->snapshots))
		forget(registry, TAILQ_FIRST(&registry->snapshots));
	ids_free(registry->ids);
	free(registry);
}
