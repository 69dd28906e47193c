#include <check.h>

#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

START_TEST(keys_on_one_shard_pass_and_on_several_do_not)
{
	static const char crossslot[] = "-CROSSSLOT Keys in request don't hash to the same slot: "
					"slipring keeps them on different shards\r\n";
	static const char *const one[] = {
		"RENAME a d",	  "SINTER b f g",	   "BITOP AND c e",
		"EVAL x 2 a d 1", "XREAD STREAMS a d 0 0", "SORT a STORE d"};
	static const char *const several[] = {"RENAME a b",	"SINTER b f a",
					      "BITOP AND c a",	"EVAL x 2 a b 1",
					      "SORT a STORE b", "XREAD STREAMS a b 0 0",
					      "PFCOUNT a b",	"RPOPLPUSH a c"};

	data_path_serve_redis(&dp);
	for (size_t i = 0; i < ARRAY_LEN(several); i++) {
		say_words(dp.client, several[i]);
		expect(dp.client, crossslot);
	}
	ck_assert_uint_eq(data_path_count(&dp, STAT_CROSSSLOT), ARRAY_LEN(several));
	for (size_t i = 0; i < ARRAY_LEN(one); i++) {
		struct fake_peer *servers[] = {dp.a, dp.b, dp.c, dp.a, dp.a, dp.a};

		say_words(dp.client, one[i]);
		data_path_pass_words(&dp, servers[i], one[i], "+OK\r\n");
	}
}
END_TEST

static const struct {
	const char *words, *reply;
} refused[] = {
	{"nope", "-ERR unknown command 'nope', with args beginning with: \r\n"},
	{"nope a b", "-ERR unknown command 'nope', with args beginning with: 'a' 'b' \r\n"},
	{"GET", "-ERR wrong number of arguments for 'get' command\r\n"},
	{"GET a b", "-ERR wrong number of arguments for 'get' command\r\n"},
	{"MSET a", "-ERR wrong number of arguments for 'mset' command\r\n"},
	{"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command\r\n"},
	{"DEL", "-ERR wrong number of arguments for 'del' command\r\n"},
	{"OBJECT", "-ERR wrong number of arguments for 'object' command\r\n"},
	{"OBJECT nope a", "-ERR unknown subcommand 'nope'. Try OBJECT HELP.\r\n"},
};

START_TEST(what_is_not_done_is_said_and_the_connection_stays)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, refused[_i].words);
	expect(dp.client, refused[_i].reply);
	ck_assert_uint_eq(data_path_count(&dp, STAT_COMMANDS_INVALID), 1);
	say(dp.client, "PING\r\n");
	expect(dp.client, "+PONG\r\n");
}
END_TEST

START_TEST(an_unknown_commands_words_cannot_break_the_error_line)
{
	data_path_serve_redis(&dp);
	say(dp.client, "*2\r\n$4\r\na\r\nb\r\n$5\r\n\r\n+OK\r\n");
	expect(dp.client, "-ERR unknown command 'a  b', with args beginning with: '  +OK' \r\n");
	say(dp.client, "*1\r\n$200\r\n");
	for (int i = 0; i < 20; i++)
		say(dp.client, "0123456789");
	say(dp.client, "\r\n");
	ck_assert_uint_lt(fake_got(dp.client).len, 200);
	fake_take(dp.client, fake_got(dp.client).len);
}
END_TEST

START_TEST(subcommands_go_to_the_shard_of_their_key)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "OBJECT encoding b");
	data_path_pass_words(&dp, dp.b, "OBJECT encoding b", "$3\r\nint\r\n");
}
END_TEST

START_TEST(a_split_command_with_one_key_goes_as_it_came)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "DeL b");
	data_path_pass_words(&dp, dp.b, "DeL b", ":1\r\n");
	say_words(dp.client, "MSET b 1");
	data_path_pass_words(&dp, dp.b, "MSET b 1", "+OK\r\n");
}
END_TEST

START_TEST(split_commands_are_merged)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "DEL a b c");
	say(dp.a, ":1\r\n");
	say(dp.b, ":0\r\n");
	say(dp.c, ":1\r\n");
	expect(dp.client, ":2\r\n");
}
END_TEST

