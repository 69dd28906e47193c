#include <check.h>
#include <errno.h>

#include "data_path.h"
#include "suites.h"

/* Topologies that follow one another, as clients see it: a is on shard a, b on b, c on c. */

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void move_to_d(void)
{
	data_path_move(&dp, data_path_build_moved(&dp, 'a', "d:7003"));
	data_path_connect(&dp, 3);
}

START_TEST(what_follows_waits_for_what_is_under_way_elsewhere)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "get a");
	move_to_d();
	say_words(dp.client, "get a");
	/* It could overtake the first, where that waits: it is not even parsed yet. */
	expect_bytes(data_path_server(&dp, 3), span_of(""));
	data_path_pass_words(&dp, dp.a, "get a", "$1\r\n1\r\n");
	data_path_pass_words(&dp, data_path_server(&dp, 3), "get a", "$1\r\n2\r\n");
	ck_assert_int_eq(dp.a->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(parts_of_a_request_end_where_they_were_sent)
{
	static const struct shard_spec two[] = {
		{.name = "a", .primary = "d:7003", .weight = 1},
		{.name = "b", .primary = "b:7001", .weight = 1},
	};

	data_path_serve_redis(&dp);
	say_words(dp.client, "mget c b a");
	answer_words(dp.a, "mget a", "*1\r\n$1\r\n1\r\n");
	data_path_move(&dp, data_path_build(&dp, two, ARRAY_LEN(two)));
	answer_words(dp.b, "mget b", "*1\r\n$1\r\n2\r\n");
	expect(dp.client, "");
	answer_words(dp.c, "mget c", "*1\r\n$1\r\n3\r\n");
	expect(dp.client, "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n");
	ck_assert_int_eq(dp.a->state, FAKE_CLOSED);
	ck_assert_int_eq(dp.c->state, FAKE_CLOSED);
	ck_assert_int_eq(dp.b->state, FAKE_OPEN);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_transaction_ends_where_it_began)
{
	static const char *const ends[] = {"EXEC", "DISCARD"};
	static const char *const replies[] = {"*2\r\n$1\r\n1\r\n$-1\r\n", "+OK\r\n"};

	data_path_serve_redis(&dp);
	say_words(dp.client, "multi");
	say_words(dp.client, "get a");
	struct fake_peer *own = data_path_connect(&dp, 0);
	fake_take(own, fake_got(own).len);
	say(own, "+OK\r\n+QUEUED\r\n");
	expect(dp.client, "+OK\r\n+QUEUED\r\n");
	move_to_d();
	ck_assert_int_eq(own->state, FAKE_OPEN);
	say_words(dp.client, "get a");
	data_path_pass_words(&dp, own, "get a", "+QUEUED\r\n");
	say_words(dp.client, ends[_i]);
	data_path_pass_words(&dp, own, ends[_i], replies[_i]);
	/* The next command is of the newer one. */
	say_words(dp.client, "get a");
	data_path_pass_words(&dp, data_path_server(&dp, 3), "get a", "$-1\r\n");
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	ck_assert_int_eq(dp.a->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(a_client_that_leaves_amid_a_transaction_lets_go)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "multi");
	say_words(dp.client, "get a");
	struct fake_peer *own = data_path_connect(&dp, 0);
	move_to_d();
	hang_up(dp.client, -ECONNRESET);
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	ck_assert_int_eq(dp.a->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(a_blocking_command_ends_where_it_waits)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "blpop a 0");
	struct fake_peer *own = data_path_connect(&dp, 0);
	move_to_d();
	data_path_pass_words(&dp, own, "blpop a 0", "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
}
END_TEST

START_TEST(clients_of_a_pool_that_is_gone_are_closed_after_their_replies)
{
	data_path_serve_redis(&dp);
	struct fake_peer *idle = data_path_client(&dp);
	say_words(dp.client, "get a");
	data_path_lose_pool(&dp);
	ck_assert_int_eq(idle->state, FAKE_FINISHED);
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
	data_path_pass_words(&dp, dp.a, "get a", "$1\r\n1\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
	fake_advance_ms(dp.loop, FAKE_LINGER_MS);
	ck_assert_uint_eq(dp.clients.n, 0);
	ck_assert_int_eq(dp.a->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
	data_path_fini(&dp);
}
END_TEST

START_TEST(shut_while_clients_are_of_an_older_one)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "multi");
	say_words(dp.client, "get a");
	say_words(dp.client, "get a");
	struct fake_peer *other = data_path_client(&dp);
	say_words(other, "mget a b c");
	move_to_d();
	ck_assert_uint_eq(data_path_eras(&dp), 2);
	hang_up(other, -ECONNRESET);
	ck_assert_uint_gt(dp.engine.calls.used, 0);
	data_path_fini(&dp);
}
END_TEST

Suite *client_era_suite(void)
{
	Suite *suite = suite_create("client_era");
	TCase *tcase = tcase_create("client_era");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, what_follows_waits_for_what_is_under_way_elsewhere);
	tcase_add_test(tcase, parts_of_a_request_end_where_they_were_sent);
	tcase_add_loop_test(tcase, a_transaction_ends_where_it_began, 0, 2);
	tcase_add_test(tcase, a_client_that_leaves_amid_a_transaction_lets_go);
	tcase_add_test(tcase, a_blocking_command_ends_where_it_waits);
	tcase_add_test(tcase, clients_of_a_pool_that_is_gone_are_closed_after_their_replies);
	tcase_add_test(tcase, shut_while_clients_are_of_an_older_one);
	suite_add_tcase(suite, tcase);
	return suite;
}
