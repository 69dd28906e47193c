#include "core/era.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "core/connset.h"
#include "core/request.h"
#include "data_path.h"
#include "suites.h"

#define GET "get x\r\n"

/* A request of the newest topology with a call to one of its shards. */
struct asked {
	struct request *request;
	enum call_result result; /* CALL_RESULTS: not yet */
	char reply[64];
};

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static struct asked *asked_by(const struct call *call)
{
	/* Nothing else uses it here. */
	return (struct asked *)(void *)call->request->session;
}

static void on_done(struct call *call, enum call_result result)
{
	struct asked *asked = asked_by(call);

	ck_assert_int_eq(asked->result, CALL_RESULTS);
	asked->result = result;
	asked->reply[chain_peek(&call->reply, asked->reply, sizeof(asked->reply) - 1)] = '\0';
}

static void ask(struct asked *asked, uint16_t shard)
{
	struct request_list list = TAILQ_HEAD_INITIALIZER(list);
	struct request *request = request_new(&dp.engine, dp.pool, NULL, &list);
	struct call *call = &request->first;

	TAILQ_REMOVE(&list, request, order);
	*asked = (struct asked){.request = request, .result = CALL_RESULTS};
	request->session = (struct session *)(void *)asked;
	call_init(call, request, true);
	call->shard = &dp.pool->shards[shard];
	call->endpoint = call->shard->primary;
	call->done = on_done;
	chain_append(&dp.engine.chunks, &call->bytes, NULL, span_of(GET));
	connset_send(&dp.engine, 1, call);
	fake_settle(dp.loop);
}

static void answer(struct fake_peer *node)
{
	answer_to(node, GET, "END\r\n");
}

/* It has its reply, and is done with. */
static void end(struct asked *asked)
{
	ck_assert_int_eq(asked->result, CALL_REPLY);
	ck_assert_str_eq(asked->reply, "END\r\n");
	call_fini(&dp.engine, &asked->request->first);
	request_free(asked->request);
	fake_settle(dp.loop);
}

static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

/* Shards a and b stay where they are; c is elsewhere, or not at all. */
static struct topology *adopt(const char *address)
{
	struct topology *topology = data_path_build_moved(&dp, 'c', address);

	data_path_adopt(&dp, topology);
	fake_settle(dp.loop);
	return topology;
}

START_TEST(what_is_under_way_ends_where_it_was_sent)
{
	struct asked asked;

	ask(&asked, 2);
	adopt(NULL);
	ck_assert_int_eq(dp.c->state, FAKE_OPEN);
	ck_assert_uint_eq(data_path_eras(&dp), 2);
	answer(dp.c);
	/* The request looks at its topology for as long as it is there. */
	ck_assert_int_eq(dp.c->state, FAKE_OPEN);
	ck_assert_uint_eq(topology_refs(dp.topology), 2);
	ck_assert_str_eq(asked.request->first.shard->name, "c");
	end(&asked);
	ck_assert_int_eq(dp.c->state, FAKE_CLOSED);
	ck_assert_ptr_null(dp.engine.connsets[2]);
	ck_assert_uint_eq(data_path_eras(&dp), 1);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(connections_that_both_have_go_on)
{
	struct asked before, after;
	const struct endpoint *endpoint;

	ask(&before, 0);
	adopt("d:7003");
	data_path_connect(&dp, 3);
	ask(&after, 0);
	answer_to(dp.a, GET GET, "END\r\nEND\r\n");
	ck_assert_ptr_ne(before.request->first.endpoint, after.request->first.endpoint);
	end(&before);
	end(&after);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 1);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT + 1), 1);
	ck_assert_int_eq(dp.a->state, FAKE_OPEN);
	endpoint = dp.pool->shards[0].primary;
	ck_assert_ptr_eq(dp.engine.connsets[0]->endpoint, endpoint);
	ck_assert_ptr_eq(dp.engine.connsets[0]->upstreams[0].endpoint, endpoint);
}
END_TEST

START_TEST(a_shard_that_moves_is_asked_at_its_new_node)
{
	struct asked before, after;

	ask(&before, 2);
	adopt("d:7003");
	data_path_connect(&dp, 3);
	ask(&after, 2);
	answer(data_path_server(&dp, 3));
	end(&after);
	ck_assert_int_eq(dp.c->state, FAKE_OPEN);
	answer(dp.c);
	end(&before);
	ck_assert_int_eq(dp.c->state, FAKE_CLOSED);
	ck_assert_int_eq(data_path_server(&dp, 3)->state, FAKE_OPEN);
}
END_TEST

START_TEST(what_nobody_uses_is_closed_at_once)
{
	adopt(NULL);
	ck_assert_int_eq(dp.c->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(a_node_that_was_never_reached_is_given_up)
{
	struct topology *at_d = adopt("d:7003");
	struct fake_peer *d = data_path_server(&dp, 3);
	ck_assert_int_eq(d->state, FAKE_CONNECTING);
	adopt(NULL);
	ck_assert_int_eq(d->state, FAKE_CLOSED);
	expect_let_go(at_d);
	/* Nor is it connected to again. */
	fake_advance_ms(dp.loop, 10000);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT + 3), 1);
}
END_TEST

/* Three at once, which end in any order. */
static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
				    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
static const uint16_t places[] = {2, 3, 4}; /* of the node of c in each */

