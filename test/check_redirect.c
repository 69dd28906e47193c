#include "plan/redirect.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "data_path.h"
#include "suites.h"

/* Slots as CRC16 has them: a and d are shard a's, of two slots, b is b's and c is c's. */

#define HOLD_MS	 1000
#define ASKING	 "*1\r\n$6\r\nASKING\r\n"
#define TO_B	 "-MOVED 15495 b:7001\r\n"
#define TO_A	 "-MOVED 15495 a:7000\r\n"
#define ASK_B	 "-ASK 15495 b:7001\r\n"
#define TRYAGAIN "-TRYAGAIN Multiple keys request during rehashing of slot\r\n"
#define BIG	 300000 /* bytes */

static struct data_path dp;
static unsigned n_suspects;

static void on_suspect(void *arg, uint16_t endpoint_id)
{
	(void)arg;
	(void)endpoint_id;
	n_suspects++;
}

static struct data_path_setup setup(void)
{
	return (struct data_path_setup){
		.protocol = PROTOCOL_REDIS,
		.hold_ms = HOLD_MS,
		.is_cluster = true,
		.slots = {{10923, 16383}, {0, 5460}, {5461, 10922}},
	};
}

static void begin_as(struct data_path_setup its)
{
	data_path_init(&dp, its);
	dp.engine.suspect = on_suspect;
	n_suspects = 0;
}

static void begin(void)
{
	begin_as(setup());
}

/* A node gets exactly this command, and answers. */
static void answer(struct fake_peer *node, const char *words, const char *reply)
{
	expect(node, array_of(words));
	say(node, reply);
}

/* Shard a is somewhere else, or b's address is of a's host. */
static struct topology *build(const char *a, const char *b)
{
	const struct shard_spec shards[] = {
		{.name = "a", .primary = (char *)a, .weight = 1},
		{.name = "b", .primary = (char *)b, .weight = 1},
		{.name = "c", .primary = "c:7002", .weight = 1},
	};

	return data_path_build(&dp, shards, ARRAY_LEN(shards));
}

static void adopt(struct topology *topology)
{
	data_path_adopt(&dp, topology);
	fake_settle(dp.loop);
}