static const struct {
	const char *line, *reply;
} memcached_refused[] = {
	{"nope\r\n", "ERROR\r\n"},
	{"get\r\n", "ERROR\r\n"},
	{"mg\r\n", "ERROR\r\n"},
	{"incr a x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n"},
};

START_TEST(memcacheds_own_errors_are_given_without_asking_a_node)
{
	data_path_serve_memcached(&dp);
	say(dp.client, memcached_refused[_i].line);
	expect(dp.client, memcached_refused[_i].reply);
	expect(dp.a, "");
	say(dp.client, "get a\r\n");
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
}
END_TEST

/* As memcached, which takes the line end that is left over for an empty command. */
START_TEST(a_bad_data_chunk_is_answered_and_parsing_goes_on)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "set a 0 0 2\r\nxyz\r\nget a\r\n");
	expect(dp.client, "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
	data_path_pass(&dp, dp.a, "get a\r\n", "END\r\n");
}
END_TEST

START_TEST(flush_all_goes_to_every_shard)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "flush_all\r\nflush_all noreply\r\nversion\r\n");
	expect(dp.a, "flush_all\r\nflush_all\r\n");
	expect(dp.b, "flush_all\r\nflush_all\r\n");
	expect(dp.c, "flush_all\r\nflush_all\r\n");
	say(dp.a, "OK\r\nOK\r\n");
	say(dp.b, "OK\r\nOK\r\n");
	expect(dp.client, "");
	say(dp.c, "OK\r\nOK\r\n");
	expect(dp.client, "OK\r\nVERSION 1.6.18\r\n");
}
END_TEST

START_TEST(a_multi_get_over_all_shards_is_one_reply)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a b c d\r\n");
	expect(dp.a, "get a d\r\n");
	expect(dp.b, "get b\r\n");
	answer_to(dp.c, "get c\r\n", "VALUE c 0 1\r\n3\r\nEND\r\n");
	say(dp.b, "END\r\n");
	say(dp.a, "VALUE d 0 1\r\n4\r\nEND\r\n");
	expect(dp.client, "VALUE d 0 1\r\n4\r\nVALUE c 0 1\r\n3\r\nEND\r\n");
}
END_TEST

START_TEST(requests_are_counted_by_command)
{
	data_path_serve_redis(&dp);
	say(dp.client, "GET a\r\nGET a\r\nGET\r\nnope\r\n");
	say(dp.a, "$-1\r\n-ERR no\r\n");
	const struct command_stats *stats =
		dp.stats->pools[0]->commands[resp_command_find(span_of("get"))->id];
	ck_assert_uint_eq(stat_get(&stats->requests), 3);
	ck_assert_uint_eq(stat_get(&stats->errors), 2);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->bytes_in), 25);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->bytes_out), fake_got(dp.client).len);
}
END_TEST

Suite *dispatch_suite(void)
{
	Suite *suite = suite_create("dispatch");
	TCase *tcase = tcase_create("dispatch");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, keys_on_one_shard_pass_and_on_several_do_not);
	tcase_add_loop_test(tcase, what_is_not_done_is_said_and_the_connection_stays, 0,
			    ARRAY_LEN(refused));
	tcase_add_test(tcase, an_unknown_commands_words_cannot_break_the_error_line);
	tcase_add_test(tcase, subcommands_go_to_the_shard_of_their_key);
	tcase_add_test(tcase, a_split_command_with_one_key_goes_as_it_came);
	tcase_add_test(tcase, split_commands_are_merged);
	tcase_add_loop_test(tcase, memcacheds_own_errors_are_given_without_asking_a_node, 0,
			    ARRAY_LEN(memcached_refused));
	tcase_add_test(tcase, a_bad_data_chunk_is_answered_and_parsing_goes_on);
	tcase_add_test(tcase, flush_all_goes_to_every_shard);
	tcase_add_test(tcase, a_multi_get_over_all_shards_is_one_reply);
	tcase_add_test(tcase, requests_are_counted_by_command);
	suite_add_tcase(suite, tcase);
	return suite;
}
