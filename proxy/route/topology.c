#include "route/topology.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"
#include "route/hash_tag.h"
#include "route/policy.h"

#define REDIS_PORT     6379
#define MEMCACHED_PORT 11211

static uint16_t default_port(const struct pool_spec *spec)
{
	return spec->protocol == PROTOCOL_REDIS ? REDIS_PORT : MEMCACHED_PORT;
}

/* Put `what` and its name in front of what is wrong. */
static int blame(struct error *error, const char *what, const char *name)
{
	struct error why = *error;

	return error_set(error, "%s %s: %s", what, name, why.text);
}

/* Those in the proxy's zone first, so that choosing among them is choosing among the first. */
static int fill_replicas(struct shard *shard, const struct pool_spec *spec,
			 const struct shard_spec *from, struct error *error)
{
	struct endpoint *next = shard->replicas = shard->primary + 1;

	for (int near = 1; near >= 0; near--) {
		for (size_t i = 0; i < from->n_replicas; i++) {
			const struct replica_spec *replica = &from->replicas[i];
			bool is_near = spec->zone != NULL && replica->zone != NULL &&
				       strcmp(spec->zone, replica->zone) == 0;

			if (is_near != (bool)near)
				continue;
			if (address_parse(replica->address, default_port(spec), &next->address,
					  error) != 0)
				return -1;
			address_format(&next->address, next->text);
			next->is_replica = true;
			next->is_near = is_near;
			next++;
		}
	}
	shard->n_replicas = (uint16_t)from->n_replicas;
	return 0;
}

static bool is_led(const struct pool_spec *spec)
{
	return spec->discover.sentinel.n > 0 || spec->discover.cluster.n > 0;
}

/* Can it get another primary than the one it has: one of its replicas, what its name will stand for,
 * or what a source will name? Waiting for a node that nobody takes the place of is of no use. */
static bool may_hold(const struct pool_spec *spec, const struct shard_spec *shard,
		     const struct address *place)
{
	return spec->protocol == PROTOCOL_REDIS && spec->settings.hold_ms > 0 &&
	       (shard->n_replicas > 0 || is_led(spec) ||
		(!place->is_unix && !address_host_is_ip(place->host)));
}

/* The address, and from it the name and label of a shard that has none. */
static int fill_shard(struct shard *shard, struct endpoint *endpoint, const struct pool_spec *spec,
		      const struct shard_spec *from, struct error *error)
{
	char label[DIST_LABEL_MAX + 1];

	const char *place_text = from->place != NULL ? from->place : from->primary;
	char name[ADDRESS_TEXT_MAX];
	struct address place;

	if (address_parse(from->primary, default_port(spec), &endpoint->address, error) != 0 ||
	    address_parse(place_text, default_port(spec), &place, error) != 0)
		return -1;
	address_format(&endpoint->address, endpoint->text);
	address_format(&place, name);
	endpoint->is_unresolved = endpoint->is_unknown = from->is_unknown;
	shard->primary = endpoint;
	shard->weight = from->weight;
	shard->holds = may_hold(spec, from, &place);
	shard->name = alloc_string(from->name != NULL ? from->name : name);
	if (from->name == NULL && dist_label((enum dist_kind)spec->distribution, spec->node_string,
					     place.host, place.port, label, error) != 0)
		return -1;
	shard->label = alloc_string(from->name != NULL ? from->name : label);
	return 0;
}

/* A slot that nobody has goes to the first shard, whose node says what is the matter with it. */
static struct dist *cluster_dist(const struct pool_spec *spec)
{
	uint16_t *owner = alloc_zeroed(CLUSTER_SLOTS, sizeof(*owner));

	for (size_t i = 0; i < spec->n_shards; i++)
		for (size_t j = 0; j < spec->shards[i].n_slots; j++)
			for (uint32_t slot = spec->shards[i].slots[j].first;
			     slot <= spec->shards[i].slots[j].last && slot < CLUSTER_SLOTS; slot++)
				owner[slot] = (uint16_t)i;
	struct dist *dist = dist_build_slots(owner, spec->n_shards);
	free(owner);
	return dist;
}

