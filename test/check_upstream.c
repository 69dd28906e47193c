#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/connset.h"
#include "core/limits.h"
#include "probe.h"
#include "suites.h"

static struct data_path dp;
static struct fake_peer *server;
static uint32_t n_relieved;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void on_relieve(void *arg)
{
	(void)arg;
	n_relieved++;
}

static void begin(struct data_path_setup setup)
{
	data_path_init(&dp, setup);
	server = dp.a;
	n_relieved = 0;
	dp.engine.relieve = on_relieve;
}

static void begin_memcached(void)
{
	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

static void ask(struct probe *probe, const char *bytes, bool reads)
{
	probe_begin(probe, &dp, bytes, reads);
}

static void ask_all(struct probe *probes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ask(&probes[i], "get a\r\n", true);
	fake_settle(dp.loop);
}

START_TEST(replies_go_to_the_calls_in_their_order)
{
	struct probe probes[3];

	begin_memcached();
	ask(&probes[0], "get a\r\n", true);
	ask(&probes[1], "incr d 1\r\n", false);
	ask(&probes[2], "get h\r\n", true);
	expect(server, "");
	fake_settle(dp.loop);
	answer_to(server, "get a\r\nincr d 1\r\nget h\r\n",
		  "END\r\n17\r\nVALUE h 0 1\r\nx\r\nEND\r\n");
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(probes[i].result, CALL_REPLY);
	ck_assert_str_eq(probes[0].reply, "END\r\n");
	ck_assert_str_eq(probes[1].reply, "17\r\n");
	ck_assert_str_eq(probes[2].reply, "VALUE h 0 1\r\nx\r\nEND\r\n");
	ck_assert_uint_eq(probes[2].call.values, 1);
}
END_TEST

START_TEST(every_split_of_the_replies_gives_the_same)
{
	static const char replies[] = "VALUE a 0 5\r\nEND\r\n\r\nEND\r\nSERVER_ERROR x\r\nEND\r\n";

	begin_memcached();
	for (size_t i = 0; i < sizeof(replies); i++) {
		struct probe probes[3];

		ask_all(probes, 3);
		say_bytes(server, span_make(replies, i));
		say_bytes(server, span_make(replies + i, sizeof(replies) - 1 - i));
		ck_assert_str_eq(probes[0].reply, "VALUE a 0 5\r\nEND\r\n\r\nEND\r\n");
		ck_assert_str_eq(probes[1].reply, "SERVER_ERROR x\r\n");
		ck_assert(probes[1].call.is_error && !probes[0].call.is_error);
		ck_assert_str_eq(probes[2].reply, "END\r\n");
		check_engine_is_empty(&dp);
	}
}
END_TEST

static const char *const unsolicited[] = {"END\r\n", "x", "\r\n", "STORED\r\n"};

START_TEST(bytes_that_nothing_asked_for_close_the_connection)
{
	begin_memcached();
	say(server, unsolicited[_i]);
	ck_assert_int_eq(server->state, FAKE_CLOSED);
	ck_assert_int_eq(atomic_load(&data_path_endpoint(&dp, 0)->last_error), FAULT_GARBAGE);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_reply_too_many_closes_the_connection_after_the_good_one)
{
	struct probe probe;

	begin_memcached();
	ask_all(&probe, 1);
	say(server, "END\r\nEND\r\n");
	ck_assert_int_eq(probe.result, CALL_REPLY);
	ck_assert_int_eq(server->state, FAKE_CLOSED);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_reply_to_a_call_that_was_not_written_is_not_its_own)
{
	struct probe probe;

	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .no_retries = true});
	server->flush_max = 0;
	ask_all(&probe, 1);
	say(server, "END\r\n");
	ck_assert_int_eq(probe.result, CALL_NOT_SENT);
	ck_assert_int_eq(server->state, FAKE_CLOSED);
	data_path_fini(&dp);
}
END_TEST

START_TEST(garbage_fails_the_oldest_call_and_loses_the_others)
{
	struct probe probes[3];

	begin_memcached();
	ask_all(probes, 3);
	say(server, "END\r\nwhat?\r\nEND\r\n");
	ck_assert_int_eq(probes[0].result, CALL_REPLY);
	ck_assert_int_eq(probes[1].result, CALL_GARBAGE);
	ck_assert_int_eq(probes[2].result, CALL_LOST);
	ck_assert_int_eq(server->state, FAKE_CLOSED);
	data_path_fini(&dp);
}
END_TEST

static const int breaks[] = {STREAM_EOF, -ECONNRESET};

