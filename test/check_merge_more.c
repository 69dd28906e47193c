#include <check.h>

#include "core/request.h"
#include "merge_parts.h"
#include "suites.h"

/* Merges of single values, and what RESP3 writes differently. */

#define GARBAGE_B "-ERR slipring: shard b: b:7001 answered out of protocol\r\n"
#define LATE_A	  "-ERR slipring: shard a: no reply from a:7000 in time\r\n"
#define LATE_B	  "-ERR slipring: shard b: no reply from b:7001 in time\r\n"

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
	{MERGE_SUM, {":1\r\n", ":20\r\n", ":300\r\n"}, ":321\r\n", false},
	{MERGE_SUM, {TTL ":1\r\n", ":-2\r\n", TTL TTL ":0\r\n"}, ":-1\r\n", false},
	{MERGE_SUM, {":1\r\n", BLOB, ":1\r\n"}, BLOB, true},
	{MERGE_SUM, {":1\r\n", TTL BLOB, ":1\r\n"}, BLOB, true},
	{MERGE_SUM, {":1\r\n", "_\r\n", ":1\r\n"}, GARBAGE_B, true},
	{MERGE_SUM, {":1\r\n", ",1.5\r\n", ":1\r\n"}, GARBAGE_B, true},
	{MERGE_SUM, {":1\r\n", "(1\r\n", ":1\r\n"}, GARBAGE_B, true},
	{MERGE_SUM, {":1\r\n", ":\r\n", ":1\r\n"}, GARBAGE_B, true},

	/* LASTSAVE */
	{MERGE_MIN, {":3\r\n", ":1\r\n", ":2\r\n"}, ":1\r\n", false},
	{MERGE_MIN, {":0\r\n", ":-5\r\n", TTL ":2\r\n"}, ":-5\r\n", false},
	{MERGE_MIN,
	 {":9223372036854775807\r\n", ":9223372036854775807\r\n", ":9223372036854775807\r\n"},
	 ":9223372036854775807\r\n",
	 false},
	{MERGE_MIN, {":3\r\n", "+1\r\n", ":2\r\n"}, GARBAGE_B, true},
	{MERGE_MIN, {":3\r\n", "*0\r\n", ":2\r\n"}, GARBAGE_B, true},
	{MERGE_MIN, {":3\r\n", NULL, ":2\r\n"}, LATE_B, true},
	{MERGE_MIN, {":3\r\n", "-ERR no\r\n", NULL}, "-ERR no\r\n", true},

	/* SCRIPT KILL */
	{MERGE_ANY_OK, {"-NOTBUSY a\r\n", "+OK\r\n", "-NOTBUSY c\r\n"}, "+OK\r\n", false},
	{MERGE_ANY_OK, {"+a\r\n", "+b\r\n", "+c\r\n"}, "+a\r\n", false},
	{MERGE_ANY_OK, {NULL, BLOB, TTL "+OK\r\n"}, "+OK\r\n", false},
	{MERGE_ANY_OK, {"-NOTBUSY a\r\n", "-B\r\n", "-C\r\n"}, "-NOTBUSY a\r\n", true},
	{MERGE_ANY_OK, {TTL "-NOTBUSY a\r\n", "-B\r\n", "-C\r\n"}, "-NOTBUSY a\r\n", true},
	{MERGE_ANY_OK, {BLOB, "-B\r\n", NULL}, BLOB, true},
	{MERGE_ANY_OK, {NULL, "-B\r\n", "-C\r\n"}, LATE_A, true},

	/* RANDOMKEY */
	{MERGE_RANDOM, {"$-1\r\n", "$1\r\nb\r\n", "$-1\r\n"}, "$1\r\nb\r\n", false},
	{MERGE_RANDOM, {"$-1\r\n", "$-1\r\n", "$-1\r\n"}, "$-1\r\n", false},
	{MERGE_RANDOM, {"_\r\n", "_\r\n", TTL "_\r\n"}, "_\r\n", false},
	{MERGE_RANDOM, {"_\r\n", "*-1\r\n", "$0\r\n\r\n"}, "$0\r\n\r\n", false},
	{MERGE_RANDOM, {TTL "_\r\n", "_\r\n", TTL "=5\r\ntxt:c\r\n"}, "=5\r\ntxt:c\r\n", false},
	{MERGE_RANDOM, {"+a\r\n", "$-1\r\n", "+a\r\n"}, "+a\r\n", false},
	{MERGE_RANDOM, {"$1\r\na\r\n", NULL, "$1\r\nc\r\n"}, LATE_B, true},
	{MERGE_RANDOM, {"$1\r\na\r\n", "-NOPERM\r\n", "$1\r\nc\r\n"}, "-NOPERM\r\n", true},
	{MERGE_RANDOM, {"$1\r\na\r\n", "*0\r\n", "$1\r\nc\r\n"}, GARBAGE_B, true},
	{MERGE_RANDOM, {"$1\r\na\r\n", ":1\r\n", "$1\r\nc\r\n"}, GARBAGE_B, true},

	{MERGE_ALL_OK, {"+OK\r\n", TTL "+OK\r\n", "+OK\r\n"}, "+OK\r\n", false},
	{MERGE_ALL_OK, {TTL "+OK\r\n", "+OK\r\n", BLOB}, BLOB, true},
	{MERGE_ALL_OK, {"+OK\r\n", "+OK\r\n", TTL "-OOM\r\n"}, "-OOM\r\n", true},
};

