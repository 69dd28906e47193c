#include "core/reads.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core/connset.h"
#include "core/replicas.h"
#include "core/session.h"
#include "data_path.h"
#include "proto/command.h"
#include "suites.h"

#define ASK "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"

static struct data_path dp;
static struct fake_peer *first, *second; /* the replicas */
static struct session session;
static struct request_list list;
static enum call_result ended; /* CALL_RESULTS: not yet */

static const struct request_events events;

static struct fake_peer *connect_replica(uint16_t number)
{
	struct fake_peer *peer = fake_server(dp.loop, (uint16_t)(REPLICA_PORT + number));

	fake_connect(peer, 0);
	fake_settle(dp.loop);
	expect_first(peer, "*1\r\n$4\r\nPING\r\n");
	say(peer, "+PONG\r\n");
	return peer;
}

/* All nodes are connected, and the first probes are with them. */
static void begin(struct data_path_setup setup)
{
	setup.protocol = PROTOCOL_REDIS;
	setup.replicas = 2;
	data_path_init(&dp, setup);
	first = connect_replica(0);
	second = connect_replica(1);
	session = (struct session){.pool = dp.pool, .identity = 7};
	TAILQ_INIT(&list);
	fake_advance_ms(dp.loop, 1);
}

static void inform(struct fake_peer *peer, const char *info)
{
	char reply[512];

	expect(peer, ASK);
	snprintf(reply, sizeof(reply), "$%zu\r\n%s\r\n", strlen(info), info);
	say(peer, reply);
}

static void inform_primary(unsigned offset)
{
	char info[128];

	snprintf(info, sizeof(info), "# Replication\r\nrole:master\r\nmaster_repl_offset:%u\r\n",
		 offset);
	inform(dp.a, info);
}

static void inform_well(struct fake_peer *replica, unsigned offset)
{
	char info[256];

	snprintf(info, sizeof(info),
		 "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\n"
		 "master_sync_in_progress:0\r\nslave_repl_offset:%u\r\n",
		 offset);
	inform(replica, info);
}

/* Both replicas are fit. */
static void begin_well(struct data_path_setup setup)
{
	begin(setup);
	inform_primary(100);
	inform_well(first, 100);
	inform_well(second, 100);
}

static struct request *ask(const char *name, enum reads reads)
{
	struct request *request =
		request_new(&dp.engine, dp.pool, resp_command_find(span_of(name)), &list);

	TAILQ_REMOVE(&list, request, order);
	request->session = &session;
	request->events = &events;
	request->reads = reads;
	call_init(&request->first, request, true);
	request->first.shard = &dp.pool->shards[0];
	return request;
}

/* Where a read would go now: the port. */
static uint16_t goes_to(enum reads reads)
{
	struct request *request = ask("get", reads);
	uint16_t port = reads_endpoint(request, request->first.shard)->address.port;

	request_free(request);
	return port;
}

static void done(struct call *call, enum call_result result)
{
	if (call->endpoint->is_replica && reads_elsewhere(call, result))
		connset_send(&dp.engine, 1, call);
	else
		ended = result;
}

/* Send a read to the replica whose turn it is. */
static struct request *read_at(enum reads reads)
{
	struct request *request = ask("get", reads);
	struct call *call = &request->first;

	ended = CALL_RESULTS;
	call->endpoint = reads_endpoint(request, call->shard);
	call->keeps_bytes = true;
	call->done = done;
	chain_append(&dp.engine.chunks, &call->bytes, NULL, span_of(GET));
	connset_send(&dp.engine, 1, call);
	fake_settle(dp.loop);
	return request;
}

static void forget(struct request *request)
{
	call_fini(&dp.engine, &request->first);
	request_free(request);
}

