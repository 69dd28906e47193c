#include "control/config_failover.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "control/schema.h"

static bool is_given(const struct checker *checker, const void *field)
{
	return field_map_find(checker->fields, field) != NULL;
}

static bool is_listened_at(const struct pool_spec *pool, const char *address)
{
	bool is = false;

	for (size_t i = 0; i < pool->listen.n && !is; i++) {
		char *listen = checker_address(pool->listen.v[i]);

		is = strcmp(address, listen) == 0;
		free(listen);
	}
	return is;
}

static bool is_shards(const struct pool_spec *pool, const char *address)
{
	bool is = false;

	for (size_t i = 0; i < pool->n_shards && !is; i++) {
		const char *primary = pool->shards[i].primary;
		char *its = primary != NULL ? checker_address(primary) : NULL;

		is = its != NULL && strcmp(address, its) == 0;
		free(its);
	}
	return is;
}

/* A spare node is another than those that it stands in for, each is given once, and none is the proxy. */
static void check_nodes(const struct checker *checker, const struct pool_spec *pool)
{
	struct named *v = alloc_zeroed(pool->gutter.n, sizeof(v[0]));

	for (size_t i = 0; i < pool->gutter.n; i++) {
		const char *field = pool->gutter.v[i];
		char *address = checker_address(field);

		if (is_listened_at(pool, address))
			checker_error(checker, field,
				      "the pool listens at this gutter node's address itself; "
				      "expected the address of a spare node");
		if (is_shards(pool, address))
			checker_error(
				checker, field,
				"it is the node of a shard, which may be down itself; expected "
				"the address of a spare node");
		v[i] = (struct named){address, field, i};
	}
	(void)checker_differ(checker, v, pool->gutter.n, "give each once");
}

/* A setting of another mode does nothing, and whoever set it expects something; but for a default that is
 * spelled out. */
static void check_mode(const struct checker *checker, const void *field, bool is_usual,
		       const char *mode)
{
	if (is_given(checker, field) && !is_usual)
		checker_error(checker, field,
			      "only with 'failover.mode: %s'; expected that, or none of this",
			      mode);
}

static void check_modes(const struct checker *checker, const struct pool_spec *pool)
{
	const struct failover_settings *failover = &pool->settings.failover;
	struct pool_spec standard = {0};

	schema_defaults(SCOPE_POOL, &standard);
	if (failover->mode != FAILOVER_GUTTER) {
		check_mode(checker, &pool->gutter, false, "gutter");
		check_mode(checker, &failover->gutter_ttl_s,
			   failover->gutter_ttl_s == standard.settings.failover.gutter_ttl_s,
			   "gutter");
	}
	if (failover->mode != FAILOVER_EJECT)
		check_mode(checker, &failover->eject_ttl_s, failover->eject_ttl_s == 0, "eject");
	schema_release(SCOPE_POOL, &standard);
}

bool config_failover_check(const struct checker *checker, const struct pool_spec *pool)
{
	const struct failover_settings *failover = &pool->settings.failover;
	bool is_gutter = failover->mode == FAILOVER_GUTTER;
	bool is_random = is_gutter && pool->distribution == DIST_RANDOM;

	/* That there is no such thing with redis is told by the table. */
	if (pool->protocol != PROTOCOL_MEMCACHED)
		return true;
	check_modes(checker, pool);
	if (is_random)
		checker_error(checker, &failover->mode,
			      "not with 'distribution: random', where any shard has any key; "
			      "expected 'eject'");
	if (is_gutter && !is_given(checker, &pool->gutter))
		checker_error(
			checker, &failover->mode,
			"there are no spare nodes; expected 'failover.gutter' beside it, with "
			"their addresses");
	if (!is_gutter || pool->gutter.n == 0)
		return !is_gutter;
	check_nodes(checker, pool);
	return !is_random;
}
