#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/metrics.h"
#include "fleet.h"
#include "suites.h"

#define A_LABELS "pool=\"pages\",shard=\"a\",endpoint=\"10.0.0.1:11211\",role=\"primary\""

static struct fleet fleet;
static struct view view;
static struct text page;

static void setup(void)
{
	fleet_init(&fleet);
	view = fleet_view(&fleet);
	view.started = 1700000000;
}

static void teardown(void)
{
	text_free(&page);
	fleet_fini(&fleet);
}

static void render(void)
{
	text_reset(&page);
	metrics_render(&view, &page);
}

/* The value behind a series' name and labels, as text; NULL if it is not there. */
static const char *value_of(const char *series)
{
	static char value[64];
	size_t len = strlen(series);

	for (const char *line = page.p; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, series, len) != 0 || line[len] != ' ')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + len + 1, "\n"),
			 line + len + 1);
		return value;
	}
	return NULL;
}

static size_t count(const char *needle)
{
	size_t n = 0;

	for (const char *p = page.p; (p = strstr(p, needle)) != NULL; p++)
		n++;
	return n;
}

START_TEST(each_metric_is_introduced_once_and_before_its_series)
{
	char name[128] = "", wanted[192];

	fleet_command(&fleet, 0, "pages", "get");
	render();
	for (const char *line = page.p; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (sscanf(line, "# TYPE %127s", name) == 1) {
			snprintf(wanted, sizeof(wanted), "# HELP %s ", name);
			ck_assert_uint_eq(count(wanted), 1);
			snprintf(wanted, sizeof(wanted), "# TYPE %s ", name);
			ck_assert_uint_eq(count(wanted), 1);
		} else if (line[0] != '#') {
			ck_assert_msg(strncmp(line, name, strlen(name)) == 0, "%.60s", line);
		}
	}
}
END_TEST

START_TEST(names_follow_their_type)
{
	char name[128], type[32];

	fleet_command(&fleet, 0, "pages", "get");
	render();
	for (const char *line = page.p; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (sscanf(line, "# TYPE %127s %31s", name, type) != 2)
			continue;
		size_t len = strlen(name);
		bool is_total = len > 6 && strcmp(name + len - 6, "_total") == 0;
		bool is_seconds = len > 8 && strcmp(name + len - 8, "_seconds") == 0;

		ck_assert_msg(strncmp(name, "slipring_", 9) == 0, "%s", name);
		ck_assert_msg(is_total == (strcmp(type, "counter") == 0), "%s", name);
		ck_assert_msg(strcmp(type, "histogram") != 0 || is_seconds, "%s", name);
	}
}
END_TEST

START_TEST(workers_are_added_up)
{
	for (int w = 0; w < FLEET_WORKERS; w++) {
		stat_add(&fleet.stats[w]->counter[STAT_RETRIES], 1);
		stat_add(&fleet_pool(&fleet, w, "pages")->bytes_out, 100);
		stat_add(&fleet_endpoint(&fleet, w, FLEET_A)->requests, 5);
	}
	stat_add(&fleet_command(&fleet, 0, "sessions", "mget")->requests, 2);
	stat_add(&fleet_command(&fleet, 2, "sessions", "mget")->requests, 2);
	render();
	ck_assert_str_eq(value_of("slipring_retries_total"), "3");
	ck_assert_str_eq(value_of("slipring_pool_sent_bytes_total{pool=\"pages\"}"), "300");
	ck_assert_str_eq(value_of("slipring_endpoint_requests_total{" A_LABELS "}"), "15");
	ck_assert_str_eq(
		value_of("slipring_command_requests_total{pool=\"sessions\",command=\"mget\"}"),
		"4");
}
END_TEST

START_TEST(the_control_threads_counters_count_too)
{
	stat_add(&fleet.stats[FLEET_WORKERS]->counter[STAT_CLIENTS_REFUSED], 9);
	render();
	ck_assert_str_eq(value_of("slipring_clients_refused_total"), "0");
	view.own = fleet.stats[FLEET_WORKERS];
	render();
	ck_assert_str_eq(value_of("slipring_clients_refused_total"), "9");
}
END_TEST

START_TEST(commands_are_told_once_they_were_used)
{
	render();
	ck_assert_uint_eq(count("slipring_command_"), 0);
	fleet_command(&fleet, 1, "pages", "get");
	render();
	ck_assert_ptr_nonnull(
		value_of("slipring_command_requests_total{pool=\"pages\",command=\"get\"}"));
	ck_assert_uint_eq(count("command=\"set\""), 0);
}
END_TEST

