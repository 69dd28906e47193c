#include "control/config_failover.h"

#include <check.h>
#include <string.h>

#include "control/config.h"
#include "suites.h"
#include "told.h"

#define MC                                                                                         \
	"pools:\n  p:\n    protocol: memcached\n    listen: 127.0.0.1:1\n    shards: [a:1, b:2]\n"
#define REDIS "pools:\n  p:\n    protocol: redis\n    listen: 127.0.0.1:1\n    shards: [a:1, b:2]\n"

static struct told told;

static void tear_down(void)
{
	told_free(&told);
}

START_TEST(a_node_that_is_down_keeps_its_keys_by_default)
{
	struct config *config = told_parse_well(&told, MC);
	const struct failover_settings *failover = &config->pools[0].settings.failover;

	ck_assert_int_eq(failover->mode, FAILOVER_KEEP);
	ck_assert_int_eq(failover->on_down, ON_DOWN_ERROR);
	ck_assert_int_eq(failover->on_return, ON_RETURN_KEEP);
	ck_assert_uint_eq(failover->gutter_ttl_s, 10);
	ck_assert_uint_eq(failover->eject_ttl_s, 0);
	ck_assert_uint_eq(failover_ttl_s(failover), 0);
	ck_assert_uint_eq(config->pools[0].gutter.n, 0);
	config_free(config);
}
END_TEST

START_TEST(reads_a_gutter)
{
	struct config *config = told_parse_well(
		&told,
		MC "    failover: {mode: gutter, gutter: [s:1, \"unix:/s\"], gutter_ttl: 1m, "
		   "on_return: flush, on_down: miss}\n");
	const struct failover_settings *failover = &config->pools[0].settings.failover;

	ck_assert_int_eq(failover->mode, FAILOVER_GUTTER);
	ck_assert_int_eq(failover->on_down, ON_DOWN_MISS);
	ck_assert_int_eq(failover->on_return, ON_RETURN_FLUSH);
	ck_assert_uint_eq(failover_ttl_s(failover), 60);
	ck_assert_uint_eq(config->pools[0].gutter.n, 2);
	ck_assert_str_eq(config->pools[0].gutter.v[1], "unix:/s");
	config_free(config);
}
END_TEST

START_TEST(one_spare_node_needs_no_list)
{
	struct config *config =
		told_parse_well(&told, MC "    failover: {mode: gutter, gutter: s:1}\n");

	ck_assert_uint_eq(config->pools[0].gutter.n, 1);
	config_free(config);
}
END_TEST

START_TEST(reads_an_ejection)
{
	struct config *config =
		told_parse_well(&told, MC "    failover: {mode: eject, eject_ttl: 30s}\n");

	ck_assert_int_eq(config->pools[0].settings.failover.mode, FAILOVER_EJECT);
	ck_assert_uint_eq(failover_ttl_s(&config->pools[0].settings.failover), 30);
	config_free(config);
}
END_TEST