START_TEST(replicas_take_turns_once_they_have_answered)
{
	begin((struct data_path_setup){0});
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7000);
	inform_primary(100);
	inform_well(first, 100);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7100);
	inform_well(second, 100);
	uint16_t one = goes_to(READS_PREFER_REPLICA), other = goes_to(READS_PREFER_REPLICA);
	ck_assert_uint_eq(one + other, 7100 + 7101);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), one);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_lag_that_is_not_known_is_too_much)
{
	begin((struct data_path_setup){.max_lag_bytes = 10});
	inform_well(first, 90);
	inform_well(second, 89);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7000);
	inform_primary(100);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7100);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7100);
	struct endpoint_stats *stats = dp.stats->endpoints[dp.pool->shards[0].replicas[1].id];
	ck_assert_uint_eq(stat_get(&stats->lag_bytes), 11);
	ck_assert_int_eq(stats->fitness, REPLICA_LAGGING);
	fake_advance_ms(dp.loop, 250);
	inform_well(second, 195);
	inform_primary(200);
	/* The first has not answered yet: what it said last holds. */
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA) + goes_to(READS_PREFER_REPLICA),
			  7100 + 7101);
	inform_well(first, 100);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7101);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7101);
	data_path_fini(&dp);
}
END_TEST

static const struct {
	const char *info;
	enum replica_fault fault;
} infos[] = {
	{"x\r\nrole:master\r\nmaster_repl_offset:100\r\n", REPLICA_NO_LINK},
	{"x\r\nrole:slave\r\nmaster_link_status:down\r\nmaster_sync_in_progress:1\r\n"
	 "slave_repl_offset:0\r\n",
	 REPLICA_LOADING},
	{"x\r\nrole:slave\r\nmaster_link_status:down\r\nslave_repl_offset:100\r\n",
	 REPLICA_NO_LINK},
	{"x\r\nrole:slave\r\nmaster_link_status:up\r\n", REPLICA_NO_LINK},
	{"x\r\nrole:slave\r\nmaster_link_status:up\r\nslave_repl_offset:-1\r\n", REPLICA_NO_LINK},
	{"", REPLICA_NO_LINK},
};

START_TEST(a_replica_that_is_not_well_is_not_read)
{
	begin((struct data_path_setup){0});
	inform_primary(100);
	inform_well(second, 100);
	inform(first, infos[_i].info);
	ck_assert_int_eq(dp.engine.replicas[dp.pool->shards[0].replicas[0].id]->fault,
			 infos[_i].fault);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(goes_to(READS_REPLICA), 7101);
	fake_advance_ms(dp.loop, 250);
	inform_primary(100);
	inform_well(first, 100);
	ck_assert_uint_eq(goes_to(READS_REPLICA) + goes_to(READS_REPLICA), 7100 + 7101);
	data_path_fini(&dp);
}
END_TEST

START_TEST(what_a_stalled_replica_was_asked_goes_elsewhere)
{
	begin_well((struct data_path_setup){0});
	fake_advance_ms(dp.loop, 250);
	inform_primary(100);
	inform_well(second, 100);
	expect(first, ASK);
	struct request *request = read_at(READS_PREFER_REPLICA);
	ck_assert_uint_eq(request->first.endpoint->address.port, 7100);
	expect(first, GET);
	fake_advance_ms(dp.loop, 498);
	ck_assert_int_eq(ended, CALL_RESULTS);
	fake_advance_ms(dp.loop, 4); /* the watch rounds up */
	expect_first(second, ASK);
	expect(second, GET);
	ck_assert_int_eq(first->state, FAKE_CLOSED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_READS_MOVED), 1);
	say(second, "$-1\r\n$1\r\nx\r\n");
	ck_assert_int_eq(ended, CALL_REPLY);
	forget(request);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_primary_need_not_answer_probes)
{
	begin_well((struct data_path_setup){.max_lag_bytes = 10});
	fake_advance_ms(dp.loop, 250);
	expect(dp.a, ASK);
	for (int i = 0; i < 40; i++) {
		inform_well(first, 100);
		inform_well(second, 100);
		fake_advance_ms(dp.loop, 250);
	}
	ck_assert_int_eq(dp.a->state, FAKE_OPEN);
	ck_assert_uint_ge(goes_to(READS_PREFER_REPLICA), REPLICA_PORT);
	expect(dp.a, "");
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_request_behind_a_probe_has_all_its_time)
{
	begin_well((struct data_path_setup){0});
	fake_advance_ms(dp.loop, 250);
	expect(dp.a, ASK);
	fake_advance_ms(dp.loop, 900);
	struct request *request = ask("set", READS_PRIMARY);
	struct call *call = &request->first;
	ended = CALL_RESULTS;
	call->endpoint = call->shard->primary;
	call->done = done;
	chain_append(&dp.engine.chunks, &call->bytes, NULL, span_of(GET));
	connset_send(&dp.engine, 1, call);
	fake_advance_ms(dp.loop, 998);
	ck_assert_int_eq(ended, CALL_RESULTS);
	fake_advance_ms(dp.loop, 1002); /* the timer may have to look twice */
	ck_assert_int_eq(ended, CALL_TIMEOUT);
	forget(request);
	data_path_fini(&dp);
}
END_TEST

