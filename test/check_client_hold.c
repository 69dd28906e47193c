#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "core/hold.h"
#include "core/limits.h"
#include "data_path.h"
#include "suites.h"

/* Requests that wait for a primary, as clients and nodes see it: a and d are on shard a, b on shard b. */

#define HOLD_MS	 1000
#define READONLY "-READONLY You can't write against a read only replica.\r\n"
#define CLOSED	 "-ERR slipring: shard a: a:7000 closed the connection\r\n"
#define IN_VAIN                                                                                    \
	"-ERR slipring: shard a: no primary within hold.time: a:7000 closed the connection\r\n"
#define FULL                                                                                       \
	"-ERR slipring: shard a: no primary, and as many requests wait as may (hold.requests): "

static struct data_path dp;
static unsigned n_suspects; /* times that shard a's node was reported */

static void tear_down(void)
{
	data_path_end(&dp);
}

static void on_suspect(void *arg, uint16_t endpoint_id)
{
	(void)arg;
	n_suspects += endpoint_id == 0;
}

static void serve(struct data_path_setup setup)
{
	setup.protocol = PROTOCOL_REDIS;
	setup.hold_ms = HOLD_MS;
	data_path_serve(&dp, setup);
	dp.engine.suspect = on_suspect;
	n_suspects = 0;
	fake_advance_ms(dp.loop, 500); /* so that the first report is not one too soon after none */
}

/* Shard a is elsewhere, or not at all. */
static struct topology *move(const char *address)
{
	struct topology *topology = data_path_build_moved(&dp, 'a', address);

	data_path_move(&dp, topology);
	return topology;
}

/* The connection to the node that shard a is at then. */
static struct fake_peer *move_to_d(void)
{
	move("d:7003");
	return data_path_connect(&dp, 3);
}

/* The first client has written a, which its node refuses. */
static void begin_refused(struct data_path_setup setup)
{
	serve(setup);
	say_words(dp.client, "set a 1");
	answer_words(dp.a, "set a 1", READONLY);
	expect(dp.client, "");
}

/* The node of shard a is away, which is known. */
static void begin_down(struct data_path_setup setup)
{
	serve(setup);
	hang_up(dp.a, STREAM_EOF);
	ck_assert_uint_eq(n_suspects, 1);
}

static const char *const refusals[] = {
	READONLY,
	"-LOADING Redis is loading the dataset in memory\r\n",
	"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
};

START_TEST(what_a_node_refuses_goes_to_the_next_primary_in_order)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "set a 1");
	answer_words(dp.a, "set a 1", refusals[_i]);
	say_words(dp.client, "set a 2");
	say_words(dp.client, "get a");
	expect(dp.client, "");
	expect(dp.a, "");
	ck_assert_uint_eq(n_suspects, 1);
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 3);
	struct fake_peer *d = move_to_d();
	expect_first(d, array_of("set a 1"));
	expect_first(d, array_of("set a 2"));
	data_path_pass_words(&dp, d, "get a", "+OK\r\n+OK\r\n$1\r\n2\r\n");
}
END_TEST

START_TEST(other_errors_are_the_clients)
{
	static const char *const errors[] = {"-WRONGTYPE no\r\n", "-NOAUTH no\r\n", "-READ no\r\n",
					     "-OOM no\r\n"};

	serve((struct data_path_setup){0});
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		say_words(dp.client, "set a 1");
		data_path_pass_words(&dp, dp.a, "set a 1", errors[i]);
	}
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 0);
	ck_assert_uint_eq(n_suspects, 0);
}
END_TEST

START_TEST(each_is_sent_on_until_a_node_takes_it)
{
	begin_refused((struct data_path_setup){0});
	struct topology *at_d = move("d:7003");
	struct fake_peer *d = data_path_connect(&dp, 3);
	answer_words(d, "set a 1", READONLY);
	expect(dp.client, "");
	move("e:7004");
	data_path_connect(&dp, 4);
	/* Of the one between nothing is left, though the request is of one before it. */
	expect_let_go(at_d);
	ck_assert_int_eq(d->state, FAKE_CLOSED);
	data_path_pass_words(&dp, data_path_server(&dp, 4), "set a 1", "+OK\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 1);
	expect_let_go(dp.topology);
}
END_TEST

/* What the first node said is no matter any more. */
START_TEST(one_that_was_sent_on_may_be_lost)
{
	begin_refused((struct data_path_setup){0});
	struct fake_peer *d = move_to_d();
	expect_words(d, "set a 1");
	hang_up(d, -ECONNRESET);
	expect(dp.client, "-ERR slipring: shard a: connection to d:7003 lost; the command may have "
			  "run\r\n");
}
END_TEST

START_TEST(what_finds_no_connection_waits_for_the_same_node)
{
	begin_down((struct data_path_setup){0});
	say_words(dp.client, "set a 1");
	say_words(dp.client, "get a");
	expect(dp.client, "");
	fake_advance_ms(dp.loop, BACKOFF_FIRST_MS);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 2);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_advance_ms(dp.loop, 4 * BACKOFF_FIRST_MS);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 3);
	expect(dp.client, "");
	data_path_connect(&dp, 0);
	fake_advance_ms(dp.loop, 20);
	struct fake_peer *a = data_path_server(&dp, 0);
	expect_first(a, array_of("set a 1"));
	data_path_pass_words(&dp, a, "get a", "+OK\r\n$1\r\n1\r\n");
}
END_TEST

