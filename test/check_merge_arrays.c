#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/limits.h"
#include "core/request.h"
#include "merge_parts.h"
#include "suites.h"

#define GARBAGE(shard, port)                                                                       \
	"-ERR slipring: shard " #shard ": " #shard ":" #port " answered out of protocol\r\n"
#define LATE_B "-ERR slipring: shard b: no reply from b:7001 in time\r\n"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

static const struct merge_case cases[] = {
	/* KEYS */
	{MERGE_CONCAT,
	 {"*2\r\n$1\r\na\r\n$3\r\nx\r\n\r\n", "*0\r\n", "*1\r\n$1\r\na\r\n"},
	 "*3\r\n$1\r\na\r\n$3\r\nx\r\n\r\n$1\r\na\r\n",
	 false},
	{MERGE_CONCAT, {"*0\r\n", "*0\r\n", "*0\r\n"}, "*0\r\n", false},
	{MERGE_CONCAT,
	 {"*1\r\n*2\r\n:1\r\n*1\r\n_\r\n", "*1\r\n$-1\r\n", "*1\r\n%1\r\n+a\r\n#t\r\n"},
	 "*3\r\n*2\r\n:1\r\n*1\r\n_\r\n$-1\r\n%1\r\n+a\r\n#t\r\n",
	 false},
	{MERGE_CONCAT,
	 {"~1\r\n+a\r\n", "~0\r\n", "*2\r\n+b\r\n+a\r\n"},
	 "~3\r\n+a\r\n+b\r\n+a\r\n",
	 false},
	{MERGE_CONCAT,
	 {TTL "*1\r\n+a\r\n", TTL TTL "*1\r\n+b\r\n", "|0\r\n*1\r\n" TTL "+c\r\n"},
	 "*3\r\n+a\r\n+b\r\n" TTL "+c\r\n",
	 false},
	{MERGE_CONCAT, {"*0\r\n", "-ERR no\r\n", "-OOM\r\n"}, "-ERR no\r\n", true},
	{MERGE_CONCAT, {"*0\r\n", "*0\r\n", TTL "-OOM\r\n"}, "-OOM\r\n", true},
	{MERGE_CONCAT, {"*0\r\n", BLOB, "*0\r\n"}, BLOB, true},
	{MERGE_CONCAT, {"*0\r\n", NULL, "*0\r\n"}, LATE_B, true},
	{MERGE_CONCAT, {"+OK\r\n", "*0\r\n", "*0\r\n"}, GARBAGE(a, 7000), true},
	{MERGE_CONCAT, {"*0\r\n", "*-1\r\n", "*0\r\n"}, GARBAGE(b, 7001), true},
	{MERGE_CONCAT, {"*0\r\n", "*0\r\n", "_\r\n"}, GARBAGE(c, 7002), true},
	{MERGE_CONCAT, {"*0\r\n", "*0\r\n", "%1\r\n+a\r\n+b\r\n"}, GARBAGE(c, 7002), true},
	{MERGE_CONCAT, {"*0\r\n", "*0\r\n", "$3\r\nabc\r\n"}, GARBAGE(c, 7002), true},

	/* PUBSUB CHANNELS */
	{MERGE_UNION,
	 {"*3\r\n$1\r\nb\r\n$2\r\naa\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$1\r\nc\r\n",
	  "*2\r\n$1\r\nb\r\n$1\r\nb\r\n"},
	 "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\naa\r\n",
	 false},
	{MERGE_UNION,
	 {"*1\r\n$0\r\n\r\n", "*1\r\n$0\r\n\r\n", "*1\r\n_\r\n"},
	 "*2\r\n$0\r\n\r\n_\r\n",
	 false},
	{MERGE_UNION, {"*0\r\n", "*0\r\n", "*0\r\n"}, "*0\r\n", false},
	{MERGE_UNION,
	 {"~1\r\n$1\r\na\r\n", TTL "~1\r\n$1\r\na\r\n", "~0\r\n"},
	 "~1\r\n$1\r\na\r\n",
	 false},
	{MERGE_UNION, {"*0\r\n", NULL, "*0\r\n"}, LATE_B, true},
	{MERGE_UNION, {"*0\r\n", "*0\r\n", "-NOPERM\r\n"}, "-NOPERM\r\n", true},
	{MERGE_UNION, {"*0\r\n", "*0\r\n", ":1\r\n"}, GARBAGE(c, 7002), true},

	/* SCRIPT EXISTS */
	{MERGE_AND,
	 {"*3\r\n:1\r\n:1\r\n:0\r\n", "*3\r\n:1\r\n:0\r\n:0\r\n", "*3\r\n:1\r\n:1\r\n:1\r\n"},
	 "*3\r\n:1\r\n:0\r\n:0\r\n",
	 false},
	{MERGE_AND, {"*1\r\n:7\r\n", "*1\r\n:-1\r\n", "*1\r\n:1\r\n"}, "*1\r\n:1\r\n", false},
	{MERGE_AND, {"*0\r\n", "*0\r\n", "*0\r\n"}, "*0\r\n", false},
	{MERGE_AND, {TTL "*1\r\n:1\r\n", "*1\r\n:1\r\n", "*1\r\n:1\r\n"}, "*1\r\n:1\r\n", false},
	{MERGE_AND, {"*1\r\n:1\r\n", "*1\r\n:1\r\n", "-ERR no\r\n"}, "-ERR no\r\n", true},
	{MERGE_AND, {"-ERR no\r\n", "*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"}, "-ERR no\r\n", true},
	{MERGE_AND, {"*1\r\n:1\r\n", NULL, "*1\r\n:1\r\n"}, LATE_B, true},
	{MERGE_AND, {"*1\r\n:1\r\n", "*0\r\n", "*1\r\n:1\r\n"}, GARBAGE(b, 7001), true},
	{MERGE_AND, {"*1\r\n:1\r\n", "*1\r\n:1\r\n", "*1\r\n+1\r\n"}, GARBAGE(c, 7002), true},
	{MERGE_AND, {"*1\r\n:1\r\n", "*1\r\n:1\r\n", "*1\r\n:\r\n"}, GARBAGE(c, 7002), true},
	{MERGE_AND, {"*1\r\n:1\r\n", "*1\r\n:1\r\n", ":1\r\n"}, GARBAGE(c, 7002), true},

	/* PUBSUB NUMSUB */
	{MERGE_PAIRS,
	 {"*4\r\n$1\r\na\r\n:1\r\n$2\r\nbb\r\n:0\r\n", "*4\r\n$1\r\na\r\n:20\r\n$2\r\nbb\r\n:5\r\n",
	  "*4\r\n$1\r\na\r\n:300\r\n$2\r\nbb\r\n:-1\r\n"},
	 "*4\r\n$1\r\na\r\n:321\r\n$2\r\nbb\r\n:4\r\n",
	 false},
	{MERGE_PAIRS,
	 {"%1\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:2\r\n", TTL "%1\r\n$1\r\na\r\n:3\r\n"},
	 "%1\r\n$1\r\na\r\n:6\r\n",
	 false},
	{MERGE_PAIRS,
	 {"%1\r\n+a\r\n:1\r\n", "*2\r\n+a\r\n:2\r\n", "%1\r\n+a\r\n:3\r\n"},
	 "%1\r\n+a\r\n:6\r\n",
	 false},
	{MERGE_PAIRS, {"*0\r\n", "*0\r\n", "*0\r\n"}, "*0\r\n", false},
	{MERGE_PAIRS, {"%0\r\n", "%0\r\n", "%0\r\n"}, "%0\r\n", false},
	{MERGE_PAIRS, {"*2\r\n+a\r\n:1\r\n", NULL, "*2\r\n+a\r\n:1\r\n"}, LATE_B, true},
	{MERGE_PAIRS, {"-ERR no\r\n", "*2\r\n+a\r\n:1\r\n", "*0\r\n"}, "-ERR no\r\n", true},
	{MERGE_PAIRS,
	 {"*2\r\n+a\r\n:1\r\n", "*2\r\n+b\r\n:1\r\n", "*2\r\n+a\r\n:1\r\n"},
	 GARBAGE(b, 7001),
	 true},
	{MERGE_PAIRS,
	 {"*2\r\n+a\r\n:1\r\n", "*2\r\n+a\r\n:1\r\n", "*4\r\n+a\r\n:1\r\n+b\r\n:1\r\n"},
	 GARBAGE(c, 7002),
	 true},
	{MERGE_PAIRS,
	 {"*2\r\n+a\r\n+1\r\n", "*2\r\n+a\r\n:1\r\n", "*2\r\n+a\r\n:1\r\n"},
	 GARBAGE(a, 7000),
	 true},
	{MERGE_PAIRS, {"*1\r\n+a\r\n", "*0\r\n", "*0\r\n"}, GARBAGE(a, 7000), true},
	{MERGE_PAIRS, {"*0\r\n", "*0\r\n", "+OK\r\n"}, GARBAGE(c, 7002), true},
};

