#include <check.h>
#include <errno.h>

#include "core/request.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

START_TEST(counters_of_all_nodes_are_added)
{
	struct request *request = data_path_ask(&dp, "stats");

	answer_to(dp.a, "stats\r\n", "STAT cmd_get 1\r\nEND\r\n");
	say(dp.b, "STAT cmd_get 20\r\nEND\r\n");
	expect_waiting(request);
	say(dp.c, "STAT cmd_get 300\r\nEND\r\n");
	expect_reply(request, "STAT cmd_get 321\r\nEND\r\n");
}
END_TEST

START_TEST(a_word_behind_stats_lists_node_by_node)
{
	struct request *request = data_path_ask(&dp, "stats items");

	say(dp.a, "STAT items:1:number 1\r\nEND\r\n");
	say(dp.b, "END\r\n");
	say(dp.c, "STAT items:1:number 3\r\nEND\r\n");
	expect_reply(request, "STAT a:items:1:number 1\r\nSTAT c:items:1:number 3\r\nEND\r\n");
}
END_TEST

START_TEST(a_dead_node_is_reported_among_the_others)
{
	hang_up(dp.a, STREAM_EOF);
	struct request *request = data_path_ask(&dp, "stats");

	say(dp.b, "STAT cmd_get 20\r\nEND\r\n");
	say(dp.c, "STAT cmd_get 300\r\nEND\r\n");
	ck_assert(request->is_error);
	expect_reply(request, "STAT cmd_get 320\r\nSTAT a:error SERVER_ERROR slipring: shard a: "
			      "a:7000 closed the connection\r\nEND\r\n");
	data_path_fini(&dp);
}
END_TEST

START_TEST(reset_is_one_reply)
{
	struct request *request = data_path_ask(&dp, "stats reset");

	say(dp.a, "RESET\r\n");
	say(dp.b, "RESET\r\n");
	say(dp.c, "RESET\r\n");
	expect_reply(request, "RESET\r\n");
}
END_TEST

Suite *merge_stats_suite(void)
{
	Suite *suite = suite_create("merge_stats");
	TCase *tcase = tcase_create("merge_stats");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_test(tcase, counters_of_all_nodes_are_added);
	tcase_add_test(tcase, a_word_behind_stats_lists_node_by_node);
	tcase_add_test(tcase, a_dead_node_is_reported_among_the_others);
	tcase_add_test(tcase, reset_is_one_reply);
	suite_add_tcase(suite, tcase);
	return suite;
}