START_TEST(several_end_in_any_order)
{
	struct asked asked[3];
	struct topology *topologies[3];
	const uint8_t *order = orders[_i];

	topologies[0] = dp.topology;
	ask(&asked[0], 2);
	topologies[1] = adopt("d:7003");
	data_path_connect(&dp, 3);
	ask(&asked[1], 2);
	topologies[2] = adopt("e:7004");
	data_path_connect(&dp, 4);
	ask(&asked[2], 2);
	adopt(NULL);
	for (unsigned i = 0; i < 3; i++) {
		struct fake_peer *node = data_path_server(&dp, places[order[i]]);

		ck_assert_uint_eq(data_path_eras(&dp), 4 - i);
		answer(node);
		end(&asked[order[i]]);
		expect_let_go(topologies[order[i]]);
		ck_assert_int_eq(node->state, FAKE_CLOSED);
		for (unsigned j = i + 1; j < 3; j++)
			ck_assert_int_eq(data_path_server(&dp, places[order[j]])->state, FAKE_OPEN);
	}
	ck_assert_int_eq(dp.a->state, FAKE_OPEN);
}
END_TEST

START_TEST(a_node_that_comes_back_meanwhile_keeps_its_connections)
{
	struct asked asked;

	ask(&asked, 2);
	struct topology *without = adopt(NULL);
	adopt("c:7002");
	expect_let_go(without);
	answer(dp.c);
	end(&asked);
	expect_let_go(dp.topology);
	ck_assert_int_eq(dp.c->state, FAKE_OPEN);
	ask(&asked, 2);
	answer(dp.c);
	end(&asked);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT + 2), 1);
}
END_TEST

START_TEST(ids_may_be_any)
{
	struct asked asked;

	struct topology *topology = data_path_build_moved(&dp, 'c', "d:7003");
	topology->endpoints[2].id = 900;
	topology_index(topology);
	ck_assert_uint_eq(topology->n_ids, 901);
	data_path_adopt(&dp, topology);
	data_path_connect(&dp, 3);
	ask(&asked, 2);
	answer(data_path_server(&dp, 3));
	end(&asked);
	ck_assert_ptr_null(dp.engine.connsets[899]);
	ck_assert_uint_eq(stat_get(&dp.stats->endpoints[900]->requests), 1);
}
END_TEST

START_TEST(an_id_is_given_to_another_once_nobody_has_it)
{
	struct asked asked;

	ask(&asked, 2);
	answer(dp.c);
	end(&asked);
	adopt(NULL);
	struct topology *topology = data_path_build_moved(&dp, 'c', "d:7003");
	topology->endpoints[2].id = 2;
	topology_index(topology);
	data_path_adopt(&dp, topology);
	ck_assert_uint_eq(stat_get(&dp.stats->endpoints[2]->requests), 0);
	data_path_connect(&dp, 3);
	ask(&asked, 2);
	answer(data_path_server(&dp, 3));
	end(&asked);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT + 2), 1);
}
END_TEST

START_TEST(connections_that_go_on_have_the_newer_settings)
{
	struct asked asked;

	dp.setup.request_ms = 100;
	adopt("c:7002");
	fake_advance_ms(dp.loop, 1001); /* a timer that runs goes on as it was started */
	ask(&asked, 0);
	fake_advance_ms(dp.loop, 99);
	ck_assert_int_eq(asked.result, CALL_RESULTS);
	fake_advance_ms(dp.loop, 3); /* it rounds up */
	ck_assert_int_eq(asked.result, CALL_TIMEOUT);
	call_fini(&dp.engine, &asked.request->first);
	request_free(asked.request);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_connection_of_an_older_one_may_break)
{
	struct asked asked;

	ask(&asked, 2);
	adopt(NULL);
	hang_up(dp.c, -ECONNRESET);
	ck_assert_int_eq(asked.result, CALL_LOST);
	call_fini(&dp.engine, &asked.request->first);
	request_free(asked.request);
	fake_settle(dp.loop);
	expect_let_go(dp.topology);
	fake_advance_ms(dp.loop, 10000);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT + 2), 1);
}
END_TEST

START_TEST(shut_amid_an_older_one)
{
	struct asked asked;

	ask(&asked, 2);
	adopt("d:7003");
	engine_shut(&dp.engine);
	ck_assert_int_eq(asked.result, CALL_LOST);
	call_fini(&dp.engine, &asked.request->first);
	request_free(asked.request);
	loop_run_out(dp.loop);
	data_path_fini(&dp);
}
END_TEST

/* One that nobody has used yet goes with the engine. */
START_TEST(shut_right_after_another_was_adopted)
{
	data_path_adopt(&dp, data_path_build_moved(&dp, 'c', "d:7003"));
	data_path_adopt(&dp, data_path_build_moved(&dp, 'c', NULL));
	ck_assert_uint_eq(data_path_eras(&dp), 3);
	data_path_fini(&dp);
}
END_TEST

Suite *era_suite(void)
{
	Suite *suite = suite_create("era");
	TCase *tcase = tcase_create("era");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_test(tcase, what_is_under_way_ends_where_it_was_sent);
	tcase_add_test(tcase, connections_that_both_have_go_on);
	tcase_add_test(tcase, a_shard_that_moves_is_asked_at_its_new_node);
	tcase_add_test(tcase, what_nobody_uses_is_closed_at_once);
	tcase_add_test(tcase, a_node_that_was_never_reached_is_given_up);
	tcase_add_loop_test(tcase, several_end_in_any_order, 0, ARRAY_LEN(orders));
	tcase_add_test(tcase, a_node_that_comes_back_meanwhile_keeps_its_connections);
	tcase_add_test(tcase, ids_may_be_any);
	tcase_add_test(tcase, an_id_is_given_to_another_once_nobody_has_it);
	tcase_add_test(tcase, connections_that_go_on_have_the_newer_settings);
	tcase_add_test(tcase, a_connection_of_an_older_one_may_break);
	tcase_add_test(tcase, shut_amid_an_older_one);
	tcase_add_test(tcase, shut_right_after_another_was_adopted);
	suite_add_tcase(suite, tcase);
	return suite;
}
