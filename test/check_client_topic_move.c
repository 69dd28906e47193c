#include <check.h>
#include <errno.h>

#include "data_path.h"
#include "suites.h"

/* Subscriptions, as shards go elsewhere, come and go: channel a is on shard a. */

#define MESSAGE(name, body)	 "*3\r\n$7\r\nmessage\r\n$1\r\n" name "\r\n$1\r\n" body "\r\n"
#define DONE(kind, len, name, n) "*3\r\n$" len "\r\n" kind "\r\n$1\r\n" name "\r\n:" n "\r\n"
#define SUBSCRIBED(name)	 DONE("subscribe", "9", name, "1")
#define PSUBSCRIBED		 DONE("psubscribe", "10", "*", "1")

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static struct fake_peer *node(uint16_t number)
{
	return data_path_server(&dp, number);
}

/* A node's newest connection, which is that of subscriptions, is made, and gets exactly this. */
static struct fake_peer *connect_feed(uint16_t number, const char *words, const char *reply)
{
	data_path_connect(&dp, number);
	answer_words(node(number), words, reply);
	return node(number);
}

static void move_a(const char *address)
{
	data_path_move(&dp, data_path_build_moved(&dp, 'a', address));
}

static void remove_c(void)
{
	data_path_move(&dp, data_path_build_moved(&dp, 'c', NULL));
}

static void move_back(void)
{
	data_path_move(&dp, data_path_build(&dp, NULL, DATA_PATH_SHARDS));
}

/* The first client is subscribed to channel a. */
static struct fake_peer *subscribe(void)
{
	struct fake_peer *feed;

	data_path_serve_redis(&dp);
	say_words(dp.client, "subscribe a");
	feed = connect_feed(0, "SUBSCRIBE a", SUBSCRIBED("a"));
	expect(dp.client, SUBSCRIBED("a"));
	return feed;
}

START_TEST(a_channel_moves_with_its_shard)
{
	struct fake_peer *before = subscribe();

	move_a("d:7003");
	ck_assert_int_eq(before->state, FAKE_CLOSED);
	struct fake_peer *feed = connect_feed(3, "SUBSCRIBE a", SUBSCRIBED("a"));
	/* Nothing of this is the client's matter. */
	expect(dp.client, "");
	say(feed, MESSAGE("a", "1"));
	expect(dp.client, MESSAGE("a", "1"));
	say_words(dp.client, "unsubscribe a");
	expect_words(feed, "UNSUBSCRIBE a");
	expect(dp.client, DONE("unsubscribe", "11", "a", "0"));
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_channel_whose_shard_stays_is_left_alone)
{
	struct fake_peer *feed = subscribe();

	move_back();
	expect(feed, "");
	expect_let_go(dp.topology);
	say(feed, MESSAGE("a", "1"));
	expect(dp.client, MESSAGE("a", "1"));
	ck_assert_uint_eq(data_path_count(&dp, STAT_PUBSUB_RESUBSCRIBED), 0);
	/* And it is lost and made again as ever. */
	fake_advance_ms(dp.loop, 1);
	fake_end(feed, STREAM_EOF);
	fake_advance_ms(dp.loop, 100);
	connect_feed(0, "SUBSCRIBE a", SUBSCRIBED("a"));
}
END_TEST

/* Channel c is one of shard c's, and of another's where there is no c: that one goes on to be. */
START_TEST(a_channel_that_another_shard_gets_is_unsubscribed_where_it_was)
{
	data_path_serve_redis(&dp);
	remove_c();
	say_words(dp.client, "subscribe c");
	uint16_t owner = route_key(dp.pool, span_of("c"), dp.engine.digest, &dp.engine.rng)->index;
	struct fake_peer *before = connect_feed(owner, "SUBSCRIBE c", SUBSCRIBED("c"));
	expect(dp.client, SUBSCRIBED("c"));
	move_back();
	expect_words(before, "UNSUBSCRIBE c");
	struct fake_peer *feed = connect_feed(2, "SUBSCRIBE c", SUBSCRIBED("c"));
	say(before, DONE("unsubscribe", "11", "c", "0"));
	ck_assert_int_eq(before->state, FAKE_OPEN);
	say(feed, MESSAGE("c", "1"));
	expect(dp.client, MESSAGE("c", "1"));
	data_path_fini(&dp);
}
END_TEST