START_TEST(arrays_of_all_shards_become_one)
{
	check_merge_case(&dp, &cases[_i]);
}
END_TEST

/* What one part alone answers is what the client gets, but for the order of a union. */
static const struct {
	enum merge how;
	const char *reply;
} alone[] = {
	{MERGE_CONCAT, "~2\r\n+b\r\n+a\r\n"},
	{MERGE_UNION, "*2\r\n+a\r\n+b\r\n"},
	{MERGE_AND, "*2\r\n:1\r\n:0\r\n"},
	{MERGE_PAIRS, "%1\r\n+a\r\n:5\r\n"},
	{MERGE_PAIRS, "*2\r\n+a\r\n:5\r\n"},
	{MERGE_MIN, ":5\r\n"},
	{MERGE_SUM, ":5\r\n"},
	{MERGE_RANDOM, "$1\r\na\r\n"},
	{MERGE_ANY_OK, "-NOTBUSY nothing\r\n"},
};

START_TEST(one_part_alone_is_the_reply)
{
	struct request *request = merge_parts(&dp, alone[_i].how, &alone[_i].reply, 1, 1);

	expect_reply(request, alone[_i].reply);
}
END_TEST

#define MANY 300

/* Each part lists its own number and that of the part before, as strings or names. */
static struct request *merge_many(enum merge how, const char *header, bool names_are_alike)
{
	const char *replies[MANY];
	struct text texts[MANY] = {{0}};