static const struct {
	const char *error;
	bool moves;
} errors[] = {
	{"-LOADING Redis is loading\r\n", true},
	{"-MASTERDOWN Link with MASTER is down\r\n", true},
	{"-NOAUTH Authentication required.\r\n", true},
	{"-BUSY Redis is busy\r\n", true},
	{"-WRONGTYPE no\r\n", false},
	{"-NOPERM no\r\n", false},
};

START_TEST(errors_that_are_the_replicas_own_are_not_the_clients)
{
	begin_well((struct data_path_setup){0});
	struct request *request = read_at(READS_PREFER_REPLICA);
	bool is_first = request->first.endpoint->address.port == 7100;
	struct fake_peer *its = is_first ? first : second, *other = is_first ? second : first;

	answer_to(its, GET, errors[_i].error);
	ck_assert_int_eq(ended, errors[_i].moves ? CALL_RESULTS : CALL_REPLY);
	if (errors[_i].moves) {
		expect(other, GET);
		say(other, errors[_i].error);
		expect(dp.a, GET);
		ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7000);
		say(dp.a, "$1\r\nx\r\n");
		ck_assert(!request->first.is_error);
	}
	ck_assert_int_eq(ended, CALL_REPLY);
	forget(request);
	data_path_end(&dp);
}
END_TEST

START_TEST(replicas_are_read_while_the_primary_is_away)
{
	begin_well((struct data_path_setup){.max_lag_bytes = 10});
	fake_end(dp.a, STREAM_EOF);
	fake_advance_ms(dp.loop, 250);
	inform(first, "x\r\nrole:slave\r\nmaster_link_status:down\r\nslave_repl_offset:95\r\n");
	inform(second, "x\r\nrole:slave\r\nmaster_link_status:down\r\nslave_repl_offset:80\r\n");
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7100);
	data_path_connect(&dp, 0);
	ck_assert_uint_eq(goes_to(READS_PREFER_REPLICA), 7000);
	ck_assert_uint_ge(goes_to(READS_REPLICA), REPLICA_PORT);
	data_path_fini(&dp);
}
END_TEST

Suite *reads_suite(void)
{
	Suite *suite = suite_create("reads");
	TCase *tcase = tcase_create("reads");

	tcase_add_test(tcase, replicas_take_turns_once_they_have_answered);
	tcase_add_test(tcase, a_lag_that_is_not_known_is_too_much);
	tcase_add_loop_test(tcase, a_replica_that_is_not_well_is_not_read, 0, ARRAY_LEN(infos));
	tcase_add_test(tcase, what_a_stalled_replica_was_asked_goes_elsewhere);
	tcase_add_test(tcase, a_primary_need_not_answer_probes);
	tcase_add_test(tcase, a_request_behind_a_probe_has_all_its_time);
	tcase_add_loop_test(tcase, errors_that_are_the_replicas_own_are_not_the_clients, 0,
			    ARRAY_LEN(errors));
	tcase_add_test(tcase, replicas_are_read_while_the_primary_is_away);
	suite_add_tcase(suite, tcase);
	return suite;
}
