#include <check.h>
#include <errno.h>
#include <string.h>

#include "control/view.h"
#include "core/connset.h"
#include "fleet.h"
#include "suites.h"

static struct fleet fleet;
static struct view view;
static struct text why;

static void setup(void)
{
	fleet_init(&fleet);
	view = fleet_view(&fleet);
}

static void teardown(void)
{
	text_free(&why);
	fleet_fini(&fleet);
}

START_TEST(is_ready_when_each_pool_has_a_shard_up)
{
	ck_assert(!view_is_ready(&view, NULL));
	/* One worker's connection is enough: the others follow. */
	atomic_store(&fleet_endpoint(&fleet, 2, FLEET_B)->state, ENDPOINT_UP);
	ck_assert(!view_is_ready(&view, NULL));
	ck_assert(view_pool_is_ready(&view, topology_pool(view.topology, "pages")));
	ck_assert(!view_pool_is_ready(&view, topology_pool(view.topology, "sessions")));
	fleet_set_state(&fleet, FLEET_REDIS, ENDPOINT_UP);
	ck_assert(view_is_ready(&view, &why));
	ck_assert_uint_eq(why.len, 0);
}
END_TEST

/* A replica alone takes no writes. */
START_TEST(is_not_ready_by_a_replica)
{
	fleet_set_state(&fleet, FLEET_REPLICA, ENDPOINT_UP);
	ck_assert(!view_pool_is_ready(&view, topology_pool(view.topology, "sessions")));
	fleet_set_state(&fleet, FLEET_REDIS, ENDPOINT_UP);
	fleet_set_state(&fleet, FLEET_REPLICA, ENDPOINT_DOWN);
	ck_assert(view_pool_is_ready(&view, topology_pool(view.topology, "sessions")));
}
END_TEST

START_TEST(says_which_pools_cannot_serve_and_why)
{
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_UP);
	fleet_set_state(&fleet, FLEET_REDIS, ENDPOINT_DOWN);
	atomic_store(&fleet_endpoint(&fleet, 1, FLEET_REDIS)->last_error, -ECONNREFUSED);
	ck_assert(!view_is_ready(&view, &why));
	ck_assert_ptr_nonnull(strstr(why.p, "pool sessions: "));
	ck_assert_ptr_nonnull(strstr(why.p, "connect to 10.0.1.1:6379: connection refused"));
	ck_assert_ptr_null(strstr(why.p, "pages"));
}
END_TEST

START_TEST(gives_a_line_for_each_pool)
{
	ck_assert(!view_is_ready(&view, &why));
	ck_assert_str_eq(why.p, "pool pages: none of its 3 shards is up yet\n"
				"pool sessions: none of its 1 shards is up yet\n");
}
END_TEST

START_TEST(is_not_ready_while_it_drains)
{
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_UP);
	fleet_set_state(&fleet, FLEET_REDIS, ENDPOINT_UP);
	ck_assert(view_is_ready(&view, NULL));
	view.draining = true;
	ck_assert(!view_is_ready(&view, &why));
	ck_assert_ptr_nonnull(strstr(why.p, "draining"));
	ck_assert(!view_pool_is_ready(&view, &view.topology->pools[0]));
}
END_TEST

START_TEST(tells_the_last_error_in_words)
{
	const struct endpoint *endpoint = &view.topology->endpoints[FLEET_A];
	char out[VIEW_ERROR_MAX];

	ck_assert_ptr_null(view_endpoint_error(&view, endpoint, out));
	atomic_store(&fleet_endpoint(&fleet, 0, FLEET_A)->last_error, FAULT_NO_ANSWER);
	ck_assert_ptr_nonnull(strstr(view_endpoint_error(&view, endpoint, out), endpoint->text));
}
END_TEST

Suite *view_suite(void)
{
	Suite *suite = suite_create("view");
	TCase *tc = tcase_create("view");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, is_ready_when_each_pool_has_a_shard_up);
	tcase_add_test(tc, is_not_ready_by_a_replica);
	tcase_add_test(tc, says_which_pools_cannot_serve_and_why);
	tcase_add_test(tc, gives_a_line_for_each_pool);
	tcase_add_test(tc, is_not_ready_while_it_drains);
	tcase_add_test(tc, tells_the_last_error_in_words);
	suite_add_tcase(suite, tc);
	return suite;
}
