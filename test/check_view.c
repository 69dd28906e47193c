#include <check.h>
#include <errno.h>
#include <string.h>

#include "control/view.h"
#include "core/connset.h"
#include "fake_io.h"
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

/* The reason is the source's: its own address would be taken for a node that is down. */
START_TEST(says_why_no_node_has_been_found)
{
	struct shard_spec unknown = {.name = "unknown",
				     .primary = "cfg:7000",
				     .weight = 1,
				     .is_unknown = true};
	struct pool_spec pool = {.name = "pages",
				 .protocol = PROTOCOL_MEMCACHED,
				 .discover = {.elasticache = "cfg:7000"},
				 .settings = {.connect_ms = 250, .request_ms = 1000},
				 .shards = &unknown,
				 .n_shards = 1};
	struct error error = {0};
	struct chunk_pool chunks;
	struct topology *topology = topology_build(&pool, 1, 1, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	chunk_pool_init(&chunks, 1 << 20);
	struct loop *loop = loop_new(&chunks);
	struct members *members = members_new(loop, NULL, NULL);
	pool.n_shards = 0;
	members_follow(members, &(struct config){.pools = &pool, .n_pools = 1}, NULL);
	view.topology = topology;
	view.members = members;
	ck_assert(!view_is_ready(&view, &why));
	ck_assert_str_eq(why.p, "pool pages: none of its 1 shards is up yet\n");
	text_reset(&why);
	fake_advance_ms(loop, 1);
	fake_connect(fake_server(loop, 7000), -ECONNREFUSED);
	fake_settle(loop);
	ck_assert(!view_is_ready(&view, &why));
	ck_assert_str_eq(why.p, "pool pages: no node of it is known yet "
				"(connect to cfg:7000: connection refused)\n");
	members_free(members);
	topology_unref(topology);
	fake_settle(loop);
	loop_run_out(loop);
	chunk_pool_fini(&chunks);
	loop_free(loop);
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
	tcase_add_test(tc, says_why_no_node_has_been_found);
	tcase_add_test(tc, is_not_ready_while_it_drains);
	tcase_add_test(tc, tells_the_last_error_in_words);
	suite_add_tcase(suite, tc);
	return suite;
}
