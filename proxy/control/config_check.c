#include "control/config_check.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "control/checker.h"
#include "control/config_discover.h"
#include "control/config_failover.h"
#include "control/schema.h"
#include "control/value.h"
#include "route/topology.h"

/* A path as checker_address() has it, for free(). */
static char *socket_at(const char *path)
{
	struct text text = {0};

	text_printf(&text, "unix:%s", path);
	return text.p;
}

/* Does a setting of the file's top stand behind the pools? */
static bool is_after_pools(const struct checker *checker, const void *field)
{
	const struct tree_node *node = field_map_find(checker->fields, field);
	const struct tree_node *pools = field_map_find(checker->fields, &checker->config->pools);

	return node != NULL && pools != NULL && node->place.line > pools->place.line;
}

static void check_listens(const struct checker *checker)
{
	const struct config *config = checker->config;
	size_t total = 2, n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		total += config->pools[i].listen.n;
	struct named *v = alloc_zeroed(total, sizeof(v[0]));
	for (size_t i = 0; i < config->n_pools; i++) {
		const struct string_list *listen = &config->pools[i].listen;

		for (size_t j = 0; j < listen->n; j++, n++)
			v[n] = (struct named){checker_address(listen->v[j]), listen->v[j], n + 1};
	}
	if (config->admin_listen != NULL) {
		const void *field = &config->admin_listen;
		size_t order = is_after_pools(checker, field) ? n + 1 : 0;

		v[n++] = (struct named){checker_address(config->admin_listen), field, order};
	}
	if (config->takeover != NULL) {
		const void *field = &config->takeover;
		size_t order = is_after_pools(checker, field) ? n + 1 : 0;

		v[n++] = (struct named){socket_at(config->takeover), field, order};
	}
	checker_differ(checker, v, n, "give each an address of its own");
}

static bool check_shard_names(const struct checker *checker, const struct pool_spec *pool)
{
	struct named *v = alloc_zeroed(pool->n_shards, sizeof(v[0]));
	size_t n = 0;

	for (size_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *shard = &pool->shards[i];

		if (shard->name != NULL)
			v[n++] = (struct named){alloc_string(shard->name), &shard->name, i};
		else if (shard->primary != NULL)
			v[n++] =
				(struct named){checker_address(shard->primary), &shard->primary, i};
	}
	return checker_differ(checker, v, n, "give each shard a name of its own, or take one out");
}

/* A request would go round between the proxy and itself until every limit is reached. */
static void check_loop(const struct checker *checker, const struct pool_spec *pool,
		       char *const *node, const char *what)
{
	char *address = *node != NULL ? checker_address(*node) : NULL;

	for (size_t i = 0; address != NULL && i < pool->listen.n; i++) {
		char *listen = checker_address(pool->listen.v[i]);

		if (strcmp(address, listen) == 0)
			checker_error(checker, node,
				      "the pool listens at this %s's address itself; expected the "
				      "address of a node, or another 'listen'",
				      what);
		free(listen);
	}
	free(address);
}

/* A shard's nodes are each another, and none is the proxy. */
static void check_nodes(const struct checker *checker, const struct pool_spec *pool,
			const struct shard_spec *shard)
{
	struct named *v = alloc_zeroed(1 + shard->n_replicas, sizeof(v[0]));
	size_t n = 0;

	check_loop(checker, pool, &shard->primary, "shard");
	if (shard->primary != NULL)
		v[n++] = (struct named){checker_address(shard->primary), &shard->primary, 0};
	for (size_t i = 0; i < shard->n_replicas; i++) {
		const struct replica_spec *replica = &shard->replicas[i];

		check_loop(checker, pool, &replica->address, "replica");
		if (replica->address != NULL)
			v[n++] = (struct named){checker_address(replica->address),
						&replica->address, i + 1};
	}
	(void)checker_differ(checker, v, n, "give each node of a shard once");
}

static bool has_zone(const struct shard_spec *shard, const char *zone)
{
	for (size_t i = 0; i < shard->n_replicas; i++)
		if (shard->replicas[i].zone != NULL && strcmp(shard->replicas[i].zone, zone) == 0)
			return true;
	return false;
}

static void check_replicas(const struct checker *checker, const struct pool_spec *pool)
{
	size_t n = 0, near = 0;

	for (size_t i = 0; i < pool->n_shards; i++) {
		check_nodes(checker, pool, &pool->shards[i]);
		n += pool->shards[i].n_replicas;
		near += pool->zone != NULL && has_zone(&pool->shards[i], pool->zone);
	}
	if (config_discover_source(checker, pool) != NULL)
		return; /* it brings the replicas */
	if (n == 0 && pool->settings.reads != READS_PRIMARY)
		checker_warning(checker, &pool->settings.reads,
				"no shard has replicas to read; give them 'replicas', or take this "
				"out");
	if (near == 0 && pool->zone != NULL)
		checker_warning(checker, &pool->zone,
				"no replica is in this zone; give replicas their 'zone', or take "
				"this out");
}

