#include <check.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/status.h"
#include "fleet.h"
#include "suites.h"

static struct fleet fleet;
static struct view view;
static struct text page;
static struct error error;

static void setup(void)
{
	fleet_init(&fleet);
	view = fleet_view(&fleet);
	view.started = time(NULL) - 100;
	error.text[0] = '\0';
}

static void teardown(void)
{
	text_free(&page);
	fleet_fini(&fleet);
}

static struct status *render_and_read(void)
{
	text_reset(&page);
	status_render(&view, &page);
	struct status *status = status_read(span_make(page.p, page.len), &error);
	ck_assert_msg(status != NULL, "%s", error.text);
	return status;
}

START_TEST(is_one_line)
{
	status_free(render_and_read());
	ck_assert_ptr_eq(strchr(page.p, '\n'), page.p + page.len - 1);
}
END_TEST

START_TEST(tells_the_process_and_its_pools)
{
	stat_add(&fleet_pool(&fleet, 0, "sessions")->clients, 3);
	stat_add(&fleet_pool(&fleet, 1, "sessions")->clients, 1);
	fleet_set_state(&fleet, FLEET_REDIS, ENDPOINT_UP);

	struct status *status = render_and_read();

	ck_assert_str_eq(status->version, SLIPRING_VERSION);
	ck_assert_uint_eq(status->pid, (uint64_t)getpid());
	ck_assert_uint_ge(status->uptime_seconds, 100);
	ck_assert_uint_eq(status->workers, FLEET_WORKERS);
	ck_assert(!status->ready);
	ck_assert_uint_eq(status->n_pools, 2);
	ck_assert_str_eq(status->pools[0].protocol, "memcached");
	ck_assert_str_eq(status->pools[0].distribution, "ketama");
	ck_assert_str_eq(status->pools[0].hash, "md5");
	ck_assert(!status->pools[0].ready);
	ck_assert_str_eq(status->pools[1].name, "sessions");
	ck_assert_str_eq(status->pools[1].protocol, "redis");
	ck_assert_str_eq(status->pools[1].distribution, "jump");
	ck_assert(status->pools[1].ready);
	ck_assert_uint_eq(status->pools[1].clients, 4);
	status_free(status);
}
END_TEST

START_TEST(tells_the_shards)
{
	struct endpoint_stats *b = fleet_endpoint(&fleet, 1, FLEET_B);

	fleet_set_state(&fleet, FLEET_B, ENDPOINT_DOWN);
	atomic_store(&b->last_error, -ECONNREFUSED);
	stat_add(&b->requests, 12);
	stat_add(&b->results[CALL_REPLY], 9);
	stat_add(&b->results[CALL_DOWN], 2);
	stat_add(&b->in_flight, 1);
	for (int i = 0; i < 100; i++)
		histogram_add(&b->upstream_us, 1000);

	struct status *status = render_and_read();
	const struct status_endpoint *shards = status->pools[0].endpoints;

	ck_assert_uint_eq(status->pools[0].n_endpoints, 3);
	ck_assert_str_eq(shards[0].shard, "a");
	ck_assert_str_eq(shards[0].role, "primary");
	ck_assert_str_eq(shards[0].state, "connecting");
	ck_assert_ptr_null(shards[0].last_error);
	ck_assert_str_eq(shards[1].address, "10.0.0.2:11211");
	ck_assert_str_eq(shards[1].state, "down");
	ck_assert_str_eq(shards[1].last_error, "connect to 10.0.0.2:11211: connection refused");
	ck_assert_uint_eq(shards[1].requests, 12);
	ck_assert_uint_eq(shards[1].errors, 2);
	ck_assert_uint_eq(shards[1].in_flight, 1);
	/* To the precision of the histogram, a sixteenth. */
	ck_assert_double_ge(shards[1].p99_ms, 1.0);
	ck_assert_double_le(shards[1].p99_ms, 1.07);
	ck_assert_str_eq(shards[2].shard, FLEET_ODD_NAME);
	status_free(status);
}
END_TEST

/* Beside their primary, and each with its own figures. */
START_TEST(tells_the_replicas)
{
	stat_add(&fleet_endpoint(&fleet, 0, FLEET_REPLICA)->requests, 4);

	struct status *status = render_and_read();
	const struct status_endpoint *endpoints = status->pools[1].endpoints;

	ck_assert_uint_eq(status->pools[1].n_endpoints, 2);
	ck_assert_str_eq(endpoints[0].role, "primary");
	ck_assert_uint_eq(endpoints[0].requests, 0);
	ck_assert_str_eq(endpoints[1].role, "replica");
	ck_assert_str_eq(endpoints[1].shard, "10.0.1.1:6379");
	ck_assert_str_eq(endpoints[1].address, "10.0.1.2:6379");
	ck_assert_uint_eq(endpoints[1].requests, 4);
	status_free(status);
}
END_TEST

START_TEST(tells_weights_and_used_commands)
{
	stat_add(&fleet_command(&fleet, 0, "pages", "get")->requests, 5);
	status_free(render_and_read());
	ck_assert_ptr_nonnull(strstr(page.p, "\"weight\": 2"));
	ck_assert_ptr_nonnull(strstr(page.p, "\"name\": \"get\", \"requests\": 5"));
	ck_assert_ptr_null(strstr(page.p, "\"name\": \"set\""));
}
END_TEST

START_TEST(a_name_out_of_utf8_spoils_nothing)
{
	struct pool *pool = &fleet.topology->pools[0];
	char name[] = "\xff\xfe", *kept = pool->name;

	pool->name = name;
	status_free(render_and_read());
	pool->name = kept;
}
END_TEST

static const char *const strange[] = {
	"",
	"{",
	"[]",
	"null",
	"{}",
	"<html>not found</html>",
	"{\"version\": 1}",
	"{\"version\": \"1\", \"pid\": 1, \"uptime_seconds\": 1, \"workers\": 1, \"ready\": true,"
	" \"pools\": [{}]}",
	"{\"version\": \"1\", \"pid\": 1, \"uptime_seconds\": 1, \"workers\": 1, \"ready\": true,"
	" \"pools\": [{\"name\": \"p\", \"protocol\": \"redis\", \"ready\": true, \"clients\": 0,"
	" \"distribution\": \"jump\", \"hash\": \"xxh3\", \"shards\": [{\"name\": 1}]}]}",
	"{\"version\": \"1\", \"pid\": 1, \"uptime_seconds\": 1, \"workers\": 1, \"ready\": true,"
	" \"pools\": [{\"name\": \"p\", \"protocol\": \"redis\", \"ready\": true, \"clients\": 0,"
	" \"distribution\": \"jump\", \"hash\": \"xxh3\", \"shards\": [{\"name\": \"a\","
	" \"endpoint\": {}, \"replicas\": [{}]}]}]}",
};

START_TEST(refuses_what_is_no_status)
{
	ck_assert_ptr_null(status_read(span_of(strange[_i]), &error));
	ck_assert_str_ne(error.text, "");
}
END_TEST

Suite *status_suite(void)
{
	Suite *suite = suite_create("status");
	TCase *tc = tcase_create("status");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, is_one_line);
	tcase_add_test(tc, tells_the_process_and_its_pools);
	tcase_add_test(tc, tells_the_shards);
	tcase_add_test(tc, tells_the_replicas);
	tcase_add_test(tc, tells_weights_and_used_commands);
	tcase_add_test(tc, a_name_out_of_utf8_spoils_nothing);
	tcase_add_loop_test(tc, refuses_what_is_no_status, 0, ARRAY_LEN(strange));
	suite_add_tcase(suite, tc);
	return suite;
}
