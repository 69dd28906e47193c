#include "control/changes.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "made_topology.h"
#include "suites.h"

static struct text out;

static void tear_down(void)
{
	text_free(&out);
}

static const char *line_of(const struct topology *was, const struct topology *is)
{
	text_reset(&out);
	text_puts(&out, "");
	changes_write(was, is, &out);
	return out.p;
}

static const char *told(const char *was_yaml, const char *is_yaml)
{
	struct topology *was = made_topology(was_yaml), *is = made_topology(is_yaml);

	line_of(was, is);
	topology_unref(was);
	topology_unref(is);
	return out.p;
}

#define HEAD	   "pools:\n  p:\n    protocol: redis\n    listen: l:1\n"
#define MC	   "pools:\n  p:\n    protocol: memcached\n    listen: l:1\n"
#define JUMP(s)	   HEAD "    distribution: jump\n    shards: " s "\n"
#define RING(s)	   MC "    distribution: modula\n    shards: " s "\n"
#define SETS(s)	   HEAD s "    shards: [a:1]\n"
#define POOL(name) "  " name ": {protocol: redis, listen: \"" name ":1\", shards: [\"b:1\"]}\n"

/* Pools that differ, and what is told of it. */
static const struct {
	const char *was, *is, *line;
} cases[] = {
	{JUMP("[a:1, b:1]"), JUMP("[a:1, b:1]"), ""},
	/* shards, and the share of the keys that they take with them */
	{RING("[{name: a, primary: a:1}, {name: b, primary: b:1}]"),
	 RING("[{name: a, primary: a:1}, {name: c, primary: c:1}]"),
	 "pool p: shard +c, shard -b, 50.000% of the key space moves"},
	{RING("[{name: a, primary: a:1}]"),
	 RING("[{name: a, primary: a:1}, {name: b, primary: b:1}, {name: c, primary: c:1}, {name: "
	      "d, primary: d:1}]"),
	 "pool p: shard +b, shard +c, shard +d, 75.000% of the key space moves"},
	{RING("[{name: a, primary: a:1, weight: 1}, {name: b, primary: b:1, weight: 1}]"),
	 RING("[{name: b, primary: b:1, weight: 1}, {name: a, primary: a:1, weight: 1}]"),
	 "pool p: 100.000% of the key space moves"},
	/* addresses */
	{JUMP("[{name: a, primary: a:1}]"), JUMP("[{name: a, primary: b:1}]"),
	 "pool p: shard a moves from a:1 to b:1"},
	/* replicas */
	{JUMP("[{name: a, primary: a:1, replicas: [b:1, c:1]}]"),
	 JUMP("[{name: a, primary: a:1, replicas: [c:1, d:1]}]"),
	 "pool p: shard a: replica +d:1, shard a: replica -b:1"},
	{JUMP("[{name: a, primary: a:1, replicas: [b:1]}]"),
	 JUMP("[{name: a, primary: b:1, replicas: [a:1]}]"),
	 "pool p: shard a moves from a:1 to b:1, shard a: replica +a:1, shard a: replica -b:1"},
	{JUMP("[{name: a, primary: a:1, replicas: [b:1, c:1]}]"),
	 JUMP("[{name: a, primary: a:1, replicas: [c:1, b:1]}]"), ""},
	/* settings */
	{SETS(""), SETS("    retries: 3\n"), "pool p: settings change"},
	{SETS("    connections: 1\n"), SETS("    connections: 2\n"), "pool p: settings change"},
	/* pools */
	{"pools:\n" POOL("p"), "pools:\n" POOL("p") POOL("q"), "pool q: new"},
	{"pools:\n" POOL("p") POOL("q"), "pools:\n" POOL("q"), "pool p: gone"},
	{"pools:\n" POOL("p"), "pools:\n" POOL("q"), "pool q: new; pool p: gone"},
	{SETS(""), MC "    shards: [a:1]\n", "pool p: new"},
	/* more pools than one */
	{"pools:\n  p: {protocol: redis, listen: \"p:1\", shards: [{name: a, primary: \"a:1\"}]}\n"
	 "  q: {protocol: redis, listen: \"q:1\", shards: [{name: a, primary: \"a:1\"}]}\n",
	 "pools:\n  p: {protocol: redis, listen: \"p:1\", shards: [{name: a, primary: \"b:1\"}]}\n"
	 "  q: {protocol: redis, listen: \"q:1\", shards: [{name: a, primary: \"c:1\"}]}\n",
	 "pool p: shard a moves from a:1 to b:1; pool q: shard a moves from a:1 to c:1"},
	/* none of these places a key by the key */
	{HEAD "    distribution: random\n    shards: [{name: a, primary: a:1}]\n",
	 HEAD "    distribution: random\n    shards: [{name: a, primary: a:1}, {name: b, primary: "
	      "b:1}]\n",
	 "pool p: shard +b"},
};

START_TEST(tells_what_differs)
{
	const char *line = told(cases[_i].was, cases[_i].is);

	ck_assert_msg(strcmp(line, cases[_i].line) == 0, "case %d: '%s', expected '%s'", _i, line,
		      cases[_i].line);
}
END_TEST

/* Where hashes are not alike the keys of a sample are counted, and the figure says so. */
START_TEST(a_share_that_is_counted_is_about_so_much)
{
	double share;
	char end;
	const char *line = told(JUMP("[{name: a, primary: a:1}, {name: b, primary: b:1}]"),
				JUMP("[{name: a, primary: a:1}, {name: b, primary: b:1}, "
				     "{name: c, primary: c:1}]"));

	ck_assert_msg(sscanf(line, "pool p: shard +c, about %lf%% of the key space move%c", &share,
			     &end) == 2 &&
			      end == 's',
		      "%s", line);
	ck_assert_double_ge(share, 29);
	ck_assert_double_le(share, 38);
}
END_TEST

