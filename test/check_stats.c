#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/stats.h"
#include "core/stats_sum.h"
#include "core/stats_text.h"
#include "fleet.h"
#include "proto/command.h"
#include "suites.h"

static struct fleet fleet;

static void setup(void)
{
	fleet_init(&fleet);
}

static void teardown(void)
{
	fleet_fini(&fleet);
}

START_TEST(every_row_has_its_own_name_and_help)
{
	for (int i = 0; i < STAT_COUNT; i++) {
		const char *name = stat_rows[i].name;

		ck_assert_str_eq(name + strlen(name) - strlen("_total"), "_total");
		ck_assert_int_eq(stat_rows[i].help[strlen(stat_rows[i].help) - 1], '.');
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(name, stat_rows[j].name);
	}
}
END_TEST

START_TEST(every_result_and_state_has_a_name)
{
	for (int i = 0; i < CALL_RESULTS; i++)
		ck_assert_ptr_nonnull(call_result_names[i]);
	for (int i = 0; i < ENDPOINT_STATES; i++)
		ck_assert_ptr_nonnull(endpoint_state_names[i]);
}
END_TEST

START_TEST(workers_are_added_up)
{
	const struct stats_subject pool = {STATS_OF_POOL, 0, 0};
	const struct stats_subject endpoint = {STATS_OF_ENDPOINT, 0, FLEET_B};
	const struct stats_subject worker = {STATS_OF_WORKER, 0, 0};

	for (int w = 0; w < FLEET_WORKERS; w++) {
		stat_add(&fleet_pool(&fleet, w, "pages")->bytes_in, 10);
		stat_add(&fleet_pool(&fleet, w, "sessions")->bytes_in, 1000);
		stat_add(&fleet_endpoint(&fleet, w, FLEET_B)->requests, (uint64_t)w);
		stat_add(&fleet.stats[w]->counter[STAT_RETRIES], 2);
	}
	ck_assert_uint_eq(stats_sum(fleet.stats, FLEET_WORKERS, pool,
				    offsetof(struct pool_stats, bytes_in)),
			  30);
	ck_assert_uint_eq(stats_sum(fleet.stats, FLEET_WORKERS, endpoint,
				    offsetof(struct endpoint_stats, requests)),
			  3);
	ck_assert_uint_eq(stats_sum(fleet.stats, FLEET_WORKERS, worker,
				    STATS_COUNTER_OFFSET(STAT_RETRIES)),
			  6);
}
END_TEST

START_TEST(a_client_that_goes_is_taken_off)
{
	const struct stats_subject pool = {STATS_OF_POOL, 0, 0};

	stat_add(&fleet_pool(&fleet, 0, "pages")->clients, 2);
	stat_add(&fleet_pool(&fleet, 1, "pages")->clients, 1);
	stat_add(&fleet_pool(&fleet, 0, "pages")->clients, (uint64_t)-1);
	ck_assert_uint_eq(stats_sum(fleet.stats, FLEET_WORKERS, pool,
				    offsetof(struct pool_stats, clients)),
			  2);
}
END_TEST

START_TEST(a_command_is_there_once_it_was_used)
{
	const uint16_t id = mc_command_find(span_of("get"))->id;
	const struct stats_subject get = {STATS_OF_COMMAND, 0, id};

	ck_assert(!stats_has(fleet.stats, FLEET_WORKERS, get));
	ck_assert_uint_eq(stats_sum(fleet.stats, FLEET_WORKERS, get,
				    offsetof(struct command_stats, requests)),
			  0);
	stat_add(&fleet_command(&fleet, 1, "pages", "get")->requests, 7);
	ck_assert_ptr_eq(fleet_command(&fleet, 1, "pages", "get"),
			 fleet_command(&fleet, 1, "pages", "get"));
	ck_assert(stats_has(fleet.stats, FLEET_WORKERS, get));
	ck_assert_uint_eq(stats_sum(fleet.stats, FLEET_WORKERS, get,
				    offsetof(struct command_stats, requests)),
			  7);
}
END_TEST

START_TEST(histograms_of_workers_become_one)
{
	const struct stats_subject endpoint = {STATS_OF_ENDPOINT, 0, FLEET_A};
	struct histogram merged = {0};

	for (int w = 0; w < FLEET_WORKERS; w++)
		histogram_add(&fleet_endpoint(&fleet, w, FLEET_A)->queue_us, 1);
	histogram_add(&fleet_endpoint(&fleet, 2, FLEET_A)->queue_us, 5000);
	stats_merge(fleet.stats, FLEET_WORKERS, endpoint, offsetof(struct endpoint_stats, queue_us),
		    &merged);
	ck_assert_uint_eq(histogram_at_most(&merged, 1), 3);
	ck_assert_uint_eq(histogram_at_most(&merged, UINT64_MAX), 4);
	ck_assert_uint_eq(stat_get(&merged.sum_us), 5003);
}
END_TEST

START_TEST(all_results_but_a_reply_are_failures)
{
	for (int result = 0; result < CALL_RESULTS; result++)
		stat_add(&fleet_endpoint(&fleet, result % FLEET_WORKERS, FLEET_A)->results[result],
			 10);
	ck_assert_uint_eq(stats_failures(fleet.stats, FLEET_WORKERS, FLEET_A),
			  10 * (CALL_RESULTS - 1));
	ck_assert_uint_eq(stats_failures(fleet.stats, FLEET_WORKERS, FLEET_B), 0);
}
END_TEST