static const struct {
	const char *yaml, *error;
} wrong[] = {
	{MC "    failover: {mode: gutters}\n",
	 "f:6:22: pools.p.failover.mode: 'gutters' is not known; did you mean 'gutter'?"},
	{MC "    failover: {mode: gutter}\n",
	 "f:6:22: pools.p.failover.mode: there are no spare nodes; expected 'failover.gutter' "
	 "beside it, with their addresses"},
	{MC "    failover: {gutter: [s:1]}\n",
	 "f:6:24: pools.p.failover.gutter: only with 'failover.mode: gutter'; expected that, or "
	 "none of this"},
	{MC "    failover: {mode: eject, gutter: [s:1]}\n",
	 "f:6:37: pools.p.failover.gutter: only with 'failover.mode: gutter'"},
	{MC "    failover: {mode: eject, gutter_ttl: 5s}\n",
	 "f:6:41: pools.p.failover.gutter_ttl: only with 'failover.mode: gutter'"},
	{MC "    failover: {mode: gutter, gutter: s:1, eject_ttl: 5s}\n",
	 "f:6:54: pools.p.failover.eject_ttl: only with 'failover.mode: eject'"},
	{MC "    failover: {mode: gutter, gutter: s:1, gutter_ttl: 1500ms}\n",
	 "pools.p.failover.gutter_ttl: '1500ms'"},
	{MC "    failover: {mode: gutter, gutter: s:1, gutter_ttl: 0s}\n",
	 "pools.p.failover.gutter_ttl: '0s'"},
	{MC "    failover: {mode: gutter, gutter: s}\n", "f:6:38: pools.p.failover.gutter: 's'"},
	{MC "    failover: {mode: gutter, gutter: [s:1, s:2, s:1]}\n",
	 "f:6:49: pools.p.failover.gutter[2]: 's:1' is used by pools.p.failover.gutter[0] already; "
	 "give each once"},
	{MC "    failover: {mode: gutter, gutter: [s:1, b:2]}\n",
	 "f:6:44: pools.p.failover.gutter[1]: it is the node of a shard, which may be down itself; "
	 "expected the address of a spare node"},
	{MC "    failover: {mode: gutter, gutter: [\"127.0.0.1:1\"]}\n",
	 "f:6:39: pools.p.failover.gutter[0]: the pool listens at this gutter node's address "
	 "itself; expected the address of a spare node"},
	{MC "    distribution: random\n    failover: {mode: gutter, gutter: s:1}\n",
	 "f:7:22: pools.p.failover.mode: not with 'distribution: random', where any shard has any "
	 "key; expected 'eject'"},
	{MC "    failover: {on_return: flsh}\n",
	 "f:6:27: pools.p.failover.on_return: 'flsh' is not known; did you mean 'flush'?"},
	{REDIS "    failover: {mode: eject}\n",
	 "f:6:22: pools.p.failover.mode: only with 'protocol: memcached'; take it out"},
	{REDIS "    failover: {gutter: [s:1]}\n",
	 "f:6:24: pools.p.failover.gutter: only with 'protocol: memcached'; take it out"},
	{REDIS "    failover: {on_return: flush}\n",
	 "f:6:27: pools.p.failover.on_return: only with 'protocol: memcached'; take it out"},
	{"pools:\n  p:\n    protocol: memcached\n    listen: 127.0.0.1:1\n"
	 "    shards: [{name: gutter-1, primary: a:1}]\n    failover: {mode: gutter, gutter: "
	 "s:1}\n",
	 "shard gutter-1 has the name of a gutter node; expected another"},
};

START_TEST(says_what_is_wrong_and_where)
{
	told_expect_refused(&told, told_parse(&told, wrong[_i].yaml), wrong[_i].error);
	/* Once, and nothing that only follows from it. */
	ck_assert_ptr_eq(strchr(told.errors.p, '\n'), told.errors.p + told.errors.len - 1);
}
END_TEST

/* A default that is spelled out is no mistake. */
START_TEST(what_is_usual_may_be_said)
{
	config_free(told_parse_well(
		&told, MC
		"    failover: {mode: keep, gutter_ttl: 10s, eject_ttl: off, on_down: error}\n"));
}
END_TEST

START_TEST(redis_may_say_what_it_does_anyway)
{
	config_free(told_parse_well(&told, REDIS "    failover: {mode: keep, on_return: keep}\n"));
}
END_TEST

Suite *config_failover_suite(void)
{
	Suite *suite = suite_create("config_failover");
	TCase *tcase = tcase_create("config_failover");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, a_node_that_is_down_keeps_its_keys_by_default);
	tcase_add_test(tcase, reads_a_gutter);
	tcase_add_test(tcase, one_spare_node_needs_no_list);
	tcase_add_test(tcase, reads_an_ejection);
	tcase_add_loop_test(tcase, says_what_is_wrong_and_where, 0, ARRAY_LEN(wrong));
	tcase_add_test(tcase, what_is_usual_may_be_said);
	tcase_add_test(tcase, redis_may_say_what_it_does_anyway);
	suite_add_tcase(suite, tcase);
	return suite;
}
