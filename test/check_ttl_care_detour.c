/* What is stored at a gutter node, or at another shard, while a key's own shard is down. */
#include "plan/ttl_care.h"

#include <check.h>
#include <stdio.h>

#include "data_path.h"
#include "suites.h"

/* Shard a has keys a, d, h; b has b and f; c has c and e. The clock shows 1700000000.5 s. */
#define A_IS_DOWN 1

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(struct data_path_setup setup)
{
	setup.protocol = PROTOCOL_MEMCACHED;
	data_path_begin(&dp, setup);
	for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++)
		data_path_connect(&dp, i);
	for (uint16_t i = 0; i < dp.pool->n_gutters; i++)
		data_path_connect(&dp, GUTTER_PORT - DATA_PATH_PORT + i);
}

static void begin_gutter(uint32_t down)
{
	begin((struct data_path_setup){.failover = {.mode = FAILOVER_GUTTER, .gutter_ttl_s = 10},
				       .down = down});
}

/* Where a key is now. */
static struct fake_peer *server_of(const char *key)
{
	const struct shard *shard =
		route_key(dp.pool, span_of(key), dp.engine.digest, &dp.engine.rng);

	return fake_server(dp.loop, shard->primary->address.port);
}

static void pass(const char *key, const char *words, const char *sent, const char *reply)
{
	struct request *request = data_path_ask(&dp, words);

	answer_to(server_of(key), sent, reply);
	expect_reply(request, reply);
}

static const struct {
	const char *words, *sent, *reply;
} texts[] = {
	{"set a 0 0 1\r\nx", "set a 0 10 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 9 1\r\nx", "set a 0 9 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 10 1\r\nx", "set a 0 10 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 11 1\r\nx", "set a 0 10 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 -1 1\r\nx", "set a 0 -1 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 1700000005 1\r\nx", "set a 0 1700000005 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 1700000099 1\r\nx", "set a 0 1700000010 1\r\nx\r\n", "STORED\r\n"},
	{"add a 0 0 1\r\nx", "add a 0 10 1\r\nx\r\n", "STORED\r\n"},
	{"replace a 0 0 1\r\nx", "replace a 0 10 1\r\nx\r\n", "STORED\r\n"},
	{"cas a 0 0 1 5\r\nx", "cas a 0 10 1 5\r\nx\r\n", "STORED\r\n"},
	{"append a 0 0 1\r\nx", "append a 0 0 1\r\nx\r\n", "STORED\r\n"},
	{"touch a 0", "touch a 10\r\n", "TOUCHED\r\n"},
	{"touch a 99", "touch a 10\r\n", "TOUCHED\r\n"},
	{"gat 0 a", "gat 10 a\r\n", "END\r\n"},
	{"gats 99 a", "gats 10 a\r\n", "END\r\n"},
	{"get a", "get a\r\n", "END\r\n"},
	{"delete a", "delete a\r\n", "DELETED\r\n"},
	{"incr a 5", "incr a 5\r\n", "6\r\n"},
	{"ms a 1\r\nx", "ms a 1 T10\r\nx\r\n", "HD\r\n"},
	{"ms YQ== 1 b T99\r\nx", "ms YQ== 1 b T10\r\nx\r\n", "HD\r\n"},
	{"ms a 1 T5\r\nx", "ms a 1 T5\r\nx\r\n", "HD\r\n"},
	{"ms a 1 MA N0\r\nx", "ms a 1 MA N10\r\nx\r\n", "HD\r\n"},
	{"mg a v T0 N99", "mg a v T10 N10\r\n", "EN\r\n"},
	{"ma a N0 J5", "ma a N10 J5\r\n", "HD\r\n"},
	{"md a I T99", "md a I T10\r\n", "HD\r\n"},
};

START_TEST(nothing_lives_longer_than_the_gutter_lets_it)
{
	begin_gutter(A_IS_DOWN);
	pass("a", texts[_i].words, texts[_i].sent, texts[_i].reply);
	ck_assert_uint_eq(data_path_count(&dp, STAT_GUTTER_REQUESTS), 1);
}
END_TEST