START_TEST(a_node_that_refuses_is_asked_again_now_and_then)
{
	begin_refused((struct data_path_setup){0});
	fake_advance_ms(dp.loop, 190);
	expect(dp.a, "");
	fake_advance_ms(dp.loop, 20);
	answer_words(dp.a, "set a 1", READONLY);
	expect(dp.client, "");
	fake_advance_ms(dp.loop, 210);
	data_path_pass_words(&dp, dp.a, "set a 1", "+OK\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 1);
	ck_assert_uint_ge(n_suspects, 2);
}
END_TEST

START_TEST(in_the_end_the_nodes_own_error_is_told)
{
	begin_refused((struct data_path_setup){0});
	for (unsigned i = 0; i < 4; i++) {
		fake_advance_ms(dp.loop, 210);
		answer_words(dp.a, "set a 1", READONLY);
	}
	expect(dp.client, "");
	fake_advance_ms(dp.loop, HOLD_MS - 4 * 210 + 20);
	expect(dp.client, READONLY);
	/* Its time is from its first refusal. */
	expect(dp.a, "");
}
END_TEST

START_TEST(in_the_end_it_is_told_that_there_was_no_primary)
{
	begin_down((struct data_path_setup){.request_ms = 5000});
	say_words(dp.client, "set a 1");
	fake_advance_ms(dp.loop, HOLD_MS / 2);
	say_words(dp.client, "set a 2");
	fake_advance_ms(dp.loop, HOLD_MS / 2 - 20);
	expect(dp.client, "");
	fake_advance_ms(dp.loop, 40);
	expect_first(dp.client, "-ERR slipring: shard a: no primary within hold.time: ");
	fake_take(dp.client, fake_got(dp.client).len);
	/* The second has its own time. */
	fake_advance_ms(dp.loop, HOLD_MS / 2 - 60);
	expect(dp.client, "");
	fake_advance_ms(dp.loop, 40);
	expect_first(dp.client, "-ERR slipring: shard a: no primary within hold.time: ");
	data_path_fini(&dp);
}
END_TEST

START_TEST(no_more_than_the_limit_wait)
{
	begin_down((struct data_path_setup){.hold_requests = 2});
	say_words(dp.client, "set a 1");
	say_words(dp.client, "set a 2");
	struct fake_peer *other = data_path_client(&dp);
	say_words(other, "set d 3");
	expect(other, FULL "a:7000 closed the connection\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 2);
	struct fake_peer *d = move_to_d();
	expect_first(d, array_of("set a 1"));
	data_path_pass_words(&dp, d, "set a 2", "+OK\r\n+OK\r\n");
	/* There is room again. */
	hang_up(d, STREAM_EOF);
	say_words(other, "set d 3");
	expect(other, "");
	data_path_fini(&dp);
}
END_TEST

/* The node may serve again by now, and would run it before what waits. */
START_TEST(what_there_is_no_room_for_does_not_overtake)
{
	begin_refused((struct data_path_setup){.hold_requests = 1});
	say_words(dp.client, "set a 2");
	say_words(dp.client, "get a");
	expect(dp.a, "");
	fake_advance_ms(dp.loop, 210);
	answer_words(dp.a, "set a 1", "+OK\r\n");
	expect_first(dp.client, "+OK\r\n" FULL);
	fake_take(dp.client, fake_got(dp.client).len);
}
END_TEST

START_TEST(whoever_leaves_makes_room)
{
	begin_down((struct data_path_setup){.hold_requests = 1});
	say_words(dp.client, "set a 1");
	fake_end(dp.client, -ECONNRESET);
	fake_advance_ms(dp.loop, 20);
	check_engine_is_empty(&dp);
	dp.client = data_path_client(&dp);
	say_words(dp.client, "set a 2");
	expect(dp.client, "");
	data_path_pass_words(&dp, move_to_d(), "set a 2", "+OK\r\n");
}
END_TEST

START_TEST(a_read_behind_a_refused_write_is_read_again)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "set a 1");
	say_words(dp.client, "get a");
	expect_first(dp.a, array_of("set a 1"));
	answer_words(dp.a, "get a", READONLY "$3\r\nold\r\n");
	expect(dp.client, "");
	struct fake_peer *d = move_to_d();
	expect_first(d, array_of("set a 1"));
	data_path_pass_words(&dp, d, "get a", "+OK\r\n$1\r\n1\r\n");
}
END_TEST

