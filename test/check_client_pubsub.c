#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "core/limits.h"
#include "data_path.h"
#include "plan/pubsub.h"
#include "suites.h"

#define MESSAGE(name, body)	 "3\r\n$7\r\nmessage\r\n$1\r\n" name "\r\n$1\r\n" body "\r\n"
#define DONE(kind, len, name, n) "3\r\n$" len "\r\n" kind "\r\n$1\r\n" name "\r\n:" n "\r\n"

static struct data_path dp;
static struct fake_peer *feed; /* the subscriptions' connection to shard a */

static void tear_down(void)
{
	data_path_end(&dp);
}

/* The first client is subscribed to channel a. */
static void serve(struct data_path_setup setup)
{
	setup.protocol = PROTOCOL_REDIS;
	data_path_serve(&dp, setup);
	say_words(dp.client, "subscribe a");
	expect(dp.client, "");
	feed = data_path_connect(&dp, 0);
	data_path_pass_words(&dp, feed, "SUBSCRIBE a", "*" DONE("subscribe", "9", "a", "1"));
}

static struct fake_peer *resp3_client(void)
{
	struct fake_peer *client = data_path_client(&dp);

	say_words(client, "hello 3");
	fake_take(client, fake_got(client).len);
	return client;
}

START_TEST(a_second_client_shares_the_subscription_and_each_gets_the_message_in_its_version)
{
	serve((struct data_path_setup){0});
	struct fake_peer *other = resp3_client();
	say_words(other, "subscribe a");
	expect(feed, "");
	expect(other, ">" DONE("subscribe", "9", "a", "1"));
	say(feed, "*" MESSAGE("a", "1") "*" MESSAGE("a", "2"));
	expect(dp.client, "*" MESSAGE("a", "1") "*" MESSAGE("a", "2"));
	expect(other, ">" MESSAGE("a", "1") ">" MESSAGE("a", "2"));
	ck_assert_uint_eq(data_path_count(&dp, STAT_PUBSUB_MESSAGES), 4);
}
END_TEST

START_TEST(a_message_may_come_in_any_pieces)
{
	serve((struct data_path_setup){0});
	feed->read_max = 1;
	say(feed, "*" MESSAGE("a", "1") "*" MESSAGE("b", "x") "*" MESSAGE("a", "2"));
	expect(dp.client, "*" MESSAGE("a", "1") "*" MESSAGE("a", "2"));
}
END_TEST

START_TEST(a_pattern_is_asked_for_on_every_shard_and_confirmed_once)
{
	static const char answer[] = "*" DONE("psubscribe", "10", "*", "1");

	serve((struct data_path_setup){0});
	say_words(dp.client, "psubscribe *");
	data_path_connect(&dp, 1);
	data_path_connect(&dp, 2);
	answer_words(feed, "PSUBSCRIBE *", answer);
	answer_words(data_path_server(&dp, 1), "PSUBSCRIBE *", answer);
	expect(dp.client, "");
	answer_words(data_path_server(&dp, 2), "PSUBSCRIBE *", answer);
	expect(dp.client, "*" DONE("psubscribe", "10", "*", "2"));
	say(data_path_server(&dp, 1), "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nb\r\n$1\r\n1\r\n");
	expect(dp.client, "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nb\r\n$1\r\n1\r\n");
}
END_TEST

START_TEST(a_pattern_does_not_wait_for_a_shard_that_is_down)
{
	static const char answer[] = "*" DONE("psubscribe", "10", "*", "1");

	serve((struct data_path_setup){0});
	say_words(dp.client, "psubscribe *");
	answer_words(feed, "PSUBSCRIBE *", answer);
	data_path_connect(&dp, 1);
	answer_words(data_path_server(&dp, 1), "PSUBSCRIBE *", answer);
	expect(dp.client, "");
	fake_connect(data_path_server(&dp, 2), -ECONNREFUSED);
	fake_settle(dp.loop);
	expect(dp.client, "*" DONE("psubscribe", "10", "*", "2"));
	fake_advance_ms(dp.loop, BACKOFF_FIRST_MS);
	data_path_connect(&dp, 2);
	expect_words(data_path_server(&dp, 2), "PSUBSCRIBE *");
	say(data_path_server(&dp, 2), answer);
}
END_TEST

START_TEST(a_channel_on_a_shard_that_is_down_fails_beside_others)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "subscribe b a");
	fake_connect(data_path_server(&dp, 1), -ECONNREFUSED);
	fake_settle(dp.loop);
	expect(dp.client, "-ERR slipring: shard b: connect to b:7001: connection refused\r\n"
			  "*" DONE("subscribe", "9", "a", "1"));
	say_words(dp.client, "subscribe b");
	expect(dp.client, "-ERR slipring: shard b: connect to b:7001: connection refused\r\n");
}
END_TEST

