#include <check.h>

#include "fake_node.h"
#include "fake_resolver.h"
#include "suites.h"

#define SENTINEL "*3\r\n$8\r\nSENTINEL\r\n"
#define ADDRESS	 SENTINEL "$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$1\r\nm\r\n"
#define REPLICAS SENTINEL "$8\r\nREPLICAS\r\n$1\r\nm\r\n"
#define SLAVES	 SENTINEL "$6\r\nSLAVES\r\n$1\r\nm\r\n"
#define SUB	 "*2\r\n$9\r\nSUBSCRIBE\r\n$14\r\n+switch-master\r\n"
#define SUBBED	 "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"
#define SWITCHED "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$11\r\nm A 1 B 1\r\n\r\n"

#define NONE	 "*-1\r\n"
#define A	 "*2\r\n$1\r\nA\r\n$1\r\n1\r\n"
#define B	 "*2\r\n$1\r\nB\r\n$1\r\n1\r\n"
#define NOBODY	 "*2\r\n$1\r\n?\r\n$1\r\n0\r\n"
#define NO_NODES "*0\r\n"
#define ONE(name, flags)                                                                           \
	"*6\r\n$2\r\nip\r\n$1\r\n" name "\r\n$4\r\nport\r\n$1\r\n1\r\n$5\r\nflags\r\n" flags "\r"  \
	"\n"
#define UP   "$5\r\nslave"
#define DOWN "$12\r\ns_down,slave"

#define S1 7001 /* the Sentinels' ports */
#define S2 7002
#define S3 7003

static struct fake_fleet fleet;
static char *addresses[] = {(char *)(uintptr_t) "s1:7001", (char *)(uintptr_t) "s2:7002",
			    (char *)(uintptr_t) "s3:7003"};
static char *masters[] = {(char *)(uintptr_t) "m", (char *)(uintptr_t) "n"};

static void sentinel_says(uint16_t port, const char *address, const char *replicas)
{
	fake_node_answer(port, ADDRESS, address);
	fake_node_answer(port, REPLICAS, replicas);
	fake_node_answer(port, SUB, SUBBED);
}

static void all_say(const char *address, const char *replicas)
{
	for (uint16_t port = S1; port <= S3; port++)
		sentinel_says(port, address, replicas);
}

static void init(size_t n)
{
	fake_fleet_init(&fleet, PROTOCOL_REDIS);
	fleet.pool.discover.sentinel = (struct string_list){addresses, n};
	fleet.pool.discover.masters = (struct string_list){masters, 1};
}

static void begin(void)
{
	init(3);
	all_say(A, "*1\r\n" ONE("B", UP));
	fake_fleet_begin(&fleet);
}

START_TEST(finds_the_primary_and_its_replicas)
{
	begin();
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	ck_assert_uint_eq(fleet.n_told, 1);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	ck_assert_uint_eq(fake_node_asked(S3, ADDRESS), 1);
	ck_assert_uint_eq(fake_node_asked(S3, SUB), 1);
	fake_fleet_advance_ms(&fleet, 5100);
	ck_assert_uint_eq(fake_node_asked(S3, ADDRESS), 6);
	ck_assert_uint_eq(fleet.n_told, 1);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_switch_is_followed_at_once)
{
	begin();
	all_say(B, "*1\r\n" ONE("A", DOWN));
	fake_node_say(&fleet, S2, SWITCHED);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	fake_fleet_advance_ms(&fleet, 10);
	fake_fleet_expect(&fleet, "m=B:1");
	ck_assert_uint_eq(fleet.n_told, 2);
	all_say(B, "*1\r\n" ONE("A", UP));
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=B:1+A:1");
	fake_fleet_end(&fleet);
}
END_TEST