START_TEST(labels_are_escaped)
{
	render();
	ck_assert_ptr_nonnull(value_of("slipring_endpoint_up{pool=\"pages\","
				       "shard=\"odd \\\"name\\\" \\\\\","
				       "endpoint=\"10.0.0.3:11211\",role=\"primary\"}"));
}
END_TEST

START_TEST(failures_are_told_by_name)
{
	stat_add(&fleet_endpoint(&fleet, 0, FLEET_A)->results[CALL_REPLY], 7);
	stat_add(&fleet_endpoint(&fleet, 1, FLEET_A)->results[CALL_TIMEOUT], 2);
	render();
	ck_assert_str_eq(value_of("slipring_endpoint_results_total{" A_LABELS ",result=\"reply\"}"),
			 "7");
	ck_assert_str_eq(value_of("slipring_endpoint_results_total{" A_LABELS
				  ",result=\"timeout\"}"),
			 "2");
	ck_assert_str_eq(value_of("slipring_endpoint_results_total{" A_LABELS ",result=\"lost\"}"),
			 "0");
}
END_TEST

START_TEST(an_endpoint_is_up_or_not)
{
	atomic_store(&fleet_endpoint(&fleet, 1, FLEET_A)->state, ENDPOINT_UP);
	render();
	ck_assert_str_eq(value_of("slipring_endpoint_up{" A_LABELS "}"), "1");
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_DOWN);
	render();
	ck_assert_str_eq(value_of("slipring_endpoint_up{" A_LABELS "}"), "0");
}
END_TEST

#define UPSTREAM(part) "slipring_endpoint_upstream_seconds_" part

START_TEST(histograms_are_cumulative_and_in_seconds)
{
	/* Far from the bounds, which are kept to the precision of a bucket. */
	static const uint64_t times_us[] = {50, 400, 400, 70000, 3000000, 100000000};

	for (size_t i = 0; i < ARRAY_LEN(times_us); i++)
		histogram_add(&fleet_endpoint(&fleet, (int)i % FLEET_WORKERS, FLEET_A)->upstream_us,
			      times_us[i]);
	render();
	ck_assert_str_eq(value_of(UPSTREAM("bucket{") A_LABELS ",le=\"0.0001\"}"), "1");
	ck_assert_str_eq(value_of(UPSTREAM("bucket{") A_LABELS ",le=\"0.0005\"}"), "3");
	ck_assert_str_eq(value_of(UPSTREAM("bucket{") A_LABELS ",le=\"0.05\"}"), "3");
	ck_assert_str_eq(value_of(UPSTREAM("bucket{") A_LABELS ",le=\"0.1\"}"), "4");
	ck_assert_str_eq(value_of(UPSTREAM("bucket{") A_LABELS ",le=\"5\"}"), "5");
	ck_assert_str_eq(value_of(UPSTREAM("bucket{") A_LABELS ",le=\"+Inf\"}"), "6");
	ck_assert_str_eq(value_of(UPSTREAM("count{") A_LABELS "}"), "6");
	ck_assert_str_eq(value_of(UPSTREAM("sum{") A_LABELS "}"), "103.070850");
}
END_TEST

START_TEST(the_process_tells_of_itself)
{
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_UP);
	render();
	ck_assert_str_eq(value_of("slipring_build_info{version=\"" SLIPRING_VERSION "\"}"), "1");
	ck_assert_str_eq(value_of("slipring_start_time_seconds"), "1700000000");
	ck_assert_str_eq(value_of("slipring_workers"), "3");
	ck_assert_str_eq(value_of("slipring_ready"), "0");
	ck_assert_int_gt(atol(value_of("slipring_resident_memory_bytes")), 0);
}
END_TEST

Suite *metrics_suite(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tc = tcase_create("metrics");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_metric_is_introduced_once_and_before_its_series);
	tcase_add_test(tc, names_follow_their_type);
	tcase_add_test(tc, workers_are_added_up);
	tcase_add_test(tc, the_control_threads_counters_count_too);
	tcase_add_test(tc, commands_are_told_once_they_were_used);
	tcase_add_test(tc, labels_are_escaped);
	tcase_add_test(tc, failures_are_told_by_name);
	tcase_add_test(tc, an_endpoint_is_up_or_not);
	tcase_add_test(tc, histograms_are_cumulative_and_in_seconds);
	tcase_add_test(tc, the_process_tells_of_itself);
	suite_add_tcase(suite, tc);
	return suite;
}