START_TEST(what_a_node_refuses_is_told_and_can_be_asked_for_again)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "subscribe d");
	answer_words(feed, "SUBSCRIBE d", "-NOPERM no channel\r\n");
	expect(dp.client, "-ERR slipring: shard a: -NOPERM no channel\r\n");
	say_words(dp.client, "subscribe d");
	data_path_pass_words(&dp, feed, "SUBSCRIBE d", "*" DONE("subscribe", "9", "d", "2"));
}
END_TEST

START_TEST(after_a_loss_it_is_subscribed_again_and_the_client_sees_nothing)
{
	serve((struct data_path_setup){0});
	fake_advance_ms(dp.loop, 999);
	fake_advance_ms(dp.loop, 1); /* the probe */
	expect_words(feed, "PING");
	say(feed, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	hang_up(feed, -ECONNRESET);
	feed = data_path_connect(&dp, 0);
	answer_words(feed, "SUBSCRIBE a", "*" DONE("subscribe", "9", "a", "1"));
	expect(dp.client, "");
	say(feed, "*" MESSAGE("a", "1"));
	expect(dp.client, "*" MESSAGE("a", "1"));
	ck_assert_uint_eq(data_path_count(&dp, STAT_PUBSUB_RESUBSCRIBED), 1);
}
END_TEST

START_TEST(a_node_that_does_not_answer_a_probe_is_left)
{
	uint32_t before;

	serve((struct data_path_setup){0});
	before = fake_connects(dp.loop, DATA_PATH_PORT);
	fake_advance_ms(dp.loop, 1000);
	expect_words(feed, "PING");
	fake_advance_ms(dp.loop, 1000);
	ck_assert_int_eq(feed->state, FAKE_CLOSED);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), before + 1);
	data_path_fini(&dp);
}
END_TEST

START_TEST(the_last_that_leaves_unsubscribes)
{
	serve((struct data_path_setup){0});
	struct fake_peer *other = data_path_client(&dp);
	say_words(other, "subscribe a");
	hang_up(dp.client, STREAM_EOF);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	expect(feed, "");
	hang_up(other, STREAM_EOF);
	answer_words(feed, "UNSUBSCRIBE a", "*" DONE("unsubscribe", "11", "a", "0"));
	fake_advance_ms(dp.loop, 1000);
	ck_assert_int_eq(feed->state, FAKE_CLOSED);
}
END_TEST

START_TEST(a_client_that_leaves_while_it_waits_leaves_nothing)
{
	serve((struct data_path_setup){0});
	struct fake_peer *other = data_path_client(&dp);
	say_words(other, "subscribe a d a");
	expect_words(feed, "SUBSCRIBE d");
	hang_up(other, -ECONNRESET);
	expect_words(feed, "UNSUBSCRIBE d");
	say(feed, "*" DONE("subscribe", "9", "d", "2") "*" DONE("unsubscribe", "11", "d", "1"));
	say(feed, "*" MESSAGE("d", "1") "*" MESSAGE("a", "1"));
	expect(dp.client, "*" MESSAGE("a", "1"));
}
END_TEST

/* The answer to what was asked before the channel was given up is not taken for the later one's. */
START_TEST(a_channel_given_up_and_asked_for_again_waits_for_its_own_confirmation)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "unsubscribe a");
	expect(dp.client, "*" DONE("unsubscribe", "11", "a", "0"));
	expect_words(feed, "UNSUBSCRIBE a");
	say_words(dp.client, "subscribe a");
	expect_words(feed, "SUBSCRIBE a");
	say(feed, "*" MESSAGE("a", "0") "*" DONE("unsubscribe", "11", "a", "0"));
	expect(dp.client, "");
	say(feed, "*" DONE("subscribe", "9", "a", "1") "*" MESSAGE("a", "1"));
	expect(dp.client, "*" DONE("subscribe", "9", "a", "1") "*" MESSAGE("a", "1"));
}
END_TEST

START_TEST(unsubscribing_from_nothing_is_confirmed_with_a_null)
{
	serve((struct data_path_setup){0});
	struct fake_peer *other = resp3_client();
	say_words(other, "unsubscribe");
	expect(other, ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
	say_words(dp.client, "punsubscribe");
	expect(dp.client, "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:1\r\n");
	say_words(dp.client, "unsubscribe x");
	expect(dp.client, "*" DONE("unsubscribe", "11", "x", "1"));
}
END_TEST

START_TEST(shard_channels_are_counted_on_their_own)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "ssubscribe a");
	data_path_pass_words(&dp, feed, "SSUBSCRIBE a", "*" DONE("ssubscribe", "10", "a", "1"));
	say(feed, "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\n1\r\n");
	expect(dp.client, "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\n1\r\n");
}
END_TEST