START_TEST(a_moved_command_goes_where_it_is_sent)
{
	static const char *const commands[] = {"get a", "set a 1"};

	begin();
	struct request *request = data_path_ask(&dp, commands[_i]);
	answer(dp.a, commands[_i], TO_B);
	expect_waiting(request);
	answer(dp.b, commands[_i], "+1\r\n");
	expect_reply(request, "+1\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_REDIRECTED), 1);
	/* Somebody should look at the slots again. */
	ck_assert_uint_eq(n_suspects, 1);
	expect(dp.a, "");
	data_path_end(&dp);
}
END_TEST

START_TEST(asking_goes_before_and_its_reply_is_dropped)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	struct request *next = data_path_ask(&dp, "get b");
	answer(dp.a, "get a", ASK_B);
	expect_first(dp.b, array_of("get b"));
	expect_first(dp.b, ASKING);
	expect(dp.b, array_of("get a"));
	say(dp.b, "$1\r\n2\r\n+OK\r\n");
	expect_waiting(request);
	say(dp.b, "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	expect_reply(next, "$1\r\n2\r\n");
	ck_assert_uint_eq(n_suspects, 0);
	/* The slot is still a's. */
	request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", "$-1\r\n");
	expect_reply(request, "$-1\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(asking_is_taken_off_for_the_next_node)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", ASK_B);
	expect_first(dp.b, ASKING);
	expect(dp.b, array_of("get a"));
	say(dp.b, "+OK\r\n-MOVED 15495 c:7002\r\n");
	answer(dp.c, "get a", "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	data_path_end(&dp);
}
END_TEST

/* The connection breaks between the two replies; the command is asked for once more. */
START_TEST(asking_goes_again_after_its_reply_was_lost_with_the_other)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", ASK_B);
	expect_first(dp.b, ASKING);
	expect(dp.b, array_of("get a"));
	say(dp.b, "+OK\r\n");
	fake_end(dp.b, STREAM_EOF);
	fake_advance_ms(dp.loop, 100);
	data_path_connect(&dp, 1);
	fake_advance_ms(dp.loop, 20);
	struct fake_peer *b = data_path_server(&dp, 1);
	expect_first(b, ASKING);
	expect(b, array_of("get a"));
	say(b, "+OK\r\n");
	expect_waiting(request);
	say(b, "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	data_path_end(&dp);
}
END_TEST

static const char *const later[] = {TRYAGAIN, "-CLUSTERDOWN The cluster is down\r\n"};

START_TEST(what_is_to_be_tried_again_goes_again_a_little_later)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", later[_i]);
	expect_waiting(request);
	/* It waits alone. */
	struct request *other = data_path_ask(&dp, "get d");
	answer(dp.a, "get d", "$1\r\n4\r\n");
	expect_reply(other, "$1\r\n4\r\n");
	fake_advance_ms(dp.loop, 15);
	expect(dp.a, "");
	fake_advance_ms(dp.loop, 15);
	answer(dp.a, "get a", later[_i]);
	expect_waiting(request);
	fake_advance_ms(dp.loop, 30);
	answer(dp.a, "get a", "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(what_is_tried_again_in_vain_ends_with_what_the_node_says)
{
	unsigned tries = 0;

	begin();
	struct request *request = data_path_ask(&dp, "get a");
	while (!request->finished) {
		ck_assert_uint_lt(++tries, HOLD_MS / 20 + 2);
		answer(dp.a, "get a", TRYAGAIN);
		fake_advance_ms(dp.loop, 30);
	}
	ck_assert_uint_gt(tries, 10);
	expect_reply(request, TRYAGAIN);
	data_path_end(&dp);
}
END_TEST

START_TEST(an_unknown_node_is_waited_for)
{
	begin();
	struct request *request = data_path_ask(&dp, "set a 1");
	answer(dp.a, "set a 1", "-MOVED 15495 e:7004\r\n");
	expect_waiting(request);
	ck_assert_uint_ge(n_suspects, 1);
	adopt(build("e:7004", "b:7001"));
	data_path_connect(&dp, 4);
	answer(data_path_server(&dp, 4), "set a 1", "+OK\r\n");
	expect_reply(request, "+OK\r\n");
	fake_settle(dp.loop);
	expect_let_go(dp.topology);
	data_path_end(&dp);
}
END_TEST

START_TEST(a_node_of_a_newer_topology_is_known)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	struct topology *at_e = build("e:7004", "b:7001");
	adopt(at_e);
	data_path_connect(&dp, 4);
	answer(dp.a, "get a", "-MOVED 15495 e:7004\r\n");
	adopt(build("d:7003", "b:7001"));
	data_path_connect(&dp, 3);
	answer(data_path_server(&dp, 4), "get a", "$1\r\n1\r\n");
	ck_assert_int_eq(data_path_server(&dp, 4)->state, FAKE_OPEN);
	expect_reply(request, "$1\r\n1\r\n");
	fake_settle(dp.loop);
	expect_let_go(at_e);
	data_path_end(&dp);
}
END_TEST

START_TEST(an_empty_host_is_that_of_who_says_it)
{
	begin();
	adopt(build("a:7000", "a:7003"));
	data_path_connect(&dp, 3);
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", "-MOVED 15495 :7003\r\n");
	answer(data_path_server(&dp, 3), "get a", "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	data_path_end(&dp);
}
END_TEST

static const struct {
	const char *ip, *answer;
} ips[] = {
	{"10.0.0.2", "-MOVED 15495 10.0.0.2:7003\r\n"},
	{"fd00::2", "-MOVED 15495 fd00::2:7003\r\n"},
};

START_TEST(a_node_is_known_by_what_its_name_stands_for)
{
	begin();
	struct topology *topology = build("a:7000", "b:7003");
	endpoint_resolve(topology->pools[0].shards[1].primary, &ips[_i].ip, 1);
	adopt(topology);
	data_path_connect(&dp, 3);
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", ips[_i].answer);
	answer(data_path_server(&dp, 3), "get a", "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	data_path_end(&dp);
}
END_TEST

static const char *const garbage[] = {
	"-MOVED\r\n",		"-MOVED \r\n",
	"-MOVED 1\r\n",		"-MOVED 1 \r\n",
	"-MOVED 1 b\r\n",	"-MOVED 1 b:\r\n",
	"-MOVED 1 b:0\r\n",	"-MOVED 1 b:65536\r\n",
	"-MOVED 1 b:x\r\n",	"-MOVED 1 b:7001 also\r\n",
	"-MOVEDb 1 b:7001\r\n", "-ASK 1 7001\r\n",
	"-ASKING 1 b:7001\r\n", "-TRYAGAINS 1\r\n",
	"-moved 1 b:7001\r\n",	"-MOVED 1 b:-1\r\n",
};

START_TEST(what_names_no_node_is_the_clients)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", garbage[_i]);
	expect_reply(request, garbage[_i]);
	ck_assert_uint_eq(data_path_count(&dp, STAT_REDIRECTED), 0);
	data_path_end(&dp);
}
END_TEST

/* One that is as long as a name can be is waited for; a longer one is none. */
START_TEST(a_host_may_be_as_long_as_a_name)
{
	char line[512];

	begin();
	for (int len = ADDRESS_HOST_MAX; len < ADDRESS_HOST_MAX + 100; len += 20) {
		struct request *request = data_path_ask(&dp, "get a");

		snprintf(line, sizeof(line), "-MOVED 1 %0*d:7001\r\n", len, 0);
		answer(dp.a, "get a", line);
		if (len > ADDRESS_HOST_MAX) {
			expect_reply(request, line);
			continue;
		}
		fake_advance_ms(dp.loop, 30);
		answer(dp.a, "get a", "$-1\r\n");
		expect_reply(request, "$-1\r\n");
	}
	data_path_end(&dp);
}
END_TEST

/* Nodes that send it to each other are left alone before long. */
/* However long it waited: where it is sent then, it goes. */
START_TEST(one_that_waited_for_long_is_moved_too)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	for (int i = 0; i < 20; i++) {
		answer(dp.a, "get a", TRYAGAIN);
		fake_advance_ms(dp.loop, 30);
	}
	answer(dp.a, "get a", TO_B);
	answer(dp.b, "get a", "$-1\r\n");
	expect_reply(request, "$-1\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(a_circle_ends)
{
	struct data_path_setup its = setup();
	unsigned sent = 0;

	its.hold_ms = _i == 0 ? HOLD_MS : 0;
	begin_as(its);
	struct request *request = data_path_ask(&dp, "get a");
	while (!request->finished) {
		bool is_a = fake_got(dp.a).len > 0, is_b = fake_got(dp.b).len > 0;

		ck_assert(!is_a || !is_b);
		if (is_a || is_b)
			answer(is_a ? dp.a : dp.b, "get a", is_a ? TO_B : TO_A);
		else
			fake_advance_ms(dp.loop, 10);
		sent += is_a || is_b;
		ck_assert_uint_lt(sent, 250);
	}
	ck_assert_uint_ge(sent, 16);
	if (_i == 1)
		ck_assert_uint_eq(sent, 16);
	ck_assert(request->is_error);
	ck_assert_mem_eq(chain_head(&request->reply).p, "-MOVED 15495 ", 13);
	request_free(request);
	data_path_end(&dp);
}
END_TEST

START_TEST(without_hold_time_nothing_is_tried_again)
{
	struct data_path_setup its = setup();

	its.hold_ms = 0;
	begin_as(its);
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", TRYAGAIN);
	expect_reply(request, TRYAGAIN);
	request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", "-MOVED 15495 e:7004\r\n");
	expect_reply(request, "-MOVED 15495 e:7004\r\n");
	/* Known nodes are nothing to wait for. */
	request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", TO_B);
	answer(dp.b, "get a", "$1\r\n1\r\n");
	expect_reply(request, "$1\r\n1\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(keys_of_a_node_are_split_by_slot)
{
	begin();
	struct request *request = data_path_ask(&dp, "mget a d b a");
	expect_first(dp.a, array_of("mget a a"));
	expect(dp.a, array_of("mget d"));
	expect(dp.b, array_of("mget b"));
	say(dp.b, "*1\r\n$1\r\n2\r\n");
	say(dp.a, "*2\r\n$1\r\n1\r\n$1\r\n1\r\n*1\r\n$1\r\n4\r\n");
	expect_reply(request, "*4\r\n$1\r\n1\r\n$1\r\n4\r\n$1\r\n2\r\n$1\r\n1\r\n");
	/* Of one slot it stays whole. */
	request = data_path_ask(&dp, "mget {a}1 {a}2");
	answer(dp.a, "mget {a}1 {a}2", "*2\r\n$-1\r\n$-1\r\n");
	expect_reply(request, "*2\r\n$-1\r\n$-1\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(parts_are_redirected_by_themselves)
{
	begin();
	struct request *request = data_path_ask(&dp, "mset a 1 d 4 b 2");
	expect_first(dp.a, array_of("mset a 1"));
	expect(dp.a, array_of("mset d 4"));
	answer(dp.b, "mset b 2", "+OK\r\n");
	say(dp.a, ASK_B TRYAGAIN);
	expect_first(dp.b, ASKING);
	expect(dp.b, array_of("mset a 1"));
	say(dp.b, "+OK\r\n+OK\r\n");
	expect_waiting(request);
	fake_advance_ms(dp.loop, 30);
	answer(dp.a, "mset d 4", "-MOVED 11298 c:7002\r\n");
	answer(dp.c, "mset d 4", "+OK\r\n");
	expect_reply(request, "+OK\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_REDIRECTED), 2);
	data_path_end(&dp);
}
END_TEST

START_TEST(a_long_value_goes_along)
{
	static char words[BIG + 16];
	static const char *const answers[] = {TO_B, ASK_B};

	begin();
	memset(words, 'x', BIG);
	memcpy(words, "set a ", 6);
	struct request *request = data_path_ask(&dp, words);
	answer(dp.a, words, answers[_i]);
	if (_i == 1)
		expect_first(dp.b, ASKING);
	answer(dp.b, words, _i == 1 ? "+OK\r\n+OK\r\n" : "+OK\r\n");
	expect_reply(request, "+OK\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(what_nobody_waits_for_is_not_sent_on)
{
	begin();
	struct request *request = data_path_ask(&dp, "get a");
	request_abandon(request);
	answer(dp.a, "get a", _i == 0 ? TO_B : TRYAGAIN);
	ck_assert(request->finished);
	request_free(request);
	expect(dp.b, "");
	data_path_end(&dp);
}
END_TEST

START_TEST(elsewhere_it_is_but_an_error)
{
	struct data_path_setup its = setup();

	its.is_cluster = false;
	begin_as(its);
	struct request *request = data_path_ask(&dp, "get a");
	answer(dp.a, "get a", TO_B);
	expect_reply(request, TO_B);
	data_path_end(&dp);
}
END_TEST

static void add_nodes(TCase *tcase)
{
	tcase_add_test(tcase, an_unknown_node_is_waited_for);
	tcase_add_test(tcase, a_node_of_a_newer_topology_is_known);
	tcase_add_test(tcase, an_empty_host_is_that_of_who_says_it);
	tcase_add_loop_test(tcase, a_node_is_known_by_what_its_name_stands_for, 0, ARRAY_LEN(ips));
	tcase_add_loop_test(tcase, what_names_no_node_is_the_clients, 0, ARRAY_LEN(garbage));
	tcase_add_test(tcase, a_host_may_be_as_long_as_a_name);
}

Suite *redirect_suite(void)
{
	Suite *suite = suite_create("redirect");
	TCase *tcase = tcase_create("redirect");

	tcase_add_loop_test(tcase, a_moved_command_goes_where_it_is_sent, 0, 2);
	tcase_add_test(tcase, asking_goes_before_and_its_reply_is_dropped);
	tcase_add_test(tcase, asking_is_taken_off_for_the_next_node);
	tcase_add_test(tcase, asking_goes_again_after_its_reply_was_lost_with_the_other);
	tcase_add_loop_test(tcase, what_is_to_be_tried_again_goes_again_a_little_later, 0,
			    ARRAY_LEN(later));
	tcase_add_test(tcase, what_is_tried_again_in_vain_ends_with_what_the_node_says);
	add_nodes(tcase);
	tcase_add_test(tcase, one_that_waited_for_long_is_moved_too);
	tcase_add_loop_test(tcase, a_circle_ends, 0, 2);
	tcase_add_test(tcase, without_hold_time_nothing_is_tried_again);
	tcase_add_test(tcase, keys_of_a_node_are_split_by_slot);
	tcase_add_test(tcase, parts_are_redirected_by_themselves);
	tcase_add_loop_test(tcase, a_long_value_goes_along, 0, 2);
	tcase_add_loop_test(tcase, what_nobody_waits_for_is_not_sent_on, 0, 2);
	tcase_add_test(tcase, elsewhere_it_is_but_an_error);
	suite_add_tcase(suite, tcase);
	return suite;
}
