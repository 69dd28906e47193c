#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

START_TEST(keys_of_the_tests_are_where_the_header_says)
{
	static const char *const on[] = {"adhil", "bfgkm", "cejo"};

	data_path_serve_memcached(&dp);
	for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++) {
		for (const char *key = on[i]; *key != '\0'; key++)
			ck_assert_uint_eq(route_key(dp.pool, span_make(key, 1), dp.engine.digest,
						    &dp.engine.rng)
						  ->index,
					  i);
	}
}
END_TEST

START_TEST(passes_a_command_and_its_reply_on)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a\r\n");
	expect(dp.a, "get a\r\n");
	expect(dp.b, "");
	say(dp.a, "VALUE a 0 3\r\nxyz\r\nEND\r\n");
	expect(dp.client, "VALUE a 0 3\r\nxyz\r\nEND\r\n");
	say(dp.client, "set b 7 0 2\r\nhi\r\n");
	data_path_pass(&dp, dp.b, "set b 7 0 2\r\nhi\r\n", "STORED\r\n");
}
END_TEST

START_TEST(noreply_is_stripped_for_the_server_and_its_reply_dropped)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "set a 0 0 1 noreply\r\nx\r\nincr b 1 noreply\r\nget a\r\n");
	expect(dp.a, "set a 0 0 1\r\nx\r\nget a\r\n");
	answer_to(dp.b, "incr b 1\r\n",
		  "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	say(dp.a, "SERVER_ERROR out of memory storing object\r\nEND\r\n");
	expect(dp.client, "END\r\n");
}
END_TEST

START_TEST(noreply_to_a_dead_server_is_silent)
{
	data_path_serve_memcached(&dp);
	hang_up(dp.a, STREAM_EOF);
	say(dp.client, "set a 0 0 1 noreply\r\nx\r\nget b\r\n");
	say(dp.b, "END\r\n");
	expect(dp.client, "END\r\n");
}
END_TEST

START_TEST(requests_of_a_client_that_left_end_by_themselves)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a\r\nget a b\r\nset c 0 0 1\r\nx\r\n");
	hang_up(dp.client, -ECONNRESET);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.engine.requests.used, 3);
	say(dp.a, "END\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	ck_assert_uint_eq(dp.engine.requests.used, 2);
	say(dp.b, "END\r\n");
	say(dp.c, "STORED\r\n");
	check_engine_is_empty(&dp);
	ck_assert_uint_eq(dp.clients.n, 0);
}
END_TEST

START_TEST(finished_replies_of_a_client_that_left_are_dropped)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a\r\nget b\r\n");
	say(dp.b, "END\r\n"); /* waits for a's */
	hang_up(dp.client, -ECONNRESET);
	ck_assert_uint_eq(dp.engine.requests.used, 1);
	say(dp.a, "END\r\n");
}
END_TEST

