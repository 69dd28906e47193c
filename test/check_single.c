#include <check.h>
#include <errno.h>

#include "core/connset.h"
#include "core/request.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(enum pool_protocol protocol)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = protocol});
}

/* As above, an hour ago: what is lost now is remade at once. */
static void begin_lasting(enum pool_protocol protocol)
{
	begin(protocol);
	fake_advance_ms(dp.loop, 3600000);
}

START_TEST(passes_the_reply_on_as_it_came)
{
	begin(PROTOCOL_REDIS);
	struct request *get = data_path_ask(&dp, "GET b");
	struct request *set = data_path_ask(&dp, "Set b 1");

	answer_to(dp.b, "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n*3\r\n$3\r\nSet\r\n$1\r\nb\r\n$1\r\n1\r\n",
		  "$3\r\nx\ny\r\n");
	expect_waiting(set);
	say(dp.b, "-WRONGTYPE no\r\n");
	ck_assert(!get->is_error && set->is_error);
	expect_reply(get, "$3\r\nx\ny\r\n");
	expect_reply(set, "-WRONGTYPE no\r\n");
}
END_TEST

START_TEST(noreply_is_cut_from_what_is_sent)
{
	begin(PROTOCOL_MEMCACHED);
	struct request *set = data_path_ask(&dp, "set a 0 0 3 noreply\r\nx\ry");
	struct request *touch = data_path_ask(&dp, "touch  a  10  noreply");

	answer_to(dp.a, "set a 0 0 3\r\nx\ry\r\ntouch  a  10\r\n", "STORED\r\nTOUCHED\r\n");
	expect_reply(set, "STORED\r\n");
	expect_reply(touch, "TOUCHED\r\n");
}
END_TEST

START_TEST(hits_and_misses_are_counted_by_key)
{
	begin(PROTOCOL_MEMCACHED);
	struct request *gets[] = {data_path_ask(&dp, "get a"), data_path_ask(&dp, "gets a"),
				  data_path_ask(&dp, "gat 10 a"), data_path_ask(&dp, "get a d h")};

	say(dp.a, "END\r\nVALUE a 0 1 5\r\nx\r\nEND\r\nSERVER_ERROR x\r\n"
		  "VALUE a 0 1\r\nx\r\nVALUE h 0 1\r\nx\r\nEND\r\n");
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 3);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 2);
	for (size_t i = 0; i < ARRAY_LEN(gets); i++)
		request_free(gets[i]);
}
END_TEST

static const struct {
	const char *words, *sent;
} commands[] = {
	{"GET a", "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"},
	{"INCR a", "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"},
};

