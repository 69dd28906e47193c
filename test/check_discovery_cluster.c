#include <check.h>
#include <stdlib.h>

#include "cluster_text.h"
#include "fake_node.h"
#include "fake_resolver.h"
#include "suites.h"

#define INFO  "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n"
#define NODES "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n"
#define OK    "$16\r\ncluster_state:ok\r\n"
#define FAIL  "$18\r\ncluster_state:fail\r\n"

#define SIX "a:0-99 b:100-199 c:200-16383 x>a y>b z>c"
#define SIX_TOLD                                                                                   \
	"shard-0=n:7001+n:7024[0-99] shard-100=n:7002+n:7025[100-199] "                            \
	"shard-200=n:7003+n:7026[200-16383]"
#define MOVED "a:0-98 b:99-199 c:200-16383 x>a y>b z>c"
#define MOVED_TOLD                                                                                 \
	"shard-0=n:7001+n:7024[0-98] shard-100=n:7002+n:7025[99-199] "                             \
	"shard-200=n:7003+n:7026[200-16383]"

static struct fake_fleet fleet;
static char *seeds[] = {(char *)(uintptr_t) "n:7001", (char *)(uintptr_t) "n:7002"};

/* What each of these nodes says from now on. */
static void say(const char *letters, const char *info, const char *nodes)
{
	for (; *letters != '\0'; letters++) {
		fake_node_answer(cluster_port_of(*letters), INFO, info);
		fake_node_answer(cluster_port_of(*letters), NODES,
				 cluster_nodes_text(nodes, *letters));
	}
}

static void go_away(const char *letters)
{
	for (; *letters != '\0'; letters++)
		fake_node_away(&fleet, cluster_port_of(*letters));
}

static void init(size_t n)
{
	fake_fleet_init(&fleet, PROTOCOL_REDIS);
	fleet.pool.discover.cluster = (struct string_list){seeds, n};
}

static void begin(void)
{
	init(2);
	say("abcxyz", OK, SIX);
	fake_fleet_begin(&fleet);
}

