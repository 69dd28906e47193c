#include <check.h>
#include <errno.h>

#include "data_path.h"
#include "suites.h"

/* Transactions as a client and a node see them: a is on shard a, b on shard b. */

static struct data_path dp;
static struct fake_peer *own; /* the client's own connection to shard a */

static void ask(const char *words, const char *reply)
{
	say(dp.client, array_of(words));
	expect(dp.client, reply);
}

static void node(const char *reply)
{
	say(own, reply);
}

static void serve(void)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

/* MULTI and a first command on shard a, which has a connection of its own then. */
static void begin(void)
{
	serve();
	ask("multi", "+OK\r\n");
	ask("get a", "");
	expect(dp.a, "");
	data_path_connect(&dp, 0);
	own = data_path_server(&dp, 0);
	ck_assert_ptr_ne(own, dp.a);
	expect(own, "*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nget\r\n$1\r\na\r\n");
	node("+OK\r\n+QUEUED\r\n");
	expect(dp.client, "+QUEUED\r\n");
}

/* The shared connections are taken again, and the client's own was given back. */
static void end(void)
{
	ck_assert_uint_eq(dp.engine.connsets[0]->n_held, 0);
	ask("get a", "");
	expect(dp.a, array_of("get a"));
	say(dp.a, "$1\r\nx\r\n");
	expect(dp.client, "$1\r\nx\r\n");
	data_path_end(&dp);
}

START_TEST(runs_on_a_connection_of_its_own)
{
	begin();
	ask("exec", "");
	expect(own, array_of("EXEC"));
	node("*1\r\n$1\r\n1\r\n");
	expect(dp.client, "*1\r\n$1\r\n1\r\n");
	ck_assert_uint_eq(dp.engine.connsets[0]->n_idle, 1);
	end();
}
END_TEST

START_TEST(an_idle_connection_is_taken_again)
{
	begin();
	ask("discard", "");
	expect(own, array_of("DISCARD"));
	node("+OK\r\n");
	expect(dp.client, "+OK\r\n");
	ask("watch a", "");
	expect(own, array_of("watch a"));
	node("+OK\r\n");
	expect(dp.client, "+OK\r\n");
	ask("unwatch", "");
	expect(own, array_of("UNWATCH"));
	node("+OK\r\n");
	expect(dp.client, "+OK\r\n");
	end();
}
END_TEST

START_TEST(an_empty_one_touches_no_server)
{
	serve();
	ask("multi", "+OK\r\n");
	ask("exec", "*0\r\n");
	ask("multi", "+OK\r\n");
	ask("discard", "+OK\r\n");
	ask("unwatch", "+OK\r\n");
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 1);
	end();
}
END_TEST

START_TEST(what_has_no_key_waits_for_the_first_key)
{
	serve();
	ask("multi", "+OK\r\n");
	ask("ping", "+QUEUED\r\n");
	ask("echo x", "+QUEUED\r\n");
	ask("get a", "");
	data_path_connect(&dp, 0);
	own = data_path_server(&dp, 0);
	expect(own, "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nping\r\n*2\r\n$4\r\necho\r\n$1\r\nx\r\n"
		    "*2\r\n$3\r\nget\r\n$1\r\na\r\n");
	node("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
	expect(dp.client, "+QUEUED\r\n");
	ask("exec", "");
	expect(own, array_of("EXEC"));
	node("*3\r\n+PONG\r\n$1\r\nx\r\n$-1\r\n");
	expect(dp.client, "*3\r\n+PONG\r\n$1\r\nx\r\n$-1\r\n");
	end();
}
END_TEST

START_TEST(another_shard_aborts_it)
{
	begin();
	say(dp.client, array_of("get b"));
	expect_first(dp.client, "-CROSSSLOT ");
	fake_take(dp.client, fake_got(dp.client).len);
	ask("exec", "");
	expect(own, array_of("DISCARD"));
	node("+OK\r\n");
	expect(dp.client, "-EXECABORT Transaction discarded because of previous errors.\r\n");
	end();
}
END_TEST

static const char *const mistakes[] = {"nope",	 "get",		"select 1",
				       "dbsize", "subscribe x", "hello 3"};

START_TEST(a_refused_command_aborts_it)
{
	begin();
	say(dp.client, array_of(mistakes[_i]));
	expect_first(dp.client, "-ERR ");
	fake_take(dp.client, fake_got(dp.client).len);
	ask("exec", "");
	expect(own, array_of("DISCARD"));
	node("+OK\r\n");
	expect(dp.client, "-EXECABORT Transaction discarded because of previous errors.\r\n");
	end();
}
END_TEST

START_TEST(a_lost_server_before_exec_ends_it_with_an_error)
{
	begin();
	fake_end(own, -ECONNRESET);
	fake_settle(dp.loop);
	say(dp.client, array_of("get a"));
	expect_first(dp.client, "-EXECABORT slipring: shard a: ");
	fake_take(dp.client, fake_got(dp.client).len);
	say(dp.client, array_of("exec"));
	expect_first(dp.client, "-EXECABORT slipring: shard a: ");
	fake_take(dp.client, fake_got(dp.client).len);
	end();
}
END_TEST

START_TEST(a_lost_server_in_exec_says_that_it_may_have_run)
{
	begin();
	ask("exec", "");
	expect(own, array_of("EXEC"));
	node("*1\r\n$1");
	fake_end(own, -ECONNRESET);
	fake_settle(dp.loop);
	expect(dp.client, "-ERR slipring: shard a: connection to a:7000 lost; the command may have "
			  "run\r\n");
	end();
}
END_TEST

START_TEST(a_client_that_leaves_closes_what_it_holds)
{
	begin();
	fake_end(dp.client, -ECONNRESET);
	fake_settle(dp.loop);
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	ck_assert_uint_eq(dp.engine.connsets[0]->n_held, 0);
	data_path_end(&dp);
}
END_TEST

START_TEST(reset_closes_what_it_holds)
{
	begin();
	ask("reset", "+RESET\r\n");
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(what_follows_exec_waits_for_it)
{
	begin();
	say(dp.client, "*1\r\n$4\r\nexec\r\n*2\r\n$3\r\nget\r\n$1\r\na\r\n");
	expect(own, array_of("EXEC"));
	expect(dp.a, "");
	node("*0\r\n");
	expect(dp.client, "*0\r\n");
	expect(dp.a, array_of("get a"));
	say(dp.a, "$-1\r\n");
	expect(dp.client, "$-1\r\n");
	end();
}
END_TEST

START_TEST(watch_waits_for_what_was_before_it)
{
	serve();
	say(dp.client, "*2\r\n$3\r\nget\r\n$1\r\na\r\n*2\r\n$5\r\nwatch\r\n$1\r\na\r\n");
	expect(dp.a, array_of("get a"));
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 1);
	say(dp.a, "$-1\r\n");
	expect(dp.client, "$-1\r\n");
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 2);
	data_path_connect(&dp, 0);
	own = data_path_server(&dp, 0);
	expect(own, array_of("watch a"));
	node("+OK\r\n");
	expect(dp.client, "+OK\r\n");
	ask("get a", ""); /* what it watches is read over the same connection */
	expect(own, array_of("get a"));
	node("$-1\r\n");
	expect(dp.client, "$-1\r\n");
	ask("reset", "+RESET\r\n");
	end();
}
END_TEST

