#include "control/registry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/changes.h"
#include "control/ids.h"
#include "control/names.h"
#include "control/pauses.h"
#include "control/roles.h"
#include "control/snapshots.h"
#include "control/specs.h"

#define URGENT_MS	 100	/* between looks at shards without a primary */
#define REFRESH_EVERY_US 100000 /* at most, that sources are asked because a node fails */

struct registry {
	struct registry_setup setup;
	const struct config *config;
	struct ids *ids;
	struct snapshots *snapshots;
	uint64_t version;
	struct names *names;
	struct members *members;
	struct roles *roles;
	struct outages *outages;
	struct pauses *pauses;
	struct health *health;
	struct timer *soon, *patience, *urgent;
	uint64_t refreshed_us;
	uint64_t patient_us; /* until then names may be waited for */
	bool is_due;	     /* `soon` runs */
	bool must_publish;   /* something has changed that changes_any() does not see */
	bool waits_names; /* the workers are not told yet of a configuration, or of nodes found */
};

static void on_sign(void *arg);
static void on_health(void *arg, const struct endpoint *endpoint);
static void on_must(void *arg);
static void on_soon(void *arg);
static void on_found(void *arg);
static void publish_now(void *arg);
static void on_urgent(void *arg);

struct registry *registry_new(const struct registry_setup *setup)
{
	struct registry *registry = alloc_zeroed(1, sizeof(*registry));
	struct health_setup health = {.loop = setup->loop, .on_change = on_health, .arg = registry};

	if (getrandom(&health.seed, sizeof(health.seed), 0) < 0)
		health.seed = (uint64_t)time(NULL);
	registry->setup = *setup;
	registry->ids = ids_new();
	registry->snapshots = snapshots_new(registry->ids);
	registry->members = members_new(setup->loop, on_found, registry);
	registry->roles = roles_new();
	registry->outages =
		outages_new(&(struct outages_setup){setup->loop, on_sign, registry, setup->stats});
	registry->pauses = pauses_new(setup->loop, on_must, registry);
	registry->health = health_new(&health);
	registry->soon = timer_new(setup->loop, on_soon, registry);
	registry->patience = timer_new(setup->loop, publish_now, registry);
	registry->names = names_new(setup->loop, on_sign, registry);
	registry->urgent = timer_new(setup->loop, on_urgent, registry);
	return registry;
}

static struct topology *newest(const struct registry *registry)
{
	return snapshots_newest(registry->snapshots);
}

const struct health *registry_health(const struct registry *registry)
{
	return registry->health;
}

const struct members *registry_members(const struct registry *registry)
{
	return registry->members;
}

/* ------------------------------------------------------------------ snapshots */

/* Clients compare versions over restarts too, so they follow the clock. */
static uint64_t next_version(const struct registry *registry)
{
	uint64_t now = (uint64_t)time(NULL);

	return now > registry->version ? now : registry->version + 1;
}

static void publish(struct registry *registry, struct topology *topology)
{
	struct topology *before = newest(registry);

	snapshots_add(registry->snapshots, topology);
	registry->version = topology->version;
	registry->waits_names = registry->must_publish = false;
	timer_stop(registry->patience);
	crew_tell(registry->setup.crew, topology, ids_is_new, registry->ids);
	health_watch(registry->health, topology);
	if (outages_follow(registry->outages, topology, registry->health))
		on_sign(registry);
	registry->setup.on_published(registry->setup.arg, before, topology);
	timer_start(registry->urgent, URGENT_MS);
}

/* ------------------------------------------------------------------ building */

static struct topology *build(struct registry *registry, const struct config *config,
			      struct error *error)
{
	struct topology *topology;
	struct specs specs;

	snapshots_tidy(registry->snapshots);
	specs_build(&specs, config,
		    &(struct specs_known){registry->members, registry->roles, registry->outages,
					  registry->pauses});
	topology = topology_build(specs.v, specs.n, next_version(registry), error);
	specs_free(&specs);
	if (topology == NULL)
		return NULL;
	names_want(registry->names, topology, newest(registry));
	names_resolve(registry->names, topology);
	if (ids_assign(registry->ids, topology, error) == 0)
		return topology;
	topology_unref(topology);
	return NULL;
}

