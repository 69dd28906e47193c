#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "data_path.h"
#include "serve/clients.h"
#include "suites.h"

static struct data_path dp;
static struct fake_peer *client, *a, *b, *c;

/* An engine with all servers there, and one client. */
static void begin(struct data_path_setup setup)
{
	data_path_init(&dp, setup);
	client = data_path_client(&dp);
	a = data_path_server(&dp, 0);
	b = data_path_server(&dp, 1);
	c = data_path_server(&dp, 2);
}

static void begin_memcached(void)
{
	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

static void begin_redis(void)
{
	begin((struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

static void end(void)
{
	check_engine_is_empty(&dp);
	data_path_fini(&dp);
}

START_TEST(keys_of_the_tests_are_where_the_header_says)
{
	static const char *const on[] = {"adhil", "bfgkm", "cejo"};

	begin_memcached();
	for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++) {
		for (const char *key = on[i]; *key != '\0'; key++)
			ck_assert_uint_eq(route_key(dp.pool, span_make(key, 1), dp.engine.digest,
						    &dp.engine.rng)
						  ->index,
					  i);
	}
	end();
}
END_TEST

START_TEST(passes_a_command_and_its_reply_on)
{
	begin_memcached();
	say(client, "get a\r\n");
	expect(a, "get a\r\n");
	expect(b, "");
	say(a, "VALUE a 0 3\r\nxyz\r\nEND\r\n");
	expect(client, "VALUE a 0 3\r\nxyz\r\nEND\r\n");
	say(client, "set b 7 0 2\r\nhi\r\n");
	expect(b, "set b 7 0 2\r\nhi\r\n");
	say(b, "STORED\r\n");
	expect(client, "STORED\r\n");
	end();
}
END_TEST

/* The order in which the servers of the commands GET a, GET b, GET c answer. */
static const char *const orders[] = {"abc", "acb", "bac", "bca", "cab", "cba"};

START_TEST(replies_in_request_order_whatever_order_servers_answer_in)
{
	begin_memcached();
	say(client, "get a\r\nget b\r\nget c\r\nget a\r\n");
	expect(a, "get a\r\nget a\r\n");
	expect(b, "get b\r\n");
	expect(c, "get c\r\n");
	for (const char *p = orders[_i]; *p != '\0'; p++) {
		if (*p == 'a')
			say(a, "VALUE a 0 1\r\n1\r\nEND\r\nVALUE a 0 1\r\n4\r\nEND\r\n");
		else if (*p == 'b')
			say(b, "VALUE b 0 1\r\n2\r\nEND\r\n");
		else
			say(c, "END\r\n");
	}
	expect(client, "VALUE a 0 1\r\n1\r\nEND\r\n"
		       "VALUE b 0 1\r\n2\r\nEND\r\n"
		       "END\r\n"
		       "VALUE a 0 1\r\n4\r\nEND\r\n");
	end();
}
END_TEST

START_TEST(a_finished_reply_waits_for_the_ones_before_it)
{
	begin_redis();
	say(client, "GET a\r\nPING\r\nGET b\r\n");
	say(b, "$1\r\n2\r\n");
	expect(client, "");
	say(a, "$1\r\n1\r\n");
	expect(client, "$1\r\n1\r\n+PONG\r\n$1\r\n2\r\n");
	end();
}
END_TEST

#define MC_PIPELINE "get a b\r\nset c 0 0 12\r\nvalue\r\nget x\r\nincr d 1\r\ndelete b noreply\r\n"
#define MC_TO_A	    "get a\r\nincr d 1\r\n"
#define MC_TO_B	    "get b\r\ndelete b\r\n"
#define MC_TO_C	    "set c 0 0 12\r\nvalue\r\nget x\r\n"
#define MC_ANSWER   "VALUE b 0 1\r\n2\r\nEND\r\nSTORED\r\n5\r\n"

/* Servers answer what they have got, byte by byte. */
static void answer_memcached(void)
{
	expect(a, MC_TO_A);
	expect(b, MC_TO_B);
	expect(c, MC_TO_C);
	a->read_max = b->read_max = c->read_max = 1;
	say(a, "END\r\n5\r\n");
	say(b, "VALUE b 0 1\r\n2\r\nEND\r\nDELETED\r\n");
	say(c, "STORED\r\n");
	expect(client, MC_ANSWER);
	a->read_max = b->read_max = c->read_max = SIZE_MAX;
}

START_TEST(every_split_of_memcached_bytes_gives_the_same)
{
	size_t len = strlen(MC_PIPELINE);

	begin_memcached();
	for (size_t i = 0; i <= len; i++) {
		say_bytes(client, span_make(MC_PIPELINE, i));
		say_bytes(client, span_make(MC_PIPELINE + i, len - i));
		answer_memcached();
		check_engine_is_empty(&dp);
	}
	client->read_max = 1;
	say(client, MC_PIPELINE);
	answer_memcached();
	end();
}
END_TEST

#define RESP_PIPELINE                                                                              \
	"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\nGET c\r\n*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$4\r\n"  \
	"\r\n\r\n\r\n*1\r\n$4\r\nPING\r\n"

static void answer_redis(void)
{
	expect(a,
	       "*2\r\n$4\r\nmget\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$4\r\n\r\n\r\n\r\n");
	expect(b, "*2\r\n$4\r\nmget\r\n$1\r\nb\r\n");
	expect(c, "*2\r\n$3\r\nGET\r\n$1\r\nc\r\n");
	a->read_max = b->read_max = c->read_max = 1;
	say(b, "*1\r\n$2\r\n\r\n\r\n");
	say(c, "$-1\r\n");
	say(a, "*1\r\n$-1\r\n+OK\r\n");
	expect(client, "*2\r\n$-1\r\n$2\r\n\r\n\r\n$-1\r\n+OK\r\n+PONG\r\n");
	a->read_max = b->read_max = c->read_max = SIZE_MAX;
}

START_TEST(every_split_of_resp_bytes_gives_the_same)
{
	size_t len = strlen(RESP_PIPELINE);

	begin_redis();
	for (size_t i = 0; i <= len; i++) {
		say_bytes(client, span_make(RESP_PIPELINE, i));
		say_bytes(client, span_make(RESP_PIPELINE + i, len - i));
		answer_redis();
		check_engine_is_empty(&dp);
	}
	client->read_max = 1;
	say(client, RESP_PIPELINE);
	answer_redis();
	end();
}
END_TEST

START_TEST(noreply_is_stripped_for_the_server_and_its_reply_dropped)
{
	begin_memcached();
	say(client, "set a 0 0 1 noreply\r\nx\r\nincr b 1 noreply\r\nget a\r\n");
	expect(a, "set a 0 0 1\r\nx\r\nget a\r\n");
	expect(b, "incr b 1\r\n");
	say(b, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	say(a, "SERVER_ERROR out of memory storing object\r\nEND\r\n");
	expect(client, "END\r\n");
	end();
}
END_TEST

START_TEST(noreply_to_a_dead_server_is_silent)
{
	begin_memcached();
	fake_end(a, STREAM_EOF);
	fake_settle(dp.loop);
	say(client, "set a 0 0 1 noreply\r\nx\r\nget b\r\n");
	say(b, "END\r\n");
	expect(client, "END\r\n");
	end();
}
END_TEST

START_TEST(requests_of_a_client_that_left_end_by_themselves)
{
	begin_memcached();
	say(client, "get a\r\nget a b\r\nset c 0 0 1\r\nx\r\n");
	fake_end(client, -ECONNRESET);
	fake_settle(dp.loop);
	ck_assert_int_eq(client->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.engine.requests.used, 3);
	say(a, "END\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	ck_assert_uint_eq(dp.engine.requests.used, 2);
	say(b, "END\r\n");
	say(c, "STORED\r\n");
	check_engine_is_empty(&dp);
	ck_assert_uint_eq(dp.clients.n, 0);
	end();
}
END_TEST

START_TEST(finished_replies_of_a_client_that_left_are_dropped)
{
	begin_memcached();
	say(client, "get a\r\nget b\r\n");
	say(b, "END\r\n"); /* waits for a's */
	fake_end(client, -ECONNRESET);
	fake_settle(dp.loop);
	ck_assert_uint_eq(dp.engine.requests.used, 1);
	say(a, "END\r\n");
	end();
}
END_TEST

START_TEST(a_half_closed_client_gets_its_replies)
{
	begin_memcached();
	fake_send(client, span_of("get a\r\nget b\r\n"));
	fake_end(client, STREAM_EOF);
	fake_settle(dp.loop);
	ck_assert_int_eq(client->state, FAKE_OPEN);
	say(b, "END\r\n");
	say(a, "END\r\n");
	expect(client, "END\r\nEND\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	end();
}
END_TEST

START_TEST(half_a_command_before_the_end_is_dropped)
{
	begin_memcached();
	fake_send(client, span_of("get a\r\nset b 0 0 10\r\nxyz"));
	fake_end(client, STREAM_EOF);
	fake_settle(dp.loop);
	expect(b, "");
	say(a, "END\r\n");
	expect(client, "END\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	end();
}
END_TEST

START_TEST(quit_answers_what_came_before_and_nothing_after)
{
	begin_memcached();
	say(client, "get a\r\nquit\r\nget b\r\n");
	ck_assert_int_eq(client->state, FAKE_OPEN);
	expect(b, "");
	say(a, "END\r\n");
	expect(client, "END\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	end();
}
END_TEST

START_TEST(quit_of_redis_is_answered_after_what_came_before)
{
	begin_redis();
	say(client, "GET a\r\nQUIT\r\nGET b\r\n");
	expect(b, "");
	say(a, "$-1\r\n");
	expect(client, "$-1\r\n+OK\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	end();
}
END_TEST

START_TEST(bytes_out_of_protocol_are_answered_in_order_and_the_client_closed)
{
	begin_redis();
	say(client, "GET a\r\n*1\r\n:5\r\n*1\r\n$4\r\nPING\r\n");
	expect(client, "");
	say(a, "$-1\r\n");
	expect(client, "$-1\r\n-ERR Protocol error: expected '$', got ':'\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_PROTOCOL_ERRORS), 1);
	end();
}
END_TEST

START_TEST(an_empty_inline_line_has_no_reply)
{
	begin_redis();
	say(client, "\r\n\r\nPING\r\n*0\r\nPING\r\n");
	expect(client, "+PONG\r\n+PONG\r\n");
	end();
}
END_TEST

START_TEST(inline_commands_are_sent_as_arrays)
{
	static const char array[] = "*3\r\n$3\r\nset\r\n$1\r\na\r\n$5\r\nx\r\n\0y\r\n";

	begin_redis();
	say(client, "set a \"x\\r\\n\\x00y\"\r\n");
	expect_bytes(a, span_make(array, sizeof(array) - 1));
	say(a, "+OK\r\n");
	expect(client, "+OK\r\n");
	say(client, "get \"a\r\n");
	expect(client, "-ERR Protocol error: unbalanced quotes in request\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	end();
}
END_TEST

START_TEST(a_refused_data_block_is_swallowed)
{
	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .request = 1024});
	client->read_max = 100;
	say(client, "set a 0 0 2000\r\n");
	for (int i = 0; i < 20; i++)
		say(client,
		    "get b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\n"
		    "get b\r\nget b\r\nget b\r\nget b\r\nget b\r\nget b\r\n12");
	say(client, "\r\nget c\r\n");
	expect(a, "");
	expect(b, "");
	expect(c, "get c\r\n");
	say(c, "END\r\n");
	expect(client, "SERVER_ERROR object too large for cache\r\nEND\r\n");
	end();
}
END_TEST

START_TEST(idle_clients_are_closed_and_waiting_ones_not)
{
	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .idle_ms = 5000});
	struct fake_peer *waiting = data_path_client(&dp);

	fake_advance_ms(dp.loop, 4900);
	say(waiting, "get a\r\n");
	clients_close_idle(&dp.clients);
	ck_assert_int_eq(client->state, FAKE_OPEN);
	fake_advance_ms(dp.loop, 200);
	clients_close_idle(&dp.clients);
	ck_assert_int_eq(client->state, FAKE_CLOSED);
	ck_assert_int_eq(waiting->state, FAKE_OPEN);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_IDLE), 1);
	say(a, "END\r\n");
	expect(waiting, "END\r\n");
	end();
}
END_TEST

START_TEST(a_drain_answers_what_was_taken_and_tells_when_all_have_gone)
{
	begin_memcached();
	struct fake_peer *idle = data_path_client(&dp);

	say(client, "get a\r\n");
	clients_drain(&dp.clients);
	fake_settle(dp.loop);
	ck_assert_int_eq(idle->state, FAKE_FINISHED);
	ck_assert(!dp.is_empty_told);
	say(client, "get b\r\n");
	expect(b, "");
	say(a, "END\r\n");
	expect(client, "END\r\n");
	ck_assert_int_eq(client->state, FAKE_FINISHED);
	ck_assert(dp.is_empty_told);
	end();
}
END_TEST

START_TEST(a_socket_that_cannot_be_adopted_is_counted)
{
	begin_memcached();
	client_accept(&dp.clients, dp.pool, -1, false);
	ck_assert_uint_eq(dp.clients.n, 1);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0].closed), 1);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0].clients), 1);
	end();
}
END_TEST

