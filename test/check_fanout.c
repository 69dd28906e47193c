#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "core/request.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin_redis(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

static void begin_memcached(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

START_TEST(keys_go_to_their_shards_in_their_order)
{
	begin_redis();
	struct request *request = data_path_ask(&dp, "MGET c a b d e a");

	expect_words(dp.a, "mget a d a");
	expect_words(dp.b, "mget b");
	answer_words(dp.c, "mget c e", "*2\r\n$1\r\nC\r\n$-1\r\n");
	say(dp.a, "*3\r\n$1\r\nA\r\n$1\r\nD\r\n$1\r\nA\r\n");
	expect_waiting(request);
	say(dp.b, "*1\r\n$1\r\nB\r\n");
	expect_reply(request,
		     "*6\r\n$1\r\nC\r\n$1\r\nA\r\n$1\r\nB\r\n$1\r\nD\r\n$-1\r\n$1\r\nA\r\n");
}
END_TEST

START_TEST(values_go_with_their_keys)
{
	begin_redis();
	struct request *request = data_path_ask(&dp, "MSET a 1 b 2 d 4");

	expect_words(dp.a, "mset a 1 d 4");
	expect_words(dp.b, "mset b 2");
	expect(dp.c, "");
	say(dp.b, "+OK\r\n");
	say(dp.a, "+OK\r\n");
	expect_reply(request, "+OK\r\n");
}
END_TEST

START_TEST(keys_of_one_shard_go_as_they_came)
{
	begin_redis();
	struct request *request = data_path_ask(&dp, "MGet a d");

	answer_words(dp.a, "MGet a d", "*2\r\n$-1\r\n$-1\r\n");
	expect_reply(request, "*2\r\n$-1\r\n$-1\r\n");
	ck_assert_uint_eq(dp.engine.calls.used, 0);
}
END_TEST

START_TEST(memcached_keys_follow_the_words_before_them)
{
	begin_memcached();
	struct request *request = data_path_ask(&dp, "gat  100 c a  b d");

	expect(dp.a, "gat  100 a d\r\n");
	expect(dp.b, "gat  100 b\r\n");
	expect(dp.c, "gat  100 c\r\n");
	say(dp.a, "VALUE d 0 1\r\nD\r\nEND\r\n");
	say(dp.b, "END\r\n");
	say(dp.c, "VALUE c 0 1\r\nC\r\nEND\r\n");
	expect_reply(request, "VALUE c 0 1\r\nC\r\nVALUE d 0 1\r\nD\r\nEND\r\n");
}
END_TEST

START_TEST(a_command_to_all_goes_to_all_as_it_came)
{
	begin_memcached();
	struct request *request = data_path_ask(&dp, "flush_all 10 noreply");

	expect(dp.a, "flush_all 10\r\n");
	expect(dp.b, "flush_all 10\r\n");
	expect(dp.c, "flush_all 10\r\n");
	say(dp.a, "OK\r\n");
	say(dp.c, "OK\r\n");
	expect_waiting(request);
	say(dp.b, "OK\r\n");
	expect_reply(request, "OK\r\n");
}
END_TEST

START_TEST(when_all_are_down_it_is_finished_at_once)
{
	data_path_begin(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
	for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++)
		fake_connect(data_path_server(&dp, i), -ECONNREFUSED);
	fake_settle(dp.loop);
	expect_reply(data_path_ask(&dp, "DEL a b"),
		     "-ERR slipring: shard a: connect to a:7000: connection refused\r\n");
	expect_reply(data_path_ask(&dp, "MGET b c"),
		     "*2\r\n-ERR slipring: shard b: connect to b:7001: connection refused\r\n"
		     "-ERR slipring: shard c: connect to c:7002: connection refused\r\n");
	data_path_fini(&dp);
}
END_TEST

/* What is lost an hour after it was connected is connected again at once. */
static void lose_a(void)
{
	hang_up(dp.a, -ECONNRESET);
	data_path_connect(&dp, 0);
}

START_TEST(a_lost_part_that_reads_is_sent_again_alone)
{
	begin_redis();
	fake_advance_ms(dp.loop, 3600000);
	struct request *request = data_path_ask(&dp, "MGET a b");

	expect_words(dp.a, "mget a");
	expect_words(dp.b, "mget b");
	lose_a();
	expect_words(data_path_server(&dp, 0), "mget a");
	expect(dp.b, "");
	say(data_path_server(&dp, 0), "*1\r\n$1\r\nA\r\n");
	say(dp.b, "*1\r\n$1\r\nB\r\n");
	expect_reply(request, "*2\r\n$1\r\nA\r\n$1\r\nB\r\n");
}
END_TEST

START_TEST(a_lost_part_that_writes_is_not_sent_again)
{
	begin_redis();
	fake_advance_ms(dp.loop, 3600000);
	struct request *request = data_path_ask(&dp, "DEL a b");

	lose_a();
	expect(data_path_server(&dp, 0), "");
	expect_waiting(request);
	say(dp.b, ":1\r\n");
	expect_reply(request, "-ERR slipring: shard a: connection to a:7000 lost; "
			      "the command may have run\r\n");
}
END_TEST

START_TEST(an_unsent_part_that_writes_is_sent_again)
{
	begin_redis();
	fake_advance_ms(dp.loop, 3600000);
	dp.a->flush_max = 0;
	struct request *request = data_path_ask(&dp, "MSET a 1 b 2");

	lose_a();
	answer_words(data_path_server(&dp, 0), "mset a 1", "+OK\r\n");
	say(dp.b, "+OK\r\n");
	expect_reply(request, "+OK\r\n");
}
END_TEST

/* One-letter keys in turn, far more than a standard chunk has room to map. */
#define MANY 20000

static void make_many(struct text *keys, struct text *reply)
{
	text_puts(keys, "mget");
	text_printf(reply, "*%u\r\n", MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		text_printf(keys, " %c", "abc"[i % 3]);
		text_printf(reply, "$1\r\n%c\r\n", "ABC"[i % 3]);
	}
}

/* The array of a shard that has every third key from `first` on, all with one value. */
static void answer_many(struct fake_peer *server, uint32_t first, char value)
{
	uint32_t n = (MANY - first + 2) / 3;
	struct text reply = {0};

	text_printf(&reply, "*%u\r\n", n);
	for (uint32_t i = 0; i < n; i++)
		text_printf(&reply, "$1\r\n%c\r\n", value);
	server->read_max = 5000;
	say(server, reply.p);
	text_free(&reply);
}

START_TEST(twenty_thousand_keys_come_back_in_order)
{
	struct text keys = {0}, reply = {0};

	begin_redis();
	make_many(&keys, &reply);
	struct request *request = data_path_ask(&dp, keys.p);
	answer_many(dp.c, 2, 'C');
	answer_many(dp.a, 0, 'A');
	answer_many(dp.b, 1, 'B');
	expect_reply(request, reply.p);
	text_free(&keys);
	text_free(&reply);
}
END_TEST

Suite *fanout_suite(void)
{
	Suite *suite = suite_create("fanout");
	TCase *tcase = tcase_create("fanout");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, keys_go_to_their_shards_in_their_order);
	tcase_add_test(tcase, values_go_with_their_keys);
	tcase_add_test(tcase, keys_of_one_shard_go_as_they_came);
	tcase_add_test(tcase, memcached_keys_follow_the_words_before_them);
	tcase_add_test(tcase, a_command_to_all_goes_to_all_as_it_came);
	tcase_add_test(tcase, when_all_are_down_it_is_finished_at_once);
	tcase_add_test(tcase, a_lost_part_that_reads_is_sent_again_alone);
	tcase_add_test(tcase, a_lost_part_that_writes_is_not_sent_again);
	tcase_add_test(tcase, an_unsent_part_that_writes_is_sent_again);
	tcase_add_test(tcase, twenty_thousand_keys_come_back_in_order);
	suite_add_tcase(suite, tcase);
	return suite;
}
