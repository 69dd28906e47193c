#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/limits.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void serve(struct data_path_setup setup)
{
	setup.protocol = PROTOCOL_MEMCACHED;
	data_path_serve(&dp, setup);
}

/* A value of n bytes as a node gives it. */
static char *value_of(size_t n)
{
	struct text text = {0};
	char *body = alloc_zeroed(n + 1, 1);

	memset(body, 'v', n);
	text_printf(&text, "VALUE a 0 %zu\r\n", n);
	text_append(&text, span_make(body, n));
	text_puts(&text, "\r\nEND\r\n");
	free(body);
	return text.p;
}

START_TEST(over_in_flight_the_client_is_not_read_until_a_reply_is_back)
{
	serve((struct data_path_setup){.in_flight = 3});
	say(dp.client, "get a\r\nget a\r\nget a\r\nget a\r\nget a\r\n");
	expect(dp.a, "get a\r\nget a\r\nget a\r\n");
	say(dp.client, "get b\r\n");
	expect(dp.b, "");
	say(dp.a, "END\r\n");
	answer_to(dp.a, "get a\r\n", "END\r\nEND\r\nEND\r\n");
	expect(dp.a, "get a\r\n");
	expect(dp.b, "get b\r\n");
	say(dp.a, "END\r\n");
	say(dp.b, "END\r\n");
	expect(dp.client, "END\r\nEND\r\nEND\r\nEND\r\nEND\r\nEND\r\n");
}
END_TEST

START_TEST(one_in_flight_takes_a_pipeline_one_by_one)
{
	serve((struct data_path_setup){.in_flight = 1});
	say(dp.client, "get a\r\nversion\r\nget b\r\nget c\r\n");
	answer_to(dp.a, "get a\r\n", "END\r\n");
	expect(dp.client, "END\r\nVERSION 1.6.18\r\n");
	expect(dp.b, "get b\r\n");
	expect(dp.c, "");
	say(dp.b, "END\r\n");
	answer_to(dp.c, "get c\r\n", "END\r\n");
	expect(dp.client, "END\r\nEND\r\n");
}
END_TEST

START_TEST(a_blocked_client_that_sent_its_end_gets_all_replies)
{
	serve((struct data_path_setup){.in_flight = 1});
	fake_send(dp.client, span_of("get a\r\nget b\r\n"));
	hang_up(dp.client, STREAM_EOF);
	say(dp.a, "END\r\n");
	answer_to(dp.b, "get b\r\n", "END\r\n");
	expect(dp.client, "END\r\nEND\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_not_parsed_until_it_does)
{
	char *value = value_of(CLIENT_UNSENT_HIGH);

	serve((struct data_path_setup){0});
	dp.client->flush_max = 0;
	say(dp.client, "get a\r\n");
	answer_to(dp.a, "get a\r\n", value);
	say(dp.client, "get a\r\n");
	expect(dp.a, "");
	dp.client->flush_max = 1;
	fake_turn(dp.loop);
	fake_turn(dp.loop);
	expect(dp.a, "");
	dp.client->flush_max = 1000;
	fake_settle(dp.loop);
	expect(dp.client, value);
	data_path_pass(&dp, dp.a, "get a\r\n", "END\r\n");
	free(value);
}
END_TEST

START_TEST(who_leaves_more_unread_than_its_limit_is_closed)
{
	char *value = value_of(10000);

	serve((struct data_path_setup){.output = 15000});
	struct fake_peer *other = data_path_client(&dp);
	dp.client->flush_max = 0;
	say(dp.client, "get a\r\nget a\r\nget a\r\nget a\r\n");
	say(other, "get b\r\n");
	say(dp.a, value);
	say(dp.a, value);
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
	say(dp.a, value);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_SLOW), 1);
	say(dp.a, value);
	say(dp.b, "END\r\n");
	expect(other, "END\r\n");
	free(value);
}
END_TEST

START_TEST(a_reply_of_any_size_goes_to_a_client_that_reads)
{
	char *value = value_of(4 << 20);

	serve((struct data_path_setup){.output = 1 << 20, .memory = 64 << 20});
	say(dp.client, "get a\r\nget b\r\n");
	say(dp.b, "END\r\n");
	for (size_t at = 0; at < strlen(value); at += 500000)
		say_bytes(dp.a, span_make(value + at, strnlen(value + at, 500000)));
	expect_first(dp.client, value);
	expect(dp.client, "END\r\n");
	free(value);
}
END_TEST

