#include "plan/ttl_care.h"

#include <check.h>
#include <stdio.h>

#include "base/text.h"
#include "data_path.h"
#include "suites.h"

/* Shard a has keys a, d, h; b has b and f; c has c and e. The clock shows 1700000000.5 s. */

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

/* The pool gives an hour and no more than ten; keys that begin with d half a minute at most; with h
 * nothing. */
static struct prefix_spec prefixes[] = {
	{.match = (char *)(uintptr_t) "d", .reads = READS_UNSET, .ttl = {TTL_UNSET, 30, 20}},
	{.match = (char *)(uintptr_t) "h", .reads = READS_UNSET},
};

static void begin(enum pool_protocol protocol)
{
	data_path_init(&dp, (struct data_path_setup){
				    .protocol = protocol,
				    .ttl = {.max_s = 36000, .default_s = 3600},
				    .prefixes = prefixes,
				    .n_prefixes = ARRAY_LEN(prefixes),
			    });
}

/* Send it through, to shard a, and see what comes there. */
static void pass(const char *words, const char *sent, const char *reply)
{
	struct request *request = data_path_ask(&dp, words);
	bool is_quiet = strstr(reply, "\r\nMN\r\n") != NULL;

	answer_to(dp.a, sent, reply);
	expect_reply(request, is_quiet ? "HD\r\n" : reply);
}

/* memcached, on shard a. */
static const struct {
	const char *words, *sent, *reply;
} texts[] = {
	{"set a 0 0 1\r\nx", "set a 0 3600 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 0 1 noreply\r\nx", "set a 0 3600 1\r\nx\r\n", "STORED\r\n"},
	{"add  a 7  0 1\r\nx", "add  a 7  3600 1\r\nx\r\n", "STORED\r\n"},
	{"replace a 0 36001 1\r\nx", "replace a 0 36000 1\r\nx\r\n", "STORED\r\n"},
	{"cas a 0 0 1 5\r\nx", "cas a 0 3600 1 5\r\nx\r\n", "STORED\r\n"},
	{"set a 0 1700036001 1\r\nx", "set a 0 1700036000 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 1700000000 1\r\nx", "set a 0 1700000000 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 -1 1\r\nx", "set a 0 -1 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 100 1\r\nx", "set a 0 100 1\r\nx\r\n", "STORED\r\n"},
	{"set a 0 0 0\r\n", "set a 0 3600 0\r\n\r\n", "STORED\r\n"},
	{"append a 0 0 1\r\nx", "append a 0 0 1\r\nx\r\n", "STORED\r\n"},
	{"prepend a 0 99999 1\r\nx", "prepend a 0 99999 1\r\nx\r\n", "STORED\r\n"},
	{"incr a 5", "incr a 5\r\n", "6\r\n"},
	{"touch a 0", "touch a 3600\r\n", "TOUCHED\r\n"},
	{"touch a 99999 noreply", "touch a 36000\r\n", "TOUCHED\r\n"},
	{"gat 0 a", "gat 3600 a\r\n", "END\r\n"},
	{"gats  99999 a", "gats  36000 a\r\n", "END\r\n"},
	{"get a", "get a\r\n", "END\r\n"},
	/* A prefix's own, and one that is off. */
	{"set d 0 0 1\r\nx", "set d 0 20 1\r\nx\r\n", "STORED\r\n"},
	{"set d 0 99 1\r\nx", "set d 0 30 1\r\nx\r\n", "STORED\r\n"},
	{"set h 0 0 1\r\nx", "set h 0 0 1\r\nx\r\n", "STORED\r\n"},
	{"touch h 99999", "touch h 99999\r\n", "TOUCHED\r\n"},
	/* Meta: base64 names the key d, whose rule it is. */
	{"ms a 1 T99999\r\nx", "ms a 1 T36000\r\nx\r\n", "HD\r\n"},
	{"ms a 1\r\nx", "ms a 1 T3600\r\nx\r\n", "HD\r\n"},
	{"ms a 1 T0 c\r\nx", "ms a 1 T3600 c\r\nx\r\n", "HD\r\n"},
	{"ms a 1  F5 \r\nx", "ms a 1  F5 T3600\r\nx\r\n", "HD\r\n"},
	{"ms a 1 T-1\r\nx", "ms a 1 T-1\r\nx\r\n", "HD\r\n"},
	{"ms a 1 T100\r\nx", "ms a 1 T100\r\nx\r\n", "HD\r\n"},
	{"ms a 1 MA\r\nx", "ms a 1 MA\r\nx\r\n", "HD\r\n"},
	{"ms a 1 Mprepend N0\r\nx", "ms a 1 Mprepend N3600\r\nx\r\n", "HD\r\n"},
	{"ms a 1 MS\r\nx", "ms a 1 MS T3600\r\nx\r\n", "HD\r\n"},
	{"ms ZA== 1 b T99\r\nx", "ms ZA== 1 b T30\r\nx\r\n", "HD\r\n"},
	{"ms h 1\r\nx", "ms h 1\r\nx\r\n", "HD\r\n"},
	{"ms a 1 q\r\nx", "ms a 1 q T3600\r\nx\r\nmn\r\n", "HD\r\nMN\r\n"},
	{"mg a v T0 N99999", "mg a v T3600 N36000\r\n", "EN\r\n"},
	{"mg a v R30 t", "mg a v R30 t\r\n", "EN\r\n"},
	{"ma a N0 T99999 T99999", "ma a N3600 T36000 T99999\r\n", "NF\r\n"},
	{"md a I T99999", "md a I T36000\r\n", "HD\r\n"},
	{"me a T0", "me a T0\r\n", "EN\r\n"},
	/* Keys with different rules on one shard. */
	{"gat 99 a d", "gat 30 a d\r\n", "END\r\n"},
	{"gat 99999 h a", "gat 36000 h a\r\n", "END\r\n"},
	{"gat 0 h d", "gat 20 h d\r\n", "END\r\n"},
};