START_TEST(finds_shards_and_asks_all_nodes)
{
	begin();
	fake_fleet_expect(&fleet, SIX_TOLD);
	ck_assert_uint_eq(fleet.n_told, 1);
	fake_fleet_advance_ms(&fleet, 3100);
	for (const char *node = "abcxyz"; *node != '\0'; node++)
		ck_assert_uint_ge(fake_node_asked(cluster_port_of(*node), NODES), 3);
	ck_assert_uint_eq(fleet.n_told, 1);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(follows_slots_that_move)
{
	begin();
	fake_fleet_advance_ms(&fleet, 10);
	say("abcxyz", OK, MOVED);
	discovery_refresh(fleet.discovery);
	fake_fleet_advance_ms(&fleet, 10);
	fake_fleet_expect(&fleet, MOVED_TOLD);
	ck_assert_uint_eq(fleet.n_told, 2);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_failover_keeps_the_shards_name)
{
	begin();
	fake_fleet_advance_ms(&fleet, 10);
	fake_node_away(&fleet, cluster_port_of('a'));
	say("bcxyz", FAIL, "a:0-99! b:100-199 c:200-16383 x>a y>b z>c");
	fake_fleet_advance_ms(&fleet, 2000);
	fake_fleet_expect(&fleet, SIX_TOLD);
	fake_fleet_expect_trouble(&fleet, "says that the cluster is down");
	say("bcxyz", OK, "a! b:100-199 c:200-16383 x:0-99 y>b z>c");
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "shard-0=n:7024[0-99] shard-100=n:7002+n:7025[100-199] "
				  "shard-200=n:7003+n:7026[200-16383]");
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_node_back(cluster_port_of('a'));
	say("abcxyz", OK, "a>x b:100-199 c:200-16383 x:0-99 y>b z>c");
	fake_fleet_advance_ms(&fleet, 2500);
	fake_fleet_expect(&fleet, "shard-0=n:7024+n:7001[0-99] shard-100=n:7002+n:7025[100-199] "
				  "shard-200=n:7003+n:7026[200-16383]");
	ck_assert_uint_eq(fleet.n_told, 3);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(the_small_side_of_a_cut_is_not_believed)
{
	begin();
	fake_fleet_advance_ms(&fleet, 10);
	go_away("bcyz");
	/* They see the others fail before they say that the cluster is down. */
	say("ax", OK, "a:0-199 b:200! c:201-16383! x>a y>b! z>c!");
	fake_fleet_advance_ms(&fleet, 3000);
	fake_fleet_expect(&fleet, SIX_TOLD);
	say("ax", FAIL, "a:0-199 b:200! c:201-16383! x>a y>b! z>c!");
	fake_fleet_advance_ms(&fleet, 3000);
	fake_fleet_expect(&fleet, SIX_TOLD);
	ck_assert_uint_eq(fleet.n_told, 1);
	ck_assert_ptr_nonnull(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(one_that_lies_alone_changes_nothing)
{
	begin();
	fake_fleet_advance_ms(&fleet, 10);
	say("b", OK, "b:0-16383 a c x>a y>b z>c");
	fake_fleet_advance_ms(&fleet, 3000);
	fake_fleet_expect(&fleet, SIX_TOLD);
	ck_assert_uint_eq(fleet.n_told, 1);
	go_away("acxyz");
	fake_fleet_advance_ms(&fleet, 5000);
	fake_fleet_expect(&fleet, SIX_TOLD);
	fake_fleet_expect_trouble(&fleet, "one node alone says what the cluster is");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_seed_that_is_away_is_done_without)
{
	init(2);
	say("abcxyz", OK, SIX);
	fake_node_away(&fleet, cluster_port_of('a'));
	fake_fleet_begin(&fleet);
	fake_fleet_expect(&fleet, SIX_TOLD);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(asks_on_until_a_seed_is_there)
{
	init(2);
	fake_fleet_begin(&fleet);
	ck_assert_uint_eq(fleet.n_told, 0);
	fake_fleet_expect_trouble(&fleet, "no node answers; connect to n:7001: connection refused");
	say("abcxyz", OK, SIX);
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, SIX_TOLD);
	fake_fleet_end(&fleet);
}
END_TEST

/* When all nodes have other addresses, the seeds, which are names perhaps, lead to them again. */
START_TEST(begins_anew_at_the_seeds_when_no_node_is_left)
{
	init(1);
	seeds[0] = (char *)(uintptr_t) "seed:6999";
	fake_node_answer(6999, INFO, OK);
	fake_node_answer(6999, NODES, cluster_nodes_text("a:0-16383 x>a", 'a'));
	say("ax", OK, "a:0-16383 x>a");
	fake_fleet_begin(&fleet);
	seeds[0] = (char *)(uintptr_t) "n:7001";
	fake_fleet_advance_ms(&fleet, 100);
	fake_fleet_expect(&fleet, "shard-0=n:7001+n:7024[0-16383]");
	uint32_t asked = fake_node_asked(6999, INFO);
	go_away("ax");
	fake_node_answer(6999, NODES, cluster_nodes_text("b:0-16383", 'b'));
	say("b", OK, "b:0-16383");
	fake_fleet_advance_ms(&fleet, 4000);
	ck_assert_uint_gt(fake_node_asked(6999, INFO), asked);
	fake_fleet_expect(&fleet, "shard-0=n:7002[0-16383]");
	fake_fleet_end(&fleet);
}
END_TEST

/* At most seven are asked at a time, and no more connections are tried when all are away. */
START_TEST(a_large_cluster_is_asked_little)
{
	const char *nodes = "a:0 b:1 c:2 d:3 e:4 f:5 g:6 h:7 i:8 j:9 k:10 l:11-16383";
	uint32_t connects = 0;

	init(2);
	say("abcdefghijkl", OK, nodes);
	fake_fleet_begin(&fleet);
	fake_fleet_advance_ms(&fleet, 5000);
	uint32_t asked = 0;
	for (const char *node = "abcdefghijkl"; *node != '\0'; node++)
		asked += fake_node_asked(cluster_port_of(*node), NODES) > 1;
	ck_assert_uint_eq(asked, 7);
	go_away("abcdefghijkl");
	for (const char *node = "abcdefghijkl"; *node != '\0'; node++)
		connects += fake_connects(fleet.loop, cluster_port_of(*node));
	fake_fleet_advance_ms(&fleet, 10000);
	for (const char *node = "abcdefghijkl"; *node != '\0'; node++)
		connects -= fake_connects(fleet.loop, cluster_port_of(*node));
	ck_assert_uint_le(-connects, 11 * 7);
	ck_assert_uint_eq(fleet.n_told, 1);
	for (const char *node = "abcdefghijkl"; *node != '\0'; node++)
		fake_node_back(cluster_port_of(*node));
	fake_fleet_advance_ms(&fleet, 3000);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(one_that_stalls_keeps_nobody_waiting)
{
	begin();
	fake_fleet_advance_ms(&fleet, 10);
	fake_node_answer(cluster_port_of('a'), INFO, NULL);
	discovery_refresh(fleet.discovery);
	fake_fleet_advance_ms(&fleet, 10);
	say("bcxyz", OK, MOVED);
	discovery_refresh(fleet.discovery);
	fake_fleet_advance_ms(&fleet, 10);
	fake_fleet_expect(&fleet, MOVED_TOLD);
	fake_fleet_end(&fleet);
}
END_TEST

static const char *const hostile[][2] = {
	{"-ERR This instance has cluster support disabled\r\n", NULL},
	{"+OK\r\n", NULL},
	{"$0\r\n\r\n", NULL},
	{"HTTP/1.1 400 Bad Request\r\n", NULL},
	{OK, "-ERR no\r\n"},
	{OK, "$0\r\n\r\n"},
	{OK, "$5\r\nhello\r\n"},
	{OK, "*0\r\n"},
	{OK, "$1048577\r\n"},
	{OK, "garbage"},
};

START_TEST(a_hostile_answer_changes_nothing)
{
	begin();
	fake_fleet_advance_ms(&fleet, 10);
	for (const char *node = "abcxyz"; *node != '\0'; node++) {
		fake_node_answer(cluster_port_of(*node), INFO, hostile[_i][0]);
		fake_node_answer(cluster_port_of(*node), NODES, hostile[_i][1]);
	}
	fake_fleet_advance_ms(&fleet, 5000);
	fake_fleet_expect(&fleet, SIX_TOLD);
	ck_assert_uint_eq(fleet.n_told, 1);
	ck_assert_ptr_nonnull(discovery_trouble(fleet.discovery));
	say("abcxyz", OK, MOVED);
	fake_fleet_advance_ms(&fleet, 4000);
	fake_fleet_expect(&fleet, MOVED_TOLD);
	fake_fleet_end(&fleet);
}
END_TEST

/* As all names of nodes: the system may not know them. */
START_TEST(asks_the_resolver_for_names)
{
	struct resolver *resolver = fake_resolver_new();

	init(2);
	say("abcxyz", OK, SIX);
	fleet.resolver = resolver;
	fake_fleet_begin(&fleet);
	ck_assert_uint_eq(fake_resolver_open(resolver), 2);
	ck_assert_ptr_null(fake_server(fleet.loop, 7001));
	fake_fleet_end(&fleet);
	fake_resolver_free(resolver);
}
END_TEST

Suite *discovery_cluster_suite(void)
{
	Suite *suite = suite_create("discovery_cluster");
	TCase *tcase = tcase_create("discovery_cluster");

	tcase_add_test(tcase, finds_shards_and_asks_all_nodes);
	tcase_add_test(tcase, follows_slots_that_move);
	tcase_add_test(tcase, a_failover_keeps_the_shards_name);
	tcase_add_test(tcase, the_small_side_of_a_cut_is_not_believed);
	tcase_add_test(tcase, one_that_lies_alone_changes_nothing);
	tcase_add_test(tcase, a_seed_that_is_away_is_done_without);
	tcase_add_test(tcase, asks_on_until_a_seed_is_there);
	tcase_add_test(tcase, begins_anew_at_the_seeds_when_no_node_is_left);
	tcase_add_test(tcase, a_large_cluster_is_asked_little);
	tcase_add_test(tcase, one_that_stalls_keeps_nobody_waiting);
	tcase_add_loop_test(tcase, a_hostile_answer_changes_nothing, 0, (int)ARRAY_LEN(hostile));
	tcase_add_test(tcase, asks_the_resolver_for_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
