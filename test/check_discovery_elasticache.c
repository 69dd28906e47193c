#include <check.h>

#include "fake_node.h"
#include "fake_resolver.h"
#include "suites.h"

#define ENDPOINT 7000
#define GET	 "config get cluster\r\n"
#define OLD_GET	 "get AmazonElastiCache:cluster\r\n"

#define ONE	"CONFIG cluster 0 10\r\n1\nn||7001\n\r\nEND\r\n"
#define TWO	"CONFIG cluster 0 18\r\n2\nn||7001 n||7002\n\r\nEND\r\n"
#define THREE	"CONFIG cluster 0 10\r\n3\nn||7002\n\r\nEND\r\n"
#define OLD_TWO "VALUE AmazonElastiCache:cluster 0 18\r\n2\nn||7001 n||7002\n\r\nEND\r\n"

static struct fake_fleet fleet;

static void init(void)
{
	fake_fleet_init(&fleet, PROTOCOL_MEMCACHED);
	fleet.pool.discover.elasticache = (char *)(uintptr_t) "cfg:7000";
}

static void begin(const char *answer)
{
	init();
	fake_node_answer(ENDPOINT, GET, answer);
	fake_fleet_begin(&fleet);
}

static void expect(const char *text, size_t n_told)
{
	fake_fleet_expect(&fleet, text);
	ck_assert_uint_eq(fleet.n_told, n_told);
}