START_TEST(a_slow_client_is_closed_and_the_others_are_served)
{
	struct text many = {0};

	serve((struct data_path_setup){.output = 1000});
	struct fake_peer *slow = data_path_client(&dp);
	say_words(slow, "subscribe a");
	slow->flush_max = 0;
	for (int i = 0; i < 50; i++) {
		say(feed, "*" MESSAGE("a", "1"));
		text_puts(&many, "*" MESSAGE("a", "1"));
	}
	ck_assert_int_eq(slow->state, FAKE_CLOSED);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_SLOW), 1);
	expect(dp.client, many.p);
	text_free(&many);
}
END_TEST

/* A message of `len` bytes on channel a. */
static void say_long(size_t len)
{
	struct text text = {0};

	text_printf(&text, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$%zu\r\n", len);
	for (size_t i = 0; i < len; i++)
		text_puts(&text, "v");
	text_puts(&text, "\r\n");
	say(feed, text.p);
	text_free(&text);
}

START_TEST(a_message_over_the_limit_is_dropped_and_the_next_comes)
{
	serve((struct data_path_setup){.output = 1000});
	say_long(1000);
	expect(dp.client, "");
	say(feed, "*" MESSAGE("a", "1"));
	expect(dp.client, "*" MESSAGE("a", "1"));
	/* Its head is 30 bytes and its end 2: just at the limit. */
	say_long(1000 - 32);
	ck_assert_uint_eq(fake_got(dp.client).len, 1000);
	fake_take(dp.client, 1000);
	say_long(1000 - 31);
	expect(dp.client, "");
}
END_TEST

START_TEST(what_is_no_answer_closes_the_connection)
{
	uint32_t before;

	serve((struct data_path_setup){0});
	before = fake_connects(dp.loop, DATA_PATH_PORT);
	say(feed, "+OK\r\n");
	ck_assert_int_eq(feed->state, FAKE_CLOSED);
	fake_advance_ms(dp.loop, BACKOFF_FIRST_MS);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), before + 1);
	data_path_fini(&dp);
}
END_TEST

START_TEST(requests_that_wait_end_with_the_worker)
{
	serve((struct data_path_setup){0});
	say_words(dp.client, "subscribe d b");
	pubsub_shut(&dp.engine);
	fake_settle(dp.loop);
	expect(dp.client, "-ERR slipring: shard a: a:7000 closed the connection\r\n"
			  "-ERR slipring: shard b: b:7001 closed the connection\r\n");
}
END_TEST

/* SUBSCRIBE of n names x0, x1 ... */
static void subscribe_many(int n)
{
	struct text text = {0};

	text_printf(&text, "*%d\r\n$9\r\nsubscribe\r\n", n + 1);
	for (int i = 0; i < n; i++) {
		char name[16];
		int len = snprintf(name, sizeof(name), "x%d", i);

		text_printf(&text, "$%d\r\n%s\r\n", len, name);
	}
	say(dp.client, text.p);
	text_free(&text);
}

START_TEST(more_names_than_a_client_may_have_are_refused)
{
	serve((struct data_path_setup){0});
	subscribe_many(SUBSCRIPTIONS_MAX + 1);
	expect(dp.client, "-ERR slipring: too many subscriptions of one client\r\n");
	subscribe_many(SUBSCRIPTIONS_MAX);
	expect(dp.client, "");
	data_path_fini(&dp);
}
END_TEST

Suite *client_pubsub_suite(void)
{
	Suite *suite = suite_create("client_pubsub");
	TCase *tcase = tcase_create("client_pubsub");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(
		tcase,
		a_second_client_shares_the_subscription_and_each_gets_the_message_in_its_version);
	tcase_add_test(tcase, a_message_may_come_in_any_pieces);
	tcase_add_test(tcase, a_pattern_is_asked_for_on_every_shard_and_confirmed_once);
	tcase_add_test(tcase, a_pattern_does_not_wait_for_a_shard_that_is_down);
	tcase_add_test(tcase, a_channel_on_a_shard_that_is_down_fails_beside_others);
	tcase_add_test(tcase, what_a_node_refuses_is_told_and_can_be_asked_for_again);
	tcase_add_test(tcase, after_a_loss_it_is_subscribed_again_and_the_client_sees_nothing);
	tcase_add_test(tcase, a_node_that_does_not_answer_a_probe_is_left);
	tcase_add_test(tcase, the_last_that_leaves_unsubscribes);
	tcase_add_test(tcase, a_client_that_leaves_while_it_waits_leaves_nothing);
	tcase_add_test(tcase,
		       a_channel_given_up_and_asked_for_again_waits_for_its_own_confirmation);
	tcase_add_test(tcase, unsubscribing_from_nothing_is_confirmed_with_a_null);
	tcase_add_test(tcase, shard_channels_are_counted_on_their_own);
	tcase_add_test(tcase, a_slow_client_is_closed_and_the_others_are_served);
	tcase_add_test(tcase, a_message_over_the_limit_is_dropped_and_the_next_comes);
	tcase_add_test(tcase, what_is_no_answer_closes_the_connection);
	tcase_add_test(tcase, requests_that_wait_end_with_the_worker);
	tcase_add_test(tcase, more_names_than_a_client_may_have_are_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
