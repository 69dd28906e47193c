#include "control/registry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/ids.h"
#include "control/members.h"
#include "control/pauses.h"
#include "control/roles.h"
#include "control/specs.h"

#define URGENT_MS	 100	/* between looks at shards without a primary */
#define REFRESH_EVERY_US 100000 /* at most, that sources are asked because a node fails */

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
	struct resolver *resolver;
	struct text resolver_key; /* what it was made from */
	struct dns *dns;
	struct members *members;
	struct roles *roles;
	struct pauses *pauses;
	struct health *health;
	struct timer *soon, *names, *urgent;
	uint64_t refreshed_us;
	bool is_due;	   /* `soon` runs */
	bool must_publish; /* something has changed that has_changed() does not see */
	bool waits_names;  /* a configuration is committed that the workers are not told yet */
};

static void on_sign(void *arg);
static void on_must(void *arg);
static void on_soon(void *arg);
static void on_names(void *arg);
static void on_urgent(void *arg);

static void on_health(void *arg, const struct endpoint *endpoint)
{
	struct registry *registry = arg;

	(void)endpoint;
	on_sign(registry);
}

struct registry *registry_new(const struct registry_setup *setup)
{
	struct registry *registry = alloc_zeroed(1, sizeof(*registry));
	struct health_setup health = {.loop = setup->loop, .on_change = on_health, .arg = registry};

	if (getrandom(&health.seed, sizeof(health.seed), 0) < 0)
		health.seed = (uint64_t)time(NULL);
	registry->setup = *setup;
	registry->ids = ids_new();
	registry->members = members_new(setup->loop, on_must, registry);
	registry->roles = roles_new();
	registry->pauses = pauses_new(setup->loop, on_must, registry);
	registry->health = health_new(&health);
	registry->soon = timer_new(setup->loop, on_soon, registry);
	registry->names = timer_new(setup->loop, on_names, registry);
	registry->urgent = timer_new(setup->loop, on_urgent, registry);
	TAILQ_INIT(&registry->snapshots);
	return registry;
}

static struct topology *newest(const struct registry *registry)
{
	const struct snapshot *snapshot = TAILQ_FIRST(&registry->snapshots);

	return snapshot != NULL ? snapshot->topology : NULL;
}

const struct health *registry_health(const struct registry *registry)
{
	return registry->health;
}

const struct dns *registry_dns(const struct registry *registry)
{
	return registry->dns;
}

/* ------------------------------------------------------------------ snapshots */

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

static void publish(struct registry *registry, struct topology *topology)
{
	struct topology *before = newest(registry);
	struct snapshot *snapshot = alloc_zeroed(1, sizeof(*snapshot));

	snapshot->topology = topology;
	TAILQ_INSERT_HEAD(&registry->snapshots, snapshot, link);
	registry->version = topology->version;
	registry->waits_names = registry->must_publish = false;
	timer_stop(registry->names);
	crew_tell(registry->setup.crew, topology, ids_is_new, registry->ids);
	health_watch(registry->health, topology);
	registry->setup.on_published(registry->setup.arg, before, topology);
	timer_start(registry->urgent, URGENT_MS);
}

/* ------------------------------------------------------------------ names */

static bool is_name(const struct endpoint *endpoint)
{
	return !endpoint->is_unknown && !endpoint->address.is_unix &&
	       !address_host_is_ip(endpoint->address.host);
}

static size_t add_names(const struct topology *topology, char **names, size_t n)
{
	for (uint16_t i = 0; topology != NULL && i < topology->n_endpoints; i++)
		if (is_name(&topology->endpoints[i]))
			names[n++] = topology->endpoints[i].address.host;
	return n;
}

/* Those of one topology or, while it is not sure which will be told, of two. */
static void want_names(struct registry *registry, const struct topology *a,
		       const struct topology *b)
{
	size_t most = a->n_endpoints + (b != NULL ? b->n_endpoints : 0U), n;
	char **names = alloc_zeroed(most, sizeof(*names));

	n = add_names(a, names, 0);
	n = add_names(b, names, n);
	dns_want(registry->dns, names, n);
	free(names);
}

static void resolve(const struct registry *registry, struct endpoint *endpoint)
{
	size_t n = 0;
	const struct ip *ips = dns_addresses(registry->dns, endpoint->address.host, &n);
	const char **texts = alloc_zeroed(n, sizeof(*texts));

	if (ips == NULL)
		n = 0;
	for (size_t i = 0; i < n; i++)
		texts[i] = ips[i].text;
	endpoint_resolve(endpoint, texts, n);
	free(texts);
}

static void resolve_all(const struct registry *registry, struct topology *topology)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		if (is_name(&topology->endpoints[i]))
			resolve(registry, &topology->endpoints[i]);
}

/* Is some name asked for the first time, and not answered yet? */
static bool waits_for_names(const struct registry *registry, const struct topology *topology)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++) {
		const struct endpoint *endpoint = &topology->endpoints[i];

		if (is_name(endpoint) && endpoint->is_unresolved &&
		    dns_trouble(registry->dns, endpoint->address.host) == NULL)
			return true;
	}
	return false;
}

