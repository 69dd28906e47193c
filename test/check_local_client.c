#include <check.h>
#include <stdio.h>

#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void set_up(void)
{
	data_path_serve_redis(&dp);
}

static void tear_down(void)
{
	data_path_end(&dp);
}

static void ask(const char *words, const char *reply)
{
	say_words(dp.client, words);
	expect(dp.client, reply);
}

START_TEST(a_name_is_kept_for_its_connection)
{
	struct fake_peer *other = data_path_client(&dp);

	ask("CLIENT GETNAME", "$-1\r\n");
	ask("client setname bob", "+OK\r\n");
	ask("CLIENT GETNAME", "$3\r\nbob\r\n");
	ask("CLIENT SETNAME alice", "+OK\r\n");
	ask("CLIENT GETNAME", "$5\r\nalice\r\n");
	say_words(other, "CLIENT GETNAME");
	expect(other, "$-1\r\n");
	say(dp.client, "CLIENT SETNAME \"\"\r\n");
	expect(dp.client, "+OK\r\n");
	ask("CLIENT GETNAME", "$-1\r\n");
}
END_TEST

static const char *const no_names[] = {
	"CLIENT SETNAME \"a b\"\r\n",
	"CLIENT SETNAME \"a\\n\"\r\n",
	"CLIENT SETNAME \"\\xff\"\r\n",
	"HELLO 2 SETNAME \"a b\"\r\n",
};

START_TEST(a_name_with_blanks_or_controls_is_refused)
{
	ask("CLIENT SETNAME bob", "+OK\r\n");
	say(dp.client, no_names[_i]);
	expect(dp.client,
	       "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
	ask("CLIENT GETNAME", "$3\r\nbob\r\n");
}
END_TEST

static void set_name_of(int len)
{
	char command[700];

	snprintf(command, sizeof(command), "CLIENT SETNAME %0*d\r\n", len, 7);
	say(dp.client, command);
}

START_TEST(a_name_has_a_longest)
{
	set_name_of(512);
	expect(dp.client, "+OK\r\n");
	set_name_of(513);
	ck_assert_int_eq(fake_got(dp.client).p[0], '-');
	fake_take(dp.client, fake_got(dp.client).len);
}
END_TEST

START_TEST(each_connection_has_its_id)
{
	struct fake_peer *other = data_path_client(&dp);

	ask("CLIENT ID", ":1\r\n");
	say_words(other, "CLIENT ID");
	expect(other, ":2\r\n");
}
END_TEST

START_TEST(info_is_one_line_about_this_connection)
{
	ask("CLIENT SETNAME bob", "+OK\r\n");
	fake_advance_ms(dp.loop, 3000);
	say_words(dp.client, "CLIENT INFO");
	expect(dp.client,
	       "$145\r\nid=1 addr=10.0.0.1:1 laddr=10.0.0.1:1 name=bob age=3 idle=0 flags=N db=0 "
	       "sub=0 "
	       "psub=0 ssub=0 multi=-1 omem=0 cmd=client|info user=default resp=2\n\r\n");
}
END_TEST

static const struct {
	const char *words, *reply;
} others[] = {
	{"CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"},
	{"CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"},
	{"CLIENT TRACKING on", "-ERR slipring: 'client|tracking' is not supported: it is about a "
			       "connection to one node\r\n"},
	{"CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command\r\n"},
};

START_TEST(other_subcommands_are_taken_or_refused_by_name)
{
	ask(others[_i].words, others[_i].reply);
	ask("PING", "+PONG\r\n");
}
END_TEST

Suite *local_client_suite(void)
{
	Suite *suite = suite_create("local_client");
	TCase *tcase = tcase_create("local_client");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_name_is_kept_for_its_connection);
	tcase_add_loop_test(tcase, a_name_with_blanks_or_controls_is_refused, 0,
			    ARRAY_LEN(no_names));
	tcase_add_test(tcase, a_name_has_a_longest);
	tcase_add_test(tcase, each_connection_has_its_id);
	tcase_add_test(tcase, info_is_one_line_about_this_connection);
	tcase_add_loop_test(tcase, other_subcommands_are_taken_or_refused_by_name, 0,
			    ARRAY_LEN(others));
	suite_add_tcase(suite, tcase);
	return suite;
}
