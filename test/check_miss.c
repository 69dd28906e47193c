#include "plan/miss.h"

#include <check.h>
#include <errno.h>

#include "core/request.h"
#include "data_path.h"
#include "proto/mc_request.h"
#include "suites.h"

#define LOST " slipring: shard a: connection to a:7000 lost; the command may have run\r\n"

static struct data_path dp;

static void begin(bool misses, bool fail_multiget)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						     .fail_multiget = fail_multiget,
						     .miss_when_down = misses});
}

/* The reply to each command while its node is up and then lost, for both settings. */
static const struct {
	const char *words, *miss; /* NULL: it stays an error */
	uint64_t keys;
} commands[] = {
	{"get a", "END\r\n", 1},
	{"gets a", "END\r\n", 1},
	{"get a d h", "END\r\n", 3},
	{"gat 10 a", "END\r\n", 1},
	{"gats 10 a d", "END\r\n", 2},
	{"touch a 10", "NOT_FOUND\r\n", 1},
	{"incr a 1", "NOT_FOUND\r\n", 1},
	{"decr a 1", "NOT_FOUND\r\n", 1},
	{"mg a v", "EN\r\n", 1},
	{"mg a O12 v k t", "EN O12 ka\r\n", 1},
	{"mg  a  k  k  O ", "EN ka O\r\n", 1},
	{"mg YQ== v b k Ox", "EN b kYQ== Ox\r\n", 1},
	{"mg a q k O1", "", 1},
	{"mg a T30 v", "EN\r\n", 1},
	{"ma a", "NF\r\n", 1},
	{"ma a q D5 O1 N0", "NF O1\r\n", 1},
	{"me a k", "EN\r\n", 1},
	{"md a", NULL, 0},
	{"md a q", NULL, 0},
	{"ms a 1\r\nx", NULL, 0},
	{"ms a 1 q MA\r\nx", NULL, 0},
	{"delete a", NULL, 0},
	{"set a 0 0 1\r\nx", NULL, 0},
	{"add a 0 0 1\r\nx", NULL, 0},
	{"replace a 0 0 1\r\nx", NULL, 0},
	{"append a 0 0 1\r\nx", NULL, 0},
	{"prepend a 0 0 1\r\nx", NULL, 0},
	{"cas a 0 0 1 5\r\nx", NULL, 0},
};

/* Whether a call was lost, timed out, answered with garbage or never sent makes no difference. */
enum fault { LOSE, TIME_OUT, GARBLE, REFUSE, FAULTS };

static void kill_a(void)
{
	fake_end(dp.a, STREAM_EOF);
	fake_advance_ms(dp.loop, 50);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
}

static void expect_failure(struct request *request)
{
	static const char head[] = "SERVER_ERROR slipring: shard a: ";
	char got[sizeof(head) - 1];

	ck_assert(request->finished && request->is_error);
	ck_assert_uint_eq(chain_peek(&request->reply, got, sizeof(got)), sizeof(got));
	ck_assert_mem_eq(got, head, sizeof(got));
	request_free(request);
}

static struct request *ask_in_vain(const char *words, enum fault fault)
{
	if (fault == REFUSE)
		kill_a();
	struct request *request = data_path_ask(&dp, words);

	if (fault == LOSE)
		kill_a();
	else if (fault == TIME_OUT)
		fake_advance_ms(dp.loop, 1000);
	else if (fault == GARBLE)
		say(dp.a, "what\r\n");
	fake_settle(dp.loop);
	return request;
}

START_TEST(what_reads_misses_and_what_writes_fails)
{
	for (enum fault fault = LOSE; fault < FAULTS; fault++) {
		begin(true, true);
		struct request *request = ask_in_vain(commands[_i].words, fault);
		const char *miss = commands[_i].miss;

		ck_assert_uint_eq(data_path_count(&dp, STAT_DOWN_MISSES), commands[_i].keys);
		if (miss == NULL) {
			expect_failure(request);
		} else {
			ck_assert(!request->is_error);
			expect_reply(request, miss);
		}
		data_path_fini(&dp);
	}
}
END_TEST