START_TEST(memcached_commands_have_their_time_changed)
{
	begin(PROTOCOL_MEMCACHED);
	pass(texts[_i].words, texts[_i].sent, texts[_i].reply);
}
END_TEST

/* Redis, on shard a. The words are written as arrays. */
static const struct {
	const char *words, *sent;
} arrays[] = {
	{"SET a x", "SET a x PX 3600000"},
	{"set a x nx get", "set a x nx get PX 3600000"},
	{"SET a x KEEPTTL", "SET a x KEEPTTL"},
	{"SET a x XX keepttl", "SET a x XX keepttl"},
	{"SET a x EX 99999", "SET a x EX 36000"},
	{"SET a x NX ex 99999 GET", "SET a x NX ex 36000 GET"},
	{"SET a x PX 36000001 NX", "SET a x PX 36000000 NX"},
	{"SET a x EXAT 1700036001", "SET a x EXAT 1700036000"},
	{"SET a x PXAT 1700036000501", "SET a x PXAT 1700036000500"},
	{"SET a x EX 36000", "SET a x EX 36000"},
	{"SET a x PXAT 1", "SET a x PXAT 1"},
	{"SETEX a 99999 x", "SETEX a 36000 x"},
	{"PSETEX a 99999999 x", "PSETEX a 36000000 x"},
	{"GETEX a", "GETEX a"},
	{"GETEX a PERSIST", "GETEX a PERSIST"},
	{"GETEX a EX 99999", "GETEX a EX 36000"},
	{"GETEX a PXAT 1700036000501", "GETEX a PXAT 1700036000500"},
	{"EXPIRE a 99999", "EXPIRE a 36000"},
	{"EXPIRE a 99999 GT", "EXPIRE a 36000 GT"},
	{"PEXPIRE a 99999999", "PEXPIRE a 36000000"},
	{"EXPIREAT a 1700036001", "EXPIREAT a 1700036000"},
	{"PEXPIREAT a 1700036000501 NX", "PEXPIREAT a 1700036000500 NX"},
	{"EXPIRE a -1", "EXPIRE a -1"},
	{"EXPIRE a 0", "EXPIRE a 0"},
	{"PERSIST a", "PERSIST a"},
	{"GETSET a x", "GETSET a x"},
	{"GET a", "GET a"},
	/* What the node is to refuse. */
	{"SET a x EX", "SET a x EX"},
	{"SET a x EX 0", "SET a x EX 0"},
	{"SET a x EX 1x", "SET a x EX 1x"},
	{"SET a x WHAT", "SET a x WHAT"},
	{"SETEX a 0 x", "SETEX a 0 x"},
	{"EXPIRE a 9999999999999999999", "EXPIRE a 9999999999999999999"},
	/* A prefix's own, and one that is off. */
	{"SET d x", "SET d x PX 20000"},
	{"SETEX d 99 x", "SETEX d 30 x"},
	{"SET h x", "SET h x"},
	{"SETEX h 99999 x", "SETEX h 99999 x"},
};