START_TEST(a_long_reply_reaches_its_client_in_pieces)
{
	char *value = value_of(1 << 20);
	size_t len = strlen(value), half = len / 2;

	serve((struct data_path_setup){0});
	say(dp.client, "get a\r\n");
	say_bytes(dp.a, span_make(value, half));
	ck_assert_uint_ge(fake_got(dp.client).len, half - 2 * REPLY_STREAM_MIN);
	say_bytes(dp.a, span_make(value + half, len - half));
	expect(dp.client, value);
	free(value);
}
END_TEST

START_TEST(a_long_reply_out_of_turn_waits_for_its_turn)
{
	char *value = value_of(1 << 20);
	size_t len = strlen(value), half = len / 2;

	serve((struct data_path_setup){0});
	say(dp.client, "get b\r\nget a\r\n");
	say_bytes(dp.a, span_make(value, half));
	expect(dp.client, "");
	say(dp.b, "END\r\n");
	expect(dp.client, "END\r\n");
	say_bytes(dp.a, span_make(value + half, len - half));
	expect(dp.client, value);
	free(value);
}
END_TEST

START_TEST(a_loss_in_the_middle_of_a_long_reply_closes_the_client)
{
	char *value = value_of(1 << 20);

	serve((struct data_path_setup){0});
	say(dp.client, "get a\r\nget b\r\n");
	say(dp.b, "END\r\n");
	say_bytes(dp.a, span_make(value, 500000));
	ck_assert_uint_gt(fake_got(dp.client).len, 0);
	hang_up(dp.a, -ECONNRESET);
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
	free(value);
}
END_TEST

START_TEST(a_long_reply_that_lost_nothing_yet_is_asked_for_again)
{
	char *value = value_of(1 << 20);

	serve((struct data_path_setup){0});
	fake_advance_ms(dp.loop, 3600000);
	say(dp.client, "get b\r\nget a\r\n"); /* a's is out of turn: no piece has gone out */
	say_bytes(dp.a, span_make(value, 500000));
	hang_up(dp.a, -ECONNRESET);
	data_path_connect(&dp, 0);
	answer_to(data_path_server(&dp, 0), "get a\r\n", value);
	say(dp.b, "END\r\n");
	expect_first(dp.client, "END\r\n");
	expect(dp.client, value);
	free(value);
}
END_TEST

START_TEST(pieces_for_a_client_that_left_are_dropped)
{
	char *value = value_of(8 << 20);
	size_t len = strlen(value);

	serve((struct data_path_setup){.memory = 4 << 20});
	say(dp.client, "get a\r\n");
	say_bytes(dp.a, span_make(value, len / 2));
	hang_up(dp.client, -ECONNRESET);
	dp.a->read_max = 100000;
	say_bytes(dp.a, span_make(value + len / 2, len - len / 2));
	ck_assert_int_eq(dp.a->state, FAKE_OPEN);
	ck_assert_uint_lt(dp.engine.chunks.bytes_out, 1 << 20);
	free(value);
}
END_TEST

START_TEST(at_the_memory_limit_commands_are_refused_and_connections_stay)
{
	serve((struct data_path_setup){.memory = 300000});
	struct chunk *taken = chunk_new(&dp.engine.chunks, 300000);

	say(dp.client, "get a\r\n");
	say(dp.client, "set b 0 0 1\r\nx\r\n");
	expect(dp.client, "SERVER_ERROR out of memory\r\nSERVER_ERROR out of memory\r\n");
	expect(dp.a, "");
	expect(dp.b, "");
	ck_assert_uint_eq(data_path_count(&dp, STAT_OUT_OF_MEMORY), 2);
	chunk_unref(taken);
	say(dp.client, "get a\r\n");
	data_path_pass(&dp, dp.a, "get a\r\n", "END\r\n");
}
END_TEST