START_TEST(asks_the_endpoint_every_minute)
{
	begin(ONE);
	expect("=n:7001", 1);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	ck_assert_str_eq(fake_server(fleet.loop, ENDPOINT)->host, "cfg");
	fake_node_answer(ENDPOINT, GET, TWO);
	fake_fleet_advance_ms(&fleet, 59000);
	expect("=n:7001", 1);
	fake_fleet_advance_ms(&fleet, 1500);
	expect("=n:7001 =n:7002", 2);
	/* Nothing new is no news. */
	fake_fleet_advance_ms(&fleet, 180000);
	expect("=n:7001 =n:7002", 2);
	ck_assert_uint_eq(fake_node_asked(ENDPOINT, GET), 5);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(asks_as_often_as_the_pool_says)
{
	init();
	fleet.pool.discover.every_ms = 100;
	fake_node_answer(ENDPOINT, GET, ONE);
	fake_fleet_begin(&fleet);
	fake_fleet_advance_ms(&fleet, 1000);
	ck_assert_uint_ge(fake_node_asked(ENDPOINT, GET), 10);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(asks_at_a_refresh)
{
	begin(ONE);
	fake_node_answer(ENDPOINT, GET, TWO);
	discovery_refresh(fleet.discovery);
	fake_fleet_settle(&fleet);
	expect("=n:7001 =n:7002", 2);
	fake_fleet_end(&fleet);
}
END_TEST

/* What is asked already may have been read before the reason for the refresh came up. */
START_TEST(asks_again_when_refreshed_while_it_asks)
{
	begin(NULL);
	discovery_refresh(fleet.discovery);
	discovery_refresh(fleet.discovery);
	ck_assert_uint_eq(fake_node_asked(ENDPOINT, GET), 1);
	fake_node_answer(ENDPOINT, GET, TWO);
	fake_node_say(&fleet, ENDPOINT, ONE);
	fake_fleet_advance_ms(&fleet, 1);
	expect("=n:7001 =n:7002", 2);
	ck_assert_uint_eq(fake_node_asked(ENDPOINT, GET), 2);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(older_engines_have_it_under_a_key)
{
	init();
	fake_node_answer(ENDPOINT, GET, "ERROR\r\n");
	fake_node_answer(ENDPOINT, OLD_GET, OLD_TWO);
	fake_fleet_begin(&fleet);
	expect("=n:7001 =n:7002", 1);
	fake_node_answer(ENDPOINT, OLD_GET, "END\r\n");
	fake_fleet_advance_ms(&fleet, 61000);
	expect("=n:7001 =n:7002", 1);
	fake_fleet_expect_trouble(&fleet, "it knows of no cluster");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(asks_the_nodes_when_the_endpoint_is_away)
{
	begin(TWO);
	fake_node_answer(7001, GET, THREE);
	fake_node_answer(7002, GET, THREE);
	fake_node_away(&fleet, ENDPOINT);
	fake_fleet_advance_ms(&fleet, 61000);
	expect("=n:7002", 2);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	/* The node that is left is asked as well, and the endpoint first each time. */
	fake_node_back(ENDPOINT);
	fake_node_answer(ENDPOINT, GET, "CONFIG cluster 0 10\r\n4\nn||7003\n\r\nEND\r\n");
	fake_fleet_advance_ms(&fleet, 61000);
	expect("=n:7003", 3);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(goes_on_from_a_node_that_is_away_to_the_next)
{
	begin(TWO);
	fake_node_answer(7002, GET, THREE);
	fake_node_away(&fleet, ENDPOINT);
	fake_node_away(&fleet, 7001);
	fake_fleet_advance_ms(&fleet, 61000);
	expect("=n:7002", 2);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(keeps_what_it_has_when_nobody_answers)
{
	begin(TWO);
	fake_node_away(&fleet, ENDPOINT);
	fake_fleet_advance_ms(&fleet, 61000);
	expect("=n:7001 =n:7002", 1);
	fake_fleet_expect_trouble(&fleet, "connect to cfg:7000: connection refused");
	fake_node_back(ENDPOINT);
	fake_fleet_advance_ms(&fleet, 61000);
	expect("=n:7001 =n:7002", 1);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

/* Who starts while the endpoint is away should not wait for a minute after it is back. */
START_TEST(asks_more_often_until_it_knows)
{
	init();
	fake_fleet_begin(&fleet);
	fake_fleet_expect_trouble(&fleet, "connect to cfg:7000: connection refused");
	fake_node_answer(ENDPOINT, GET, ONE);
	fake_fleet_advance_ms(&fleet, 1100);
	expect("=n:7001", 1);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_port_that_stalls_is_not_waited_for)
{
	begin(ONE);
	fake_node_answer(7001, GET, TWO);
	fake_node_answer(ENDPOINT, GET, NULL);
	discovery_refresh(fleet.discovery);
	fake_fleet_advance_ms(&fleet, 990);
	expect("=n:7001", 1);
	fake_fleet_advance_ms(&fleet, 20);
	expect("=n:7001 =n:7002", 2);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_lower_version_is_old_news)
{
	begin(TWO);
	fake_node_away(&fleet, 7001);
	fake_node_away(&fleet, 7002);
	fake_node_answer(ENDPOINT, GET, ONE);
	discovery_refresh(fleet.discovery);
	fake_fleet_settle(&fleet);
	expect("=n:7001 =n:7002", 1);
	fake_fleet_expect_trouble(&fleet, "version 1 of the nodes is told, which is older than 2");
	/* The version counts even where the list was the same. */
	fake_node_answer(ENDPOINT, GET, "CONFIG cluster 0 18\r\n9\nn||7001 n||7002\n\r\nEND\r\n");
	discovery_refresh(fleet.discovery);
	fake_fleet_settle(&fleet);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_node_answer(ENDPOINT, GET, THREE);
	discovery_refresh(fleet.discovery);
	fake_fleet_settle(&fleet);
	expect("=n:7001 =n:7002", 1);
	fake_fleet_expect_trouble(&fleet, "version 3 of the nodes");
	fake_fleet_end(&fleet);
}
END_TEST

static const char *const hostile[] = {
	"END\r\n",
	"ERROR\r\n",
	"STORED\r\n",
	"HTTP/1.1 400 Bad Request\r\n",
	"CONFIG cluster 0 3\r\n99\n\r\nEND\r\n",
	"CONFIG cluster 0 10\r\n9\n?||7009\n\r\nEND\r\n",
	"CONFIG cluster 0 10\r\n9\nn||7009\n??END\r\n",
	"CONFIG cluster 0 2147483648\r\n",
	"\0\0\0\0",
};

START_TEST(a_hostile_answer_changes_nothing)
{
	begin(ONE);
	fake_node_away(&fleet, 7001);
	fake_node_answer(ENDPOINT, OLD_GET, "END\r\n");
	fake_node_answer(ENDPOINT, GET, hostile[_i]);
	fake_fleet_advance_ms(&fleet, 65000);
	expect("=n:7001", 1);
	ck_assert_ptr_nonnull(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(logs_in_where_nodes_ask_for_it)
{
	init();
	fleet.pool.credentials.name = (char *)(uintptr_t) "me";
	fleet.pool.credentials.password.text = (char *)(uintptr_t) "pw";
	fake_node_answer(ENDPOINT, "set slipring-login 0 -1 5\r\nme pw\r\n", "STORED\r\n");
	fake_node_answer(ENDPOINT, GET, ONE);
	fake_fleet_begin(&fleet);
	expect("=n:7001", 1);
	fake_fleet_end(&fleet);
}
END_TEST

/* As all names of nodes: the system may not know them. */
START_TEST(asks_the_resolver_for_names)
{
	const char *const ip = "10.0.0.1";
	struct resolver *resolver = fake_resolver_new();

	fake_fleet_init(&fleet, PROTOCOL_MEMCACHED);
	fleet.resolver = resolver;
	fleet.pool.discover.elasticache = (char *)(uintptr_t) "cfg:7000";
	fake_node_answer(ENDPOINT, GET, ONE);
	fake_node_answer(7001, GET, TWO);
	fake_fleet_begin(&fleet);
	fake_resolver_answer(resolver, "cfg", NULL, 0);
	fake_fleet_expect_trouble(&fleet,
				  "cfg:7000: its name is not resolved: there is no such name");
	discovery_refresh(fleet.discovery);
	fake_resolver_answer(resolver, "cfg", &ip, 1);
	fake_fleet_settle(&fleet);
	ck_assert_str_eq(fake_server(fleet.loop, ENDPOINT)->host, ip);
	expect("=n:7001", 1);
	/* The node that is asked in the endpoint's place. */
	discovery_refresh(fleet.discovery);
	fake_resolver_answer(resolver, "cfg", NULL, 0);
	fake_resolver_answer(resolver, "n", &ip, 1);
	fake_fleet_settle(&fleet);
	expect("=n:7001 =n:7002", 2);
	fake_fleet_end(&fleet);
	fake_resolver_free(resolver);
}
END_TEST

Suite *discovery_elasticache_suite(void)
{
	Suite *suite = suite_create("discovery_elasticache");
	TCase *tcase = tcase_create("discovery_elasticache");

	tcase_add_test(tcase, asks_the_endpoint_every_minute);
	tcase_add_test(tcase, asks_as_often_as_the_pool_says);
	tcase_add_test(tcase, asks_at_a_refresh);
	tcase_add_test(tcase, asks_again_when_refreshed_while_it_asks);
	tcase_add_test(tcase, older_engines_have_it_under_a_key);
	tcase_add_test(tcase, asks_the_nodes_when_the_endpoint_is_away);
	tcase_add_test(tcase, goes_on_from_a_node_that_is_away_to_the_next);
	tcase_add_test(tcase, keeps_what_it_has_when_nobody_answers);
	tcase_add_test(tcase, asks_more_often_until_it_knows);
	tcase_add_test(tcase, a_port_that_stalls_is_not_waited_for);
	tcase_add_test(tcase, a_lower_version_is_old_news);
	tcase_add_loop_test(tcase, a_hostile_answer_changes_nothing, 0, (int)ARRAY_LEN(hostile));
	tcase_add_test(tcase, logs_in_where_nodes_ask_for_it);
	tcase_add_test(tcase, asks_the_resolver_for_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