/* However often they come, one alone changes nothing, and all are asked together. */
START_TEST(a_storm_of_switches_is_not_one_of_questions)
{
	begin();
	for (int i = 0; i < 100; i++)
		fake_node_say(&fleet, S2, SWITCHED);
	ck_assert_uint_eq(fake_node_asked(S1, ADDRESS), 1);
	fake_fleet_advance_ms(&fleet, 100);
	ck_assert_uint_eq(fake_node_asked(S1, ADDRESS), 2);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_switch_is_seen_by_polling_too)
{
	begin();
	all_say(B, NO_NODES);
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=B:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(one_that_lies_alone_moves_nothing)
{
	begin();
	sentinel_says(S1, B, "*1\r\n" ONE("C", UP));
	fake_fleet_advance_ms(&fleet, 5000);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	/* Not even where it is the only one that is left. */
	fake_node_away(&fleet, S2);
	fake_node_away(&fleet, S3);
	fake_fleet_advance_ms(&fleet, 5000);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	ck_assert_uint_eq(fleet.n_told, 1);
	fake_fleet_expect_trouble(
		&fleet,
		"primary of m: 1 of 3 Sentinels say B:1; expected more than half; connect to "
		"s2:7002: connection refused");
	fake_node_back(S2);
	fake_node_answer(S2, ADDRESS, B);
	fake_fleet_advance_ms(&fleet, 2500);
	ck_assert_msg(strncmp(fake_fleet_text(&fleet), "m=B:1", 5) == 0, "%s",
		      fake_fleet_text(&fleet));
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(starts_with_the_one_that_is_there)
{
	init(3);
	fake_node_away(&fleet, S1);
	fake_node_away(&fleet, S2);
	sentinel_says(S3, A, "*1\r\n" ONE("B", UP));
	fake_fleet_begin(&fleet);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(one_sentinel_alone_is_followed)
{
	init(1);
	sentinel_says(S1, A, NO_NODES);
	fake_fleet_begin(&fleet);
	fake_fleet_expect(&fleet, "m=A:1");
	sentinel_says(S1, B, NO_NODES);
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=B:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(keeps_what_it_has_when_all_are_away)
{
	begin();
	for (uint16_t port = S1; port <= S3; port++)
		fake_node_away(&fleet, port);
	fake_fleet_advance_ms(&fleet, 3000);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	ck_assert_uint_eq(fleet.n_told, 1);
	fake_fleet_expect_trouble(
		&fleet,
		"primary of m: no Sentinel answers; connect to s1:7001: connection refused");
	for (uint16_t port = S1; port <= S3; port++)
		fake_node_back(port);
	fake_fleet_advance_ms(&fleet, 1100);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

/* The subscription comes back with the Sentinel. */
START_TEST(subscribes_again_after_a_loss)
{
	begin();
	fake_node_away(&fleet, S2);
	fake_fleet_advance_ms(&fleet, 1100);
	fake_node_back(S2);
	fake_fleet_advance_ms(&fleet, 1100);
	all_say(B, NO_NODES);
	fake_node_say(&fleet, S2, SWITCHED);
	fake_fleet_advance_ms(&fleet, 10);
	fake_fleet_expect(&fleet, "m=B:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(one_that_stalls_keeps_nobody_waiting)
{
	begin();
	fake_node_answer(S1, ADDRESS, NULL);
	fake_fleet_advance_ms(&fleet, 1010);
	all_say(B, NO_NODES);
	fake_node_answer(S1, ADDRESS, NULL);
	fake_node_say(&fleet, S2, SWITCHED);
	fake_fleet_advance_ms(&fleet, 10);
	fake_fleet_expect(&fleet, "m=B:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(asks_old_sentinels_for_slaves)
{
	begin();
	for (uint16_t port = S1; port <= S3; port++) {
		fake_node_answer(port, REPLICAS, "-ERR Unknown sentinel subcommand 'REPLICAS'\r\n");
		fake_node_answer(port, SLAVES, "*1\r\n" ONE("C", UP));
	}
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=A:1+C:1");
	uint32_t asked = fake_node_asked(S1, REPLICAS);
	fake_fleet_advance_ms(&fleet, 3000);
	ck_assert_uint_eq(fake_node_asked(S1, REPLICAS), asked);
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_name_that_nobody_knows_is_told)
{
	init(3);
	for (uint16_t port = S1; port <= S3; port++)
		sentinel_says(port, NONE, "-ERR No such master with that name\r\n");
	fake_fleet_begin(&fleet);
	ck_assert_uint_eq(fleet.n_told, 0);
	fake_fleet_expect_trouble(&fleet, "primary of m: no Sentinel that answers knows of it");
	ck_assert_uint_eq(fake_node_asked(S1, SLAVES), 0);
	all_say(A, NO_NODES);
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=A:1");
	/* Nor does forgetting it take it away. */
	for (uint16_t port = S1; port <= S3; port++)
		sentinel_says(port, NONE, "-ERR No such master with that name\r\n");
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=A:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(each_primary_has_its_place_from_the_start)
{
	init(1);
	fleet.pool.discover.masters.n = 2;
	sentinel_says(S1, A, NO_NODES);
	fake_node_answer(S1, SENTINEL "$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$1\r\nn\r\n", NONE);
	fake_node_answer(S1, SENTINEL "$8\r\nREPLICAS\r\n$1\r\nn\r\n", "-ERR No such master\r\n");
	fake_fleet_begin(&fleet);
	fake_fleet_expect(&fleet, "m=A:1 n=?");
	fake_fleet_expect_trouble(&fleet, "primary of n: no Sentinel that answers knows of it");
	fake_node_answer(S1, SENTINEL "$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$1\r\nn\r\n", B);
	fake_node_answer(S1, SENTINEL "$8\r\nREPLICAS\r\n$1\r\nn\r\n", NO_NODES);
	fake_fleet_advance_ms(&fleet, 1100);
	fake_fleet_expect(&fleet, "m=A:1 n=B:1");
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

static const char *const hostile[] = {
	NOBODY,
	"*2\r\n$0\r\n\r\n$1\r\n1\r\n",
	"*2\r\n$1\r\nB\r\n$5\r\n65536\r\n",
	"+OK\r\n",
	":1\r\n",
	"*1\r\n$1\r\nB\r\n",
	"-ERR what\r\n",
	"HTTP/1.1 400 Bad Request\r\n",
	"*2\r\n*0\r\n*0\r\n",
	"$1048577\r\n",
	"*1000000000\r\n",
};

START_TEST(a_hostile_answer_changes_nothing)
{
	begin();
	for (uint16_t port = S1; port <= S3; port++) {
		fake_node_answer(port, ADDRESS, hostile[_i]);
		fake_node_answer(port, REPLICAS, hostile[_i]);
		fake_node_answer(port, SLAVES, hostile[_i]);
		fake_node_answer(port, SUB, hostile[_i]);
	}
	fake_fleet_advance_ms(&fleet, 5000);
	ck_assert_uint_eq(fleet.n_told, 1);
	fake_fleet_expect(&fleet, "m=A:1+B:1");
	ck_assert_ptr_nonnull(discovery_trouble(fleet.discovery));
	all_say(A, "*1\r\n" ONE("B", UP));
	fake_fleet_advance_ms(&fleet, 2500);
	ck_assert_ptr_null(discovery_trouble(fleet.discovery));
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_password_that_sentinels_do_not_ask_for_does_no_harm)
{
	init(1);
	fleet.pool.credentials.password.text = (char *)(uintptr_t) "pw";
	fake_node_answer(S1, "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n",
			 "-ERR AUTH <password> called without any password configured\r\n");
	sentinel_says(S1, A, NO_NODES);
	fake_fleet_begin(&fleet);
	fake_fleet_expect(&fleet, "m=A:1");
	fake_fleet_end(&fleet);
}
END_TEST

START_TEST(a_refresh_asks_all)
{
	begin();
	all_say(B, NO_NODES);
	discovery_refresh(fleet.discovery);
	discovery_refresh(fleet.discovery);
	fake_fleet_advance_ms(&fleet, 10);
	fake_fleet_expect(&fleet, "m=B:1");
	ck_assert_uint_eq(fake_node_asked(S1, ADDRESS), 2);
	fake_fleet_end(&fleet);
}
END_TEST

/* For its connection to ask and the one to listen at; as all names of nodes: the system may not know them. */
START_TEST(asks_the_resolver_for_names)
{
	struct resolver *resolver = fake_resolver_new();

	init(3);
	all_say(A, NO_NODES);
	fleet.resolver = resolver;
	fake_fleet_begin(&fleet);
	ck_assert_uint_eq(fake_resolver_open(resolver), 6);
	ck_assert_ptr_null(fake_server(fleet.loop, S1));
	fake_fleet_end(&fleet);
	fake_resolver_free(resolver);
}
END_TEST

Suite *discovery_sentinel_suite(void)
{
	Suite *suite = suite_create("discovery_sentinel");
	TCase *tcase = tcase_create("discovery_sentinel");

	tcase_add_test(tcase, finds_the_primary_and_its_replicas);
	tcase_add_test(tcase, a_switch_is_followed_at_once);
	tcase_add_test(tcase, a_storm_of_switches_is_not_one_of_questions);
	tcase_add_test(tcase, a_switch_is_seen_by_polling_too);
	tcase_add_test(tcase, one_that_lies_alone_moves_nothing);
	tcase_add_test(tcase, starts_with_the_one_that_is_there);
	tcase_add_test(tcase, one_sentinel_alone_is_followed);
	tcase_add_test(tcase, keeps_what_it_has_when_all_are_away);
	tcase_add_test(tcase, subscribes_again_after_a_loss);
	tcase_add_test(tcase, one_that_stalls_keeps_nobody_waiting);
	tcase_add_test(tcase, asks_old_sentinels_for_slaves);
	tcase_add_test(tcase, a_name_that_nobody_knows_is_told);
	tcase_add_test(tcase, each_primary_has_its_place_from_the_start);
	tcase_add_loop_test(tcase, a_hostile_answer_changes_nothing, 0, (int)ARRAY_LEN(hostile));
	tcase_add_test(tcase, a_password_that_sentinels_do_not_ask_for_does_no_harm);
	tcase_add_test(tcase, a_refresh_asks_all);
	tcase_add_test(tcase, asks_the_resolver_for_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
