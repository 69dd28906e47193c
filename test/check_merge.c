#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/request.h"
#include "data_path.h"
#include "suites.h"

#define DOWN_A "connect to a:7000: connection refused\r\n"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(enum pool_protocol protocol, bool fail_multiget)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = protocol,
						     .fail_multiget = fail_multiget});
}

/* Shard a refuses connections. */
static void kill_a(void)
{
	fake_end(dp.a, STREAM_EOF);
	fake_advance_ms(dp.loop, 50);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
}

/* What two nodes answer to the two parts of a command, and the reply made of it. */
struct merging {
	const char *words, *a, *b, *reply;
	bool is_error;
};

static const struct merging redis[] = {
	{"MGET b a", "*1\r\n$1\r\nA\r\n", "*1\r\n$1\r\nB\r\n", "*2\r\n$1\r\nB\r\n$1\r\nA\r\n",
	 false},
	{"MGET a b a", "*2\r\n$-1\r\n$0\r\n\r\n", "*1\r\n$1\r\nB\r\n",
	 "*3\r\n$-1\r\n$1\r\nB\r\n$0\r\n\r\n", false},
	{"MGET a b", "*1\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", "*1\r\n$-1\r\n",
	 "*2\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n$-1\r\n", false},
	/* A node's own error stands for each of its keys. */
	{"MGET a b a", "-LOADING no\r\n", "*1\r\n$1\r\nB\r\n",
	 "*3\r\n-LOADING no\r\n$1\r\nB\r\n-LOADING no\r\n", true},
	{"MGET a b", "-LOADING no\r\n", "-OOM\r\n", "*2\r\n-LOADING no\r\n-OOM\r\n", true},
	/* What is no array of as many elements as keys is no answer. */
	{"MGET a b", "*2\r\n$1\r\nA\r\n$1\r\nA\r\n", "*1\r\n$1\r\nB\r\n",
	 "*2\r\n-ERR slipring: shard a: a:7000 answered out of protocol\r\n$1\r\nB\r\n", true},
	{"MGET a b d", "*1\r\n$1\r\nA\r\n", "*1\r\n$1\r\nB\r\n",
	 "*3\r\n-ERR slipring: shard a: a:7000 answered out of protocol\r\n$1\r\nB\r\n"
	 "-ERR slipring: shard a: a:7000 answered out of protocol\r\n",
	 true},
	{"MGET a b", "*-1\r\n", "*1\r\n$1\r\nB\r\n",
	 "*2\r\n-ERR slipring: shard a: a:7000 answered out of protocol\r\n$1\r\nB\r\n", true},
	{"MGET a b", "+OK\r\n", "*1\r\n$1\r\nB\r\n",
	 "*2\r\n-ERR slipring: shard a: a:7000 answered out of protocol\r\n$1\r\nB\r\n", true},
	{"DEL a b d", ":2\r\n", ":1\r\n", ":3\r\n", false},
	{"UNLINK a b", ":0\r\n", ":0\r\n", ":0\r\n", false},
	{"EXISTS b b a", ":1\r\n", ":2\r\n", ":3\r\n", false},
	{"TOUCH b a", ":1\r\n", ":1\r\n", ":2\r\n", false},
	{"DEL a b", ":1\r\n", "-READONLY no\r\n", "-READONLY no\r\n", true},
	{"DEL b a", "-ERR a\r\n", "-ERR b\r\n", "-ERR b\r\n", true},
	{"DEL a b", "+OK\r\n", ":1\r\n",
	 "-ERR slipring: shard a: a:7000 answered out of protocol; the command may have run\r\n",
	 true},
	{"MSET a 1 b 2", "+OK\r\n", "+OK\r\n", "+OK\r\n", false},
	{"MSET a 1 b 2", "+OK\r\n", "-OOM b\r\n", "-OOM b\r\n", true},
	{"MSET b 1 a 2", "-OOM a\r\n", "-OOM b\r\n", "-OOM b\r\n", true},
};

