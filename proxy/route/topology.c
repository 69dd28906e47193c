#include "route/topology.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "route/gutter.h"
#include "route/hash_tag.h"
#include "route/policy.h"
#include "route/shards.h"

static uint64_t *copy_bits(const uint64_t *bits, size_t words)
{
	return bits == NULL
		       ? NULL
		       : (uint64_t *)(void *)alloc_copy((const char *)bits, words * sizeof(*bits));
}

static void copy_list(struct string_list *to, const struct string_list *from)
{
	*to = (struct string_list){alloc_zeroed(from->n + 1, sizeof(char *)), from->n};
	for (size_t i = 0; i < from->n; i++)
		to->v[i] = alloc_string(from->v[i]);
}

static char *copy_text(const char *text)
{
	return text == NULL ? NULL : alloc_string(text);
}

static void fill_user(struct user *user, const struct user_spec *from)
{
	user->name = alloc_string(from->name);
	user->password = copy_text(from->password.text);
	user->allowed = copy_bits(from->allowed, from->allowed_words);
	user->allowed_words = from->allowed_words;
	copy_list(&user->prefixes, &from->prefixes);
}

/* The password that all clients share is that of the user "default", as at a server. */
static void fill_users(struct pool *pool, const struct pool_spec *spec)
{
	const struct user_spec everyone = {.name = (char *)(uintptr_t) "default",
					   .password = spec->clients_password};

	pool->users = alloc_zeroed(spec->n_users + 1, sizeof(*pool->users));
	if (everyone.password.text != NULL)
		fill_user(&pool->users[pool->n_users++], &everyone);
	for (size_t i = 0; i < spec->n_users; i++)
		fill_user(&pool->users[pool->n_users++], &spec->users[i]);
}

static void fill_commands(struct pool *pool, const struct pool_spec *spec)
{
	pool->commands = alloc_zeroed(spec->n_commands + 1, sizeof(*pool->commands));
	pool->n_commands = spec->n_commands;
	for (size_t i = 0; i < spec->n_commands; i++) {
		pool->commands[i] = spec->commands[i];
		pool->commands[i].name = alloc_string(spec->commands[i].name);
	}
}

static void fill_settings(struct pool *pool, const struct pool_spec *spec)
{
	const char *prefix = spec->key_prefix_ignored;

	pool->name = alloc_string(spec->name);
	pool->protocol = (enum pool_protocol)spec->protocol;
	pool->distribution = (enum dist_kind)spec->distribution;
	pool->hash = (enum hash_kind)spec->hash;
	/* One with a hash of its own keeps it, whatever is asked for. */
	if (pool->hash == HASH_DEFAULT || dist_default_hash(pool->distribution) == HASH_COUNT)
		pool->hash = dist_default_hash(pool->distribution);
	pool->is_cluster = spec->discover.cluster.n > 0;
	if (pool->is_cluster) {
		pool->hash = HASH_CRC16;
		memcpy(pool->hash_tag, "{}", 2);
		prefix = NULL;
	} else if (spec->hash_tag != NULL) {
		memcpy(pool->hash_tag, spec->hash_tag, strnlen(spec->hash_tag, 2));
	}
	pool->prefix_ignored = alloc_string(prefix != NULL ? prefix : "");
	pool->prefix_len = strlen(pool->prefix_ignored);
	pool->settings = spec->settings;
	pool->has_led_roles = spec->discover.sentinel.n > 0 || spec->discover.cluster.n > 0;
	pool->pause = spec->pause;
	pool->node_user = copy_text(spec->credentials.name);
	pool->node_password = copy_text(spec->credentials.password.text);
	fill_users(pool, spec);
	policies_fill(pool, spec);
	fill_commands(pool, spec);
}

static int fill_pool(struct pool *pool, struct topology *topology, const struct pool_spec *spec,
		     struct error *error)
{
	fill_settings(pool, spec);
	if (spec->n_shards < 1 || spec->n_shards > DIST_NODES_MAX)
		return error_set(error, "there are %zu shards; expected 1 to %d", spec->n_shards,
				 DIST_NODES_MAX);
	if (spec->hash_tag != NULL && spec->hash_tag[0] != '\0' && strlen(spec->hash_tag) != 2)
		return error_set(error, "hash_tag is '%s'; expected two characters",
				 spec->hash_tag);
	if (shards_fill(pool, topology, spec, error) != 0 ||
	    gutter_fill(pool, topology, spec, error) != 0)
		return -1;
	return cluster_config_fill(pool, &spec->cluster_config, topology->version, error);
}

static void free_list(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
}

static void free_settings(struct pool *pool)
{
	for (size_t i = 0; i < pool->n_users; i++) {
		free(pool->users[i].name);
		free(pool->users[i].password);
		free(pool->users[i].allowed);
		free_list(&pool->users[i].prefixes);
	}
	policies_free(pool);
	for (size_t i = 0; i < pool->n_commands; i++)
		free(pool->commands[i].name);
	free(pool->users);
	free(pool->commands);
	free(pool->node_user);
	free(pool->node_password);
	free(pool->prefix_ignored);
	free(pool->name);
}

