#include "control/config_check.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "control/value.h"
#include "route/endpoint.h"
#include "route/topology.h"

struct checker {
	const struct config *config;
	const struct field_map *fields;
	const char *path; /* of what is not in a file */
	struct findings *findings;
};

/* Something that must be unique: a listening address, a shard's name. */
struct named {
	char *name;	   /* owned */
	const void *field; /* that it was read from */
	size_t order;	   /* in the file */
};

static void complain(const struct checker *checker, const void *field, const char *what)
{
	char path[TREE_PATH_MAX];
	const struct tree_node *node = field_map_find(checker->fields, field);

	if (node != NULL)
		findings_error(checker->findings, node->place, tree_path(node, path), "%s", what);
	else
		findings_error(checker->findings, (struct place){0, 0}, checker->path, "%s", what);
}

static void warn(const struct checker *checker, const void *field, const char *what)
{
	char path[TREE_PATH_MAX];
	const struct tree_node *node = field_map_find(checker->fields, field);

	if (node != NULL)
		findings_warning(checker->findings, node->place, tree_path(node, path), "%s", what);
	else
		findings_warning(checker->findings, (struct place){0, 0}, checker->path, "%s",
				 what);
}

/* The canonical text, for free(), of an address that was checked when it was read. */
static char *canonical(const char *text)
{
	char out[ADDRESS_TEXT_MAX] = "";
	struct address address;
	struct error error = {0};

	if (address_parse(text, 0, &address, &error) == 0)
		address_format(&address, out);
	return alloc_string(out);
}

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* Complain of each name but the first of its kind in the file; frees v. Whether all differ. */
static bool refuse_twice(const struct checker *checker, struct named *v, size_t n,
			 const char *advice)
{
	size_t first = 0;
	bool all_differ = true;

	qsort(v, n, sizeof(v[0]), by_name);
	for (size_t i = 1; i < n; i++) {
		struct error error = {0};
		char path[TREE_PATH_MAX] = "another";

		if (strcmp(v[i].name, v[first].name) != 0) {
			first = i;
			continue;
		}
		const struct tree_node *node = field_map_find(checker->fields, v[first].field);
		if (node != NULL)
			tree_path(node, path);
		error_set(&error, "'%s' is used by %s already; %s", v[i].name, path, advice);
		complain(checker, v[i].field, error.text);
		all_differ = false;
	}
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
	return all_differ;
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
	size_t total = 1, n = 0;

	for (size_t i = 0; i < config->n_pools; i++)
		total += config->pools[i].listen.n;
	struct named *v = alloc_zeroed(total, sizeof(v[0]));
	for (size_t i = 0; i < config->n_pools; i++) {
		const struct string_list *listen = &config->pools[i].listen;

		for (size_t j = 0; j < listen->n; j++, n++)
			v[n] = (struct named){canonical(listen->v[j]), listen->v[j], n + 1};
	}
	if (config->admin_listen != NULL) {
		const void *field = &config->admin_listen;
		size_t order = is_after_pools(checker, field) ? n + 1 : 0;

		v[n++] = (struct named){canonical(config->admin_listen), field, order};
	}
	refuse_twice(checker, v, n, "give each an address of its own");
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
			v[n++] = (struct named){canonical(shard->primary), &shard->primary, i};
	}
	return refuse_twice(checker, v, n, "give each shard a name of its own, or take one out");
}

/* A request would go round between the proxy and itself until every limit is reached. */
static void check_loops(const struct checker *checker, const struct pool_spec *pool)
{
	for (size_t i = 0; i < pool->n_shards; i++) {
		const char *text = pool->shards[i].primary;
		char *primary = text != NULL ? canonical(text) : NULL;

		for (size_t j = 0; primary != NULL && j < pool->listen.n; j++) {
			char *listen = canonical(pool->listen.v[j]);

			if (strcmp(primary, listen) == 0)
				complain(checker, &pool->shards[i].primary,
					 "the pool listens at this shard's address itself; "
					 "expected the address of a node, or another 'listen'");
			free(listen);
		}
		free(primary);
	}
}

static void check_hash(const struct checker *checker, const struct pool_spec *pool)
{
	const char *trouble =
		dist_hash_trouble((enum dist_kind)pool->distribution, (enum hash_kind)pool->hash);

	if (trouble != NULL)
		warn(checker, &pool->hash, trouble);
	if (pool->node_string != NULL && pool->distribution != DIST_SPYMEMCACHED)
		warn(checker, &pool->node_string,
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
	complain(checker, field, error.text);
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
		complain(checker, &pool->shards, error.text + (is_told ? strlen(head.text) : 0));
		return;
	}
	for (size_t i = 0; i < pool->n_shards; i++) {
		const struct shard_spec *shard = &pool->shards[i];
		bool has_weight = field_map_find(checker->fields, &shard->weight) != NULL;

		if (dist_points(topology->pools[0].dist, i) == 0)
			warn(checker,
			     has_weight ? (const void *)&shard->weight
					: (const void *)&shard->primary,
			     "the weight is so small that the shard gets no point on the ring, and "
			     "no key; expected a greater weight, or none of this shard");
	}
	topology_unref(topology);
}

static bool has_whole_shards(const struct pool_spec *pool)
{
	for (size_t i = 0; i < pool->n_shards; i++)
		if (pool->shards[i].primary == NULL)
			return false;
	return pool->n_shards > 0;
}

static void check_pool(const struct checker *checker, const struct pool_spec *pool)
{
	check_hash(checker, pool);
	check_memory(checker, &pool->settings.request, pool->settings.request);
	check_memory(checker, &pool->settings.output, pool->settings.output);
	check_loops(checker, pool);
	bool all_differ = check_shard_names(checker, pool);
	if (all_differ && has_whole_shards(pool))
		check_ring(checker, pool);
}

void config_check(const struct config *config, const struct field_map *fields, const char *path,
		  struct findings *findings)
{
	struct checker checker = {config, fields, path, findings};
	size_t endpoints = 0;

	check_listens(&checker);
	for (size_t i = 0; i < config->n_pools; i++) {
		check_pool(&checker, &config->pools[i]);
		endpoints += config->pools[i].n_shards;
	}
	if (endpoints > UINT16_MAX)
		complain(&checker, &config->pools,
			 "more than 65535 shards in all pools; run several processes");
}
