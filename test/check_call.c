#include <check.h>
#include <errno.h>

#include "core/call.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static const struct {
	enum call_result result;
	bool reads;
	const char *text;
} failures[] = {
	{CALL_NOT_SENT, false, "shard b: connect to b:7001: connection refused"},
	{CALL_DOWN, false, "shard b: connect to b:7001: connection refused"},
	{CALL_LOST, true, "shard b: connection to b:7001 lost"},
	{CALL_LOST, false, "shard b: connection to b:7001 lost; the command may have run"},
	{CALL_TIMEOUT, true, "shard b: no reply from b:7001 in time"},
	{CALL_TIMEOUT, false, "shard b: no reply from b:7001 in time; the command may have run"},
	{CALL_GARBAGE, true, "shard b: b:7001 answered out of protocol"},
	{CALL_GARBAGE, false, "shard b: b:7001 answered out of protocol; the command may have run"},
};

START_TEST(a_failure_says_where_why_and_whether_it_may_have_run)
{
	char text[CALL_TEXT_MAX];
	struct call call;

	data_path_begin(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
	fake_connect(data_path_server(&dp, 1), -ECONNREFUSED);
	fake_settle(dp.loop);
	call_init(&call, NULL, failures[_i].reads);
	call.shard = &dp.pool->shards[1];
	call.endpoint = call.shard->primary;
	ck_assert_str_eq(call_failure_text(&dp.engine, &call, failures[_i].result, text),
			 failures[_i].text);
	data_path_fini(&dp);
}
END_TEST

START_TEST(lets_go_of_its_bytes_and_its_reply)
{
	struct call call;

	data_path_begin(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
	call_init(&call, NULL, true);
	ck_assert(chain_is_empty(&call.bytes) && chain_is_empty(&call.reply));
	ck_assert(call.reads);
	uint32_t segments = dp.engine.chunks.segments.used;
	chain_copy(&dp.engine.chunks, &call.bytes, span_of("abc"));
	chain_copy(&dp.engine.chunks, &call.reply, span_of("def"));
	call_fini(&dp.engine, &call);
	ck_assert_uint_eq(dp.engine.chunks.segments.used, segments);
	data_path_fini(&dp);
}
END_TEST

Suite *call_suite(void)
{
	Suite *suite = suite_create("call");
	TCase *tcase = tcase_create("call");

	tcase_add_loop_test(tcase, a_failure_says_where_why_and_whether_it_may_have_run, 0,
			    ARRAY_LEN(failures));
	tcase_add_test(tcase, lets_go_of_its_bytes_and_its_reply);
	suite_add_tcase(suite, tcase);
	return suite;
}
