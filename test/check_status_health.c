/* What status and metrics tell of probes: memcached nodes that answer, a primary that does not, and a
 * replica that says it is a primary. */
#include "control/status.h"

#include <check.h>

#include "control/metrics.h"
#include "fake_node.h"
#include "fleet.h"
#include "suites.h"

#define MEMCACHED_PORT 11211
#define REDIS_PORT     6379
#define PING	       "*1\r\n$4\r\nPING\r\n"
#define ROLE	       "*1\r\n$4\r\nROLE\r\n"

static struct fleet fleet;
static struct fake_fleet nodes;
static struct health *health;
static struct view view;
static struct text page;

static void on_change(void *arg, const struct endpoint *endpoint)
{
	ck_assert_ptr_eq(arg, &fleet);
	ck_assert_ptr_eq(topology_endpoint(fleet.topology, endpoint->id), endpoint);
}

static void setup(void)
{
	fleet_init(&fleet);
	for (uint16_t i = 0; i < fleet.topology->n_pools; i++) {
		struct pool_settings *settings = &fleet.topology->pools[i].settings;

		settings->health_every_ms = 100;
		settings->health_timeout_ms = 50;
		settings->health_fall = settings->health_rise = 2;
	}
	fake_fleet_init(&nodes, PROTOCOL_MEMCACHED);
	fake_node_answer(MEMCACHED_PORT, "version\r\n", "VERSION 1.6.18\r\n");
	fake_node_answer(REDIS_PORT, PING, "+PONG\r\n");
	health = health_new(&(struct health_setup){nodes.loop, 1, on_change, &fleet});
	health_watch(health, fleet.topology);
	view = fleet_view(&fleet);
	view.health = health;
}

static void teardown(void)
{
	text_free(&page);
	health_free(health);
	fake_fleet_end(&nodes);
	fleet_fini(&fleet);
}

static struct status *look(void)
{
	struct error error = {0};

	text_reset(&page);
	status_render(&view, &page);
	struct status *status = status_read(span_make(page.p, page.len), &error);
	ck_assert_msg(status != NULL, "%s", error.text);
	return status;
}

static const struct status_endpoint *node_of(const struct status *status, size_t pool, size_t i)
{
	ck_assert_uint_lt(i, status->pools[pool].n_endpoints);
	return &status->pools[pool].endpoints[i];
}

START_TEST(what_is_not_known_is_told_as_such)
{
	struct status *status = look();

	ck_assert_str_eq(node_of(status, 0, 0)->health, "unknown");
	ck_assert_ptr_null(node_of(status, 0, 0)->health_error);
	ck_assert_ptr_nonnull(strstr(page.p, "\"role_said\": null"));
	status_free(status);
	view.health = NULL;
	status = look();
	ck_assert_str_eq(node_of(status, 0, 0)->health, "unknown");
	status_free(status);
}
END_TEST

START_TEST(status_tells_what_probes_find)
{
	fake_node_answer(REDIS_PORT, ROLE, NULL);
	fake_fleet_advance_ms(&nodes, 1000);
	struct status *status = look();

	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(node_of(status, 0, i)->health, "up");
		ck_assert_ptr_null(node_of(status, 0, i)->health_error);
	}
	ck_assert_str_eq(node_of(status, 1, 0)->health, "down");
	ck_assert_str_eq(node_of(status, 1, 0)->health_error,
			 "10.0.1.1:6379 did not answer in time");
	ck_assert_ptr_null(strstr(page.p, "\"role_said\": \""));
	status_free(status);
}
END_TEST

START_TEST(status_tells_the_role_that_a_node_says)
{
	fake_node_answer(REDIS_PORT, ROLE, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
	fake_fleet_advance_ms(&nodes, 1000);
	status_free(look());
	const char *replica = strstr(page.p, "10.0.1.2:6379");
	ck_assert_ptr_nonnull(replica);
	ck_assert_ptr_nonnull(strstr(replica, "\"role_said\": \"primary\""));
	/* One failure is told, and does not make it down. */
	fake_node_answer(REDIS_PORT, ROLE, "-ERR broken\r\n");
	while (health_counts(health)->failures == 0)
		fake_fleet_advance_ms(&nodes, 1);
	size_t n_errors = 0;
	struct status *status = look();
	for (size_t i = 0; i < 2; i++) {
		ck_assert_str_eq(node_of(status, 1, i)->health, "up");
		n_errors += node_of(status, 1, i)->health_error != NULL;
	}
	ck_assert_uint_ge(n_errors, 1);
	status_free(status);
}
END_TEST

/* Does the page have this line? */
static bool has_line(const char *line)
{
	struct text wanted = {0};

	text_printf(&wanted, "\n%s\n", line);
	bool has = strstr(page.p, wanted.p) != NULL;
	text_free(&wanted);
	return has;
}

START_TEST(metrics_tell_who_is_healthy)
{
	struct text line = {0};

	fake_node_answer(REDIS_PORT, ROLE, NULL);
	fake_fleet_advance_ms(&nodes, 1000);
	metrics_render(&view, &page);
	ck_assert(has_line("# TYPE slipring_endpoint_healthy gauge"));
	ck_assert(has_line("slipring_endpoint_healthy{pool=\"pages\",shard=\"a\","
			   "endpoint=\"10.0.0.1:11211\",role=\"primary\"} 1"));
	ck_assert(has_line("slipring_endpoint_healthy{pool=\"sessions\",shard=\"10.0.1.1:6379\","
			   "endpoint=\"10.0.1.2:6379\",role=\"replica\"} 0"));
	ck_assert(has_line("# TYPE slipring_health_probes_total counter"));
	text_printf(&line, "slipring_health_probe_failures_total %d",
		    (int)health_counts(health)->failures);
	ck_assert_uint_gt(health_counts(health)->failures, 0);
	ck_assert(has_line(line.p));
	text_reset(&line);
	text_printf(&line, "slipring_health_probes_total %d", (int)health_counts(health)->probes);
	ck_assert(has_line(line.p));
	text_free(&line);
	/* And nothing where nothing is probed. */
	view.health = NULL;
	text_reset(&page);
	metrics_render(&view, &page);
	ck_assert_ptr_null(strstr(page.p, "endpoint_healthy"));
	ck_assert_ptr_null(strstr(page.p, "health_probe"));
}
END_TEST

Suite *status_health_suite(void)
{
	Suite *suite = suite_create("status_health");
	TCase *tcase = tcase_create("status_health");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_not_known_is_told_as_such);
	tcase_add_test(tcase, status_tells_what_probes_find);
	tcase_add_test(tcase, status_tells_the_role_that_a_node_says);
	tcase_add_test(tcase, metrics_tell_who_is_healthy);
	suite_add_tcase(suite, tcase);
	return suite;
}