/* "get a\r\n" three times is 21 bytes, of which the socket takes 7 + n. */
START_TEST(what_was_not_begun_to_be_written_is_told_apart)
{
	static const struct {
		size_t taken;
		enum call_result results[3];
	} cases[] = {
		{0, {CALL_NOT_SENT, CALL_NOT_SENT, CALL_NOT_SENT}},
		{1, {CALL_LOST, CALL_NOT_SENT, CALL_NOT_SENT}},
		{7, {CALL_LOST, CALL_NOT_SENT, CALL_NOT_SENT}},
		{8, {CALL_LOST, CALL_LOST, CALL_NOT_SENT}},
		{14, {CALL_LOST, CALL_LOST, CALL_NOT_SENT}},
		{15, {CALL_LOST, CALL_LOST, CALL_LOST}},
		{21, {CALL_LOST, CALL_LOST, CALL_LOST}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe probes[3];

		begin_memcached();
		for (size_t j = 0; j < 3; j++)
			ask(&probes[j], "get a\r\n", true);
		server->flush_max = cases[i].taken;
		fake_turn(dp.loop);
		server->flush_max = 0;
		hang_up(server, breaks[_i]);
		for (size_t j = 0; j < 3; j++)
			ck_assert_int_eq(probes[j].result, cases[i].results[j]);
		data_path_fini(&dp);
	}
}
END_TEST

START_TEST(a_call_out_of_time_takes_the_connection_with_it)
{
	struct probe probes[3];

	begin_memcached();
	ask_all(probes, 1);
	fake_advance_ms(dp.loop, 600);
	ask_all(probes + 1, 1);
	server->flush_max = 0;
	ask_all(probes + 2, 1);
	fake_advance_ms(dp.loop, 399);
	ck_assert(!probes[0].done);
	fake_advance_ms(dp.loop, 2);
	ck_assert_int_eq(probes[0].result, CALL_TIMEOUT);
	ck_assert_int_eq(probes[1].result, CALL_LOST);
	ck_assert_int_eq(probes[2].result, CALL_NOT_SENT);
	ck_assert_int_eq(server->state, FAKE_CLOSED);
	data_path_fini(&dp);
}
END_TEST

START_TEST(the_time_of_a_call_runs_from_its_own_queueing)
{
	struct probe probes[2];

	begin_memcached();
	ask_all(probes, 1);
	fake_advance_ms(dp.loop, 900);
	ask_all(probes + 1, 1);
	say(server, "END\r\n");
	fake_advance_ms(dp.loop, 900);
	ck_assert(!probes[1].done);
	say(server, "END\r\n");
	ck_assert_int_eq(probes[1].result, CALL_REPLY);
	fake_advance_ms(dp.loop, 5000);
	ck_assert_int_eq(server->state, FAKE_OPEN);
}
END_TEST

START_TEST(a_node_that_goes_on_answering_is_not_out_of_time)
{
	struct probe probes[4];

	begin_memcached();
	ask_all(probes, 4);
	for (int i = 0; i < 4; i++) {
		fake_advance_ms(dp.loop, 900);
		say(server, "END\r\n");
		ck_assert_int_eq(probes[i].result, CALL_REPLY);
	}
}
END_TEST

START_TEST(only_what_may_be_sent_again_is_kept_once_written)
{
	static char longer[DETACH_MAX + 8];
	struct probe probes[3];

	memset(longer, 'k', sizeof(longer) - 3);
	memcpy(longer, "get ", 4);
	memcpy(longer + sizeof(longer) - 3, "\r\n", 3);
	begin_memcached();
	ask(&probes[0], "get a\r\n", true);
	ask(&probes[1], "incr d 1\r\n", false);
	ask(&probes[2], longer, true);
	fake_settle(dp.loop);
	ck_assert_uint_eq(probes[0].call.bytes.bytes, 7);
	ck_assert(chain_is_empty(&probes[1].call.bytes));
	ck_assert(chain_is_empty(&probes[2].call.bytes));
	say(server, "END\r\n1\r\nEND\r\n");
}
END_TEST

START_TEST(under_pressure_kept_bytes_let_go_of_their_chunk)
{
	struct probe probe;

	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .memory = 200000});
	struct chunk *chunk = chunk_new(&dp.engine.chunks, 100000);
	memcpy(chunk->data, "get a\r\n", 7);
	chunk->used = 7;
	probe_init(&probe, &dp, chunk, span_make(chunk->data, 7), true);
	chunk_unref(chunk);
	ck_assert(chunk_pool_is_pressed(&dp.engine.chunks));
	probe_send(&probe, 1);
	fake_settle(dp.loop);
	ck_assert(!chunk_pool_is_pressed(&dp.engine.chunks));
	expect(server, "get a\r\n");
	ck_assert_uint_eq(probe.call.bytes.bytes, 7);
	say(server, "END\r\n");
}
END_TEST

