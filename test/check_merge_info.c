#include <check.h>
#include <stdio.h>

#include "base/text.h"
#include "core/limits.h"
#include "core/request.h"
#include "merge_parts.h"
#include "suites.h"

#define HEAD	 "# Slipring\r\nslipring_version:" SLIPRING_VERSION "\r\nshards:3\r\n"
#define SHARD_A	 "shard0:name=a,address=a:7000,status="
#define SHARD_B	 "shard1:name=b,address=b:7001,status="
#define SHARD_C	 "shard2:name=c,address=c:7002,status="
#define ALL_WELL HEAD SHARD_A "ok\r\n" SHARD_B "ok\r\n" SHARD_C "ok\r\n"
#define GARBAGE	 "answered out of protocol"
#define HITS_1	 "$26\r\n# Stats\r\nkeyspace_hits:1\r\n\r\n"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

/* What three shards answer; `text` is what the reply has in its string. */
static const struct {
	const char *parts[DATA_PATH_SHARDS];
	bool is_verbatim;
	const char *text;
	bool is_error;
} cases[] = {
	{{HITS_1, HITS_1, HITS_1}, false, "# Stats\r\nkeyspace_hits:3\r\n\r\n" ALL_WELL, false},
	{{"$0\r\n\r\n", "$0\r\n\r\n", "$0\r\n\r\n"}, false, ALL_WELL, false},
	{{"=9\r\ntxt:x:1\r\n\r\n", TTL "=9\r\ntxt:x:1\r\n\r\n", "=4\r\ntxt:\r\n"},
	 true,
	 "txt:x:1\r\n\r\n" ALL_WELL,
	 false},
	/* The type is that of the first that is good. */
	{{"-ERR a, b=c\r\n", "=9\r\ntxt:x:1\r\n\r\n", "$5\r\nx:1\r\n\r\n"},
	 true,
	 "txt:x:1\r\n\r\n" HEAD SHARD_A "ERR a; b:c\r\n" SHARD_B "ok\r\n" SHARD_C "ok\r\n",
	 true},
	{{"$0\r\n\r\n", NULL, "$0\r\n\r\n"},
	 false,
	 HEAD SHARD_A "ok\r\n" SHARD_B "shard b: no reply from b:7001 in time\r\n" SHARD_C "ok\r\n",
	 true},
	{{"$0\r\n\r\n", "!9\r\nERR a\r\nbc\r\n", TTL "-LOADING\r\n"},
	 false,
	 HEAD SHARD_A "ok\r\n" SHARD_B "ERR a\r\n" SHARD_C "LOADING\r\n",
	 true},
	/* What is no text is no INFO. */
	{{"$0\r\n\r\n", "*0\r\n", ":1\r\n"},
	 false,
	 HEAD SHARD_A "ok\r\n" SHARD_B "shard b: b:7001 " GARBAGE "\r\n" SHARD_C
		      "shard c: c:7002 " GARBAGE "\r\n",
	 true},
	{{"$0\r\n\r\n", "$-1\r\n", "=3\r\ntxt\r\n"},
	 false,
	 HEAD SHARD_A "ok\r\n" SHARD_B "shard b: b:7001 " GARBAGE "\r\n" SHARD_C
		      "shard c: c:7002 " GARBAGE "\r\n",
	 true},
	{{"$0\r\n\r\n", "_\r\n", "+OK\r\n"},
	 false,
	 HEAD SHARD_A "ok\r\n" SHARD_B "shard b: b:7001 " GARBAGE "\r\n" SHARD_C
		      "shard c: c:7002 " GARBAGE "\r\n",
	 true},
};

START_TEST(texts_of_all_shards_become_one)
{
	char reply[1024];
	struct merge_case c = {MERGE_INFO, {NULL}, reply, cases[_i].is_error};

	memcpy(c.parts, cases[_i].parts, sizeof(c.parts));
	snprintf(reply, sizeof(reply), "%c%zu\r\n%s\r\n", cases[_i].is_verbatim ? '=' : '$',
		 strlen(cases[_i].text), cases[_i].text);
	check_merge_case(&dp, &c);
}
END_TEST

static const struct merge_case failed[] = {
	{MERGE_INFO, {"-ERR a\r\n", "-ERR b\r\n", NULL}, "-ERR a\r\n", true},
	{MERGE_INFO,
	 {NULL, "-ERR b\r\n", ":1\r\n"},
	 "-ERR slipring: shard a: no reply from a:7000 in time\r\n",
	 true},
	{MERGE_INFO,
	 {"*0\r\n", "*0\r\n", "*0\r\n"},
	 "-ERR slipring: shard a: a:7000 " GARBAGE "\r\n",
	 true},
};

START_TEST(it_fails_if_every_shard_does)
{
	check_merge_case(&dp, &failed[_i]);
}
END_TEST

/* A reply with `bytes` of text: the reply of all shards then has a field of it, or an error. */
static void check_long(int bytes, const char *status)
{
	struct text reply = {0};

	text_printf(&reply, "$%d\r\nx:%0*d\r\n", bytes, bytes - 2, 1);
	const char *replies[] = {reply.p, "$0\r\n\r\n"};
	struct request *request = merge_parts(&dp, MERGE_INFO, replies, 2, 1 << 16);
	struct text whole = {0};
	text_printf(&whole, "%*d", (int)request->reply.bytes, 0);
	chain_peek(&request->reply, whole.p, whole.len);
	ck_assert_ptr_nonnull(strstr(whole.p, status));
	ck_assert_int_eq(strstr(whole.p, "\nx:0") != NULL, strstr(status, "ok") != NULL);
	request_free(request);
	text_free(&reply);
	text_free(&whole);
}

START_TEST(a_text_has_a_limit)
{
	check_long(INFO_MAX, SHARD_A "ok\r\n");
	check_long(INFO_MAX + 1, SHARD_A "shard a: a:7000 " GARBAGE "\r\n");
}
END_TEST

Suite *merge_info_suite(void)
{
	Suite *suite = suite_create("merge_info");
	TCase *tcase = tcase_create("merge_info");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_loop_test(tcase, texts_of_all_shards_become_one, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tcase, it_fails_if_every_shard_does, 0, ARRAY_LEN(failed));
	tcase_add_test(tcase, a_text_has_a_limit);
	suite_add_tcase(suite, tcase);
	return suite;
}
