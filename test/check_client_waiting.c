#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "data_path.h"
#include "suites.h"

/* Commands that wait at a node, another database, SCAN and scripts. */

static struct data_path dp;
static struct fake_peer *own;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void ask(const char *words, const char *reply)
{
	say_words(dp.client, words);
	expect(dp.client, reply);
}

static void serve(void)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

/* BLPOP on shard a waits at its node. */
static void wait(void)
{
	serve();
	ask("blpop a 0", "");
	expect(dp.a, "");
	own = data_path_connect(&dp, 0);
	expect_words(own, "blpop a 0");
}

START_TEST(waits_without_a_limit_and_gives_its_connection_back)
{
	wait();
	fake_advance_ms(dp.loop, 100000);
	expect(dp.client, "");
	say(own, "*2\r\n$1\r\na\r\n$1\r\nx\r\n");
	expect(dp.client, "*2\r\n$1\r\na\r\n$1\r\nx\r\n");
	ck_assert_uint_eq(dp.engine.connsets[0]->n_held, 0);
	ck_assert_uint_eq(dp.engine.connsets[0]->n_idle, 1);
}
END_TEST

START_TEST(the_next_command_waits_too)
{
	wait();
	ask("get b", "");
	expect(dp.b, "");
	say(own, "*-1\r\n");
	expect(dp.client, "*-1\r\n");
	data_path_pass_words(&dp, dp.b, "get b", "$-1\r\n");
}
END_TEST

START_TEST(a_client_that_leaves_ends_its_waiting)
{
	wait();
	ask("get b", "");
	hang_up(dp.client, _i == 0 ? -ECONNRESET : STREAM_EOF);
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.engine.connsets[0]->n_held, 0);
}
END_TEST

START_TEST(a_lost_server_is_told)
{
	wait();
	hang_up(own, -ECONNRESET);
	expect(dp.client, "-ERR slipring: shard a: connection to a:7000 lost; the command may have "
			  "run\r\n");
	ask("ping", "+PONG\r\n");
}
END_TEST

START_TEST(is_read_ahead_up_to_a_limit)
{
	static char pings[2 * CLIENT_AHEAD_MAX + 1];

	wait();
	for (size_t i = 0; i + 6 < sizeof(pings); i += 6)
		snprintf(pings + i, 7, "PING\r\n");
	say(dp.client, pings);
	expect(dp.client, "");
	say(own, "*-1\r\n");
	expect_first(dp.client, "*-1\r\n+PONG\r\n");
	fake_take(dp.client, fake_got(dp.client).len);
}
END_TEST

START_TEST(another_database_has_connections_of_its_own)
{
	serve();
	ask("select 3", "");
	own = data_path_connect(&dp, 0);
	data_path_pass_words(&dp, own, "select 3", "+OK\r\n");
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	ask("get a", "");
	own = data_path_server(&dp, 0);
	fake_connect(own, 0);
	fake_settle(dp.loop);
	expect_first(own, "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n");
	say(own, "+OK\r\n+PONG\r\n");
	data_path_pass_words(&dp, own, "get a", "$1\r\n3\r\n");
	ask("select 0", "+OK\r\n");
	ask("get a", "");
	data_path_pass_words(&dp, dp.a, "get a", "$1\r\n0\r\n");
}
END_TEST

START_TEST(a_database_that_is_not_there_is_the_nodes_error)
{
	serve();
	ask("select 99", "");
	data_path_connect(&dp, 0);
	say(data_path_server(&dp, 0), "-ERR DB index is out of range\r\n");
	expect_first(dp.client, "-ERR DB index is out of range\r\n");
	ask("get a", "");
	data_path_pass_words(&dp, dp.a, "get a", "$-1\r\n");
}
END_TEST

