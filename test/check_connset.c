#include <check.h>
#include <errno.h>

#include "core/connset.h"
#include "core/limits.h"
#include "probe.h"
#include "suites.h"

#define PORT_A DATA_PATH_PORT

static struct data_path dp;

static void ask_as(struct probe *probe, uint64_t client_id)
{
	probe_init(probe, &dp, NULL, span_of("get a\r\n"), true);
	probe_send(probe, client_id);
	fake_settle(dp.loop);
}

static void ask(struct probe *probe)
{
	ask_as(probe, 1);
}

static void begin(void)
{
	data_path_begin(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

static void begin_connected(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

static int state(void)
{
	return atomic_load(&data_path_endpoint(&dp, 0)->state);
}

static const char *why(void)
{
	static char text[CONNSET_WHY_MAX];

	return connset_why(&dp.engine, dp.pool->shards[0].primary, text);
}

/* The newest attempt is refused. */
static void refuse(void)
{
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
}

START_TEST(connects_at_once_and_is_up_when_the_first_question_is_answered)
{
	begin();
	struct fake_peer *a = data_path_server(&dp, 0);

	ck_assert_str_eq(a->host, "a");
	ck_assert_int_eq(state(), ENDPOINT_CONNECTING);
	fake_connect(a, 0);
	fake_settle(dp.loop);
	expect(a, "version\r\n");
	ck_assert_int_eq(state(), ENDPOINT_CONNECTING);
	say(a, "VERSION 1.6");
	ck_assert_int_eq(state(), ENDPOINT_CONNECTING);
	say(a, ".18\r\n");
	ck_assert_int_eq(state(), ENDPOINT_UP);
	ck_assert_uint_eq(stat_get(&data_path_endpoint(&dp, 0)->connects), 1);
	data_path_fini(&dp);
}
END_TEST

START_TEST(calls_queue_while_the_first_connection_is_made)
{
	struct probe probes[2];

	begin();
	struct fake_peer *a = data_path_server(&dp, 0);
	ask(&probes[0]);
	fake_connect(a, 0);
	fake_settle(dp.loop);
	ask(&probes[1]);
	answer_to(a, "version\r\nget a\r\nget a\r\n", "VERSION 1\r\nEND\r\nEND\r\n");
	ck_assert_int_eq(probes[0].result, CALL_REPLY);
	ck_assert_int_eq(probes[1].result, CALL_REPLY);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_refused_attempt_fails_what_queued_and_later_calls_fail_at_once)
{
	struct probe probes[2];

	begin();
	ask(&probes[0]);
	refuse();
	ck_assert_int_eq(probes[0].result, CALL_NOT_SENT);
	ck_assert_int_eq(state(), ENDPOINT_DOWN);
	ask(&probes[1]);
	ck_assert_int_eq(probes[1].result, CALL_DOWN);
	ck_assert_str_eq(why(), "connect to a:7000: connection refused");
	ck_assert_uint_eq(stat_get(&data_path_endpoint(&dp, 0)->connect_failures), 1);
	data_path_fini(&dp);
}
END_TEST

/* While attempts fail it is shown as down and refuses, during an attempt too. */
/* As one that was refused where it was sent before, and has no reply any more. */
START_TEST(a_call_that_comes_again_is_no_error_yet)
{
	struct probe probe;

	begin();
	refuse();
	probe_init(&probe, &dp, NULL, span_of("get a\r\n"), true);
	probe.call.is_error = true;
	probe_send(&probe, 1);
	ck_assert(probe.done);
	ck_assert_int_eq(probe.result, CALL_DOWN);
	ck_assert(!probe.call.is_error);
	data_path_fini(&dp);
}
END_TEST

START_TEST(later_attempts_let_nothing_queue)
{
	struct probe probe;

	begin();
	refuse();
	fake_advance_ms(dp.loop, BACKOFF_FIRST_MS);
	ck_assert_uint_eq(fake_connects(dp.loop, PORT_A), 2);
	ck_assert_int_eq(state(), ENDPOINT_DOWN);
	ask(&probe);
	ck_assert_int_eq(probe.result, CALL_DOWN);
	data_path_connect(&dp, 0);
	ck_assert_int_eq(state(), ENDPOINT_UP);
	ask(&probe);
	answer_to(data_path_server(&dp, 0), "get a\r\n", "END\r\n");
	ck_assert_int_eq(probe.result, CALL_REPLY);
	data_path_fini(&dp);
}
END_TEST

/* Milliseconds until the next attempt. */
static uint64_t wait_for_attempt(void)
{
	uint32_t connects = fake_connects(dp.loop, PORT_A);
	uint64_t ms = 0;

	for (; fake_connects(dp.loop, PORT_A) == connects; ms++)
		fake_advance_ms(dp.loop, 1);
	return ms;
}

/* Each wait is between the half and the whole of a time that doubles up to a last one. */
START_TEST(backs_off_with_jitter_up_to_a_limit)
{
	uint64_t wait = BACKOFF_FIRST_MS, differing = 0;

	begin();
	for (int i = 0; i < 12; i++) {
		refuse();
		uint64_t waited = wait_for_attempt();
		ck_assert_uint_ge(waited, wait / 2);
		ck_assert_uint_le(waited, wait);
		differing += waited != wait;
		wait = 2 * wait < BACKOFF_LAST_MS ? 2 * wait : BACKOFF_LAST_MS;
	}
	ck_assert_uint_gt(differing, 6);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_success_makes_the_next_wait_short_again)
{
	begin();
	for (int i = 0; i < 8; i++) {
		refuse();
		wait_for_attempt();
	}
	data_path_connect(&dp, 0);
	uint32_t connects = fake_connects(dp.loop, PORT_A);
	hang_up(data_path_server(&dp, 0), STREAM_EOF);
	ck_assert_uint_eq(fake_connects(dp.loop, PORT_A), connects);
	fake_advance_ms(dp.loop, BACKOFF_FIRST_MS);
	ck_assert_uint_eq(fake_connects(dp.loop, PORT_A), connects + 1);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_connection_that_lasted_is_remade_at_once_and_calls_queue)
{
	struct probe probe;

	begin_connected();
	fake_advance_ms(dp.loop, 1000);
	hang_up(dp.a, STREAM_EOF);
	ck_assert_uint_eq(fake_connects(dp.loop, PORT_A), 2);
	ck_assert_int_eq(state(), ENDPOINT_CONNECTING);
	ask(&probe);
	ck_assert(!probe.done);
	fake_connect(data_path_server(&dp, 0), 0);
	fake_settle(dp.loop);
	say(data_path_server(&dp, 0), "VERSION 1\r\nEND\r\n");
	ck_assert_int_eq(probe.result, CALL_REPLY);
	data_path_end(&dp);
}
END_TEST

START_TEST(a_connection_that_did_not_last_counts_as_failed)
{
	struct probe probe;

	begin_connected();
	fake_advance_ms(dp.loop, 999);
	hang_up(dp.a, STREAM_EOF);
	ck_assert_uint_eq(fake_connects(dp.loop, PORT_A), 1);
	ask(&probe);
	ck_assert_int_eq(probe.result, CALL_DOWN);
	ck_assert_str_eq(why(), "a:7000 closed the connection");
	data_path_fini(&dp);
}
END_TEST

START_TEST(an_attempt_has_its_time)
{
	struct probe probe;

	begin();
	ask(&probe);
	fake_advance_ms(dp.loop, 249);
	ck_assert(!probe.done);
	fake_advance_ms(dp.loop, 1);
	ck_assert_int_eq(probe.result, CALL_NOT_SENT);
	ck_assert_str_eq(why(), "connect to a:7000: timed out");
	data_path_fini(&dp);
}
END_TEST

/* A port that accepts and says nothing is no server. What was asked behind the first question may
 * have run all the same. */
START_TEST(a_server_that_does_not_answer_the_first_question_is_down)
{
	struct probe probe;

	begin();
	ask(&probe);
	fake_connect(data_path_server(&dp, 0), 0);
	fake_advance_ms(dp.loop, 250);
	ck_assert(probe.done);
	ck_assert_int_eq(probe.result, CALL_LOST);
	ck_assert_int_eq(state(), ENDPOINT_DOWN);
	ck_assert_int_eq(fake_server(dp.loop, PORT_A)->state, FAKE_CLOSED);
	ck_assert_str_eq(why(), "a:7000 accepts connections but does not answer");
	data_path_fini(&dp);
}
END_TEST

static const struct {
	const char *answer, *why;
} bad_answers[] = {
	{"ERROR\r\n", "a:7000 answers its first question with an error"},
	{"SERVER_ERROR busy\r\n", "a:7000 answers its first question with an error"},
	{"-NOAUTH Authentication required.\r\n", "a:7000 answers out of protocol"},
	{"\r\n", "a:7000 answers out of protocol"},
	{"HTTP/1.1 400 Bad Request\r\n", "a:7000 answers out of protocol"},
};

START_TEST(a_bad_answer_to_the_first_question_makes_no_connection)
{
	begin();
	struct fake_peer *a = data_path_server(&dp, 0);
	fake_connect(a, 0);
	fake_settle(dp.loop);
	say(a, bad_answers[_i].answer);
	ck_assert_int_eq(a->state, FAKE_CLOSED);
	ck_assert_int_eq(state(), ENDPOINT_DOWN);
	ck_assert_str_eq(why(), bad_answers[_i].why);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_server_that_speaks_first_makes_no_connection)
{
	begin();
	struct fake_peer *a = data_path_server(&dp, 0);
	fake_connect(a, 0);
	a->flush_max = 0;
	fake_settle(dp.loop);
	say(a, "VERSION 1\r\n");
	ck_assert_int_eq(a->state, FAKE_CLOSED);
	ck_assert_str_eq(why(), "a:7000 answers out of protocol");
	data_path_fini(&dp);
}
END_TEST

START_TEST(calls_of_one_client_share_a_connection)
{
	struct probe probes[4];

	data_path_begin(&dp,
			(struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .connections = 2});
	ck_assert_uint_eq(fake_connects(dp.loop, PORT_A), 2);
	struct connset *set = dp.engine.connsets[dp.pool->shards[0].primary->id];
	for (uint64_t i = 0; i < 4; i++)
		ask_as(&probes[i], 7 + i % 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct call *first = TAILQ_FIRST(&set->upstreams[i].fifo);

		ck_assert_ptr_eq(first, &set->upstreams[i].hello);
		ck_assert_ptr_eq(TAILQ_NEXT(first, fifo), &probes[1 - i].call);
		ck_assert_ptr_eq(TAILQ_NEXT(&probes[1 - i].call, fifo), &probes[3 - i].call);
	}
	data_path_fini(&dp);
}
END_TEST

START_TEST(shutting_down_fails_what_is_under_way)
{
	struct probe probes[2];

	begin_connected();
	ask(&probes[0]);
	dp.a->flush_max = 0;
	ask(&probes[1]);
	data_path_fini(&dp);
	ck_assert_int_eq(probes[0].result, CALL_LOST);
	ck_assert_int_eq(probes[1].result, CALL_NOT_SENT);
}
END_TEST

static const struct {
	int fault;
	const char *text;
} faults[] = {
	{0, "b:7001: connecting"},
	{-ECONNREFUSED, "connect to b:7001: connection refused"},
	{FAULT_CONNECT_TIMEOUT, "connect to b:7001: timed out"},
	{FAULT_NO_ANSWER, "b:7001 accepts connections but does not answer"},
	{FAULT_ERROR_ANSWER, "b:7001 answers its first question with an error"},
	{FAULT_NO_SASL, "b:7001 knows no SASL, by which binary connections log in (memcached -S)"},
	{FAULT_GARBAGE, "b:7001 answers out of protocol"},
	{FAULT_CLOSED, "b:7001 closed the connection"},
	{FAULT_REQUEST_TIMEOUT, "b:7001 did not answer in time"},
};

START_TEST(each_fault_has_its_words)
{
	char text[CONNSET_WHY_MAX];

	begin();
	ck_assert_str_eq(connset_fault_text(faults[_i].fault, dp.pool->shards[1].primary, text),
			 faults[_i].text);
	data_path_fini(&dp);
}
END_TEST

Suite *connset_suite(void)
{
	Suite *suite = suite_create("connset");
	TCase *tcase = tcase_create("connset");

	tcase_add_test(tcase, connects_at_once_and_is_up_when_the_first_question_is_answered);
	tcase_add_test(tcase, calls_queue_while_the_first_connection_is_made);
	tcase_add_test(tcase, a_refused_attempt_fails_what_queued_and_later_calls_fail_at_once);
	tcase_add_test(tcase, a_call_that_comes_again_is_no_error_yet);
	tcase_add_test(tcase, later_attempts_let_nothing_queue);
	tcase_add_test(tcase, backs_off_with_jitter_up_to_a_limit);
	tcase_add_test(tcase, a_success_makes_the_next_wait_short_again);
	tcase_add_test(tcase, a_connection_that_lasted_is_remade_at_once_and_calls_queue);
	tcase_add_test(tcase, a_connection_that_did_not_last_counts_as_failed);
	tcase_add_test(tcase, an_attempt_has_its_time);
	tcase_add_test(tcase, a_server_that_does_not_answer_the_first_question_is_down);
	tcase_add_loop_test(tcase, a_bad_answer_to_the_first_question_makes_no_connection, 0,
			    ARRAY_LEN(bad_answers));
	tcase_add_test(tcase, a_server_that_speaks_first_makes_no_connection);
	tcase_add_test(tcase, calls_of_one_client_share_a_connection);
	tcase_add_test(tcase, shutting_down_fails_what_is_under_way);
	tcase_add_loop_test(tcase, each_fault_has_its_words, 0, ARRAY_LEN(faults));
	suite_add_tcase(suite, tcase);
	return suite;
}
