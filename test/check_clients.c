#include <check.h>
#include <errno.h>

#include "data_path.h"
#include "serve/clients.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

START_TEST(idle_clients_are_closed_and_waiting_ones_not)
{
	data_path_serve(&dp,
			(struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .idle_ms = 5000});
	struct fake_peer *waiting = data_path_client(&dp);

	fake_advance_ms(dp.loop, 4900);
	say(waiting, "get a\r\n");
	clients_close_idle(&dp.clients);
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
	fake_advance_ms(dp.loop, 200);
	clients_close_idle(&dp.clients);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_int_eq(waiting->state, FAKE_OPEN);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_IDLE), 1);
	say(dp.a, "END\r\n");
	expect(waiting, "END\r\n");
}
END_TEST

START_TEST(a_drain_answers_what_was_taken_and_tells_when_all_have_gone)
{
	data_path_serve_memcached(&dp);
	struct fake_peer *idle = data_path_client(&dp);

	say(dp.client, "get a\r\n");
	clients_drain(&dp.clients);
	fake_settle(dp.loop);
	ck_assert_int_eq(idle->state, FAKE_FINISHED);
	ck_assert(!dp.is_empty_told);
	say(dp.client, "get b\r\n");
	expect(dp.b, "");
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
	fake_end(idle, STREAM_EOF);
	hang_up(dp.client, STREAM_EOF);
	ck_assert(dp.is_empty_told);
}
END_TEST

START_TEST(a_drain_without_clients_is_over_at_once)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
	clients_drain(&dp.clients);
	ck_assert(dp.is_empty_told);
}
END_TEST

START_TEST(who_comes_during_a_drain_is_let_go)
{
	data_path_serve_redis(&dp);
	say(dp.client, "GET a\r\n");
	clients_drain(&dp.clients);
	struct fake_peer *late = data_path_client(&dp);
	say(late, "PING\r\n");
	ck_assert_int_eq(late->state, FAKE_FINISHED);
	ck_assert(!dp.is_empty_told);
	say(dp.a, "$-1\r\n");
	ck_assert(!dp.is_empty_told);
	fake_advance_ms(dp.loop, FAKE_LINGER_MS); /* who does not close is closed */
	ck_assert(dp.is_empty_told);
}
END_TEST

START_TEST(closing_all_closes_at_once_and_requests_end_by_themselves)
{
	data_path_serve_redis(&dp);
	struct fake_peer *other = data_path_client(&dp);

	say(dp.client, "GET a\r\n");
	clients_close_all(&dp.clients);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	ck_assert_int_eq(other->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.clients.n, 0);
	say(dp.a, "$-1\r\n");
}
END_TEST

START_TEST(the_one_that_holds_most_goes_first)
{
	data_path_serve_redis(&dp);
	struct fake_peer *unread = data_path_client(&dp), *waiting = data_path_client(&dp);

	say(dp.client, "*2\r\n$3\r\nGET\r\n$30000\r\nxyz"); /* half a command */
	unread->flush_max = 0;
	say_words(unread, "ECHO 0123456789012345678901234567890123456789");
	say(waiting, "GET a\r\nECHO 01234567890123456789\r\n");
	clients_close_slowest(&dp.clients);
	ck_assert_int_eq(dp.client->state, FAKE_CLOSED);
	clients_close_slowest(&dp.clients);
	ck_assert_int_eq(unread->state, FAKE_CLOSED);
	clients_close_slowest(&dp.clients);
	ck_assert_int_eq(waiting->state, FAKE_CLOSED);
	clients_close_slowest(&dp.clients);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_SLOW), 3);
	say(dp.a, "$-1\r\n");
}
END_TEST

START_TEST(who_holds_nothing_is_not_closed_for_being_slow)
{
	data_path_serve_redis(&dp);
	clients_close_slowest(&dp.clients);
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
	ck_assert_uint_eq(data_path_count(&dp, STAT_CLIENTS_SLOW), 0);
}
END_TEST

Suite *clients_suite(void)
{
	Suite *suite = suite_create("clients");
	TCase *tcase = tcase_create("clients");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, idle_clients_are_closed_and_waiting_ones_not);
	tcase_add_test(tcase, a_drain_answers_what_was_taken_and_tells_when_all_have_gone);
	tcase_add_test(tcase, a_drain_without_clients_is_over_at_once);
	tcase_add_test(tcase, who_comes_during_a_drain_is_let_go);
	tcase_add_test(tcase, closing_all_closes_at_once_and_requests_end_by_themselves);
	tcase_add_test(tcase, the_one_that_holds_most_goes_first);
	tcase_add_test(tcase, who_holds_nothing_is_not_closed_for_being_slow);
	suite_add_tcase(suite, tcase);
	return suite;
}