static void expect_ips(const char *was_ip, const char *is_ip, const char *line)
{
	static const char yaml[] = JUMP("[{name: a, primary: a:1, replicas: [b:1]}]");
	struct topology *was = made_topology(yaml), *is = made_topology(yaml);

	if (was_ip != NULL)
		made_resolve(was, "a:1", was_ip);
	if (is_ip != NULL)
		made_resolve(is, "a:1", is_ip);
	ck_assert_str_eq(line_of(was, is), line);
	topology_unref(was);
	topology_unref(is);
}

START_TEST(names_that_stand_for_other_ips_are_told)
{
	expect_ips("10.0.0.1", "10.0.0.1", "");
	expect_ips("10.0.0.1", "10.0.0.2",
		   "pool p: shard a: a:1 is at 10.0.0.2 now, was at 10.0.0.1");
	expect_ips(NULL, "10.0.0.2",
		   "pool p: shard a: a:1 is at 10.0.0.2 now, was at nothing known");
	expect_ips("10.0.0.1", NULL,
		   "pool p: shard a: a:1 is at nothing known now, was at 10.0.0.1");
}
END_TEST

START_TEST(a_replica_that_is_elsewhere_is_another)
{
	static const char yaml[] = JUMP("[{name: a, primary: a:1, replicas: [b:1]}]");
	struct topology *was = made_topology(yaml), *is = made_topology(yaml);

	made_resolve(was, "b:1", "10.0.0.1");
	made_resolve(is, "b:1", "10.0.0.2");
	ck_assert_str_eq(line_of(was, is), "pool p: shard a: replica +b:1, shard a: replica -b:1");
	topology_unref(was);
	topology_unref(is);
}
END_TEST

static void write_pool(struct text *yaml, int n, const char *port)
{
	text_reset(yaml);
	text_puts(yaml, MC "    distribution: modula\n    shards:\n");
	for (int i = 0; i < n; i++)
		text_printf(yaml, "    - {name: s%d, primary: \"h:%d%s\"}\n", i, i + 1, port);
}

/* Of eight each is named; of more, the rest is counted. */
START_TEST(of_many_the_first_are_named)
{
	struct text was = {0}, is = {0};

	write_pool(&was, 1, "1");
	write_pool(&is, 9, "1");
	ck_assert_ptr_nonnull(strstr(told(was.p, is.p), "shard +s8, 88.889% of"));
	write_pool(&is, 10, "1");
	ck_assert_ptr_nonnull(
		strstr(told(was.p, is.p), "shard +s8, 1 more like these, 90.000% of"));
	/* Shards that come and those that move are counted apart. */
	write_pool(&was, 10, "1");
	write_pool(&is, 10, "2");
	ck_assert_ptr_nonnull(
		strstr(told(was.p, is.p), "shard s7 moves from h:81 to h:82, 2 more like these"));
	ck_assert_str_eq(strstr(out.p, "these"), "these");
	text_free(&was);
	text_free(&is);
}
END_TEST

/* A line that has something is gone on with. */
START_TEST(appends_to_what_is_there)
{
	struct topology *was = made_topology(SETS("")),
			*is = made_topology(SETS("    retries: 3\n"));

	text_reset(&out);
	text_puts(&out, "x");
	changes_write(was, is, &out);
	ck_assert_str_eq(out.p, "x; pool p: settings change");
	topology_unref(was);
	topology_unref(is);
}
END_TEST

/* A cluster of two nodes, the first of which has slots up to `last`. */
static struct topology *cluster(uint16_t last)
{
	struct config *config = made_config(HEAD "    discover: {cluster: [\"a:1\"]}\n");
	struct slot_range low = {0, last}, high = {(uint16_t)(last + 1), 16383};
	struct shard_spec shards[] = {
		{.name = (char[]){"a"},
		 .primary = (char[]){"a:1"},
		 .weight = 1,
		 .slots = &low,
		 .n_slots = 1},
		{.name = (char[]){"b"},
		 .primary = (char[]){"b:1"},
		 .weight = 1,
		 .slots = &high,
		 .n_slots = 1},
	};
	struct pool_spec pool = config->pools[0];
	struct error error;

	pool.shards = shards;
	pool.n_shards = ARRAY_LEN(shards);
	struct topology *topology = topology_build(&pool, 1, 1, &error);
	ck_assert_msg(topology != NULL, "%s", error.text);
	config_free(config);
	return topology;
}

START_TEST(of_a_cluster_slots_move)
{
	struct topology *was = cluster(8191), *same = cluster(8191), *is = cluster(4095);

	ck_assert_str_eq(line_of(was, same), "");
	ck_assert_str_eq(line_of(was, is), "pool p: 25.000% of the key space moves");
	topology_unref(was);
	topology_unref(same);
	topology_unref(is);
}
END_TEST

Suite *changes_suite(void)
{
	Suite *suite = suite_create("changes");
	TCase *tcase = tcase_create("changes");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, tells_what_differs, 0, ARRAY_LEN(cases));
	tcase_add_test(tcase, a_share_that_is_counted_is_about_so_much);
	tcase_add_test(tcase, names_that_stand_for_other_ips_are_told);
	tcase_add_test(tcase, a_replica_that_is_elsewhere_is_another);
	tcase_add_test(tcase, of_many_the_first_are_named);
	tcase_add_test(tcase, appends_to_what_is_there);
	tcase_add_test(tcase, of_a_cluster_slots_move);
	suite_add_tcase(suite, tcase);
	return suite;
}