Suite *client_suite(void)
{
	Suite *suite = suite_create("client");
	TCase *tcase = tcase_create("client");

	tcase_add_test(tcase, keys_of_the_tests_are_where_the_header_says);
	tcase_add_test(tcase, passes_a_command_and_its_reply_on);
	tcase_add_loop_test(tcase, replies_in_request_order_whatever_order_servers_answer_in, 0,
			    ARRAY_LEN(orders));
	tcase_add_test(tcase, a_finished_reply_waits_for_the_ones_before_it);
	tcase_add_test(tcase, every_split_of_memcached_bytes_gives_the_same);
	tcase_add_test(tcase, every_split_of_resp_bytes_gives_the_same);
	tcase_add_test(tcase, noreply_is_stripped_for_the_server_and_its_reply_dropped);
	tcase_add_test(tcase, noreply_to_a_dead_server_is_silent);
	tcase_add_test(tcase, requests_of_a_client_that_left_end_by_themselves);
	tcase_add_test(tcase, finished_replies_of_a_client_that_left_are_dropped);
	tcase_add_test(tcase, a_half_closed_client_gets_its_replies);
	tcase_add_test(tcase, half_a_command_before_the_end_is_dropped);
	tcase_add_test(tcase, quit_answers_what_came_before_and_nothing_after);
	tcase_add_test(tcase, quit_of_redis_is_answered_after_what_came_before);
	tcase_add_test(tcase, bytes_out_of_protocol_are_answered_in_order_and_the_client_closed);
	tcase_add_test(tcase, an_empty_inline_line_has_no_reply);
	tcase_add_test(tcase, inline_commands_are_sent_as_arrays);
	tcase_add_test(tcase, a_refused_data_block_is_swallowed);
	tcase_add_test(tcase, idle_clients_are_closed_and_waiting_ones_not);
	tcase_add_test(tcase, a_drain_answers_what_was_taken_and_tells_when_all_have_gone);
	tcase_add_test(tcase, a_socket_that_cannot_be_adopted_is_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}