START_TEST(single_values_of_all_shards_become_one)
{
	check_merge_case(&dp, &cases[_i]);
}
END_TEST

START_TEST(every_shards_key_may_be_the_random_one)
{
	static const char *const replies[] = {"$1\r\na\r\n", "_\r\n", "$1\r\nb\r\n", "$1\r\nc\r\n"};
	unsigned int seen[3] = {0};

	for (int i = 0; i < 3000; i++) {
		struct request *request =
			merge_parts(&dp, MERGE_RANDOM, replies, ARRAY_LEN(replies), SIZE_MAX);
		char reply[7] = "";

		ck_assert_uint_eq(request->reply.bytes, sizeof(reply));
		chain_peek(&request->reply, reply, sizeof(reply));
		ck_assert(reply[4] >= 'a' && reply[4] <= 'c');
		seen[reply[4] - 'a']++;
		request_free(request);
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		ck_assert(seen[i] > 850 && seen[i] < 1150); /* six deviations from 1000 */
}
END_TEST

/* MGET of keys on two shards, as nodes that speak RESP3 answer. */
static const struct {
	const char *a, *b, *reply;
	bool is_error;
} resp3[] = {
	{"*2\r\n_\r\n$1\r\nA\r\n", "*1\r\n_\r\n", "*3\r\n_\r\n_\r\n$1\r\nA\r\n", false},
	{"*2\r\n=5\r\ntxt:A\r\n#f\r\n", "*1\r\n(12\r\n", "*3\r\n=5\r\ntxt:A\r\n(12\r\n#f\r\n",
	 false},
	{TTL "*2\r\n+A\r\n" TTL "+D\r\n", "*1\r\n" TTL "+B\r\n",
	 "*3\r\n+A\r\n" TTL "+B\r\n" TTL "+D\r\n", false},
	{"*2\r\n+A\r\n+D\r\n", BLOB, "*3\r\n+A\r\n" BLOB "+D\r\n", true},
	{"*2\r\n+A\r\n+D\r\n", TTL "-LOADING\r\n", "*3\r\n+A\r\n-LOADING\r\n+D\r\n", true},
	{"*2\r\n+A\r\n+D\r\n", "_\r\n", "*3\r\n+A\r\n" GARBAGE_B "+D\r\n", true},
};

START_TEST(values_of_keys_may_be_of_resp3)
{
	static const size_t steps[] = {1, 7, SIZE_MAX};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct request *request = data_path_ask(&dp, "MGET a b d");

		dp.a->read_max = dp.b->read_max = steps[i];
		say(dp.b, resp3[_i].b);
		say(dp.a, resp3[_i].a);
		ck_assert_int_eq(request->is_error, resp3[_i].is_error);
		expect_reply(request, resp3[_i].reply);
		check_engine_is_empty(&dp);
	}
}
END_TEST

Suite *merge_more_suite(void)
{
	Suite *suite = suite_create("merge_more");
	TCase *tcase = tcase_create("merge_more");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_loop_test(tcase, single_values_of_all_shards_become_one, 0, ARRAY_LEN(cases));
	tcase_add_test(tcase, every_shards_key_may_be_the_random_one);
	tcase_add_loop_test(tcase, values_of_keys_may_be_of_resp3, 0, ARRAY_LEN(resp3));
	suite_add_tcase(suite, tcase);
	return suite;
}