START_TEST(an_endpoint_is_in_the_best_state_of_any_worker)
{
	static const enum endpoint_state down = ENDPOINT_DOWN, trying = ENDPOINT_CONNECTING;

	ck_assert_int_eq(stats_endpoint_state(fleet.stats, FLEET_WORKERS, FLEET_A), trying);
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_DOWN);
	ck_assert_int_eq(stats_endpoint_state(fleet.stats, FLEET_WORKERS, FLEET_A), down);
	atomic_store(&fleet_endpoint(&fleet, 1, FLEET_A)->state, ENDPOINT_CONNECTING);
	ck_assert_int_eq(stats_endpoint_state(fleet.stats, FLEET_WORKERS, FLEET_A), trying);
	atomic_store(&fleet_endpoint(&fleet, 2, FLEET_A)->state, ENDPOINT_UP);
	ck_assert_int_eq(stats_endpoint_state(fleet.stats, FLEET_WORKERS, FLEET_A), ENDPOINT_UP);
}
END_TEST

START_TEST(the_error_of_a_worker_in_trouble_goes_first)
{
	ck_assert_int_eq(stats_endpoint_error(fleet.stats, FLEET_WORKERS, FLEET_A), 0);
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_UP);
	atomic_store(&fleet_endpoint(&fleet, 0, FLEET_A)->last_error, -ECONNRESET);
	ck_assert_int_eq(stats_endpoint_error(fleet.stats, FLEET_WORKERS, FLEET_A), -ECONNRESET);
	atomic_store(&fleet_endpoint(&fleet, 1, FLEET_A)->last_error, -ECONNREFUSED);
	atomic_store(&fleet_endpoint(&fleet, 1, FLEET_A)->state, ENDPOINT_DOWN);
	ck_assert_int_eq(stats_endpoint_error(fleet.stats, FLEET_WORKERS, FLEET_A), -ECONNREFUSED);
}
END_TEST

/* The text of a pool's counters; freed by the next call. */
static const char *text_of(const char *pool)
{
	static struct text text;

	text_free(&text);
	if (pool != NULL)
		stats_text(fleet.stats, FLEET_WORKERS, topology_pool(fleet.topology, pool), &text);
	return text.p;
}

START_TEST(text_is_stat_lines_without_an_end)
{
	const char *line = text_of("pages");

	while (*line != '\0') {
		const char *end = strstr(line, "\r\n");
		int blanks = 0;

		ck_assert_ptr_nonnull(end);
		ck_assert_int_eq(strncmp(line, "STAT ", 5), 0);
		for (const char *p = line; p < end; p++)
			blanks += *p == ' ';
		ck_assert_msg(blanks == 2, "%.*s", (int)(end - line), line);
		line = end + 2;
	}
	text_of(NULL);
}
END_TEST

START_TEST(text_tells_of_its_own_pool)
{
	stat_add(&fleet_pool(&fleet, 0, "pages")->hits, 3);
	stat_add(&fleet_pool(&fleet, 2, "pages")->hits, 4);
	stat_add(&fleet_command(&fleet, 0, "pages", "get")->requests, 5);
	stat_add(&fleet_command(&fleet, 0, "pages", "get")->errors, 1);
	stat_add(&fleet_endpoint(&fleet, 1, FLEET_B)->results[CALL_DOWN], 6);
	fleet_set_state(&fleet, FLEET_B, ENDPOINT_DOWN);

	const char *text = text_of("pages");

	ck_assert_ptr_nonnull(strstr(text, "STAT get_hits 7\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "STAT command:get:requests 5\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "STAT command:get:errors 1\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "STAT shard:b:state down\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "STAT shard:b:errors 6\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "STAT shard:b:address 10.0.0.2:11211\r\n"));
	ck_assert_ptr_null(strstr(text, "command:set:"));
	ck_assert_ptr_null(strstr(text, "10.0.1.1"));
	text_of(NULL);
}
END_TEST

START_TEST(text_has_the_workers_counters)
{
	stat_add(&fleet.stats[0]->counter[STAT_PROTOCOL_ERRORS], 1);
	stat_add(&fleet.stats[2]->counter[STAT_PROTOCOL_ERRORS], 1);

	const char *text = text_of("sessions");

	ck_assert_ptr_nonnull(strstr(text, "STAT protocol_errors_total 2\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "STAT workers 3\r\n"));
	text_of(NULL);
}
END_TEST

Suite *stats_suite(void)
{
	Suite *suite = suite_create("stats");
	TCase *tc = tcase_create("stats");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_row_has_its_own_name_and_help);
	tcase_add_test(tc, every_result_and_state_has_a_name);
	tcase_add_test(tc, workers_are_added_up);
	tcase_add_test(tc, a_client_that_goes_is_taken_off);
	tcase_add_test(tc, a_command_is_there_once_it_was_used);
	tcase_add_test(tc, histograms_of_workers_become_one);
	tcase_add_test(tc, all_results_but_a_reply_are_failures);
	tcase_add_test(tc, an_endpoint_is_in_the_best_state_of_any_worker);
	tcase_add_test(tc, the_error_of_a_worker_in_trouble_goes_first);
	tcase_add_test(tc, text_is_stat_lines_without_an_end);
	tcase_add_test(tc, text_tells_of_its_own_pool);
	tcase_add_test(tc, text_has_the_workers_counters);
	suite_add_tcase(suite, tc);
	return suite;
}