/* Other servers or bounds than before: -1 with `error` where the servers are none. */
static int use_dns(struct registry *registry, const struct config *config, struct error *error)
{
	const struct resolver_setup setup = {registry->setup.loop, config->dns_servers.v,
					     config->dns_servers.n, 0};
	const struct dns_setup dns = {registry->setup.loop,   NULL,    config->dns_min_ttl_ms,
				      config->dns_max_ttl_ms, on_sign, registry};
	struct text key = {0};

	for (size_t i = 0; i < config->dns_servers.n; i++)
		text_printf(&key, "%s ", config->dns_servers.v[i]);
	text_printf(&key, "%u %u", config->dns_min_ttl_ms, config->dns_max_ttl_ms);
	if (registry->resolver != NULL && strcmp(key.p, registry->resolver_key.p) == 0) {
		text_free(&key);
		return 0;
	}
	struct resolver *before = registry->resolver, *now = resolver_new(&setup, error);
	if (now == NULL) {
		text_free(&key);
		return -1;
	}
	registry->resolver = now;
	if (registry->dns == NULL) {
		struct dns_setup first = dns;

		first.resolver = now;
		registry->dns = dns_new(&first);
	} else {
		dns_use(registry->dns, now, config->dns_min_ttl_ms, config->dns_max_ttl_ms);
		members_follow(registry->members, registry->config, now);
	}
	resolver_free(before);
	text_free(&registry->resolver_key);
	registry->resolver_key = key;
	return 0;
}

/* ------------------------------------------------------------------ building */

static struct topology *build(struct registry *registry, const struct config *config,
			      struct error *error)
{
	struct topology *topology;
	struct specs specs;

	tidy(registry);
	specs_build(&specs, config, registry->members, registry->roles, registry->pauses);
	topology = topology_build(specs.v, specs.n, next_version(registry), error);
	specs_free(&specs);
	if (topology == NULL)
		return NULL;
	want_names(registry, topology, newest(registry));
	resolve_all(registry, topology);
	if (ids_assign(registry->ids, topology, error) == 0)
		return topology;
	topology_unref(topology);
	return NULL;
}

struct topology *registry_prepare(struct registry *registry, const struct config *config,
				  struct error *error)
{
	if (use_dns(registry, config, error) != 0)
		return NULL;
	return build(registry, config, error);
}

void registry_discard(struct registry *registry, struct topology *topology)
{
	ids_drop(registry->ids, topology);
	topology_unref(topology);
	if (newest(registry) != NULL)
		want_names(registry, newest(registry), NULL);
}

void registry_commit(struct registry *registry, const struct config *config,
		     struct topology *topology)
{
	registry->config = config;
	members_follow(registry->members, config, registry->resolver);
	if (!waits_for_names(registry, topology)) {
		publish(registry, topology);
		return;
	}
	ids_drop(registry->ids, topology);
	topology_unref(topology);
	registry->waits_names = true;
	timer_start(registry->names, REGISTRY_NAMES_MS);
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

/* Roles are only one of the things that may have changed; of health alone nothing is told. */
static bool has_changed(struct registry *registry, const struct topology *next)
{
	const struct topology *now = newest(registry);

	if (now == NULL || now->n_endpoints != next->n_endpoints)
		return true;
	for (uint16_t i = 0; i < now->n_endpoints; i++)
		if (now->endpoints[i].id != next->endpoints[i].id ||
		    now->endpoints[i].is_replica != next->endpoints[i].is_replica)
			return true;
	return false;
}

static void on_soon(void *arg)
{
	struct registry *registry = arg;
	struct topology *next;

	registry->is_due = false;
	if (newest(registry) != NULL && !registry->must_publish &&
	    roles_judge(registry->roles, newest(registry), registry->health))
		registry->must_publish = true;
	next = build_again(registry);
	if (next == NULL)
		return;
	if (registry->waits_names && waits_for_names(registry, next)) {
		ids_drop(registry->ids, next);
		topology_unref(next);
	} else if (registry->waits_names || registry->must_publish || has_changed(registry, next)) {
		publish(registry, next);
	} else {
		registry_discard(registry, next);
	}
}

static void publish_now(struct registry *registry)
{
	struct topology *topology = build_again(registry);

	if (topology != NULL)
		publish(registry, topology);
}

/* Names that are still not resolved are not waited for any longer. */
static void on_names(void *arg)
{
	publish_now(arg);
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
	if (is_name(endpoint))
		dns_refresh(registry->dns, endpoint->address.host);
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
	dns_refresh(registry->dns, NULL);
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
	dns_free(registry->dns);
	resolver_free(registry->resolver);
	health_free(registry->health);
	pauses_free(registry->pauses);
	timer_free(registry->soon);
	timer_free(registry->names);
	timer_free(registry->urgent);
}

void registry_free(struct registry *registry)
{
	while (!TAILQ_EMPTY(&registry->snapshots))
		forget(registry, TAILQ_FIRST(&registry->snapshots));
	roles_free(registry->roles);
	ids_free(registry->ids);
	text_free(&registry->resolver_key);
	free(registry);
}
