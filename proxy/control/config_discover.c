#include "control/config_discover.h"

#include "base/alloc.h"

#define SOURCES "elasticache, dns, srv, sentinel (with masters) or cluster"

struct source {
	const char *path;
	size_t offset; /* of the field in a pool_spec */
};

static const struct source sources[] = {
	{"discover.elasticache", offsetof(struct pool_spec, discover.elasticache)},
	{"discover.dns", offsetof(struct pool_spec, discover.dns)},
	{"discover.srv", offsetof(struct pool_spec, discover.srv)},
	{"discover.sentinel", offsetof(struct pool_spec, discover.sentinel)},
	{"discover.cluster", offsetof(struct pool_spec, discover.cluster)},
};

/* Is it in the file? One whose value was refused is, too. */
static bool is_given(const struct checker *checker, const void *field)
{
	return field_map_find(checker->fields, field) != NULL;
}

static const void *field_of(const struct pool_spec *pool, const struct source *source)
{
	return (const char *)pool + source->offset;
}

const char *config_discover_source(const struct checker *checker, const struct pool_spec *pool)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		if (is_given(checker, field_of(pool, &sources[i])))
			return sources[i].path;
	return NULL;
}

/* One that is asked twice would count twice. */
static void check_list(const struct checker *checker, const struct string_list *list)
{
	struct named *v = alloc_zeroed(1 + list->n, sizeof(v[0]));

	for (size_t i = 0; i < list->n; i++)
		v[i] = (struct named){alloc_string(list->v[i]), list->v[i], i};
	(void)checker_differ(checker, v, list->n, "give each once");
}

/* Names and the Sentinels to ask for them go together. */
static void check_masters(const struct checker *checker, const struct discover_spec *discover)
{
	bool has_masters = is_given(checker, &discover->masters);
	bool has_sentinel = is_given(checker, &discover->sentinel);

	if (has_sentinel && !has_masters)
		checker_error(checker, &discover->sentinel,
			      "'masters' is missing beside it; expected the names that the "
			      "Sentinels know the primaries by");
	if (has_masters && !has_sentinel)
		checker_error(checker, &discover->masters,
			      "only with 'sentinel'; expected the Sentinels' addresses beside it, "
			      "or none of this");
	check_list(checker, &discover->sentinel);
	check_list(checker, &discover->masters);
}

static void check_sources(const struct checker *checker, const struct pool_spec *pool)
{
	const char *first = is_given(checker, &pool->shards) ? "shards" : NULL;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		const void *field = field_of(pool, &sources[i]);

		if (!is_given(checker, field))
			continue;
		if (first != NULL)
			checker_error(checker, field,
				      "the pool's shards come from '%s' already; expected one of "
				      "the two, take the other out",
				      first);
		else
			first = sources[i].path;
	}
}

void config_discover_check(const struct checker *checker, const struct pool_spec *pool)
{
	const struct discover_spec *discover = &pool->discover;
	bool has_every = is_given(checker, &discover->every_ms);

	check_sources(checker, pool);
	check_masters(checker, discover);
	check_list(checker, &discover->cluster);
	if (has_every && config_discover_source(checker, pool) == NULL)
		checker_error(checker, &discover->every_ms,
			      "there is nothing to ask; expected " SOURCES " beside it");
}