/* Is a field what it is without a line in the file? */
static bool is_standard(const struct setting *row, const void *base, const void *standards)
{
	size_t size = row->type == SETTING_SIZE	   ? sizeof(uint64_t)
		      : row->type == SETTING_HOSTS ? sizeof(struct string_list)
						   : sizeof(uint32_t);

	return row->standard != NULL && memcmp((const char *)base + row->offset,
					       (const char *)standards + row->offset, size) == 0;
}

/* Complain of what only the other protocol has, but not of a default that is spelled out. */
static void refuse_other(const struct checker *checker, bool redis, enum setting_scope scope,
			 const void *base, const void *standards)
{
	size_t n;
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++) {
		const void *field = (const char *)base + rows[i].offset;
		bool is_other = redis ? rows[i].is_memcached : rows[i].is_redis;

		if (rows[i].scope == scope && is_other &&
		    field_map_find(checker->fields, field) != NULL &&
		    !is_standard(&rows[i], base, standards))
			checker_error(checker, field, "only with 'protocol: %s'; take it out",
				      redis ? "memcached" : "redis");
	}
}

static void check_word(const struct checker *checker, const void *field, const char *text)
{
	if (text != NULL && strchr(text, ' ') != NULL)
		checker_warning(checker, field,
				"it has a blank, which a login in memcached's text protocol cannot "
				"say; expected none, or binary connections alone");
}

static void check_secret_word(const struct checker *checker, const struct secret_spec *secret)
{
	const void *field = secret->env != NULL	   ? (const void *)&secret->env
			    : secret->file != NULL ? (const void *)&secret->file
						   : (const void *)&secret->text;

	check_word(checker, field, secret->text);
}

/* Who logs in to memcached, by text, says two words. */
static void check_logins(const struct checker *checker, const struct pool_spec *pool)
{
	check_word(checker, &pool->credentials.name, pool->credentials.name);
	check_secret_word(checker, &pool->credentials.password);
	check_secret_word(checker, &pool->clients_password);
	for (size_t i = 0; i < pool->n_users; i++) {
		check_word(checker, &pool->users[i].name, pool->users[i].name);
		check_secret_word(checker, &pool->users[i].password);
	}
}

static void check_protocol(const struct checker *checker, const struct pool_spec *pool)
{
	struct pool_spec standard_pool = {0};
	struct shard_spec standard_shard = {0};
	const struct user_spec standard_user = {0};
	struct prefix_spec standard_prefix = {0};
	bool redis = pool->protocol == PROTOCOL_REDIS;

	/* One that is not known is told already. */
	if (!redis && pool->protocol != PROTOCOL_MEMCACHED)
		return;
	schema_defaults(SCOPE_POOL, &standard_pool);
	schema_defaults(SCOPE_SHARD, &standard_shard);
	refuse_other(checker, redis, SCOPE_POOL, pool, &standard_pool);
	for (size_t i = 0; i < pool->n_shards; i++)
		refuse_other(checker, redis, SCOPE_SHARD, &pool->shards[i], &standard_shard);
	for (size_t i = 0; i < pool->n_users; i++)
		refuse_other(checker, redis, SCOPE_USER, &pool->users[i], &standard_user);
	for (size_t i = 0; i < pool->n_prefixes; i++)
		refuse_other(checker, redis, SCOPE_PREFIX, &pool->prefixes[i], &standard_prefix);
	schema_release(SCOPE_POOL, &standard_pool);
	schema_release(SCOPE_SHARD, &standard_shard);
	if (!redis)
		check_logins(checker, pool);
}

static void check_hash(const struct checker *checker, const struct pool_spec *pool)
{
	const char *trouble =
		dist_hash_trouble((enum dist_kind)pool->distribution, (enum hash_kind)pool->hash);

	if (trouble != NULL)
		checker_warning(checker, &pool->hash, "%s", trouble);
	if (pool->node_string != NULL && pool->distribution != DIST_SPYMEMCACHED)
		checker_warning(
			checker, &pool->node_string,
			"it has no effect without 'distribution: spymemcached'; take it out");
}

static void check_memory(const struct checker *checker, const void *field, uint64_t bytes)
{
	char limit[VALUE_TEXT_MAX], memory[VALUE_TEXT_MAX];
	struct error error = {0};

	if (bytes <= checker->config->memory)
		return;
	error_set(&error, "%s is more than 'memory', %s; expected less, or a greater 'memory'",
		  value_format_size(bytes, limit),
		  value_format_size(checker->config->memory, memory));
	checker_error(checker, field, "%s", error.text);
}