START_TEST(a_half_closed_client_gets_its_replies)
{
	data_path_serve_memcached(&dp);
	fake_send(dp.client, span_of("get a\r\nget b\r\n"));
	hang_up(dp.client, STREAM_EOF);
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
	say(dp.b, "END\r\n");
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\nEND\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(a_half_closed_client_that_breaks_is_closed)
{
	data_path_serve_memcached(&dp);
	fake_send(dp.client, span_of("get a\r\nget b\r\n"));
	hang_up(dp.client, STREAM_EOF);
	fake_end(dp.client, -ECONNRESET);
	say(dp.a, "END\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.clients.n, 0);
	say(dp.b, "END\r\n");
}
END_TEST

START_TEST(half_a_command_before_the_end_is_dropped)
{
	data_path_serve_memcached(&dp);
	fake_send(dp.client, span_of("get a\r\nset b 0 0 10\r\nxyz"));
	hang_up(dp.client, STREAM_EOF);
	expect(dp.b, "");
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(quit_answers_what_came_before_and_nothing_after)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a\r\nquit\r\nget b\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
	expect(dp.b, "");
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(quit_of_redis_is_answered_after_what_came_before)
{
	data_path_serve_redis(&dp);
	say(dp.client, "GET a\r\nQUIT\r\nGET b\r\n");
	expect(dp.b, "");
	say(dp.a, "$-1\r\n");
	expect(dp.client, "$-1\r\n+OK\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(bytes_out_of_protocol_are_answered_in_order_and_the_client_closed)
{
	data_path_serve_redis(&dp);
	say(dp.client, "GET a\r\n*1\r\n:5\r\n*1\r\n$4\r\nPING\r\n");
	expect(dp.client, "");
	say(dp.a, "$-1\r\n");
	expect(dp.client, "$-1\r\n-ERR Protocol error: expected '$', got ':'\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_PROTOCOL_ERRORS), 1);
}
END_TEST

START_TEST(an_empty_inline_line_has_no_reply)
{
	data_path_serve_redis(&dp);
	say(dp.client, "\r\n\r\nPING\r\n*0\r\nPING\r\n");
	expect(dp.client, "+PONG\r\n+PONG\r\n");
}
END_TEST

START_TEST(inline_commands_are_sent_as_arrays)
{
	static const char array[] = "*3\r\n$3\r\nset\r\n$1\r\na\r\n$5\r\nx\r\n\0y\r\n";

	data_path_serve_redis(&dp);
	say(dp.client, "set a \"x\\r\\n\\x00y\"\r\n");
	expect_bytes(dp.a, span_make(array, sizeof(array) - 1));
	say(dp.a, "+OK\r\n");
	expect(dp.client, "+OK\r\n");
	say(dp.client, "get \"a\r\n");
	expect(dp.client, "-ERR Protocol error: unbalanced quotes in request\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(a_refused_data_block_is_swallowed)
{
	data_path_serve(&dp,
			(struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .request = 1024});
	dp.client->read_max = 100;
	say(dp.client, "set a 0 0 2000\r\n");
	for (int i = 0; i < 20; i++)
		say(dp.client,
		    "get b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\n"
		    "get b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\n12");
	say(dp.client, "\r\nget c\r\n");
	expect(dp.a, "delete a\r\n");
	expect(dp.b, "");
	answer_to(dp.c, "get c\r\n", "END\r\n");
	say(dp.a, "NOT_FOUND\r\n");
	expect(dp.client, "SERVER_ERROR object too large for cache\r\nEND\r\n");
}
END_TEST

START_TEST(a_socket_that_cannot_be_adopted_is_counted)
{
	data_path_serve_memcached(&dp);
	client_accept(&dp.clients, dp.pool, -1, false);
	ck_assert_uint_eq(dp.clients.n, 1);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->closed), 1);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->clients), 1);
}
END_TEST

Suite *client_suite(void)
{
	Suite *suite = suite_create("client");
	TCase *tcase = tcase_create("client");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, keys_of_the_tests_are_where_the_header_says);
	tcase_add_test(tcase, passes_a_command_and_its_reply_on);
	tcase_add_test(tcase, noreply_is_stripped_for_the_server_and_its_reply_dropped);
	tcase_add_test(tcase, noreply_to_a_dead_server_is_silent);
	tcase_add_test(tcase, requests_of_a_client_that_left_end_by_themselves);
	tcase_add_test(tcase, finished_replies_of_a_client_that_left_are_dropped);
	tcase_add_test(tcase, a_half_closed_client_gets_its_replies);
	tcase_add_test(tcase, a_half_closed_client_that_breaks_is_closed);
	tcase_add_test(tcase, half_a_command_before_the_end_is_dropped);
	tcase_add_test(tcase, quit_answers_what_came_before_and_nothing_after);
	tcase_add_test(tcase, quit_of_redis_is_answered_after_what_came_before);
	tcase_add_test(tcase, bytes_out_of_protocol_are_answered_in_order_and_the_client_closed);
	tcase_add_test(tcase, an_empty_inline_line_has_no_reply);
	tcase_add_test(tcase, inline_commands_are_sent_as_arrays);
	tcase_add_test(tcase, a_refused_data_block_is_swallowed);
	tcase_add_test(tcase, a_socket_that_cannot_be_adopted_is_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}