START_TEST(patterns_go_to_shards_that_come_and_leave_those_that_go)
{
	static const char message[] = "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nb\r\n$1\r\n1\r\n";

	data_path_serve_redis(&dp);
	remove_c();
	say_words(dp.client, "psubscribe *");
	struct fake_peer *a = connect_feed(0, "PSUBSCRIBE *", PSUBSCRIBED);
	struct fake_peer *b = connect_feed(1, "PSUBSCRIBE *", PSUBSCRIBED);
	expect(dp.client, PSUBSCRIBED);
	move_back();
	struct fake_peer *c = connect_feed(2, "PSUBSCRIBE *", PSUBSCRIBED);
	expect(a, "");
	expect(b, "");
	expect(dp.client, "");
	say(c, message);
	expect(dp.client, message);
	remove_c();
	ck_assert_int_eq(c->state, FAKE_CLOSED);
	expect(a, "");
	say(b, message);
	expect(dp.client, message);
	data_path_fini(&dp);
}
END_TEST

START_TEST(who_waits_for_a_subscription_gets_it_at_the_new_node)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "subscribe a");
	/* The first of them may have been asked, or not even be connected. */
	if (_i == 1) {
		data_path_connect(&dp, 0);
		expect_words(node(0), "SUBSCRIBE a");
	}
	move_a("d:7003");
	move_a("e:7004");
	ck_assert_int_eq(node(0)->state, FAKE_CLOSED);
	ck_assert_int_eq(node(3)->state, FAKE_CLOSED);
	expect(dp.client, "");
	connect_feed(4, "SUBSCRIBE a", SUBSCRIBED("a"));
	expect(dp.client, SUBSCRIBED("a"));
	data_path_fini(&dp);
}
END_TEST

START_TEST(who_waits_is_told_that_the_new_node_is_away)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "subscribe a");
	move_a("d:7003");
	fake_connect(node(3), -ECONNREFUSED);
	fake_settle(dp.loop);
	expect(dp.client, "-ERR slipring: shard a: connect to d:7003: connection refused\r\n");
	data_path_fini(&dp);
}
END_TEST

/* Those that have it are waited for no longer once the one that has not is gone. */
START_TEST(a_pending_pattern_settles_when_the_shard_that_is_missing_goes)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "psubscribe *");
	connect_feed(0, "PSUBSCRIBE *", PSUBSCRIBED);
	connect_feed(1, "PSUBSCRIBE *", PSUBSCRIBED);
	expect(dp.client, "");
	remove_c();
	expect(dp.client, PSUBSCRIBED);
	data_path_fini(&dp);
}
END_TEST

START_TEST(subscribers_of_a_pool_that_is_gone_are_closed)
{
	struct fake_peer *feed = subscribe();
	data_path_lose_pool(&dp);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_int_eq(feed->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.clients.n, 0);
	fake_settle(dp.loop);
	expect_let_go(dp.topology);
	data_path_fini(&dp);
}
END_TEST

START_TEST(who_waits_in_a_pool_that_is_gone_is_closed)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "subscribe a");
	data_path_lose_pool(&dp);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	expect_let_go(dp.topology);
	data_path_fini(&dp);
}
END_TEST

Suite *client_topic_move_suite(void)
{
	Suite *suite = suite_create("client_topic_move");
	TCase *tcase = tcase_create("client_topic_move");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, a_channel_moves_with_its_shard);
	tcase_add_test(tcase, a_channel_whose_shard_stays_is_left_alone);
	tcase_add_test(tcase, a_channel_that_another_shard_gets_is_unsubscribed_where_it_was);
	tcase_add_test(tcase, patterns_go_to_shards_that_come_and_leave_those_that_go);
	tcase_add_loop_test(tcase, who_waits_for_a_subscription_gets_it_at_the_new_node, 0, 2);
	tcase_add_test(tcase, who_waits_is_told_that_the_new_node_is_away);
	tcase_add_test(tcase, a_pending_pattern_settles_when_the_shard_that_is_missing_goes);
	tcase_add_test(tcase, subscribers_of_a_pool_that_is_gone_are_closed);
	tcase_add_test(tcase, who_waits_in_a_pool_that_is_gone_is_closed);
	suite_add_tcase(suite, tcase);
	return suite;
}
