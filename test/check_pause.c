#include "serve/pause.h"

#include <check.h>
#include <errno.h>

#include "core/limits.h"
#include "data_path.h"
#include "mc_packet.h"
#include "suites.h"

static struct data_path dp;

/* The pool is paused, or no longer. */
static void set_pause(enum pause pause)
{
	struct topology *topology = data_path_build(&dp, NULL, DATA_PATH_SHARDS);

	topology->pools[0].pause = pause;
	data_path_move(&dp, topology);
}

static void serve(enum pool_protocol protocol, uint32_t limit, enum pause pause)
{
	data_path_serve(&dp,
			(struct data_path_setup){.protocol = protocol, .hold_requests = limit});
	set_pause(pause);
}

/* At the end nobody is counted as waiting. */
static void end(void)
{
	ck_assert_uint_eq(dp.clients.n_paused, 0);
	data_path_end(&dp);
}

START_TEST(writes_wait_and_reads_go_on)
{
	serve(PROTOCOL_REDIS, 0, PAUSE_WRITES);
	struct fake_peer *other = data_path_client(&dp);
	say_words(dp.client, "set a 1");
	say_words(other, "get a");
	answer_words(dp.a, "get a", "$1\r\n0\r\n");
	expect(other, "$1\r\n0\r\n");
	expect(dp.client, "");
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	set_pause(PAUSE_NONE);
	data_path_pass_words(&dp, dp.a, "set a 1", "+OK\r\n");
	end();
}
END_TEST

START_TEST(all_that_goes_to_nodes_waits)
{
	static const char *const words[] = {"get a",  "mget a b", "dbsize",	 "set a 1",
					    "scan 0", "multi",	  "subscribe a", "eval x 0"};

	serve(PROTOCOL_REDIS, 0, PAUSE_ALL);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct fake_peer *client = data_path_client(&dp);

		say_words(client, words[i]);
		ck_assert_msg(dp.clients.n_paused == i + 1, "%s", words[i]);
		expect(client, "");
	}
	expect(dp.a, "");
	expect(dp.b, "");
	expect(dp.c, "");
	data_path_fini(&dp);
	ck_assert_uint_eq(dp.clients.n_paused, 0);
}
END_TEST

START_TEST(what_the_proxy_answers_does_not_wait)
{
	serve(PROTOCOL_REDIS, 0, PAUSE_ALL);
	say_words(dp.client, "ping");
	expect(dp.client, "+PONG\r\n");
	say_words(dp.client, "echo x");
	expect(dp.client, "$1\r\nx\r\n");
	say_words(dp.client, "nope");
	expect_first(dp.client, "-ERR unknown command");
	fake_take(dp.client, fake_got(dp.client).len);
	say_words(dp.client, "shutdown");
	expect_first(dp.client, "-ERR ");
	fake_take(dp.client, fake_got(dp.client).len);
	end();
}
END_TEST

START_TEST(a_client_keeps_its_order)
{
	serve(PROTOCOL_REDIS, 0, PAUSE_WRITES);
	fake_send(dp.client, span_of(array_of("get a")));
	fake_send(dp.client, span_of(array_of("set a 1")));
	fake_send(dp.client, span_of(array_of("get a")));
	say_words(dp.client, "ping");
	data_path_pass_words(&dp, dp.a, "get a", "$1\r\n0\r\n");
	/* A pause that goes on, or takes in more, is still one. */
	set_pause(PAUSE_WRITES);
	set_pause(PAUSE_ALL);
	expect(dp.a, "");
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	set_pause(PAUSE_NONE);
	expect_first(dp.a, array_of("set a 1"));
	answer_words(dp.a, "get a", "+OK\r\n$1\r\n1\r\n");
	expect(dp.client, "+OK\r\n$1\r\n1\r\n+PONG\r\n");
	end();
}
END_TEST