static int name_cmp(const void *a, const void *b)
{
	const struct shard *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int label_cmp(const void *a, const void *b)
{
	const struct shard *const *x = a, *const *y = b;

	return strcmp((*x)->label, (*y)->label);
}

/* Two shards of one name could not be told apart; of one label, the ring could not. */
static int refuse_twins(const struct pool *pool, int (*cmp)(const void *, const void *),
			const char *what, struct error *error)
{
	const struct shard **sorted = alloc_zeroed(pool->n_shards, sizeof(*sorted));
	int result = 0;

	for (size_t i = 0; i < pool->n_shards; i++)
		sorted[i] = &pool->shards[i];
	qsort(sorted, pool->n_shards, sizeof(*sorted), cmp);
	for (size_t i = 1; i < pool->n_shards && result == 0; i++)
		if (cmp(&sorted[i - 1], &sorted[i]) == 0)
			result = error_set(error,
					   "shards %s and %s have the same %s; expected one each",
					   sorted[i - 1]->name, sorted[i]->name, what);
	free(sorted);
	return result;
}

static int fill_dist(struct pool *pool, const struct pool_spec *spec, struct error *error)
{
	if (pool->is_cluster) {
		pool->dist = cluster_dist(spec);
		return 0;
	}
	struct dist_node *nodes = alloc_zeroed(pool->n_shards, sizeof(*nodes));

	for (size_t i = 0; i < pool->n_shards; i++)
		nodes[i] = (struct dist_node){pool->shards[i].label, pool->shards[i].weight};
	pool->dist = dist_build(pool->distribution, pool->hash, nodes, pool->n_shards, error);
	free(nodes);
	return pool->dist != NULL ? 0 : -1;
}

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
	pool->has_led_roles = is_led(spec);
	pool->pause = spec->pause;
	pool->node_user = copy_text(spec->credentials.name);
	pool->node_password = copy_text(spec->credentials.password.text);
	fill_users(pool, spec);
	policies_fill(pool, spec);
	fill_commands(pool, spec);
}

/* The pool's shards, each with its endpoint behind those of the pools before. */
static int fill_shards(struct pool *pool, struct topology *topology, const struct pool_spec *spec,
		       struct error *error)
{
	pool->shards = alloc_zeroed(spec->n_shards, sizeof(*pool->shards));
	pool->n_shards = (uint16_t)spec->n_shards;
	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *from = &spec->shards[i];
		struct endpoint *endpoint = &topology->endpoints[topology->n_endpoints];

		pool->shards[i].index = i;
		for (size_t j = 0; j <= from->n_replicas; j++) {
			endpoint[j].id = topology->n_endpoints++;
			endpoint[j].pool = pool;
			endpoint[j].shard = &pool->shards[i];
		}
		if (fill_shard(&pool->shards[i], endpoint, spec, from, error) != 0 ||
		    fill_replicas(&pool->shards[i], spec, from, error) != 0)
			return blame(error, "shard", from->name ? from->name : from->primary);
	}
	return 0;
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
	if (fill_shards(pool, topology, spec, error) != 0 ||
	    refuse_twins(pool, name_cmp, "name", error) != 0 ||
	    refuse_twins(pool, label_cmp, "ring label", error) != 0)
		return -1;
	if (fill_dist(pool, spec, error) != 0)
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
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; specs[i].n_shards <= DIST_NODES_MAX && j < specs[i].n_shards;
		     j++)
			endpoints += 1 + specs[i].shards[j].n_replicas;
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
			(void)blame(error, "pool", specs[i].name);
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

const struct shard *route_key(const struct pool *pool, struct span key, struct digest *digest,
			      struct rng *rng)
{
	if (pool->prefix_len > 0 &&
	    span_starts_with(key, span_make(pool->prefix_ignored, pool->prefix_len)))
		key = span_skip(key, pool->prefix_len);
	if (pool->hash_tag[0] != '\0')
		key = hash_tag(key, pool->hash_tag);
	return &pool->shards[dist_lookup(pool->dist, key, digest, rng)];
}