/* The other shards', and all while nobody is down. */
START_TEST(what_is_at_its_own_shard_is_left_alone)
{
	begin_gutter(_i == 0 ? A_IS_DOWN : 0);
	pass("b", "set b 0 0 1\r\nx", "set b 0 0 1\r\nx\r\n", "STORED\r\n");
	pass("b", "ms b 1\r\nx", "ms b 1\r\nx\r\n", "HD\r\n");
	pass("c", "touch c 99", "touch c 99\r\n", "TOUCHED\r\n");
	if (_i == 1)
		pass("a", "set a 0 0 1\r\nx", "set a 0 0 1\r\nx\r\n", "STORED\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_TTL_CHANGED), 0);
	ck_assert_uint_eq(data_path_count(&dp, STAT_GUTTER_REQUESTS), 0);
}
END_TEST

START_TEST(ejected_keys_live_as_long_as_eject_ttl_says)
{
	begin((struct data_path_setup){.failover = {.mode = FAILOVER_EJECT,
						    .eject_ttl_s = _i == 0 ? 0 : 20},
				       .down = A_IS_DOWN});
	pass("a", "set a 0 0 1\r\nx", _i == 0 ? "set a 0 0 1\r\nx\r\n" : "set a 0 20 1\r\nx\r\n",
	     "STORED\r\n");
	pass("b", "set b 0 0 1\r\nx", "set b 0 0 1\r\nx\r\n", "STORED\r\n");
}
END_TEST

/* The pool's own rule holds too, and the shorter time counts. */
START_TEST(other_rules_hold_as_well)
{
	begin((struct data_path_setup){.failover = {.mode = FAILOVER_GUTTER, .gutter_ttl_s = 10},
				       .ttl = {.max_s = 5, .default_s = 3},
				       .down = A_IS_DOWN});
	pass("a", "set a 0 0 1\r\nx", "set a 0 3 1\r\nx\r\n", "STORED\r\n");
	pass("a", "set a 0 99 1\r\nx", "set a 0 5 1\r\nx\r\n", "STORED\r\n");
}
END_TEST

START_TEST(parts_of_a_split_command_go_by_where_their_keys_are)
{
	begin_gutter(A_IS_DOWN);
	struct request *request = data_path_ask(&dp, "gat 99 b a f");

	expect(dp.b = fake_server(dp.loop, 7001), "gat 99 b f\r\n");
	expect(server_of("a"), "gat 10 a\r\n");
	say(dp.b, "VALUE f 0 1\r\ny\r\nEND\r\n");
	say(server_of("a"), "VALUE a 0 1\r\nx\r\nEND\r\n");
	expect_reply(request, "VALUE f 0 1\r\ny\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_GUTTER_REQUESTS), 1);
}
END_TEST

/* It may have values of any shard; and a shard that is down cannot say that it is flushed. */
START_TEST(a_flush_goes_to_gutter_nodes_too_but_statistics_do_not)
{
	begin_gutter(0);
	struct request *request = data_path_ask(&dp, "flush_all");

	for (uint16_t port = DATA_PATH_PORT; port < DATA_PATH_PORT + 3; port++) {
		answer_to(fake_server(dp.loop, port), "flush_all\r\n", "OK\r\n");
	}
	for (uint16_t port = GUTTER_PORT; port < GUTTER_PORT + 2; port++) {
		expect_waiting(request);
		answer_to(fake_server(dp.loop, port), "flush_all\r\n", "OK\r\n");
	}
	expect_reply(request, "OK\r\n");
	request = data_path_ask(&dp, "stats");
	for (uint16_t port = DATA_PATH_PORT; port < DATA_PATH_PORT + 3; port++) {
		answer_to(fake_server(dp.loop, port), "stats\r\n", "END\r\n");
	}
	expect_reply(request, "END\r\n");
	expect(fake_server(dp.loop, GUTTER_PORT), "");
}
END_TEST

START_TEST(a_gutter_that_is_down_too_is_as_on_down_says)
{
	data_path_begin(&dp,
			(struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						 .failover = {.mode = FAILOVER_GUTTER,
							      .gutter_ttl_s = 10,
							      .on_down = _i == 0 ? ON_DOWN_ERROR
										 : ON_DOWN_MISS},
						 .down = A_IS_DOWN});
	for (uint16_t port = GUTTER_PORT; port < GUTTER_PORT + 2; port++)
		fake_connect(fake_server(dp.loop, port), -111);
	fake_settle(dp.loop);
	struct request *request = data_path_ask(&dp, "get a");
	if (_i == 1) {
		expect_reply(request, "END\r\n");
	} else {
		char error[128];

		snprintf(error, sizeof(error),
			 "SERVER_ERROR slipring: shard %s: connect to g:%u: connection refused\r\n",
			 server_of("a")->port == GUTTER_PORT ? "gutter-1" : "gutter-2",
			 (unsigned)server_of("a")->port);
		expect_reply(request, error);
	}
	data_path_fini(&dp);
}
END_TEST

Suite *ttl_care_detour_suite(void)
{
	Suite *suite = suite_create("ttl_care_detour");
	TCase *tcase = tcase_create("ttl_care_detour");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, nothing_lives_longer_than_the_gutter_lets_it, 0,
			    ARRAY_LEN(texts));
	tcase_add_loop_test(tcase, what_is_at_its_own_shard_is_left_alone, 0, 2);
	tcase_add_loop_test(tcase, ejected_keys_live_as_long_as_eject_ttl_says, 0, 2);
	tcase_add_test(tcase, other_rules_hold_as_well);
	tcase_add_test(tcase, parts_of_a_split_command_go_by_where_their_keys_are);
	tcase_add_test(tcase, a_flush_goes_to_gutter_nodes_too_but_statistics_do_not);
	tcase_add_loop_test(tcase, a_gutter_that_is_down_too_is_as_on_down_says, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