START_TEST(no_more_than_the_limit_wait)
{
	static const char full[] = "-ERR slipring: " PAUSE_FULL_TEXT "\r\n";

	serve(PROTOCOL_REDIS, 2, PAUSE_WRITES);
	struct fake_peer *second = data_path_client(&dp), *third = data_path_client(&dp);
	say_words(dp.client, "set a 1");
	say_words(second, "set a 2");
	say_words(third, "set a 3");
	expect(third, full);
	/* It is parsed on. */
	say_words(third, "get a");
	answer_words(dp.a, "get a", "$-1\r\n");
	expect(third, "$-1\r\n");
	/* One that leaves makes room. */
	hang_up(second, STREAM_EOF);
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	say_words(third, "set a 3");
	expect(third, "");
	set_pause(PAUSE_NONE);
	expect_first(dp.a, array_of("set a 1"));
	answer_words(dp.a, "set a 3", "+OK\r\n+OK\r\n");
	expect(dp.client, "+OK\r\n");
	expect(third, "+OK\r\n");
	end();
}
END_TEST

static const int ends[] = {STREAM_EOF, -ECONNRESET};

START_TEST(who_leaves_is_let_go)
{
	serve(PROTOCOL_REDIS, 0, PAUSE_ALL);
	say_words(dp.client, "set a 1");
	hang_up(dp.client, ends[_i]);
	ck_assert_int_ne(dp.client->state, FAKE_OPEN);
	ck_assert_uint_eq(dp.clients.n, 0);
	set_pause(PAUSE_NONE);
	expect(dp.a, "");
	end();
}
END_TEST

START_TEST(what_is_sent_meanwhile_is_read_up_to_a_limit)
{
	static char bytes[CLIENT_AHEAD_MAX];

	serve(PROTOCOL_REDIS, 0, PAUSE_ALL);
	say_words(dp.client, "get a");
	memset(bytes, '\n', sizeof(bytes));
	say_bytes(dp.client, span_make(bytes, sizeof(bytes)));
	say_bytes(dp.client, span_make(bytes, sizeof(bytes)));
	struct client *client = TAILQ_FIRST(&dp.clients.list);
	ck_assert_uint_gt(stream_held(client->stream), 0);
	ck_assert_uint_lt(stream_held(client->stream), 2 * sizeof(bytes));
	data_path_fini(&dp);
}
END_TEST

START_TEST(exec_waits_with_writes)
{
	serve(PROTOCOL_REDIS, 0, PAUSE_NONE);
	say_words(dp.client, "multi");
	say_words(dp.client, "get a");
	struct fake_peer *own = data_path_connect(&dp, 0);
	fake_take(own, fake_got(own).len);
	say(own, "+OK\r\n+QUEUED\r\n");
	expect(dp.client, "+OK\r\n+QUEUED\r\n");
	set_pause(PAUSE_WRITES);
	say_words(dp.client, "exec");
	expect(own, "");
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	set_pause(PAUSE_NONE);
	data_path_pass_words(&dp, own, "EXEC", "*1\r\n$-1\r\n");
	end();
}
END_TEST

/* Without a transaction those commands write nothing. */
START_TEST(watch_does_not_write)
{
	serve(PROTOCOL_REDIS, 0, PAUSE_WRITES);
	say_words(dp.client, "multi");
	expect(dp.client, "+OK\r\n");
	say_words(dp.client, "discard");
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	set_pause(PAUSE_NONE);
	expect(dp.client, "+OK\r\n");
	end();
}
END_TEST

static const struct {
	const char *write, *reply;
} mc_writes[] = {
	{"set a 0 0 1\r\nx\r\n", "STORED\r\n"}, {"incr a 1\r\n", "2\r\n"},
	{"delete a\r\n", "DELETED\r\n"},	{"touch a 0\r\n", "TOUCHED\r\n"},
	{"ms a 1\r\nx\r\n", "HD\r\n"},		{"md a\r\n", "HD\r\n"},
	{"mg a t T30\r\n", "EN\r\n"}, /* a read that sets an expiry time */
};

START_TEST(writes_of_memcached_wait)
{
	serve(PROTOCOL_MEMCACHED, 0, PAUSE_WRITES);
	say(dp.client, mc_writes[_i].write);
	say(dp.client, "get a\r\n");
	expect(dp.a, "");
	expect(dp.client, "");
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	set_pause(PAUSE_NONE);
	expect_first(dp.a, mc_writes[_i].write);
	data_path_pass(&dp, dp.a, "get a\r\n", mc_writes[_i].reply);
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
	end();
}
END_TEST