	for (int i = 0; i < MANY; i++) {
		text_printf(&texts[i],
			    names_are_alike ? "%s$3\r\n000\r\n:%d\r\n" : "%s$3\r\n%03d\r\n", header,
			    i);
		if (!names_are_alike)
			text_printf(&texts[i], "$3\r\n%03d\r\n", i > 0 ? i - 1 : 0);
		replies[i] = texts[i].p;
	}
	struct request *request = merge_parts(&dp, how, replies, MANY, 1);
	for (int i = 0; i < MANY; i++)
		text_free(&texts[i]);
	return request;
}

START_TEST(many_parts_are_joined)
{
	struct text whole = {0};

	text_puts(&whole, "*300\r\n");
	for (int i = 0; i < MANY; i++)
		text_printf(&whole, "$3\r\n%03d\r\n", i);
	expect_reply(merge_many(MERGE_UNION, "*2\r\n", false), whole.p);

	text_reset(&whole);
	text_puts(&whole, "*600\r\n");
	for (int i = 0; i < MANY; i++)
		text_printf(&whole, "$3\r\n%03d\r\n$3\r\n%03d\r\n", i, i > 0 ? i - 1 : 0);
	expect_reply(merge_many(MERGE_CONCAT, "*2\r\n", false), whole.p);

	expect_reply(merge_many(MERGE_PAIRS, "*2\r\n", true), "*2\r\n$3\r\n000\r\n:44850\r\n");
	text_free(&whole);
}
END_TEST

/* An array of one string, `bytes` long behind its own header. */
static void write_array(struct text *text, int bytes)
{
	int len = bytes - 13; /* "$", eight digits, and two line ends */

	text_printf(text, "*1\r\n$%08d\r\n%0*d\r\n", len, len, 7);
}

START_TEST(a_union_has_a_limit)
{
	struct text at_limit = {0}, past = {0};

	write_array(&at_limit, MERGE_WHOLE_MAX);
	write_array(&past, MERGE_WHOLE_MAX + 1);
	const char *replies[] = {"*0\r\n", at_limit.p, "*0\r\n"};
	struct request *request = merge_parts(&dp, MERGE_UNION, replies, 3, 1 << 20);
	ck_assert(!request->is_error);
	expect_reply(request, at_limit.p);

	replies[1] = past.p;
	request = merge_parts(&dp, MERGE_UNION, replies, 3, 1 << 20);
	ck_assert(request->is_error);
	expect_reply(request, "-ERR slipring: the shards' replies have 33554433 bytes, and at most "
			      "33554432 are joined\r\n");

	/* Where nothing is compared, it does not count. */
	expect_reply(merge_parts(&dp, MERGE_CONCAT, replies, 3, 1 << 20), past.p);
	text_free(&at_limit);
	text_free(&past);
}
END_TEST

START_TEST(long_elements_are_joined_by_reference)
{
	struct text part = {0}, whole = {0};

	text_printf(&part, "*1\r\n$200000\r\n%0200000d\r\n", 1);
	const char *replies[] = {part.p, "*0\r\n", part.p};
	struct request *request = merge_parts(&dp, MERGE_CONCAT, replies, 3, SIZE_MAX);

	/* Copies would be there beside what they were made of. */
	ck_assert_uint_lt(dp.engine.chunks.bytes_out, 3 * 200000);
	text_printf(&whole, "*2\r\n%s%s", part.p + 4, part.p + 4);
	expect_reply(request, whole.p);
	text_free(&part);
	text_free(&whole);
}
END_TEST

Suite *merge_arrays_suite(void)
{
	Suite *suite = suite_create("merge_arrays");
	TCase *tcase = tcase_create("merge_arrays");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_loop_test(tcase, arrays_of_all_shards_become_one, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tcase, one_part_alone_is_the_reply, 0, ARRAY_LEN(alone));
	tcase_add_test(tcase, many_parts_are_joined);
	tcase_set_timeout(tcase, 30); /* 32 MiB are read byte by byte */
	tcase_add_test(tcase, a_union_has_a_limit);
	tcase_add_test(tcase, long_elements_are_joined_by_reference);
	suite_add_tcase(suite, tcase);
	return suite;
}