static const struct merging memcached[] = {
	{"get b a", "VALUE a 0 1\r\nA\r\nEND\r\n", "VALUE b 0 1\r\nB\r\nEND\r\n",
	 "VALUE b 0 1\r\nB\r\nVALUE a 0 1\r\nA\r\nEND\r\n", false},
	{"gets a b", "END\r\n", "END\r\n", "END\r\n", false},
	{"get a b", "VALUE a 0 5\r\nEND\r\n\r\nEND\r\n", "END\r\n",
	 "VALUE a 0 5\r\nEND\r\n\r\nEND\r\n", false},
	{"get a b", "SERVER_ERROR no\r\n", "VALUE b 0 1\r\nB\r\nEND\r\n",
	 "VALUE b 0 1\r\nB\r\nEND\r\n", true},
};

/* All of a table's cases with the servers' bytes coming `step` by `step`. */
static void run(const struct merging *m, size_t step)
{
	struct request *request = data_path_ask(&dp, m->words);

	dp.a->read_max = dp.b->read_max = step;
	say(dp.b, m->b);
	expect_waiting(request);
	say(dp.a, m->a);
	ck_assert_int_eq(request->is_error, m->is_error);
	expect_reply(request, m->reply);
	check_engine_is_empty(&dp);
}

START_TEST(parts_of_a_redis_command_become_one_reply)
{
	begin(PROTOCOL_REDIS, false);
	run(&redis[_i], 1);
	run(&redis[_i], 7);
	run(&redis[_i], SIZE_MAX);
}
END_TEST

START_TEST(parts_of_a_memcached_command_become_one_reply)
{
	begin(PROTOCOL_MEMCACHED, false);
	run(&memcached[_i], 1);
	run(&memcached[_i], 7);
	run(&memcached[_i], SIZE_MAX);
}
END_TEST

/* Well-formed replies, but to another question. */
static const char *const no_values[] = {"OK\r\n", "1\r\n", "STORED\r\n", "VERSION 1.6.18\r\n",
					"STAT a b\r\nEND\r\n"};

START_TEST(what_is_no_values_adds_none)
{
	begin(PROTOCOL_MEMCACHED, false);
	struct request *request = data_path_ask(&dp, "get a b");

	say(dp.a, no_values[_i]);
	say(dp.b, "VALUE b 0 1\r\nB\r\nEND\r\n");
	ck_assert(request->is_error);
	expect_reply(request, "VALUE b 0 1\r\nB\r\nEND\r\n");
	data_path_fini(&dp);
}
END_TEST

START_TEST(sums_that_no_integer_holds_do_no_harm)
{
	begin(PROTOCOL_REDIS, false);
	struct request *request = data_path_ask(&dp, "DEL a b");

	say(dp.a, ":9223372036854775807\r\n");
	say(dp.b, ":9223372036854775807\r\n");
	ck_assert(request->finished);
	request_free(request);
}
END_TEST

START_TEST(a_dead_shard_is_an_error_for_its_keys_alone)
{
	begin(PROTOCOL_REDIS, false);
	kill_a();
	struct request *request = data_path_ask(&dp, "MGET b a d");
	say(dp.b, "*1\r\n$1\r\nB\r\n");
	ck_assert(request->is_error);
	expect_reply(request, "*3\r\n$1\r\nB\r\n-ERR slipring: shard a: " DOWN_A
			      "-ERR slipring: shard a: " DOWN_A);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_dead_shard_is_a_miss_for_its_memcached_keys)
{
	begin(PROTOCOL_MEMCACHED, false);
	kill_a();
	struct request *request = data_path_ask(&dp, "get b a");
	say(dp.b, "VALUE b 0 1\r\nB\r\nEND\r\n");
	expect_reply(request, "VALUE b 0 1\r\nB\r\nEND\r\n");
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 1);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 0);
	data_path_fini(&dp);
}
END_TEST