static const char *const mc_reads[] = {"get a\r\n", "mg a v\r\n"};

START_TEST(reads_of_memcached_go_on)
{
	serve(PROTOCOL_MEMCACHED, 0, PAUSE_WRITES);
	say(dp.client, mc_reads[_i]);
	data_path_pass(&dp, dp.a, mc_reads[_i], _i == 0 ? "END\r\n" : "EN\r\n");
	say(dp.client, "version\r\n");
	expect_first(dp.client, "VERSION ");
	fake_take(dp.client, fake_got(dp.client).len);
	end();
}
END_TEST

START_TEST(a_value_that_is_refused_is_dropped_with_it)
{
	serve(PROTOCOL_MEMCACHED, 1, PAUSE_WRITES);
	struct fake_peer *other = data_path_client(&dp);
	say(dp.client, "set a 0 0 1\r\nx\r\n");
	say(other, "set a 0 0 5\r\nget a\r\n");
	expect(other, "SERVER_ERROR slipring: " PAUSE_FULL_TEXT "\r\n");
	say(other, "get a\r\n");
	answer_to(dp.a, "get a\r\n", "END\r\n");
	expect(other, "END\r\n");
	set_pause(PAUSE_NONE);
	data_path_pass(&dp, dp.a, "set a 0 0 1\r\nx\r\n", "STORED\r\n");
	end();
}
END_TEST

START_TEST(packets_wait_too)
{
	struct span delete = ASK(.opcode = MCB_DELETE, .opaque = 7, .key = "a");
	struct mcb_header header;

	serve(PROTOCOL_MEMCACHED, 1, PAUSE_WRITES);
	struct fake_peer *other = data_path_client(&dp);
	say_bytes(dp.client, delete);
	ck_assert_uint_eq(dp.clients.n_paused, 1);
	say_bytes(other, delete);
	ck_assert_uint_gt(fake_got(other).len, MCB_HEADER);
	header = mcb_header_read(fake_got(other).p);
	ck_assert_uint_eq(header.opcode, MCB_DELETE);
	ck_assert_uint_eq(header.opaque, 7);
	ck_assert_uint_ne(header.status, MCB_OK);
	expect(dp.client, "");
	set_pause(PAUSE_NONE);
	struct fake_peer *node = data_path_connect(&dp, 0);
	ck_assert_uint_eq(fake_got(node).len, delete.len);
	ck_assert_uint_eq((uint8_t)fake_got(node).p[1], MCB_DELETE);
	data_path_fini(&dp);
	ck_assert_uint_eq(dp.clients.n_paused, 0);
}
END_TEST

Suite *pause_suite(void)
{
	Suite *suite = suite_create("pause");
	TCase *tcase = tcase_create("pause");

	tcase_add_test(tcase, writes_wait_and_reads_go_on);
	tcase_add_test(tcase, all_that_goes_to_nodes_waits);
	tcase_add_test(tcase, what_the_proxy_answers_does_not_wait);
	tcase_add_test(tcase, a_client_keeps_its_order);
	tcase_add_test(tcase, no_more_than_the_limit_wait);
	tcase_add_loop_test(tcase, who_leaves_is_let_go, 0, ARRAY_LEN(ends));
	tcase_add_test(tcase, what_is_sent_meanwhile_is_read_up_to_a_limit);
	tcase_add_test(tcase, exec_waits_with_writes);
	tcase_add_test(tcase, watch_does_not_write);
	tcase_add_loop_test(tcase, writes_of_memcached_wait, 0, ARRAY_LEN(mc_writes));
	tcase_add_loop_test(tcase, reads_of_memcached_go_on, 0, ARRAY_LEN(mc_reads));
	tcase_add_test(tcase, a_value_that_is_refused_is_dropped_with_it);
	tcase_add_test(tcase, packets_wait_too);
	suite_add_tcase(suite, tcase);
	return suite;
}