/* Names are asked of the servers that these settings name. */
static int ask_as(struct registry *registry, const struct config *config, struct error *error)
{
	bool is_new = false;

	if (names_use(registry->names, config, &is_new, error) != 0)
		return -1;
	if (is_new && registry->config != NULL)
		members_follow(registry->members, registry->config,
			       names_resolver(registry->names));
	return 0;
}

/* The settings that were tried are not taken. */
static void go_back(struct registry *registry)
{
	struct error error;

	if (registry->config != NULL && ask_as(registry, registry->config, &error) != 0)
		log_write(LOG_LEVEL_ERROR, "names are asked of the new 'dns.servers': %s",
			  error.text);
	if (newest(registry) != NULL)
		names_want(registry->names, newest(registry), NULL);
}

struct topology *registry_prepare(struct registry *registry, const struct config *config,
				  struct error *error)
{
	struct topology *topology;

	if (ask_as(registry, config, error) != 0)
		return NULL;
	topology = build(registry, config, error);
	if (topology == NULL)
		go_back(registry);
	return topology;
}

void registry_discard(struct registry *registry, struct topology *topology)
{
	snapshots_drop(registry->snapshots, topology);
	go_back(registry);
}

/* The time begins with the first of several changes: one that comes again and again stops none. */
static void await_names(struct registry *registry)
{
	if (!registry->waits_names) {
		registry->patient_us =
			loop_now_us(registry->setup.loop) + REGISTRY_NAMES_MS * UINT64_C(1000);
		timer_start(registry->patience, REGISTRY_NAMES_MS);
	}
	registry->waits_names = true;
}

void registry_commit(struct registry *registry, const struct config *config,
		     struct topology *topology)
{
	registry->config = config;
	members_follow(registry->members, config, names_resolver(registry->names));
	if (!names_are_pending(registry->names, topology)) {
		publish(registry, topology);
		return;
	}
	snapshots_drop(registry->snapshots, topology);
	await_names(registry);
}

/* Of what is known now. What is configured was looked at before; what was found may be wrong. */
static struct topology *build_again(struct registry *registry)
{
	static struct log_site site;
	struct error error;
	struct topology *topology = build(registry, registry->config, &error);

	if (topology == NULL)
		log_limited(&site, LOG_LEVEL_ERROR, "nothing is changed: %s", error.text);
	return topology;
}

/* ------------------------------------------------------------------ signs of change */

static void on_sign(void *arg)
{
	struct registry *registry = arg;

	if (registry->is_due || registry->config == NULL)
		return;
	registry->is_due = true;
	timer_start(registry->soon, REGISTRY_SOON_MS);
}

static void on_must(void *arg)
{
	struct registry *registry = arg;

	registry->must_publish = true;
	on_sign(registry);
}

/* Keys would be refused whose new node is known by its name alone. */
static void on_found(void *arg)
{
	await_names(arg);
	on_sign(arg);
}

static void on_health(void *arg, const struct endpoint *endpoint)
{
	struct registry *registry = arg;

	(void)endpoint;
	if (newest(registry) == NULL)
		return;
	/* What a node says makes no other topology, unless a role or an outage follows from it. */
	if (outages_follow(registry->outages, newest(registry), registry->health))
		on_sign(registry);
	if (!registry->must_publish &&
	    roles_judge(registry->roles, newest(registry), registry->health))
		on_must(registry);
}

/* A role that has changed waits for nothing. */
static bool may_wait(const struct registry *registry, const struct topology *next)
{
	return registry->waits_names && !registry->must_publish &&
	       loop_now_us(registry->setup.loop) < registry->patient_us &&
	       names_are_pending(registry->names, next);
}

