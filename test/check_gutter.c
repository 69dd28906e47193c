#include "route/gutter.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "suites.h"

#define SHARDS_MAX 12
#define KEYS	   300
#define KEY_MAX	   32

static char *spares[] = {(char *)(uintptr_t) "spare-1:11211", (char *)(uintptr_t) "spare-2:11311"};

static struct error error;
static struct digest *digest;
static struct shard_spec shards[SHARDS_MAX];
static char names[SHARDS_MAX][KEY_MAX], addresses[SHARDS_MAX][KEY_MAX];
static struct pool_spec spec;

static void setup(void)
{
	digest = digest_new();
	for (size_t i = 0; i < SHARDS_MAX; i++) {
		snprintf(names[i], KEY_MAX, "s%zu", i);
		snprintf(addresses[i], KEY_MAX, "node-%zu:11211", i);
		shards[i] =
			(struct shard_spec){.name = names[i], .primary = addresses[i], .weight = 1};
	}
	spec = (struct pool_spec){.name = (char *)(uintptr_t) "p",
				  .protocol = PROTOCOL_MEMCACHED,
				  .hash = HASH_DEFAULT,
				  .shards = shards,
				  .n_shards = 3};
}

static void teardown(void)
{
	digest_free(digest);
}

static void use_gutter(void)
{
	spec.settings.failover =
		(struct failover_settings){.mode = FAILOVER_GUTTER, .gutter_ttl_s = 10};
	spec.gutter = (struct string_list){spares, ARRAY_LEN(spares)};
}