START_TEST(a_write_that_may_have_run_fails_at_once)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "set a 1");
	expect_words(dp.a, "set a 1");
	hang_up(dp.a, STREAM_EOF);
	expect(dp.client, "-ERR slipring: shard a: connection to a:7000 lost; the command may have "
			  "run\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 0);
	expect(move_to_d(), "");
}
END_TEST

/* With retries and without. */
START_TEST(a_read_that_was_lost_waits)
{
	serve((struct data_path_setup){.no_retries = _i == 1});
	say_words(dp.client, "get a");
	expect_words(dp.a, "get a");
	hang_up(dp.a, STREAM_EOF);
	expect(dp.client, "");
	data_path_pass_words(&dp, move_to_d(), "get a", "$1\r\n1\r\n");
}
END_TEST

START_TEST(a_write_that_was_never_written_waits)
{
	serve((struct data_path_setup){.no_retries = true});
	dp.a->flush_max = 0;
	say_words(dp.client, "set a 1");
	hang_up(dp.a, STREAM_EOF);
	expect(dp.client, "");
	data_path_pass_words(&dp, move_to_d(), "set a 1", "+OK\r\n");
}
END_TEST

START_TEST(a_part_waits_while_others_are_answered)
{
	begin_down((struct data_path_setup){0});
	say_words(dp.client, "mget b a");
	answer_words(dp.b, "mget b", "*1\r\n$1\r\n2\r\n");
	expect(dp.client, "");
	move_to_d();
	answer_words(data_path_server(&dp, 3), "mget a", "*1\r\n$1\r\n1\r\n");
	expect(dp.client, "*2\r\n$1\r\n2\r\n$1\r\n1\r\n");
	say_words(dp.client, "mset a 1 b 2");
	answer_words(dp.b, "mset b 2", "+OK\r\n");
	answer_words(data_path_server(&dp, 3), "mset a 1", READONLY);
	expect(dp.client, "");
	move("e:7004");
	data_path_connect(&dp, 4);
	data_path_pass_words(&dp, data_path_server(&dp, 4), "mset a 1", "+OK\r\n");
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 2);
}
END_TEST

START_TEST(a_part_that_waits_in_vain_is_told_in_its_place)
{
	begin_down((struct data_path_setup){0});
	say_words(dp.client, "mget b a");
	answer_words(dp.b, "mget b", "*1\r\n$1\r\n2\r\n");
	fake_advance_ms(dp.loop, HOLD_MS + 20);
	expect_first(dp.client, "*2\r\n$1\r\n2\r\n-ERR slipring: shard a: no primary within "
				"hold.time: ");
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_command_to_all_shards_waits_for_one_of_them)
{
	begin_down((struct data_path_setup){0});
	say_words(dp.client, "dbsize");
	answer_words(dp.b, "dbsize", ":2\r\n");
	answer_words(dp.c, "dbsize", ":3\r\n");
	expect(dp.client, "");
	answer_words(move_to_d(), "dbsize", ":1\r\n");
	expect(dp.client, ":6\r\n");
}
END_TEST