static void topology_free(struct topology *topology)
{
	for (size_t i = 0; i < topology->n_pools; i++) {
		struct pool *pool = &topology->pools[i];

		for (size_t j = 0; j < pool->n_shards; j++) {
			free(pool->shards[j].name);
			free(pool->shards[j].label);
		}
		free(pool->shards);
		gutter_free(pool);
		free_settings(pool);
		dist_free(pool->dist);
		free(pool->cluster.payload);
	}
	for (size_t i = 0; i < topology->n_endpoints; i++)
		free(topology->endpoints[i].ips);
	free(topology->pools);
	free(topology->endpoints);
	free(topology->by_id);
	free(topology);
}

struct topology *topology_build(const struct pool_spec *specs, size_t n, uint64_t version,
				struct error *error)
{
	struct topology *topology = alloc_zeroed(1, sizeof(*topology));
	size_t endpoints = 0;

	/* A pool of more shards than may be is refused below, before they are looked at. */
	for (size_t i = 0; i < n; i++) {
		endpoints += specs[i].gutter.n;
		for (size_t j = 0; specs[i].n_shards <= DIST_NODES_MAX && j < specs[i].n_shards;
		     j++)
			endpoints += 1 + specs[i].shards[j].n_replicas;
	}
	if (n > UINT16_MAX || endpoints > UINT16_MAX) {
		(void)error_set(
			error, "there are %zu pools with %zu endpoints in all; expected at most %d",
			n, endpoints, UINT16_MAX);
		free(topology);
		return NULL;
	}
	topology->version = version;
	atomic_init(&topology->refs, 1);
	topology->pools = alloc_zeroed(n, sizeof(*topology->pools));
	topology->endpoints = alloc_zeroed(endpoints, sizeof(*topology->endpoints));
	for (size_t i = 0; i < n; i++) {
		struct pool *pool = &topology->pools[topology->n_pools];

		pool->index = topology->n_pools++;
		if (fill_pool(pool, topology, &specs[i], error) != 0) {
			(void)shards_blame(error, "pool", specs[i].name);
			topology_free(topology);
			return NULL;
		}
	}
	topology_index(topology);
	return topology;
}

void endpoint_resolve(struct endpoint *endpoint, const char *const *ips, size_t n)
{
	endpoint->n_ips = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
	endpoint->is_unresolved = n == 0;
	endpoint->ips = alloc_zeroed(endpoint->n_ips, sizeof(*endpoint->ips));
	for (uint16_t i = 0; i < endpoint->n_ips; i++)
		snprintf(endpoint->ips[i], ENDPOINT_IP_MAX, "%s", ips[i]);
}

void topology_index(struct topology *topology)
{
	topology->n_ids = 0;
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		if (topology->endpoints[i].id >= topology->n_ids)
			topology->n_ids = topology->endpoints[i].id + 1U;
	free(topology->by_id);
	topology->by_id = alloc_zeroed(topology->n_ids, sizeof(*topology->by_id));
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		topology->by_id[topology->endpoints[i].id] = &topology->endpoints[i];
}

struct topology *topology_ref(struct topology *topology)
{
	atomic_fetch_add_explicit(&topology->refs, 1, memory_order_relaxed);
	return topology;
}

uint32_t topology_refs(const struct topology *topology)
{
	return atomic_load_explicit(&topology->refs, memory_order_acquire);
}

void topology_unref(struct topology *topology)
{
	uint32_t refs = atomic_fetch_sub_explicit(&topology->refs, 1, memory_order_acq_rel);

	assert(refs > 0);
	if (refs == 1)
		topology_free(topology);
}

const struct pool *topology_pool_at(const struct topology *topology, uint16_t index)
{
	for (size_t i = 0; i < topology->n_pools; i++)
		if (topology->pools[i].index == index)
			return &topology->pools[i];
	return NULL;
}

const struct shard *pool_shard(const struct pool *pool, const char *name)
{
	for (uint16_t i = 0; i < pool->n_shards; i++)
		if (strcmp(pool->shards[i].name, name) == 0)
			return &pool->shards[i];
	return NULL;
}

const struct pool *topology_pool(const struct topology *topology, const char *name)
{
	for (size_t i = 0; i < topology->n_pools; i++)
		if (strcmp(topology->pools[i].name, name) == 0)
			return &topology->pools[i];
	return NULL;
}

const struct user *pool_user(const struct pool *pool, struct span name)
{
	for (size_t i = 0; i < pool->n_users; i++)
		if (span_equal_str(name, pool->users[i].name))
			return &pool->users[i];
	return NULL;
}

uint32_t route_slot(const struct pool *pool, struct span key, struct digest *digest)
{
	return (uint32_t)hash_key(HASH_CRC16, hash_tag(key, pool->hash_tag), digest) %
	       CLUSTER_SLOTS;
}

static struct span ring_key(const struct pool *pool, struct span key)
{
	if (pool->prefix_len > 0 &&
	    span_starts_with(key, span_make(pool->prefix_ignored, pool->prefix_len)))
		key = span_skip(key, pool->prefix_len);
	return pool->hash_tag[0] != '\0' ? hash_tag(key, pool->hash_tag) : key;
}

const struct shard *route_own(const struct pool *pool, struct span key, struct digest *digest,
			      struct rng *rng)
{
	return &pool->shards[dist_lookup(pool->dist, ring_key(pool, key), digest, rng)];
}

const struct shard *route_key(const struct pool *pool, struct span key, struct digest *digest,
			      struct rng *rng)
{
	const struct shard *own;

	key = ring_key(pool, key);
	own = &pool->shards[dist_lookup(pool->dist, key, digest, rng)];
	return likely(!own->is_away) ? own : gutter_route(pool, key, digest, rng);
}