/* Build the ring as the proxy would, so that what fails there is told here. */
static void check_ring(const struct checker *checker, const struct pool_spec *pool)
{
	struct error error = {0}, head = {0};
	struct topology *topology = topology_build(pool, 1, 0, &error);

	if (topology == NULL) {
		/* The path says which pool it is. */
		error_set(&head, "pool %s: ", pool->name);
		bool is_told = strncmp(error.text, head.text, strlen(head.text)) == 0;
		checker_error(checker, &pool->shards, "%s",
			      error.text + (is_told ? strlen(head.text) : 0));
		return;
	}
	for (size_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *shard = &pool->shards[i];
		bool has_weight = field_map_find(checker->fields, &shard->weight) != NULL;

		if (dist_points(topology->pools[0].dist, i) == 0)
			checker_warning(checker,
					has_weight ? (const void *)&shard->weight
						   : (const void *)&shard->primary,
					"the weight is so small that the shard gets no point on "
					"the ring, and "
					"no key; expected a greater weight, or none of this shard");
	}
	topology_unref(topology);
}

static bool is_whole_shard(const struct shard_spec *shard)
{
	for (size_t i = 0; i < shard->n_replicas; i++)
		if (shard->replicas[i].address == NULL)
			return false;
	return shard->primary != NULL;
}

/* Is all there that a snapshot is made of? What is missing is told already. */
static bool is_whole(const struct pool_spec *pool)
{
	for (size_t i = 0; i < pool->n_shards; i++)
		if (!is_whole_shard(&pool->shards[i]))
			return false;
	for (size_t i = 0; i < pool->n_users; i++)
		if (pool->users[i].name == NULL)
			return false;
	for (size_t i = 0; i < pool->n_prefixes; i++)
		if (pool->prefixes[i].match == NULL)
			return false;
	for (size_t i = 0; i < pool->n_commands; i++)
		if (pool->commands[i].name == NULL)
			return false;
	return pool->n_shards > 0;
}

/* A client would connect to the same place twice. */
static void check_cluster_config(const struct checker *checker, const struct pool_spec *pool)
{
	const struct string_list *hosts = &pool->cluster_config;
	struct named *v = alloc_zeroed(1 + hosts->n, sizeof(v[0]));

	for (size_t i = 0; i < hosts->n; i++)
		v[i] = (struct named){checker_address(hosts->v[i]), hosts->v[i], i};
	(void)checker_differ(checker, v, hosts->n, "give each once");
}

static void check_pool(const struct checker *checker, const struct pool_spec *pool)
{
	check_hash(checker, pool);
	check_memory(checker, &pool->settings.request, pool->settings.request);
	check_memory(checker, &pool->settings.output, pool->settings.output);
	check_protocol(checker, pool);
	check_cluster_config(checker, pool);
	config_discover_check(checker, pool);
	check_replicas(checker, pool);
	bool has_detour = config_failover_check(checker, pool);
	bool all_differ = check_shard_names(checker, pool);
	if (has_detour && all_differ && is_whole(pool))
		check_ring(checker, pool);
}

static void check_dns(const struct checker *checker)
{
	const struct config *config = checker->config;
	const struct string_list *servers = &config->dns_servers;
	const void *min = &config->dns_min_ttl_ms, *max = &config->dns_max_ttl_ms;
	char shown[VALUE_TEXT_MAX];

	if (config->dns_min_ttl_ms > config->dns_max_ttl_ms) {
		bool has_min = field_map_find(checker->fields, min) != NULL;

		checker_error(checker, has_min ? min : max,
			      has_min ? "more than 'dns.max_ttl', %s; expected less"
				      : "less than 'dns.min_ttl', %s; expected more",
			      value_format_duration(has_min ? config->dns_max_ttl_ms
							    : config->dns_min_ttl_ms,
						    shown));
	}
	struct named *v = alloc_zeroed(servers->n, sizeof(v[0]));
	for (size_t i = 0; i < servers->n; i++)
		v[i] = (struct named){alloc_string(servers->v[i]), servers->v[i], i};
	(void)checker_differ(checker, v, servers->n, "give each once");
}

void config_check(const struct config *config, const struct field_map *fields, const char *path,
		  struct findings *findings)
{
	struct checker checker = {config, fields, path, findings};
	size_t endpoints = 0;

	check_listens(&checker);
	check_dns(&checker);
	for (size_t i = 0; i < config->n_pools; i++) {
		check_pool(&checker, &config->pools[i]);
		endpoints += config->pools[i].gutter.n;
		for (size_t j = 0; j < config->pools[i].n_shards; j++)
			endpoints += 1 + config->pools[i].shards[j].n_replicas;
	}
	if (endpoints > UINT16_MAX)
		checker_error(&checker, &config->pools,
			      "more than 65535 nodes in all pools; run several processes");
}