START_TEST(a_long_reply_is_offered_in_pieces_and_a_short_one_not)
{
	char *body = alloc_zeroed(1, 3 * REPLY_STREAM_MIN);
	struct probe probes[2];

	begin_memcached();
	ask_all(probes, 2);
	say(server, "VALUE a 0 1000\r\n");
	say_bytes(server, span_make(body, 999));
	ck_assert_uint_eq(probes[0].pieces, 0);
	say(server, "x\r\nEND\r\nVALUE a 0 196608\r\n");
	say_bytes(server, span_make(body, REPLY_STREAM_MIN / 2));
	ck_assert_uint_eq(probes[1].pieces, 0);
	say_bytes(server, span_make(body, REPLY_STREAM_MIN));
	ck_assert_uint_ge(probes[1].pieces, 1);
	say_bytes(server, span_make(body, 3 * REPLY_STREAM_MIN / 2));
	say(server, "\r\nEND\r\n");
	ck_assert_int_eq(probes[1].result, CALL_REPLY);
	free(body);
}
END_TEST

START_TEST(at_the_memory_limit_somebody_is_asked_to_go)
{
	char *body = alloc_zeroed(1, 500000);
	struct probe probe;

	begin((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .memory = 400000});
	ask_all(&probe, 1);
	say(server, "VALUE a 0 500000\r\n");
	ck_assert_uint_eq(n_relieved, 0);
	say_bytes(server, span_make(body, 500000));
	ck_assert_uint_gt(n_relieved, 0);
	say(server, "\r\nEND\r\n");
	ck_assert_int_eq(probe.result, CALL_REPLY);
	free(body);
}
END_TEST

START_TEST(counts_calls_bytes_and_times)
{
	struct endpoint_stats *stats;
	struct probe probes[3];

	begin_memcached();
	stats = data_path_endpoint(&dp, 0);
	uint64_t in = stat_get(&stats->bytes_in), out = stat_get(&stats->bytes_out);
	server->flush_max = 0;
	ask_all(probes, 3);
	ck_assert_uint_eq(stat_get(&stats->in_flight), 3);
	fake_advance_ms(dp.loop, 20);
	server->flush_max = SIZE_MAX;
	fake_advance_ms(dp.loop, 100);
	say(server, "END\r\nERROR\r\nEND\r\n");
	ck_assert_uint_eq(stat_get(&stats->in_flight), 0);
	ck_assert_uint_eq(stat_get(&stats->requests), 3);
	ck_assert_uint_eq(stat_get(&stats->results[CALL_REPLY]), 3);
	ck_assert_uint_eq(stat_get(&stats->error_replies), 1);
	ck_assert_uint_eq(stat_get(&stats->bytes_in) - in, 17);
	ck_assert_uint_eq(stat_get(&stats->bytes_out) - out, 21);
	ck_assert_uint_eq(stat_get(&stats->connects), 1);
	ck_assert_uint_eq(stat_get(&stats->queue_us.sum_us), 3 * 20000);
	ck_assert_uint_eq(stat_get(&stats->upstream_us.sum_us), 3 * 100000);
}
END_TEST

Suite *upstream_suite(void)
{
	Suite *suite = suite_create("upstream");
	TCase *tcase = tcase_create("upstream");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, replies_go_to_the_calls_in_their_order);
	tcase_add_test(tcase, every_split_of_the_replies_gives_the_same);
	tcase_add_loop_test(tcase, bytes_that_nothing_asked_for_close_the_connection, 0,
			    ARRAY_LEN(unsolicited));
	tcase_add_test(tcase, a_reply_too_many_closes_the_connection_after_the_good_one);
	tcase_add_test(tcase, a_reply_to_a_call_that_was_not_written_is_not_its_own);
	tcase_add_test(tcase, garbage_fails_the_oldest_call_and_loses_the_others);
	tcase_add_loop_test(tcase, what_was_not_begun_to_be_written_is_told_apart, 0,
			    ARRAY_LEN(breaks));
	tcase_add_test(tcase, a_call_out_of_time_takes_the_connection_with_it);
	tcase_add_test(tcase, the_time_of_a_call_runs_from_its_own_queueing);
	tcase_add_test(tcase, a_node_that_goes_on_answering_is_not_out_of_time);
	tcase_add_test(tcase, only_what_may_be_sent_again_is_kept_once_written);
	tcase_add_test(tcase, under_pressure_kept_bytes_let_go_of_their_chunk);
	tcase_add_test(tcase, a_long_reply_is_offered_in_pieces_and_a_short_one_not);
	tcase_add_test(tcase, at_the_memory_limit_somebody_is_asked_to_go);
	tcase_add_test(tcase, counts_calls_bytes_and_times);
	suite_add_tcase(suite, tcase);
	return suite;
}