static void on_soon(void *arg)
{
	struct registry *registry = arg;
	struct topology *next;

	registry->is_due = false;
	next = build_again(registry);
	if (next == NULL) {
		/* What one pool's source found must not keep roles of the others from being judged. */
		registry->must_publish = false;
		return;
	}
	if (may_wait(registry, next)) {
		snapshots_drop(registry->snapshots, next);
	} else if (registry->waits_names || registry->must_publish ||
		   changes_any(newest(registry), next)) {
		publish(registry, next);
	} else {
		registry_discard(registry, next);
	}
}

/* Names that are still not resolved are not waited for any longer. */
static void publish_now(void *arg)
{
	struct registry *registry = arg;
	struct topology *topology = build_again(registry);

	if (topology != NULL)
		publish(registry, topology);
}

/* ------------------------------------------------------------------ failover */

/* All that can say who the primary of a shard is now. */
static void ask_shard(struct registry *registry, const struct shard *shard)
{
	health_ask(registry->health, shard->primary->id);
	for (uint16_t i = 0; i < shard->n_replicas; i++)
		health_ask(registry->health, shard->replicas[i].id);
}

static void on_urgent(void *arg)
{
	struct registry *registry = arg;
	const struct topology *topology = newest(registry);

	for (uint16_t i = 0; i < topology->n_pools; i++) {
		const struct pool *pool = &topology->pools[i];

		for (uint16_t j = 0; j < pool->n_shards; j++)
			if (pool->shards[j].holds &&
			    roles_is_urgent(&pool->shards[j], registry->health))
				ask_shard(registry, &pool->shards[j]);
	}
	if (!registry->must_publish && roles_judge(registry->roles, topology, registry->health))
		on_must(registry);
	timer_start(registry->urgent, URGENT_MS);
}

void registry_suspect(struct registry *registry, uint16_t endpoint_id)
{
	const struct topology *topology = newest(registry);
	const struct endpoint *endpoint =
		topology != NULL ? topology_endpoint(topology, endpoint_id) : NULL;

	if (endpoint == NULL)
		return;
	ask_shard(registry, endpoint->shard);
	names_refresh(registry->names, endpoint);
	if (loop_now_us(registry->setup.loop) - registry->refreshed_us < REFRESH_EVERY_US)
		return;
	registry->refreshed_us = loop_now_us(registry->setup.loop);
	members_refresh(registry->members, endpoint->pool->name);
}

static void refresh_pool(struct registry *registry, const struct pool *pool)
{
	for (uint16_t i = 0; i < pool->n_shards; i++)
		ask_shard(registry, &pool->shards[i]);
}

bool registry_pause(struct registry *registry, const char *pool, enum pause pause, uint32_t for_ms)
{
	const struct topology *topology = newest(registry);

	if (topology == NULL || topology_pool(topology, pool) == NULL)
		return false;
	pauses_set(registry->pauses, pool, pause, for_ms);
	publish_now(registry);
	return true;
}

bool registry_refresh(struct registry *registry, const char *name)
{
	const struct topology *topology = newest(registry);

	if (topology == NULL || (name != NULL && topology_pool(topology, name) == NULL))
		return false;
	names_refresh(registry->names, NULL);
	members_refresh(registry->members, name);
	for (uint16_t i = 0; i < topology->n_pools; i++)
		if (name == NULL || strcmp(topology->pools[i].name, name) == 0)
			refresh_pool(registry, &topology->pools[i]);
	return true;
}

/* ------------------------------------------------------------------ the end */

void registry_stop(struct registry *registry)
{
	members_free(registry->members);
	outages_free(registry->outages);
	health_free(registry->health);
	pauses_free(registry->pauses);
	timer_free(registry->soon);
	timer_free(registry->patience);
	names_free(registry->names);
	timer_free(registry->urgent);
}

void registry_free(struct registry *registry)
{
	snapshots_free(registry->snapshots);
	roles_free(registry->roles);
	ids_free(registry->ids);
	free(registry);
}
