#include "control/config_discover.h"

#include <check.h>
#include <string.h>

#include "control/config.h"
#include "suites.h"
#include "told.h"

static struct told told;

static void tear_down(void)
{
	told_free(&told);
}

/* What is right and short; cases put one thing more behind it. */
#define REDIS "pools:\n  p:\n    protocol: redis\n    listen: a:1\n" /* 4 lines */
#define MC    "pools:\n  p:\n    protocol: memcached\n    listen: a:1\n"

START_TEST(reads_every_source)
{
	static const struct {
		const char *yaml;
		size_t offset; /* of the text that is read */
		const char *text;
	} cases[] = {
		{MC "    discover: {elasticache: c:1}\n",
		 offsetof(struct discover_spec, elasticache), "c:1"},
		{MC "    discover: {dns: \"n.x:2\"}\n", offsetof(struct discover_spec, dns),
		 "n.x:2"},
		{REDIS "    discover: {dns: \"[::1]:2\"}\n", offsetof(struct discover_spec, dns),
		 "[::1]:2"},
		{REDIS "    discover: {srv: _r._tcp.x}\n", offsetof(struct discover_spec, srv),
		 "_r._tcp.x"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = told_parse_well(&told, cases[i].yaml);

		const char *base = (const char *)&config->pools[0].discover;
		ck_assert_str_eq(*(char *const *)(const void *)(base + cases[i].offset),
				 cases[i].text);
		ck_assert_uint_eq(config->pools[0].n_shards, 0);
		ck_assert_uint_eq(config->pools[0].discover.every_ms, 0);
		ck_assert_str_eq(told_warnings(&told), "");
		config_free(config);
	}
}
END_TEST

START_TEST(reads_sentinels_with_their_masters)
{
	struct config *config = told_parse_well(
		&told,
		REDIS "    discover: {sentinel: [s:1, \"[::1]:2\"], masters: [a, b], every: 2s}\n"
		      "    reads: prefer-replica\n");

	const struct discover_spec *discover = &config->pools[0].discover;
	ck_assert_uint_eq(discover->sentinel.n, 2);
	ck_assert_str_eq(discover->sentinel.v[1], "[::1]:2");
	ck_assert_uint_eq(discover->masters.n, 2);
	ck_assert_str_eq(discover->masters.v[0], "a");
	ck_assert_uint_eq(discover->every_ms, 2000);
	ck_assert_uint_eq(discover->cluster.n, 0);
	ck_assert_str_eq(told_warnings(&told), "");
	config_free(config);
}
END_TEST

START_TEST(reads_a_clusters_nodes)
{
	struct config *config = told_parse_well(&told, REDIS "    discover: {cluster: n:1}\n");

	ck_assert_uint_eq(config->pools[0].discover.cluster.n, 1);
	ck_assert_str_eq(config->pools[0].discover.cluster.v[0], "n:1");
	config_free(config);
}
END_TEST

static const struct {
	const char *yaml, *error;
} broken[] = {
	{REDIS, "f:2:3: pools.p: 'shards' is missing; expected shards: a list of HOST:PORT or "
		"{name: NAME, primary: HOST:PORT, weight: N}, or a map discover"},
	{REDIS "    discover: {}\n", "f:5:15: pools.p.discover: no keys; expected some of "
				     "elasticache, dns, srv, sentinel, masters, cluster, every"},
	{REDIS "    discover: dns\n", "f:5:15: pools.p.discover: it is a text; expected a map of "},
	{REDIS "    discover: {every: 1s}\n",
	 "f:5:23: pools.p.discover.every: there is nothing to ask; expected elasticache, dns, srv, "
	 "sentinel (with masters) or cluster beside it"},
	{REDIS "    discover: {every: 99ms, dns: n:1}\n", "f:5:23: pools.p.discover.every: '99ms'"},
	{REDIS "    discover: {dns: n:1}\n    shards: [b:1]\n",
	 "f:5:21: pools.p.discover.dns: the pool's shards come from 'shards' already"},
	{REDIS "    discover: {dns: n:1, srv: x}\n",
	 "f:5:31: pools.p.discover.srv: the pool's shards come from 'discover.dns' already"},
	{REDIS "    discover: {cluster: n:1, sentinel: s:1, masters: a}\n",
	 "pools.p.discover.cluster: the pool's shards come from 'discover.sentinel' already"},
	{REDIS "    discover: {sentinel: s:1}\n",
	 "f:5:26: pools.p.discover.sentinel: 'masters' is missing beside it"},
	{REDIS "    discover: {masters: a}\n",
	 "f:5:25: pools.p.discover.masters: only with 'sentinel'"},
	{REDIS "    discover: {cluster: n:1, masters: a}\n",
	 "pools.p.discover.masters: only with 'sentinel'"},
	{REDIS "    discover: {sentinel: [s:1, s:1], masters: a}\n",
	 "f:5:32: pools.p.discover.sentinel[1]: 's:1' is used by pools.p.discover.sentinel[0] "
	 "already; give each once"},
	{REDIS "    discover: {sentinel: s:1, masters: [a, a]}\n",
	 "pools.p.discover.masters[1]: 'a' is used by"},
	{REDIS "    discover: {cluster: [n:1, n:1]}\n", "pools.p.discover.cluster[1]: 'n:1' is"},
	{REDIS "    discover: {elasticache: n:1}\n",
	 "f:5:29: pools.p.discover.elasticache: only with 'protocol: memcached'; take it out"},
	{MC "    discover: {sentinel: n:1, masters: a}\n",
	 "f:5:26: pools.p.discover.sentinel: only with 'protocol: redis'; take it out"},
	{MC "    discover: {cluster: n:1}\n", "f:5:25: pools.p.discover.cluster: only with"},
	{MC "    discover: {elasticache: n}\n",
	 "f:5:29: pools.p.discover.elasticache: 'n' is not valid; expected HOST:PORT"},
	{MC "    discover: {elasticache: unix:/s}\n", "'unix:/s' is not valid; expected HOST:PORT"},
	{MC "    discover: {dns: \"*:1\"}\n", "'*:1' is not valid; expected HOST:PORT"},
	{REDIS "    discover: {cluster: [unix:/s]}\n",
	 "f:5:26: pools.p.discover.cluster[0]: 'unix:/s' is not valid; expected HOST:PORT, or a"},
	{REDIS "    discover: {cluster: []}\n",
	 "f:5:25: pools.p.discover.cluster: it is a list; expected HOST:PORT, or a list of"},
	{REDIS "    discover: {dns: n:1, dns: m:1}\n", "pools.p.discover.dns: given twice"},
	{REDIS "    discover: {dsn: n:1}\n",
	 "f:5:16: pools.p.discover.dsn: unknown key; did you mean 'dns'?"},
};

START_TEST(says_what_is_wrong_with_a_source)
{
	told_expect_refused(&told, told_parse(&told, broken[_i].yaml), broken[_i].error);
}
END_TEST

/* What is wrong already needs no second complaint about what is missing then. */
START_TEST(a_refused_source_is_told_once)
{
	ck_assert_ptr_null(told_parse(&told, MC "    discover: {dns: n, every: 1s}\n"));
	ck_assert_msg(strchr(told_errors(&told), '\n') == strrchr(told_errors(&told), '\n'), "%s",
		      told_errors(&told));
}
END_TEST

Suite *config_discover_suite(void)
{
	Suite *suite = suite_create("config_discover");
	TCase *tcase = tcase_create("config_discover");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, reads_every_source);
	tcase_add_test(tcase, reads_sentinels_with_their_masters);
	tcase_add_test(tcase, reads_a_clusters_nodes);
	tcase_add_loop_test(tcase, says_what_is_wrong_with_a_source, 0, (int)ARRAY_LEN(broken));
	tcase_add_test(tcase, a_refused_source_is_told_once);
	suite_add_tcase(suite, tcase);
	return suite;
}