START_TEST(redis_commands_have_their_time_changed)
{
	struct text sent = {0};

	begin(PROTOCOL_REDIS);
	text_puts(&sent, array_of(arrays[_i].sent));
	pass(arrays[_i].words, sent.p, "+OK\r\n");
	text_free(&sent);
}
END_TEST

START_TEST(parts_of_a_split_command_go_by_their_own_keys)
{
	begin(PROTOCOL_MEMCACHED);
	struct request *request = data_path_ask(&dp, "gat  99 b d c h f");

	expect(dp.a, "gat  30 d h\r\n");
	expect(dp.b, "gat  99 b f\r\n");
	expect(dp.c, "gat  99 c\r\n");
	say(dp.a, "END\r\n");
	say(dp.b, "END\r\n");
	say(dp.c, "END\r\n");
	expect_reply(request, "END\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_TTL_CHANGED), 1);
}
END_TEST

/* A value is not copied, and not changed either, however like a command it looks. */
START_TEST(long_values_pass)
{
	struct text words = {0}, sent = {0};
	bool redis = _i == 1;

	begin(redis ? PROTOCOL_REDIS : PROTOCOL_MEMCACHED);
	text_puts(&words, redis ? "SETEX a 99999 " : "set a 0 99999 200000\r\n");
	text_puts(&sent, redis ? "SETEX a 36000 " : "set a 0 36000 200000\r\n");
	for (int i = 0; i < 20000; i++) {
		text_puts(&words, "a\t99999\r\nx");
		text_puts(&sent, "a\t99999\r\nx");
	}
	struct request *request = data_path_ask(&dp, words.p);
	if (!redis)
		text_puts(&sent, "\r\n");
	answer_to(dp.a, redis ? array_of(sent.p) : sent.p, redis ? "+OK\r\n" : "STORED\r\n");
	expect_reply(request, redis ? "+OK\r\n" : "STORED\r\n");
	text_free(&words);
	text_free(&sent);
}
END_TEST

/* A gat of 2,048 bytes, as long as a node takes, does not grow. */
START_TEST(a_line_does_not_outgrow_a_node)
{
	for (size_t len = 2040; len <= 2048; len++) {
		bool grows = len + 3 <= 2048;
		struct text words = {0}, sent = {0};

		begin(PROTOCOL_MEMCACHED);
		text_puts(&words, "gat 0");
		text_puts(&sent, grows ? "gat 3600" : "gat 0");
		while (words.len + 2 < len) {
			bool is_odd = words.len + 2 + 2 + 1 == len;

			text_puts(&words, is_odd ? "  a" : " a");
			text_puts(&sent, is_odd ? "  a" : " a");
		}
		text_puts(&sent, "\r\n");
		ck_assert_uint_eq(words.len + 2, len);
		struct request *request = data_path_ask(&dp, words.p);
		answer_to(dp.a, sent.p, "END\r\n");
		expect_reply(request, "END\r\n");
		text_free(&words);
		text_free(&sent);
		data_path_end(&dp);
	}
}
END_TEST

START_TEST(jitter_differs_from_command_to_command)
{
	int others = 0;

	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						     .ttl = {.jitter = 500}});
	for (int i = 0; i < 100; i++) {
		struct request *request = data_path_ask(&dp, "set a 0 10000 1\r\nx");
		struct span got = fake_got(dp.a);
		char line[64];
		unsigned n = 0;

		ck_assert_uint_lt(got.len, sizeof(line));
		memcpy(line, got.p, got.len);
		line[got.len] = '\0';
		ck_assert_int_eq(sscanf(line, "set a 0 %u 1\r\nx\r\n", &n), 1);
		ck_assert(n >= 9500 && n <= 10500);
		others += n != 10000;
		fake_take(dp.a, got.len);
		say(dp.a, "STORED\r\n");
		expect_reply(request, "STORED\r\n");
	}
	ck_assert_int_gt(others, 90);
}
END_TEST

Suite *ttl_care_suite(void)
{
	Suite *suite = suite_create("ttl_care");
	TCase *tc = tcase_create("ttl_care");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_loop_test(tc, memcached_commands_have_their_time_changed, 0, ARRAY_LEN(texts));
	tcase_add_loop_test(tc, redis_commands_have_their_time_changed, 0, ARRAY_LEN(arrays));
	tcase_add_test(tc, parts_of_a_split_command_go_by_their_own_keys);
	tcase_add_loop_test(tc, long_values_pass, 0, 2);
	tcase_add_test(tc, a_line_does_not_outgrow_a_node);
	tcase_add_test(tc, jitter_differs_from_command_to_command);
	suite_add_tcase(suite, tc);
	return suite;
}