START_TEST(by_setting_a_dead_shard_fails_all_keys)
{
	begin(PROTOCOL_REDIS, true);
	kill_a();
	struct request *request = data_path_ask(&dp, "MGET b a");
	say(dp.b, "*1\r\n$1\r\nB\r\n");
	expect_reply(request, "-ERR slipring: shard a: " DOWN_A);
	data_path_fini(&dp);

	begin(PROTOCOL_MEMCACHED, true);
	kill_a();
	request = data_path_ask(&dp, "get b a");
	say(dp.b, "VALUE b 0 1\r\nB\r\nEND\r\n");
	expect_reply(request, "SERVER_ERROR slipring: shard a: " DOWN_A);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_write_is_never_partly_well)
{
	begin(PROTOCOL_REDIS, false);
	kill_a();
	struct request *request = data_path_ask(&dp, "MSET b 1 a 2");
	say(dp.b, "+OK\r\n");
	expect_reply(request, "-ERR slipring: shard a: " DOWN_A);
	data_path_fini(&dp);
}
END_TEST

START_TEST(hits_and_misses_are_counted_over_all_parts)
{
	begin(PROTOCOL_MEMCACHED, false);
	struct request *request = data_path_ask(&dp, "get a b d f h");

	say(dp.a, "VALUE d 0 1\r\nD\r\nEND\r\n");
	say(dp.b, "VALUE b 0 1\r\nB\r\nVALUE f 0 1\r\nF\r\nEND\r\n");
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 3);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 2);
	request_free(request);
}
END_TEST

/* Values of 0 to 200,000 bytes, in reads of any size: the reply is what one node would say. */
START_TEST(values_of_any_length_in_any_pieces_are_put_together)
{
	struct text parts[2] = {{0}}, reply = {0};
	struct rng rng;

	rng_init(&rng, (uint64_t)_i);
	begin(PROTOCOL_REDIS, false);
	struct request *request = data_path_ask(&dp, "MGET a b d f h g i k");
	text_puts(&parts[0], "*4\r\n");
	text_puts(&parts[1], "*4\r\n");
	text_puts(&reply, "*8\r\n");
	for (size_t i = 0; i < 8; i++) {
		int len = (int)rng_below(&rng, 1 + rng_below(&rng, i == 3 ? 200000 : 1500));
		size_t at = reply.len;

		text_printf(&reply, "$%d\r\n%0*d\r\n", len, len, 7);
		if (len == 0) /* where the 7 still takes one byte */
			reply.len = at, text_puts(&reply, "$0\r\n\r\n");
		text_append(&parts[i % 2], span_make(reply.p + at, reply.len - at));
	}
	dp.a->read_max = 1 + rng_below(&rng, 20000);
	dp.b->read_max = 1 + rng_below(&rng, 2000);
	say(dp.a, parts[0].p);
	say(dp.b, parts[1].p);
	expect_reply(request, reply.p);
	text_free(&parts[0]);
	text_free(&parts[1]);
	text_free(&reply);
}
END_TEST

Suite *merge_suite(void)
{
	Suite *suite = suite_create("merge");
	TCase *tcase = tcase_create("merge");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, parts_of_a_redis_command_become_one_reply, 0, ARRAY_LEN(redis));
	tcase_add_loop_test(tcase, parts_of_a_memcached_command_become_one_reply, 0,
			    ARRAY_LEN(memcached));
	tcase_add_loop_test(tcase, what_is_no_values_adds_none, 0, ARRAY_LEN(no_values));
	tcase_add_test(tcase, sums_that_no_integer_holds_do_no_harm);
	tcase_add_test(tcase, a_dead_shard_is_an_error_for_its_keys_alone);
	tcase_add_test(tcase, a_dead_shard_is_a_miss_for_its_memcached_keys);
	tcase_add_test(tcase, by_setting_a_dead_shard_fails_all_keys);
	tcase_add_test(tcase, a_write_is_never_partly_well);
	tcase_add_test(tcase, hits_and_misses_are_counted_over_all_parts);
	tcase_add_loop_test(tcase, values_of_any_length_in_any_pieces_are_put_together, 0, 30);
	suite_add_tcase(suite, tcase);
	return suite;
}