START_TEST(all_fail_without_the_setting)
{
	for (enum fault fault = LOSE; fault < FAULTS; fault++) {
		begin(false, false);
		struct request *request = ask_in_vain(commands[_i].words, fault);

		expect_failure(request);
		ck_assert_uint_eq(data_path_count(&dp, STAT_DOWN_MISSES), 0);
		data_path_fini(&dp);
	}
}
END_TEST

/* Whatever multiget_errors says. */
START_TEST(a_multi_get_leaves_the_keys_out)
{
	begin(true, _i == 1);
	kill_a();
	struct request *request = data_path_ask(&dp, "get a b d c");

	say(dp.b, "VALUE b 0 1\r\nB\r\nEND\r\n");
	say(dp.c, "VALUE c 0 1\r\nC\r\nEND\r\n");
	ck_assert(!request->is_error);
	expect_reply(request, "VALUE b 0 1\r\nB\r\nVALUE c 0 1\r\nC\r\nEND\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_DOWN_MISSES), 2);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 2);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 2);
	data_path_fini(&dp);
}
END_TEST

/* A value that came in part is no value; a part that is no answer is a miss too. */
START_TEST(a_part_of_a_reply_is_dropped)
{
	begin(true, false);
	struct request *request = data_path_ask(&dp, "get a b d");

	say(dp.a, "VALUE a 0 1\r\nA\r\nVALUE d 0 5\r\nD");
	say(dp.b, "VALUE b 0 1\r\nB\r\nVALUE b 0 1\r\nB\r\nEND\r\n");
	fake_advance_ms(dp.loop, 1000);
	fake_settle(dp.loop);
	expect_reply(request, "END\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_DOWN_MISSES), 3);
	data_path_fini(&dp);
}
END_TEST

/* What the node itself says goes through, and what all shards must do fails as ever. */
START_TEST(an_answer_is_an_answer)
{
	begin(true, true);
	struct request *request = data_path_ask(&dp, "get a");

	say(dp.a, "SERVER_ERROR out of memory writing get response\r\n");
	expect_reply(request, "SERVER_ERROR out of memory writing get response\r\n");
	request = data_path_ask(&dp, "flush_all");
	say(dp.b, "OK\r\n");
	say(dp.c, "OK\r\n");
	kill_a();
	ck_assert(request->is_error);
	expect_reply(request, "SERVER_ERROR" LOST);
	data_path_fini(&dp);
}
END_TEST

/* Each command that names keys was thought of: a new row has to be put here too. */
START_TEST(every_row_is_decided)
{
	size_t n, misses = 0;
	const struct command *table = mc_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const char *reply = miss_reply(&table[i]);

		misses += reply != NULL;
		if (table[i].flags & CMD_READ && table[i].n_specs > 0)
			ck_assert_msg(reply != NULL, "%s", table[i].name);
		if (table[i].flags & CMD_BODY)
			ck_assert_msg(reply == NULL, "%s", table[i].name);
	}
	ck_assert_uint_eq(misses, 10);
}
END_TEST

Suite *miss_suite(void)
{
	Suite *suite = suite_create("miss");
	TCase *tcase = tcase_create("miss");

	tcase_add_loop_test(tcase, what_reads_misses_and_what_writes_fails, 0, ARRAY_LEN(commands));
	tcase_add_loop_test(tcase, all_fail_without_the_setting, 0, ARRAY_LEN(commands));
	tcase_add_loop_test(tcase, a_multi_get_leaves_the_keys_out, 0, 2);
	tcase_add_test(tcase, a_part_of_a_reply_is_dropped);
	tcase_add_test(tcase, an_answer_is_an_answer);
	tcase_add_test(tcase, every_row_is_decided);
	suite_add_tcase(suite, tcase);
	return suite;
}