/* The client that is read from may itself be the one that has to go. */
START_TEST(a_client_that_went_to_make_room_is_told_nothing_more)
{
	serve((struct data_path_setup){.memory = 300000});
	struct chunk *taken = chunk_new(&dp.engine.chunks, 300000);

	dp.client->flush_max = 0;
	say(dp.client, "version\r\n");
	say(dp.client, "get a\r\nget b\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	expect(dp.a, "");
	expect(dp.b, "");
	chunk_unref(taken);
}
END_TEST

/* A long reply out of turn, of which a part is there, is the client's burden. */
START_TEST(a_reply_that_waits_for_another_weighs_on_its_client)
{
	char *value = value_of(1200000);

	serve((struct data_path_setup){.memory = 1 << 20});
	struct fake_peer *other = data_path_client(&dp);
	other->flush_max = 0;
	say(other, "version\r\n");
	say(dp.client, "get b\r\nget a\r\n");
	say_bytes(dp.a, span_make(value, 1100000));
	say(other, "get c\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_int_eq(other->state, FAKE_OPEN);
	say(dp.b, "END\r\n");
	say(dp.c, "END\r\n");
	say(dp.a, value + 1100000);
	other->flush_max = SIZE_MAX;
	free(value);
}
END_TEST

START_TEST(at_the_memory_limit_who_holds_most_has_to_go)
{
	char *value = value_of(600000);

	serve((struct data_path_setup){.memory = 1 << 20});
	struct fake_peer *other = data_path_client(&dp);
	dp.client->flush_max = 0;
	say(dp.client, "get a\r\nget a\r\nget a\r\n");
	say(dp.a, value);
	say(dp.a, value);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_SLOW), 1);
	say(other, "get b\r\n");
	say(dp.b, "END\r\n");
	expect(other, "END\r\n");
	say(dp.a, "END\r\n");
	free(value);
}
END_TEST

START_TEST(a_long_command_that_there_is_no_memory_for_is_refused_before_it_comes)
{
	serve((struct data_path_setup){.memory = 300000});
	struct chunk *taken = chunk_new(&dp.engine.chunks, 300000);

	say(dp.client, "set a 0 0 1000000\r\nxyz");
	expect(dp.client, "SERVER_ERROR out of memory\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
	chunk_unref(taken);
}
END_TEST

/* Small replies that wait must not hold the 64 KiB that each of them came in. */
START_TEST(under_pressure_waiting_replies_let_go_of_their_chunks)
{
	serve((struct data_path_setup){.memory = 8 << 20});
	struct chunk *taken = chunk_new(&dp.engine.chunks, 4 << 20);

	for (int i = 0; i < 200; i++)
		say(dp.client, "get b\r\nget a\r\n");
	for (int i = 0; i < 200; i++) {
		struct chunk *reading = chunk_pool_reading(&dp.engine.chunks);

		reading->used = reading->cap; /* as if others had filled it meanwhile */
		say(dp.a, "VALUE a 0 1\r\nx\r\nEND\r\n");
	}
	ck_assert_uint_lt(dp.engine.chunks.bytes_out - taken->cap, 1 << 20);
	for (int i = 0; i < 200; i++)
		say(dp.b, "END\r\n");
	ck_assert_uint_eq(fake_got(dp.client).len, 200 * (5 + 21));
	chunk_unref(taken);
}
END_TEST

Suite *client_pressure_suite(void)
{
	Suite *suite = suite_create("client_pressure");
	TCase *tcase = tcase_create("client_pressure");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, over_in_flight_the_client_is_not_read_until_a_reply_is_back);
	tcase_add_test(tcase, one_in_flight_takes_a_pipeline_one_by_one);
	tcase_add_test(tcase, a_blocked_client_that_sent_its_end_gets_all_replies);
	tcase_add_test(tcase, a_client_that_does_not_read_is_not_parsed_until_it_does);
	tcase_add_test(tcase, who_leaves_more_unread_than_its_limit_is_closed);
	tcase_add_test(tcase, a_reply_of_any_size_goes_to_a_client_that_reads);
	tcase_add_test(tcase, a_long_reply_reaches_its_client_in_pieces);
	tcase_add_test(tcase, a_long_reply_out_of_turn_waits_for_its_turn);
	tcase_add_test(tcase, a_loss_in_the_middle_of_a_long_reply_closes_the_client);
	tcase_add_test(tcase, a_long_reply_that_lost_nothing_yet_is_asked_for_again);
	tcase_add_test(tcase, pieces_for_a_client_that_left_are_dropped);
	tcase_add_test(tcase, at_the_memory_limit_commands_are_refused_and_connections_stay);
	tcase_add_test(tcase, a_client_that_went_to_make_room_is_told_nothing_more);
	tcase_add_test(tcase, a_reply_that_waits_for_another_weighs_on_its_client);
	tcase_add_test(tcase, at_the_memory_limit_who_holds_most_has_to_go);
	tcase_add_test(tcase,
		       a_long_command_that_there_is_no_memory_for_is_refused_before_it_comes);
	tcase_add_test(tcase, under_pressure_waiting_replies_let_go_of_their_chunks);
	suite_add_tcase(suite, tcase);
	return suite;
}
