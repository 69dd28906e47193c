#include <check.h>

#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

/* A command and the whole of its reply; words as array_of() takes them. */
struct answer {
	const char *words, *reply;
};

static const struct answer redis[] = {
	{"PING", "+PONG\r\n"},
	{"ping hello", "$5\r\nhello\r\n"},
	{"PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"},
	{"ECHO x", "$1\r\nx\r\n"},
	{"ECHO", "-ERR wrong number of arguments for 'echo' command\r\n"},
	{"SELECT 0", "+OK\r\n"},
	{"SELECT -1", "-ERR DB index is out of range\r\n"},
	{"SELECT x", "-ERR value is not an integer or out of range\r\n"},
	{"RESET", "+RESET\r\n"},
	{"HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
	{"HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"},
	{"HELLO 2 NOPE", "-ERR Syntax error in HELLO option 'NOPE'\r\n"},
	{"HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"},
	{"HELLO 2 AUTH u p", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
};

START_TEST(answers_without_asking_a_node)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, redis[_i].words);
	expect(dp.client, redis[_i].reply);
	expect(dp.a, "");
	expect(dp.b, "");
	expect(dp.c, "");
}
END_TEST

#define HELLO(id)                                                                                  \
	"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n"   \
	":2\r\n$2\r\nid\r\n:" id "\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n"           \
	"$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"

START_TEST(hello_tells_what_this_is_and_takes_a_name)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "HELLO");
	expect(dp.client, HELLO("1"));
	say_words(dp.client, "hello 2 setname bob");
	expect(dp.client, HELLO("1"));
	say_words(dp.client, "CLIENT GETNAME");
	expect(dp.client, "$3\r\nbob\r\n");
	say(dp.client, "RESET\r\nCLIENT GETNAME\r\n");
	expect(dp.client, "+RESET\r\n$-1\r\n");
}
END_TEST

START_TEST(an_option_of_hello_longer_than_a_line_is_cut)
{
	data_path_serve_redis(&dp);
	say(dp.client, "*3\r\n$5\r\nHELLO\r\n$1\r\n2\r\n$400\r\n");
	for (int i = 0; i < 40; i++)
		say(dp.client, "0123456789");
	say(dp.client, "\r\n");
	struct span got = fake_got(dp.client);
	ck_assert_uint_lt(got.len, 300);
	ck_assert_mem_eq(got.p + got.len - 2, "\r\n", 2);
	ck_assert_ptr_eq(memchr(got.p, '\r', got.len), got.p + got.len - 2);
}
END_TEST

/* A client's bytes must not end its error line early. */
START_TEST(words_in_errors_cannot_break_the_line)
{
	static const char *const commands[] = {
		"*3\r\n$5\r\nHELLO\r\n$1\r\n2\r\n$5\r\n\r\n+OK\r\n",
		"*2\r\n$6\r\nCLIENT\r\n$5\r\n\r\n+OK\r\n",
		"*4\r\n$6\r\nCLIENT\r\n$7\r\nSETINFO\r\n$5\r\n\r\n+OK\r\n$1\r\nx\r\n",
		"*2\r\n$7\r\nCOMMAND\r\n$5\r\n\r\n+OK\r\n",
	};

	data_path_serve_redis(&dp);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		say(dp.client, commands[i]);
		struct span got = fake_got(dp.client);
		ck_assert_int_eq(got.p[0], '-');
		ck_assert_ptr_eq(memchr(got.p, '\n', got.len), got.p + got.len - 1);
		fake_take(dp.client, got.len);
	}
}
END_TEST

static const struct answer memcached[] = {
	{"version\r\n", "VERSION 1.6.18\r\n"},
	{"verbosity 1\r\n", "OK\r\n"},
	{"verbosity 1 noreply\r\n", ""},
	{"verbosity\r\n", "ERROR\r\n"},
};

START_TEST(answers_memcacheds_without_asking_a_node)
{
	data_path_serve_memcached(&dp);
	say(dp.client, memcached[_i].words);
	expect(dp.client, memcached[_i].reply);
	expect(dp.a, "");
}
END_TEST

START_TEST(stats_proxy_are_the_proxys_own)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "stats proxy\r\n");
	struct span got = fake_got(dp.client);
	ck_assert(span_starts_with(got, span_of("STAT ")));
	ck_assert_mem_eq(got.p + got.len - 7, "\r\nEND\r\n", 7);
	expect(dp.a, "");
	fake_take(dp.client, got.len);
	say(dp.client, "stats reset\r\n");
	answer_to(dp.a, "stats reset\r\n", "RESET\r\n");
	say(dp.b, "RESET\r\n");
	say(dp.c, "RESET\r\n");
	expect(dp.client, "RESET\r\n");
}
END_TEST

Suite *local_suite(void)
{
	Suite *suite = suite_create("local");
	TCase *tcase = tcase_create("local");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, answers_without_asking_a_node, 0, ARRAY_LEN(redis));
	tcase_add_test(tcase, hello_tells_what_this_is_and_takes_a_name);
	tcase_add_test(tcase, an_option_of_hello_longer_than_a_line_is_cut);
	tcase_add_test(tcase, words_in_errors_cannot_break_the_line);
	tcase_add_loop_test(tcase, answers_memcacheds_without_asking_a_node, 0,
			    ARRAY_LEN(memcached));
	tcase_add_test(tcase, stats_proxy_are_the_proxys_own);
	suite_add_tcase(suite, tcase);
	return suite;
}