START_TEST(what_was_not_sent_is_tried_again_on_a_new_connection)
{
	begin_lasting(PROTOCOL_REDIS);
	dp.a->flush_max = 0;
	struct request *request = data_path_ask(&dp, commands[_i].words);

	hang_up(dp.a, STREAM_EOF);
	expect_waiting(request);
	data_path_connect(&dp, 0);
	answer_to(data_path_server(&dp, 0), commands[_i].sent, ":1\r\n");
	expect_reply(request, ":1\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_RETRIES), 1);
}
END_TEST

START_TEST(a_lost_read_is_tried_once_more_and_then_fails)
{
	begin_lasting(PROTOCOL_REDIS);
	struct request *request = data_path_ask(&dp, "GET a");

	answer_to(dp.a, commands[0].sent, "$10\r\nhalf");
	hang_up(dp.a, STREAM_EOF);
	data_path_connect(&dp, 0);
	expect(data_path_server(&dp, 0), commands[0].sent);
	hang_up(data_path_server(&dp, 0), STREAM_EOF);
	ck_assert(request->is_error);
	expect_reply(request, "-ERR slipring: shard a: connection to a:7000 lost\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_RETRIES), 1);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_lost_write_is_not_sent_twice_and_says_that_it_may_have_run)
{
	begin_lasting(PROTOCOL_REDIS);
	struct request *request = data_path_ask(&dp, "INCR a");

	hang_up(dp.a, STREAM_EOF);
	expect_reply(request, "-ERR slipring: shard a: connection to a:7000 lost; "
			      "the command may have run\r\n");
	data_path_connect(&dp, 0);
	expect(data_path_server(&dp, 0), "");
	ck_assert_uint_eq(data_path_count(&dp, STAT_RETRIES), 0);
}
END_TEST

START_TEST(a_partly_written_write_is_not_sent_twice)
{
	begin_lasting(PROTOCOL_MEMCACHED);
	dp.a->flush_max = 1;
	struct request *request = data_path_ask(&dp, "set a 0 0 1\r\nx");

	dp.a->flush_max = 0;
	struct request *later = data_path_ask(&dp, "set a 0 0 1\r\ny");
	hang_up(dp.a, STREAM_EOF);
	expect_waiting(later);
	data_path_connect(&dp, 0);
	answer_to(data_path_server(&dp, 0), "set a 0 0 1\r\ny\r\n", "STORED\r\n");
	expect_reply(later, "STORED\r\n");
	expect_reply(request, "SERVER_ERROR slipring: shard a: connection to a:7000 lost; "
			      "the command may have run\r\n");
}
END_TEST

START_TEST(a_request_out_of_time_is_not_tried_again)
{
	begin_lasting(PROTOCOL_MEMCACHED);
	struct request *get = data_path_ask(&dp, "get a");
	struct request *set = data_path_ask(&dp, "set a 0 0 1\r\nx");

	fake_advance_ms(dp.loop, 1001);
	expect_reply(get, "SERVER_ERROR slipring: shard a: no reply from a:7000 in time\r\n");
	expect_reply(set, "SERVER_ERROR slipring: shard a: connection to a:7000 lost; "
			  "the command may have run\r\n");
	data_path_connect(&dp, 0);
}
END_TEST

START_TEST(without_retries_nothing_is_sent_again)
{
	data_path_init(&dp,
		       (struct data_path_setup){.protocol = PROTOCOL_REDIS, .no_retries = true});
	fake_advance_ms(dp.loop, 3600000);
	struct request *request = data_path_ask(&dp, "GET a");

	hang_up(dp.a, STREAM_EOF);
	expect_reply(request, "-ERR slipring: shard a: connection to a:7000 lost\r\n");
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_dead_endpoint_refuses_at_once_and_others_go_on)
{
	begin(PROTOCOL_REDIS);
	hang_up(dp.a, STREAM_EOF);
	fake_advance_ms(dp.loop, 50);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
	expect_reply(data_path_ask(&dp, "INCR a"),
		     "-ERR slipring: shard a: connect to a:7000: connection refused\r\n");
	struct request *request = data_path_ask(&dp, "INCR b");
	say(dp.b, ":1\r\n");
	expect_reply(request, ":1\r\n");
	ck_assert_uint_eq(stat_get(&data_path_endpoint(&dp, 0)->results[CALL_DOWN]), 1);
	data_path_fini(&dp);
}
END_TEST

Suite *single_suite(void)
{
	Suite *suite = suite_create("single");
	TCase *tcase = tcase_create("single");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, passes_the_reply_on_as_it_came);
	tcase_add_test(tcase, noreply_is_cut_from_what_is_sent);
	tcase_add_test(tcase, hits_and_misses_are_counted_by_key);
	tcase_add_loop_test(tcase, what_was_not_sent_is_tried_again_on_a_new_connection, 0,
			    ARRAY_LEN(commands));
	tcase_add_test(tcase, a_lost_read_is_tried_once_more_and_then_fails);
	tcase_add_test(tcase, a_lost_write_is_not_sent_twice_and_says_that_it_may_have_run);
	tcase_add_test(tcase, a_partly_written_write_is_not_sent_twice);
	tcase_add_test(tcase, a_request_out_of_time_is_not_tried_again);
	tcase_add_test(tcase, without_retries_nothing_is_sent_again);
	tcase_add_test(tcase, a_dead_endpoint_refuses_at_once_and_others_go_on);
	suite_add_tcase(suite, tcase);
	return suite;
}