static const struct {
	const char *words; /* the client's */
	char shard;
	const char *cursor, *reply, *answer; /* the node's cursor, its next, and the client's */
} scans[] = {
	{"scan 0", 'a', "0", "17", "69632"}, {"scan 69632", 'a', "17", "0", "1"},
	{"scan 1", 'b', "0", "0", "2"},	     {"scan 2", 'c', "0", "5", "20482"},
	{"scan 20482", 'c', "5", "0", "0"},
};

START_TEST(scan_goes_from_shard_to_shard)
{
	char text[128];

	serve();
	struct fake_peer *nodes[] = {dp.a, dp.b, dp.c};
	struct fake_peer *its = nodes[scans[_i].shard - 'a'];
	ask(scans[_i].words, "");
	snprintf(text, sizeof(text), "*2\r\n$4\r\nSCAN\r\n$%zu\r\n%s\r\n", strlen(scans[_i].cursor),
		 scans[_i].cursor);
	expect(its, text);
	snprintf(text, sizeof(text), "*2\r\n$%zu\r\n%s\r\n*1\r\n$1\r\nk\r\n",
		 strlen(scans[_i].reply), scans[_i].reply);
	say(its, text);
	snprintf(text, sizeof(text), "*2\r\n$%zu\r\n%s\r\n*1\r\n$1\r\nk\r\n",
		 strlen(scans[_i].answer), scans[_i].answer);
	expect(dp.client, text);
}
END_TEST

static const char *const no_cursors[] = {"scan x", "scan -1", "scan 3", "scan 4095",
					 "scan 18446744073709551616"};

START_TEST(a_forged_cursor_is_refused)
{
	serve();
	ask(no_cursors[_i], "-ERR invalid cursor\r\n");
}
END_TEST

/* SHA-1 of "return 1". */
#define SHA "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

START_TEST(a_node_without_a_script_is_given_it)
{
	serve();
	say(dp.client, "*4\r\n$4\r\neval\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\nb\r\n");
	fake_take(dp.b, fake_got(dp.b).len);
	say(dp.b, ":1\r\n");
	expect(dp.client, ":1\r\n");
	ask("evalsha " SHA " 1 a", "");
	answer_words(dp.a, "evalsha " SHA " 1 a",
		     "-NOSCRIPT No matching script. Please use EVAL.\r\n");
	expect(dp.client, "");
	expect_first(dp.a, "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n");
	answer_words(dp.a, "evalsha " SHA " 1 a", "$40\r\n" SHA "\r\n:1\r\n");
	expect(dp.client, ":1\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_SCRIPTS_GIVEN), 1);
}
END_TEST

START_TEST(a_script_that_nobody_knows_is_the_clients_to_send)
{
	serve();
	ask("evalsha " SHA " 1 a", "");
	fake_take(dp.a, fake_got(dp.a).len);
	say(dp.a, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
	expect(dp.client, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
}
END_TEST

Suite *client_waiting_suite(void)
{
	Suite *suite = suite_create("client_waiting");
	TCase *tcase = tcase_create("client_waiting");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, waits_without_a_limit_and_gives_its_connection_back);
	tcase_add_test(tcase, the_next_command_waits_too);
	tcase_add_loop_test(tcase, a_client_that_leaves_ends_its_waiting, 0, 2);
	tcase_add_test(tcase, a_lost_server_is_told);
	tcase_add_test(tcase, is_read_ahead_up_to_a_limit);
	tcase_add_test(tcase, another_database_has_connections_of_its_own);
	tcase_add_test(tcase, a_database_that_is_not_there_is_the_nodes_error);
	tcase_add_loop_test(tcase, scan_goes_from_shard_to_shard, 0, ARRAY_LEN(scans));
	tcase_add_loop_test(tcase, a_forged_cursor_is_refused, 0, ARRAY_LEN(no_cursors));
	tcase_add_test(tcase, a_node_without_a_script_is_given_it);
	tcase_add_test(tcase, a_script_that_nobody_knows_is_the_clients_to_send);
	suite_add_tcase(suite, tcase);
	return suite;
}