static struct topology *build(void)
{
	struct topology *topology = topology_build(&spec, 1, 1, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	return topology;
}

static const struct shard *route(const struct topology *topology, const char *key)
{
	return route_key(&topology->pools[0], span_of(key), digest, NULL);
}

/* ------------------------------------------------------------------ properties */

static bool is_down(uint32_t down, const struct shard *shard)
{
	return down >> shard->index & 1;
}

static void set_down(uint32_t down)
{
	for (size_t i = 0; i < SHARDS_MAX; i++)
		shards[i].is_down = down >> i & 1;
}

/* Only the keys of what is down move, to what is not; all come back. */
static void check_keys(uint32_t down, struct rng *rng)
{
	set_down(0);
	struct topology *before = build();
	set_down(down);
	struct topology *during = build();
	set_down(0);
	struct topology *after = build();

	for (int i = 0; i < KEYS; i++) {
		char key[KEY_MAX];

		snprintf(key, sizeof(key), "k%llu", (unsigned long long)rng_next(rng));
		const struct shard *own = route(before, key), *now = route(during, key);
		ck_assert_uint_eq(route(after, key)->index, own->index);
		ck_assert_uint_eq(route_own(&during->pools[0], span_of(key), digest, NULL)->index,
				  own->index);
		if (!is_down(down, own))
			ck_assert_uint_eq(now->index, own->index);
		else if (spec.gutter.n > 0)
			ck_assert(now->is_gutter);
		else
			ck_assert(!is_down(down, now));
	}
	topology_unref(before);
	topology_unref(during);
	topology_unref(after);
}

/* Whatever the distribution, the weights and how many are down. */
START_TEST(only_the_keys_of_what_is_down_move)
{
	enum dist_kind kind = (enum dist_kind)(_i / 2);
	uint64_t seed = (uint64_t)_i + 1;
	struct rng rng;

	if (kind == DIST_RANDOM)
		return;
	printf("check_gutter: distribution %s, seed %llu\n", dist_name(kind),
	       (unsigned long long)seed);
	rng_init(&rng, seed);
	spec.distribution = (int)kind;
	spec.settings.failover.mode = FAILOVER_EJECT;
	if (_i % 2 == 1)
		use_gutter();
	for (int round = 0; round < 6; round++) {
		spec.n_shards = 2 + rng_below(&rng, SHARDS_MAX - 1);
		uint32_t all = (1U << spec.n_shards) - 1, down;

		do
			down = (uint32_t)rng_below(&rng, all) & (uint32_t)rng_below(&rng, all);
		while (down == 0);
		for (size_t i = 0; i < spec.n_shards && kind != DIST_PYMEMCACHE; i++)
			shards[i].weight = 1 + (uint32_t)rng_below(&rng, 5);
		check_keys(down, &rng);
	}
}
END_TEST

/* Clients that talk to the nodes themselves, and drop the same ones, find the same. */
START_TEST(of_equal_weights_it_is_the_ring_without_them)
{
	struct shard_spec left[SHARDS_MAX];
	struct rng rng;

	spec.settings.failover.mode = FAILOVER_EJECT;
	spec.n_shards = 6;
	set_down(1U << 1 | 1U << 4);
	struct topology *ejected = build();
	size_t n = 0;
	for (size_t i = 0; i < 6; i++)
		if (!shards[i].is_down)
			left[n++] = shards[i];
	spec.shards = left;
	spec.n_shards = n;
	struct topology *without = build();
	rng_init(&rng, 7);
	for (int i = 0; i < 2000; i++) {
		char key[KEY_MAX];

		snprintf(key, sizeof(key), "k%llu", (unsigned long long)rng_next(&rng));
		ck_assert_str_eq(route(ejected, key)->name, route(without, key)->name);
	}
	topology_unref(ejected);
	topology_unref(without);
}
END_TEST

START_TEST(the_keys_of_what_is_down_are_spread)
{
	unsigned at[SHARDS_MAX] = {0};

	spec.settings.failover.mode = FAILOVER_EJECT;
	spec.n_shards = 4;
	set_down(1);
	struct topology *topology = build();
	for (int i = 0; i < 4000; i++) {
		char key[KEY_MAX];

		snprintf(key, sizeof(key), "k%d", i);
		if (route_own(&topology->pools[0], span_of(key), digest, NULL)->index == 0)
			at[route(topology, key)->index]++;
	}
	ck_assert_uint_eq(at[0], 0);
	for (int i = 1; i < 4; i++)
		ck_assert_uint_gt(at[i], 100);
	topology_unref(topology);
}
END_TEST

/* ------------------------------------------------------------------ what is away */

static const struct {
	int mode, on_return;
	uint32_t down, damped;
	const char *states[3];
} cases[] = {
	{FAILOVER_KEEP, ON_RETURN_KEEP, 2, 0, {"used", "used", "used"}},
	{FAILOVER_KEEP, ON_RETURN_FLUSH, 2, 0, {"used", "distrusted", "used"}},
	{FAILOVER_EJECT, ON_RETURN_KEEP, 0, 0, {"used", "used", "used"}},
	{FAILOVER_EJECT, ON_RETURN_KEEP, 3, 0, {"ejected", "ejected", "used"}},
	{FAILOVER_EJECT, ON_RETURN_FLUSH, 2, 0, {"used", "ejected", "used"}},
	{FAILOVER_EJECT, ON_RETURN_KEEP, 7, 0, {"used", "used", "used"}},
	{FAILOVER_EJECT, ON_RETURN_FLUSH, 7, 0, {"distrusted", "distrusted", "distrusted"}},
	{FAILOVER_EJECT, ON_RETURN_FLUSH, 3, 1, {"distrusted", "ejected", "used"}},
	{FAILOVER_EJECT, ON_RETURN_FLUSH, 1, 1, {"distrusted", "used", "used"}},
	{FAILOVER_GUTTER, ON_RETURN_KEEP, 5, 0, {"gutter", "used", "gutter"}},
	{FAILOVER_GUTTER, ON_RETURN_FLUSH, 7, 0, {"gutter", "gutter", "gutter"}},
	{FAILOVER_GUTTER, ON_RETURN_FLUSH, 7, 4, {"gutter", "gutter", "distrusted"}},
};

START_TEST(shards_have_the_state_that_settings_say)
{
	if (cases[_i].mode == FAILOVER_GUTTER)
		use_gutter();
	spec.settings.failover.mode = cases[_i].mode;
	spec.settings.failover.on_return = cases[_i].on_return;
	set_down(cases[_i].down);
	for (size_t i = 0; i < 3; i++)
		shards[i].is_damped = cases[_i].damped >> i & 1;
	struct topology *topology = build();
	for (size_t i = 0; i < 3; i++) {
		const struct shard *shard = &topology->pools[0].shards[i];
		const char *state = cases[_i].states[i];

		ck_assert_str_eq(gutter_state(shard), state);
		ck_assert_int_eq(shard->primary->is_barred, strcmp(state, "distrusted") == 0);
		ck_assert_int_eq(shard->is_away, state[0] == 'e' || state[0] == 'g');
	}
	topology_unref(topology);
}
END_TEST

/* Where nobody is down, nothing is to be looked at. */
START_TEST(only_what_is_elsewhere_lives_shorter)
{
	use_gutter();
	struct topology *topology = build();
	ck_assert_uint_eq(topology->pools[0].detour.ttl_s, 0);
	ck_assert(!topology->pools[0].has_ttl_rules);
	topology_unref(topology);
	set_down(2);
	topology = build();
	ck_assert_uint_eq(topology->pools[0].detour.ttl_s, 10);
	ck_assert(topology->pools[0].has_ttl_rules);
	topology_unref(topology);
	spec.gutter.n = 0;
	spec.settings.failover.mode = FAILOVER_EJECT;
	topology = build();
	ck_assert(!topology->pools[0].has_ttl_rules);
	topology_unref(topology);
	spec.settings.failover.eject_ttl_s = 5;
	topology = build();
	ck_assert_uint_eq(topology->pools[0].detour.ttl_s, 5);
	topology_unref(topology);
}
END_TEST

/* ------------------------------------------------------------------ the nodes */

START_TEST(gutter_nodes_are_endpoints_behind_the_shards)
{
	use_gutter();
	struct pool_spec both[] = {spec, spec};
	both[1].name = (char *)(uintptr_t) "q";
	struct topology *topology = topology_build(both, 2, 1, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	ck_assert_uint_eq(topology->n_endpoints, 10);
	for (uint16_t i = 0; i < 10; i++)
		ck_assert_uint_eq(topology->endpoints[i].id, i);
	const struct pool *pool = &topology->pools[1];
	ck_assert_uint_eq(pool->n_gutters, 2);
	ck_assert_uint_eq(pool_places(pool), 5);
	for (uint16_t i = 0; i < 2; i++) {
		const struct shard *gutter = &pool->gutters[i];

		ck_assert_ptr_eq(gutter->primary, &topology->endpoints[8 + i]);
		ck_assert_ptr_eq(gutter->primary->shard, gutter);
		ck_assert_ptr_eq(gutter->primary->pool, pool);
		ck_assert_str_eq(gutter->primary->text, spares[i]);
		ck_assert_str_eq(endpoint_role(gutter->primary), "gutter");
		ck_assert_uint_eq(gutter->index, 3 + i);
		ck_assert_uint_eq(gutter->n_replicas, 0);
	}
	ck_assert_str_eq(pool->gutters[0].name, "gutter-1");
	ck_assert_str_eq(pool->gutters[0].label, "spare-1");
	ck_assert_str_eq(pool->gutters[1].name, "gutter-2");
	ck_assert_str_eq(pool->gutters[1].label, "spare-2:11311");
	topology_unref(topology);
}
END_TEST

static const struct {
	const char *name, *spare, *error;
} refused[] = {
	{"gutter-2", "x:1",
	 "pool p: shard gutter-2 has the name of a gutter node; expected another"},
	{"a", "x:y", "x:y"},
};

START_TEST(refuses_what_makes_no_gutter)
{
	char *wrong[] = {spares[0], (char *)(uintptr_t)refused[_i].spare};

	use_gutter();
	spec.gutter.v = wrong;
	shards[1].name = (char *)(uintptr_t)refused[_i].name;
	ck_assert_ptr_null(topology_build(&spec, 1, 1, &error));
	ck_assert_ptr_nonnull(strstr(error.text, refused[_i].error));
}
END_TEST

START_TEST(a_gutter_without_nodes_is_refused)
{
	use_gutter();
	spec.gutter.n = 0;
	ck_assert_ptr_null(topology_build(&spec, 1, 1, &error));
}
END_TEST

Suite *gutter_suite(void)
{
	Suite *suite = suite_create("gutter");
	TCase *tcase = tcase_create("gutter");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, only_the_keys_of_what_is_down_move, 0, 2 * DIST_COUNT);
	tcase_add_test(tcase, of_equal_weights_it_is_the_ring_without_them);
	tcase_add_test(tcase, the_keys_of_what_is_down_are_spread);
	tcase_add_loop_test(tcase, shards_have_the_state_that_settings_say, 0, ARRAY_LEN(cases));
	tcase_add_test(tcase, only_what_is_elsewhere_lives_shorter);
	tcase_add_test(tcase, gutter_nodes_are_endpoints_behind_the_shards);
	tcase_add_loop_test(tcase, refuses_what_makes_no_gutter, 0, ARRAY_LEN(refused));
	tcase_add_test(tcase, a_gutter_without_nodes_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
