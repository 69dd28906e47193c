#include <check.h>

#include "core/connset.h"
#include "core/era.h"
#include "core/replicas.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

/* The first n of the shards, as a newer topology. */
static void adopt(size_t n)
{
	struct shard_spec shards[] = {
		{.name = "a", .primary = "a:7000", .weight = 1},
		{.name = "b", .primary = "b:7001", .weight = 1},
		{.name = "c", .primary = "c:7002", .weight = 1},
	};
	struct pool_spec spec = {.name = "pool",
				 .protocol = PROTOCOL_MEMCACHED,
				 .distribution = DIST_MODULA,
				 .hash = HASH_MURMUR3,
				 .settings = dp.pool->settings,
				 .shards = shards,
				 .n_shards = n};
	struct error error;
	struct topology *topology = topology_build(&spec, 1, 2, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	engine_adopt(&dp.engine, topology);
	topology_unref(topology);
	fake_settle(dp.loop);
}

static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

START_TEST(connections_end_with_the_last_era_that_has_them)
{
	begin();
	struct era *oldest = era_take(dp.engine.era);

	adopt(1);
	ck_assert_ptr_nonnull(dp.engine.connsets[1]);
	era_put(oldest);
	fake_settle(dp.loop);
	ck_assert_ptr_nonnull(dp.engine.connsets[0]);
	ck_assert_ptr_null(dp.engine.connsets[1]);
	adopt(DATA_PATH_SHARDS);
	data_path_fini(&dp);
}
END_TEST

/* The one between ends before the older one, which alone has the connections then. */
START_TEST(eras_end_in_any_order)
{
	begin();
	struct era *oldest = era_take(dp.engine.era);

	adopt(DATA_PATH_SHARDS);
	ck_assert_ptr_ne(dp.engine.connsets[1]->endpoint, &dp.topology->endpoints[1]);
	adopt(1);
	ck_assert_ptr_eq(dp.engine.connsets[1]->endpoint, &dp.topology->endpoints[1]);
	ck_assert_ptr_eq(dp.engine.connsets[1]->upstreams[0].pool, &dp.topology->pools[0]);
	ck_assert_ptr_eq(dp.engine.replicas[1]->endpoint, &dp.topology->endpoints[1]);
	ck_assert_ptr_eq(dp.engine.connsets[0]->endpoint, &dp.engine.topology->endpoints[0]);
	ck_assert_int_eq(dp.engine.connsets[1]->upstreams[0].state, UPSTREAM_READY);
	era_put(oldest);
	fake_settle(dp.loop);
	ck_assert_ptr_null(dp.engine.connsets[1]);
	adopt(DATA_PATH_SHARDS);
	data_path_fini(&dp);
}
END_TEST

/* Its answer comes when the topology that it was asked under is gone. */
START_TEST(a_probe_under_way_knows_its_endpoint)
{
	begin();
	adopt(DATA_PATH_SHARDS);
	for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++)
		ck_assert_ptr_eq(dp.engine.replicas[i]->probe.endpoint,
				 &dp.engine.topology->endpoints[i]);
	data_path_fini(&dp);
}
END_TEST

Suite *era_more_suite(void)
{
	Suite *suite = suite_create("era_more");
	TCase *tcase = tcase_create("era");

	tcase_add_test(tcase, connections_end_with_the_last_era_that_has_them);
	tcase_add_test(tcase, eras_end_in_any_order);
	tcase_add_test(tcase, a_probe_under_way_knows_its_endpoint);
	suite_add_tcase(suite, tcase);
	return suite;
}