static const struct {
	const char *words, *reply;
} misplaced[] = {
	{"exec", "-ERR EXEC without MULTI\r\n"},
	{"discard", "-ERR DISCARD without MULTI\r\n"},
	{"exec x",
	 "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
	 "command\r\n"},
};

START_TEST(what_is_misplaced_is_the_servers_error)
{
	serve();
	ask(misplaced[_i].words, misplaced[_i].reply);
	end();
}
END_TEST

START_TEST(nesting_is_an_error_that_does_not_abort)
{
	begin();
	ask("multi", "-ERR MULTI calls can not be nested\r\n");
	ask("watch a", "-ERR WATCH inside MULTI is not allowed\r\n");
	ask("exec", "");
	expect(own, array_of("EXEC"));
	node("*1\r\n$-1\r\n");
	expect(dp.client, "*1\r\n$-1\r\n");
	end();
}
END_TEST

START_TEST(a_limit_of_connections_is_told)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS, .leases = 1});
	struct fake_peer *other = data_path_client(&dp);

	ask("watch a", "");
	data_path_connect(&dp, 0);
	own = data_path_server(&dp, 0);
	node("+OK\r\n");
	expect(dp.client, "+OK\r\n");
	say(other, array_of("watch a"));
	expect(other,
	       "-ERR slipring: shard a: no connection of its own to a:7000: limits.leases is "
	       "reached\r\n");
	ask("reset", "+RESET\r\n");
	end();
}
END_TEST

START_TEST(a_known_script_is_sent_whole)
{
	serve();
	say(dp.client, "*4\r\n$4\r\neval\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\nb\r\n");
	fake_take(dp.b, fake_got(dp.b).len);
	say(dp.b, ":1\r\n");
	expect(dp.client, ":1\r\n");
	ask("multi", "+OK\r\n");
	ask("evalsha e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 a x", "");
	data_path_connect(&dp, 0);
	own = data_path_server(&dp, 0);
	expect(own, "*1\r\n$5\r\nMULTI\r\n*5\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n"
		    "$1\r\na\r\n$1\r\nx\r\n");
	node("+OK\r\n+QUEUED\r\n");
	expect(dp.client, "+QUEUED\r\n");
	ask("evalsha_ro e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "");
	expect(own, "*3\r\n$7\r\nEVAL_RO\r\n$8\r\nreturn 1\r\n$1\r\n0\r\n");
	node("+QUEUED\r\n");
	expect(dp.client, "+QUEUED\r\n");
	ask("reset", "+RESET\r\n");
	end();
}
END_TEST

Suite *client_transaction_suite(void)
{
	Suite *suite = suite_create("client_transaction");
	TCase *tcase = tcase_create("client_transaction");

	tcase_add_test(tcase, runs_on_a_connection_of_its_own);
	tcase_add_test(tcase, an_idle_connection_is_taken_again);
	tcase_add_test(tcase, an_empty_one_touches_no_server);
	tcase_add_test(tcase, what_has_no_key_waits_for_the_first_key);
	tcase_add_test(tcase, another_shard_aborts_it);
	tcase_add_loop_test(tcase, a_refused_command_aborts_it, 0, ARRAY_LEN(mistakes));
	tcase_add_test(tcase, a_lost_server_before_exec_ends_it_with_an_error);
	tcase_add_test(tcase, a_lost_server_in_exec_says_that_it_may_have_run);
	tcase_add_test(tcase, a_client_that_leaves_closes_what_it_holds);
	tcase_add_test(tcase, reset_closes_what_it_holds);
	tcase_add_test(tcase, what_follows_exec_waits_for_it);
	tcase_add_test(tcase, watch_waits_for_what_was_before_it);
	tcase_add_loop_test(tcase, what_is_misplaced_is_the_servers_error, 0, ARRAY_LEN(misplaced));
	tcase_add_test(tcase, nesting_is_an_error_that_does_not_abort);
	tcase_add_test(tcase, a_limit_of_connections_is_told);
	tcase_add_test(tcase, a_known_script_is_sent_whole);
	suite_add_tcase(suite, tcase);
	return suite;
}
