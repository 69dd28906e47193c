#include <check.h>
#include <stdio.h>

#include "data_path.h"
#include "suites.h"

/* CLIENT LIST and KILL with two clients, 1 and 2: the first asks. */

static struct data_path dp;
static struct fake_peer *other;

static void set_up(void)
{
	data_path_serve_redis(&dp);
	other = data_path_client(&dp);
}

static void tear_down(void)
{
	data_path_end(&dp);
}

static uint32_t lines(void)
{
	struct span got = fake_got(dp.client);
	uint32_t n = 0;

	ck_assert_uint_gt(got.len, 0);
	ck_assert_int_eq(got.p[0], '$');
	for (size_t i = 0; i + 3 < got.len; i++)
		n += memcmp(got.p + i, "id=", 3) == 0 && (got.p[i - 1] == '\n');
	fake_take(dp.client, got.len);
	return n;
}

static const struct {
	const char *words;
	uint32_t n;
} lists[] = {
	{"client list", 2},
	{"client list type normal", 2},
	{"client list type pubsub", 0},
	{"client list type replica", 0},
	{"client list id 2", 1},
	{"client list id 2 1", 2},
	{"client list id 7", 0},
};

START_TEST(lists_those_that_are_meant)
{
	say_words(dp.client, lists[_i].words);
	ck_assert_uint_eq(lines(), lists[_i].n);
}
END_TEST

static const struct {
	const char *words, *reply;
	bool own, its; /* who is closed */
} kills[] = {
	{"client kill id 2", ":1\r\n", false, true},
	{"client kill id 1", ":0\r\n", false, false},
	{"client kill id 1 skipme no", ":1\r\n", true, false},
	{"client kill type normal", ":1\r\n", false, true},
	{"client kill type normal skipme no", ":2\r\n", true, true},
	{"client kill type pubsub", ":0\r\n", false, false},
	{"client kill user default id 2", ":1\r\n", false, true},
	{"client kill addr 10.0.0.1:2", ":1\r\n", false, true},
	{"client kill 10.0.0.1:2", "+OK\r\n", false, true},
	{"client kill 10.0.0.1:1", "+OK\r\n", true, false},
	{"client kill 10.0.0.1:7", "-ERR No such client\r\n", false, false},
	{"client kill id 0", "-ERR client-id should be greater than 0\r\n", false, false},
	{"client kill id", "-ERR No such client\r\n", false, false},
	{"client kill id 1 user", "-ERR syntax error\r\n", false, false},
	{"client kill nope 1", "-ERR syntax error\r\n", false, false},
	{"client kill skipme maybe", "-ERR syntax error\r\n", false, false},
	{"client kill user nobody", "-ERR No such user 'nobody'\r\n", false, false},
	{"client list type nope", "-ERR Unknown client type 'nope'\r\n", false, false},
	{"client list id x", "-ERR Invalid client ID\r\n", false, false},
	{"client list nope", "-ERR syntax error\r\n", false, false},
};

static bool is_open(const struct fake_peer *peer)
{
	return peer->state == FAKE_OPEN;
}

START_TEST(closes_those_that_are_meant)
{
	say_words(dp.client, kills[_i].words);
	expect(dp.client, kills[_i].reply);
	ck_assert_int_eq(is_open(dp.client), !kills[_i].own);
	ck_assert_int_eq(is_open(other), !kills[_i].its);
}
END_TEST

START_TEST(replies_are_kept_back_as_asked)
{
	say_words(dp.client, "client reply off");
	say_words(dp.client, "ping");
	expect(dp.client, "");
	say_words(dp.client, "client reply on");
	expect(dp.client, "+OK\r\n");
	say_words(dp.client, "client reply skip");
	say_words(dp.client, "ping");
	expect(dp.client, "");
	say_words(dp.client, "ping");
	expect(dp.client, "+PONG\r\n");
	say_words(dp.client, "client reply maybe");
	expect(dp.client, "-ERR syntax error\r\n");
}
END_TEST

Suite *census_suite(void)
{
	Suite *suite = suite_create("census");
	TCase *tcase = tcase_create("census");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, lists_those_that_are_meant, 0, ARRAY_LEN(lists));
	tcase_add_loop_test(tcase, closes_those_that_are_meant, 0, ARRAY_LEN(kills));
	tcase_add_test(tcase, replies_are_kept_back_as_asked);
	suite_add_tcase(suite, tcase);
	return suite;
}
