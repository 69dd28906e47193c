#include <check.h>

#include "core/observe.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;
static struct request_list list;

static void tear_down(void)
{
	data_path_end(&dp);
}

static struct request *begin_request(const char *command)
{
	struct request *request =
		request_new(&dp.engine, dp.pool,
			    command == NULL ? NULL : resp_command_find(span_of(command)), &list);

	observe_begin(request);
	return request;
}

static void end_request(struct request *request)
{
	observe_end(request);
	TAILQ_REMOVE(&list, request, order);
	request_free(request);
}

static struct command_stats *stats_of(const char *command)
{
	return dp.stats->pools[0]->commands[resp_command_find(span_of(command))->id];
}

static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
	TAILQ_INIT(&list);
}

START_TEST(counts_by_command_from_its_first_use_on)
{
	ck_assert_ptr_null(stats_of("get"));
	end_request(begin_request("get"));
	end_request(begin_request("get"));
	struct request *set = begin_request("set");
	ck_assert_uint_eq(stat_get(&stats_of("get")->requests), 2);
	ck_assert_uint_eq(stat_get(&stats_of("set")->requests), 1);
	ck_assert_ptr_null(stats_of("del"));
	end_request(set);
}
END_TEST

START_TEST(counts_errors_and_time_at_the_end)
{
	struct request *request = begin_request("get");

	fake_advance_ms(dp.loop, 3);
	request->is_error = true;
	ck_assert_uint_eq(stat_get(&stats_of("get")->errors), 0);
	end_request(request);
	ck_assert_uint_eq(stat_get(&stats_of("get")->errors), 1);
	ck_assert_uint_eq(stat_get(&stats_of("get")->total_us.count), 1);
	ck_assert_uint_eq(stat_get(&stats_of("get")->total_us.sum_us), 3000);
}
END_TEST

START_TEST(an_unknown_command_has_no_counters)
{
	end_request(begin_request(NULL));
	for (size_t i = 0; i < dp.stats->pools[0]->n_commands; i++)
		ck_assert_ptr_null(dp.stats->pools[0]->commands[i]);
}
END_TEST

Suite *observe_suite(void)
{
	Suite *suite = suite_create("observe");
	TCase *tcase = tcase_create("observe");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_test(tcase, counts_by_command_from_its_first_use_on);
	tcase_add_test(tcase, counts_errors_and_time_at_the_end);
	tcase_add_test(tcase, an_unknown_command_has_no_counters);
	suite_add_tcase(suite, tcase);
	return suite;
}