START_TEST(a_shard_that_is_gone_has_no_primary)
{
	begin_down((struct data_path_setup){0});
	say_words(dp.client, "set a 1");
	move(NULL);
	expect(dp.client, IN_VAIN);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(a_replica_that_is_promoted_takes_what_waits)
{
	static struct replica_spec old[] = {{"a:7000", NULL}};
	static const struct shard_spec promoted[] = {
		{.name = "a", .primary = "r:7100", .weight = 1, .replicas = old, .n_replicas = 1},
		{.name = "b", .primary = "b:7001", .weight = 1},
		{.name = "c", .primary = "c:7002", .weight = 1},
	};

	serve((struct data_path_setup){.replicas = 1});
	struct fake_peer *replica = fake_server(dp.loop, REPLICA_PORT);
	fake_connect(replica, 0);
	fake_settle(dp.loop);
	expect_first(replica, "*1\r\n$4\r\nPING\r\n");
	say(replica, "+PONG\r\n");
	uint32_t connects = fake_connects(dp.loop, REPLICA_PORT);
	hang_up(dp.a, STREAM_EOF);
	say_words(dp.client, "set a 1");
	fake_take(replica, fake_got(replica).len); /* what asks for its role */
	data_path_move(&dp, data_path_build(&dp, promoted, ARRAY_LEN(promoted)));
	data_path_pass_words(&dp, replica, "set a 1", "+OK\r\n");
	ck_assert_uint_eq(fake_connects(dp.loop, REPLICA_PORT), connects);
	data_path_fini(&dp);
}
END_TEST

START_TEST(without_hold_time_nothing_waits)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "set a 1");
	data_path_pass_words(&dp, dp.a, "set a 1", READONLY);
	hang_up(dp.a, STREAM_EOF);
	say_words(dp.client, "set a 1");
	expect(dp.client, CLOSED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_HELD), 0);
}
END_TEST

/* Nobody else's are looked at: IPs whose place no other node takes. */
START_TEST(what_can_have_no_other_primary_does_not_wait)
{
	serve((struct data_path_setup){0});
	move("127.0.0.1:7003");
	data_path_connect(&dp, 3);
	say_words(dp.client, "set a 1");
	data_path_pass_words(&dp, data_path_server(&dp, 3), "set a 1", READONLY);
}
END_TEST

START_TEST(other_shards_go_on)
{
	begin_refused((struct data_path_setup){0});
	struct fake_peer *other = data_path_client(&dp);
	say_words(other, "set b 1");
	answer_words(dp.b, "set b 1", "+OK\r\n");
	expect(other, "+OK\r\n");
	/* Of the same client too; the reply has its place behind the one that waits. */
	say_words(dp.client, "set b 2");
	answer_words(dp.b, "set b 2", "+OK\r\n");
	expect(dp.client, "");
	answer_words(move_to_d(), "set a 1", ":1\r\n");
	expect(dp.client, ":1\r\n+OK\r\n");
}
END_TEST

START_TEST(shut_while_some_wait)
{
	begin_refused((struct data_path_setup){0});
	say_words(dp.client, "get a");
	hang_up(dp.client, -ECONNRESET);
	ck_assert_uint_eq(dp.engine.requests.used, 2);
	data_path_fini(&dp);
}
END_TEST

static void add_failures(TCase *tcase)
{
	tcase_add_test(tcase, in_the_end_the_nodes_own_error_is_told);
	tcase_add_test(tcase, in_the_end_it_is_told_that_there_was_no_primary);
	tcase_add_test(tcase, no_more_than_the_limit_wait);
	tcase_add_test(tcase, what_there_is_no_room_for_does_not_overtake);
	tcase_add_test(tcase, whoever_leaves_makes_room);
	tcase_add_test(tcase, a_write_that_may_have_run_fails_at_once);
	tcase_add_test(tcase, a_part_that_waits_in_vain_is_told_in_its_place);
	tcase_add_test(tcase, a_shard_that_is_gone_has_no_primary);
	tcase_add_test(tcase, without_hold_time_nothing_waits);
	tcase_add_test(tcase, what_can_have_no_other_primary_does_not_wait);
	tcase_add_test(tcase, other_errors_are_the_clients);
	tcase_add_test(tcase, shut_while_some_wait);
}

Suite *client_hold_suite(void)
{
	Suite *suite = suite_create("client_hold");
	TCase *tcase = tcase_create("client_hold");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, what_a_node_refuses_goes_to_the_next_primary_in_order, 0,
			    ARRAY_LEN(refusals));
	tcase_add_test(tcase, each_is_sent_on_until_a_node_takes_it);
	tcase_add_test(tcase, one_that_was_sent_on_may_be_lost);
	tcase_add_test(tcase, what_finds_no_connection_waits_for_the_same_node);
	tcase_add_test(tcase, a_node_that_refuses_is_asked_again_now_and_then);
	tcase_add_test(tcase, a_read_behind_a_refused_write_is_read_again);
	tcase_add_loop_test(tcase, a_read_that_was_lost_waits, 0, 2);
	tcase_add_test(tcase, a_write_that_was_never_written_waits);
	tcase_add_test(tcase, a_part_waits_while_others_are_answered);
	tcase_add_test(tcase, a_command_to_all_shards_waits_for_one_of_them);
	tcase_add_test(tcase, a_replica_that_is_promoted_takes_what_waits);
	tcase_add_test(tcase, other_shards_go_on);
	add_failures(tcase);
	suite_add_tcase(suite, tcase);
	return suite;
}
