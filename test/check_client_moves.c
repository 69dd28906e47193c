#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "data_path.h"
#include "suites.h"

/*
 * What holds a connection of its own, where a node sends it elsewhere: transactions and commands that block.
 * a is on shard a, and d too, whose slot is another; b is on shard b.
 */

#define HOLD_MS	  1000
#define OPENED	  "*1\r\n$5\r\nMULTI\r\n"
#define ASKING	  "*1\r\n$6\r\nASKING\r\n"
#define TO_B	  "-MOVED 15495 b:7001\r\n"
#define ASK_B	  "-ASK 15495 b:7001\r\n"
#define TO_A	  "-MOVED 15495 a:7000\r\n"
#define READONLY  "-READONLY You can't write against a read only replica.\r\n"
#define UNBLOCKED "-UNBLOCKED force unblock from blocking operation, instance state changed\r\n"
#define ABORTED	  "-EXECABORT Transaction discarded because of previous errors.\r\n"
#define NOTHING	  "*-1\r\n"
#define QUEUED	  "+QUEUED\r\n"
#define DONE	  "*1\r\n+OK\r\n"

static const struct shard_spec a_at_d[] = {
	{.name = "a", .primary = "d:7003", .weight = 1},
	{.name = "b", .primary = "b:7001", .weight = 1},
	{.name = "c", .primary = "c:7002", .weight = 1},
};

static const struct shard_spec c_at_d[] = {
	{.name = "a", .primary = "a:7000", .weight = 1},
	{.name = "b", .primary = "b:7001", .weight = 1},
	{.name = "c", .primary = "d:7003", .weight = 1},
};

static struct data_path dp;
static struct fake_peer *own; /* the connection of the client's own that is newest */

static void ask(const char *words, const char *reply)
{
	say(dp.client, array_of(words));
	expect(dp.client, reply);
}

/* A new connection to that node, for the client alone. */
static void connect_own(uint16_t node)
{
	data_path_connect(&dp, node);
	own = data_path_server(&dp, node);
}

/* Shard a's primary is d, which is connected already. */
static void move_to_d(void)
{
	data_path_move(&dp, data_path_build(&dp, c_at_d, ARRAY_LEN(c_at_d)));
	data_path_connect(&dp, 3);
	data_path_move(&dp, data_path_build(&dp, a_at_d, ARRAY_LEN(a_at_d)));
	connect_own(3);
}

static void serve(bool is_cluster)
{
	data_path_serve(&dp, (struct data_path_setup){
				     .protocol = PROTOCOL_REDIS,
				     .hold_ms = HOLD_MS,
				     .is_cluster = is_cluster,
				     .slots = {{10923, 16383}, {0, 5460}, {5461, 10922}},
			     });
}

/* MULTI and a first command, which shard a's node has got. */
static void begin(bool is_cluster)
{
	serve(is_cluster);
	ask("multi", "+OK\r\n");
	ask("set a 1", "");
	connect_own(0);
	expect_first(own, OPENED);
	expect(own, array_of("set a 1"));
}

static void begin_queued(bool is_cluster)
{
	begin(is_cluster);
	say(own, "+OK\r\n" QUEUED);
	expect(dp.client, QUEUED);
}

static void begin_watched(void)
{
	serve(true);
	ask("watch a", "");
	connect_own(0);
	expect(own, array_of("watch a"));
	say(own, "+OK\r\n");
	expect(dp.client, "+OK\r\n");
}

/* Nobody holds a connection any more, and nothing waits. */
static void end(void)
{
	for (size_t i = 0; i < dp.n_nodes; i++)
		if (dp.engine.connsets[i] != NULL)
			ck_assert_uint_eq(dp.engine.connsets[i]->n_held, 0);
	data_path_end(&dp);
}

/* Another node gets all that there was, and the command that was refused. */
static void expect_anew(uint16_t node, const char *opening, const char *words)
{
	connect_own(node);
	expect_first(own, opening);
	expect_first(own, array_of("set a 1"));
	expect(own, array_of(words));
}

static void refuse_exec(const char *refusal)
{
	ask("exec", "");
	expect(own, array_of("EXEC"));
	say(own, refusal);
	expect(dp.client, "");
}

static void exec_there(const char *reply)
{
	expect(own, array_of("EXEC"));
	say(own, reply);
	expect(dp.client, reply);
	end();
}

/* ------------------------------------------------------------------ transactions */

START_TEST(a_first_command_that_is_moved_begins_anew)
{
	begin(true);
	struct fake_peer *before = own;
	say(own, "+OK\r\n" TO_B);
	ck_assert_int_eq(before->state, FAKE_CLOSED);
	expect(dp.client, "");
	connect_own(1);
	expect_first(own, OPENED);
	expect(own, array_of("set a 1"));
	say(own, "+OK\r\n" QUEUED);
	expect(dp.client, QUEUED);
	ask("exec", "");
	exec_there(DONE);
}
END_TEST

START_TEST(what_was_queued_goes_along)
{
	begin_queued(true);
	ask("incr a", "");
	expect(own, array_of("incr a"));
	say(own, TO_B);
	expect_anew(1, OPENED, "incr a");
	say(own, "+OK\r\n" QUEUED QUEUED);
	expect(dp.client, QUEUED);
	ask("exec", "");
	exec_there("*2\r\n+OK\r\n:2\r\n");
}
END_TEST

START_TEST(exec_that_is_moved_takes_all_along)
{
	begin_queued(true);
	refuse_exec(TO_B);
	expect_anew(1, OPENED, "EXEC");
	say(own, "+OK\r\n" QUEUED DONE);
	expect(dp.client, DONE);
	end();
}
END_TEST

/* In one write, as pipelining clients do: what is under way behind the refused one waits for it. */
START_TEST(a_pipelined_one_moves_whole)
{
	static const char *const words[] = {"set a 1", "incr a", "EXEC"};

	begin(true);
	say(dp.client, array_of("incr a"));
	say(dp.client, array_of("exec"));
	expect_first(own, array_of("incr a"));
	expect(own, array_of("EXEC"));
	say(own, "+OK\r\n" TO_B TO_B ABORTED);
	expect(dp.client, "");
	connect_own(1);
	expect_first(own, OPENED);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		expect_first(own, array_of(words[i]));
	expect(own, "");
	say(own, "+OK\r\n" QUEUED QUEUED "*2\r\n+OK\r\n:2\r\n");
	expect(dp.client, QUEUED QUEUED "*2\r\n+OK\r\n:2\r\n");
	end();
}
END_TEST

START_TEST(asking_goes_before_multi)
{
	begin_queued(true);
	refuse_exec(ASK_B);
	expect_anew(1, ASKING OPENED, "EXEC");
	say(own, "+OK\r\n+OK\r\n" QUEUED DONE);
	expect(dp.client, DONE);
	end();
}
END_TEST

START_TEST(keys_on_their_way_are_waited_for)
{
	static const char *const refusals[] = {"-TRYAGAIN no\r\n", "-CLUSTERDOWN no\r\n"};

	begin_queued(true);
	refuse_exec(refusals[_i]);
	fake_advance_ms(dp.loop, 40);
	expect_anew(0, OPENED, "EXEC");
	say(own, "+OK\r\n" QUEUED DONE);
	expect(dp.client, DONE);
	end();
}
END_TEST

/* To b and back again, each time with all there is. */
START_TEST(it_moves_more_than_once)
{
	begin(true);
	say(own, "+OK\r\n" TO_B);
	connect_own(1);
	expect_first(own, OPENED);
	expect(own, array_of("set a 1"));
	say(own, "+OK\r\n" TO_A);
	expect(dp.client, "");
	connect_own(0);
	expect_first(own, OPENED);
	expect(own, array_of("set a 1"));
	say(own, "+OK\r\n" QUEUED);
	expect(dp.client, QUEUED);
	ask("exec", "");
	exec_there(DONE);
}
END_TEST

/* What was answered QUEUED elsewhere is refused where it comes to: so all goes on from there. */
START_TEST(what_was_queued_may_be_refused_too)
{
	begin_queued(true);
	refuse_exec("-TRYAGAIN no\r\n");
	fake_advance_ms(dp.loop, 40);
	expect_anew(0, OPENED, "EXEC");
	say(own, "+OK\r\n" ASK_B ABORTED);
	expect(dp.client, "");
	expect_anew(1, ASKING OPENED, "EXEC");
	say(own, "+OK\r\n+OK\r\n" QUEUED DONE);
	expect(dp.client, DONE);
	end();
}
END_TEST

/* Any other error of it is the server's matter, which tells of it at the end. */
START_TEST(what_was_queued_here_may_be_wrong)
{
	serve(true);
	ask("multi", "+OK\r\n");
	ask("echo x", QUEUED);
	ask("set a 1", "");
	connect_own(0);
	expect_first(own, OPENED);
	expect_first(own, array_of("echo x"));
	expect(own, array_of("set a 1"));
	say(own, "+OK\r\n-NOPERM no\r\n" QUEUED);
	expect(dp.client, QUEUED);
	ask("exec", "");
	exec_there(ABORTED);
}
END_TEST

START_TEST(a_demoted_primary_is_left_for_the_next)
{
	static const char *const refusals[] = {
		READONLY,
		"-LOADING no\r\n",
		"-EXECABORT Transaction discarded because of: READONLY You can't write\r\n",
	};

	begin_queued(false);
	refuse_exec(refusals[_i]);
	move_to_d();
	expect_first(own, OPENED);
	expect_first(own, array_of("set a 1"));
	expect(own, array_of("EXEC"));
	say(own, "+OK\r\n" QUEUED DONE);
	expect(dp.client, DONE);
	end();
}
END_TEST

/* Between two commands, and under one that surely has not run. */
START_TEST(a_lost_connection_is_made_again_before_exec)
{
	begin_queued(false);
	if (_i == 1)
		ask("incr a", "");
	fake_end(own, -ECONNRESET);
	fake_settle(dp.loop);
	expect(dp.client, "");
	if (_i == 0)
		ask("incr a", "");
	fake_advance_ms(dp.loop, 20);
	expect_anew(0, OPENED, "incr a");
	say(own, "+OK\r\n" QUEUED QUEUED);
	expect(dp.client, QUEUED);
	ask("exec", "");
	exec_there("*2\r\n+OK\r\n:2\r\n");
}
END_TEST

START_TEST(exec_that_may_have_run_is_not_sent_again)
{
	begin_queued(true);
	ask("exec", "");
	expect(own, array_of("EXEC"));
	fake_end(own, -ECONNRESET);
	fake_settle(dp.loop);
	expect(dp.client, "-ERR slipring: shard a: connection to a:7000 lost; the command may have "
			  "run\r\n");
	fake_advance_ms(dp.loop, HOLD_MS);
	expect(dp.client, "");
	end();
}
END_TEST

/* Nor where the commands before it are not answered yet, whatever pool it is. */
START_TEST(nor_is_a_pipelined_one)
{
	if (_i == 0) {
		begin(true);
	} else {
		data_path_serve_redis(&dp);
		ask("multi", "+OK\r\n");
		ask("set a 1", "");
		connect_own(0);
	}
	say(dp.client, array_of("exec"));
	fake_end(own, -ECONNRESET);
	fake_advance_ms(dp.loop, HOLD_MS);
	for (int i = 0; i < 2; i++)
		expect_first(dp.client, "-ERR slipring: shard a: connection to a:7000 lost; the "
					"command may have run\r\n");
	expect(dp.client, "");
	end();
}
END_TEST

/* Its client is told what the node said; the rest is as at a server after an error. */
START_TEST(it_waits_for_hold_time_at_most)
{
	begin(false);
	say(dp.client, array_of("incr a"));
	say(own, "+OK\r\n" READONLY READONLY);
	ask("exec", "");
	for (int i = 0; i < HOLD_MS / 100; i++) {
		fake_advance_ms(dp.loop, 100);
		if (data_path_server(&dp, 0)->state != FAKE_CONNECTING)
			continue;
		connect_own(0);
		say(own, "+OK\r\n" READONLY READONLY ABORTED);
	}
	fake_advance_ms(dp.loop, 300);
	expect(dp.client, READONLY QUEUED ABORTED);
	end();
}
END_TEST

/* What was wrong before is told, though nobody takes the DISCARD for it. */
START_TEST(a_wrong_one_that_finds_no_node_is_aborted)
{
	begin_queued(false);
	say(dp.client, array_of("set b 1"));
	expect_first(dp.client, "-CROSSSLOT ");
	fake_take(dp.client, fake_got(dp.client).len);
	ask("exec", "");
	expect(own, array_of("DISCARD"));
	say(own, "-LOADING no\r\n");
	for (int i = 0; i < 2 * HOLD_MS / 100; i++)
		fake_advance_ms(dp.loop, 100);
	expect(dp.client, ABORTED);
	end();
}
END_TEST

START_TEST(errors_of_a_command_stay_the_clients)
{
	begin(true);
	say(own, "+OK\r\n-ERR wrong number of arguments for 'set' command\r\n");
	expect(dp.client, "-ERR wrong number of arguments for 'set' command\r\n");
	ask("exec", "");
	exec_there(ABORTED);
}
END_TEST

/* More than is kept: the node's own word is all there is. */
START_TEST(a_long_one_stays_where_it_is)
{
	char value[40000], words[40100];

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	snprintf(words, sizeof(words), "set a %s", value);
	begin_queued(true);
	for (int i = 0; i < 2; i++) {
		say(dp.client, array_of(words));
		expect(own, array_of(words));
		say(own, QUEUED);
		expect(dp.client, QUEUED);
	}
	ask("incr a", "");
	expect(own, array_of("incr a"));
	say(own, TO_B);
	expect(dp.client, TO_B);
	ask("exec", "");
	exec_there(ABORTED);
}
END_TEST

START_TEST(discard_ends_one_that_moved)
{
	begin(true);
	say(dp.client, array_of("discard"));
	expect(own, array_of("DISCARD"));
	say(own, "+OK\r\n" TO_B "+OK\r\n");
	expect_anew(1, OPENED, "DISCARD");
	say(own, "+OK\r\n" QUEUED "+OK\r\n");
	expect(dp.client, QUEUED "+OK\r\n");
	end();
}
END_TEST

START_TEST(a_client_leaves_while_it_waits)
{
	begin(false);
	say(dp.client, array_of("incr a"));
	if (_i == 1)
		say(dp.client, array_of("exec"));
	say(own, "+OK\r\n" READONLY READONLY);
	fake_end(dp.client, -ECONNRESET);
	fake_advance_ms(dp.loop, 40);
	end();
}
END_TEST

/* "EXEC x" ends it at once, though a command of it waits. */
START_TEST(a_wrong_exec_ends_what_waits)
{
	begin(false);
	say(own, "+OK\r\n" READONLY);
	ask("exec x", "");
	fake_advance_ms(dp.loop, 2 * HOLD_MS);
	expect_first(dp.client, "-ERR slipring: shard a: no primary within hold.time: ");
	expect_first(dp.client, "a:7000: connecting\r\n");
	expect(dp.client, "-EXECABORT Transaction discarded because of: wrong number of arguments "
			  "for 'exec' command\r\n");
	end();
}
END_TEST

/* ------------------------------------------------------------------ what is watched */

START_TEST(a_watch_is_moved)
{
	serve(true);
	ask("watch a", "");
	connect_own(0);
	expect(own, array_of("watch a"));
	say(own, _i == 0 ? TO_B : ASK_B);
	connect_own(1);
	if (_i == 1)
		expect_first(own, ASKING);
	expect(own, array_of("watch a"));
	say(own, _i == 0 ? "+OK\r\n" : "+OK\r\n+OK\r\n");
	expect(dp.client, "+OK\r\n");
	ask("get a", "");
	if (_i == 1)
		expect_first(own, ASKING);
	expect(own, array_of("get a"));
	say(own, _i == 0 ? "$1\r\n1\r\n" : "+OK\r\n$1\r\n1\r\n");
	expect(dp.client, "$1\r\n1\r\n");
	ask("multi", "+OK\r\n");
	ask("set a 2", "");
	if (_i == 1)
		expect_first(own, ASKING);
	expect_first(own, OPENED);
	expect(own, array_of("set a 2"));
	say(own, _i == 0 ? "+OK\r\n" QUEUED : "+OK\r\n+OK\r\n" QUEUED);
	expect(dp.client, QUEUED);
	ask("exec", "");
	exec_there(DONE);
}
END_TEST

START_TEST(what_is_read_next_waits_for_the_watch)
{
	serve(true);
	ask("watch a", "");
	ask("get a", "");
	expect(dp.a, "");
	connect_own(0);
	expect(own, array_of("watch a"));
	say(own, "+OK\r\n");
	expect(own, array_of("get a"));
	say(own, "$-1\r\n");
	expect(dp.client, "+OK\r\n$-1\r\n");
	ask("unwatch", "");
	expect(own, array_of("UNWATCH"));
	say(own, "+OK\r\n");
	expect(dp.client, "+OK\r\n");
	end();
}
END_TEST

/* The node that it was watched at cannot tell of a change any more. */
START_TEST(after_a_move_exec_does_nothing)
{
	begin_watched();
	ask("multi", "+OK\r\n");
	ask("set a 2", "");
	expect_first(own, OPENED);
	expect(own, array_of("set a 2"));
	say(own, "+OK\r\n" TO_B);
	expect(dp.client, QUEUED);
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	ask("incr a", QUEUED);
	ask("exec", NOTHING);
	end();
}
END_TEST

START_TEST(nor_does_it_where_all_is_under_way)
{
	begin_watched();
	say(dp.client, array_of("multi"));
	say(dp.client, array_of("set a 2"));
	say(dp.client, array_of(_i == 0 ? "exec" : "discard"));
	expect_first(own, OPENED);
	expect_first(own, array_of("set a 2"));
	expect(own, array_of(_i == 0 ? "EXEC" : "DISCARD"));
	say(own, "+OK\r\n" TO_B ABORTED);
	expect_first(dp.client, "+OK\r\n" QUEUED);
	expect(dp.client, _i == 0 ? NOTHING : "+OK\r\n");
	end();
}
END_TEST

START_TEST(a_watched_key_that_is_read_elsewhere_has_moved)
{
	begin_watched();
	ask("get a", "");
	expect(own, array_of("get a"));
	say(own, TO_B);
	expect(dp.b, array_of("get a"));
	say(dp.b, "$1\r\n1\r\n");
	expect(dp.client, "$1\r\n1\r\n");
	ask("watch a", "+OK\r\n");
	ask("multi", "+OK\r\n");
	ask("set a 2", QUEUED);
	ask("exec", NOTHING);
	ck_assert_int_eq(own->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(unwatch_makes_it_as_new)
{
	begin_watched();
	ask("get a", "");
	expect(own, array_of("get a"));
	say(own, TO_B);
	expect(dp.b, array_of("get a"));
	say(dp.b, "$1\r\n1\r\n");
	expect(dp.client, "$1\r\n1\r\n");
	ask("unwatch", "+OK\r\n");
	ask("multi", "+OK\r\n");
	ask("exec", "*0\r\n");
	end();
}
END_TEST

/* ------------------------------------------------------------------ what blocks */

static void begin_blocked(bool is_cluster)
{
	serve(is_cluster);
	ask("blpop a 0", "");
	connect_own(0);
	expect(own, array_of("blpop a 0"));
}

static void pop(void)
{
	say(own, "*2\r\n$1\r\na\r\n$1\r\nx\r\n");
	expect(dp.client, "*2\r\n$1\r\na\r\n$1\r\nx\r\n");
	end();
}

START_TEST(a_command_that_blocks_is_moved)
{
	begin_blocked(true);
	fake_advance_ms(dp.loop, 5000);
	say(own, _i == 0 ? TO_B : ASK_B);
	expect(dp.client, "");
	ck_assert_uint_eq(dp.engine.connsets[0]->n_idle, 1);
	connect_own(1);
	if (_i == 1)
		expect_first(own, ASKING);
	expect(own, array_of("blpop a 0"));
	if (_i == 1)
		say(own, "+OK\r\n");
	pop();
}
END_TEST

START_TEST(it_goes_to_the_next_primary)
{
	static const char *const refusals[] = {READONLY, UNBLOCKED};

	begin_blocked(false);
	say(own, refusals[_i]);
	expect(dp.client, "");
	move_to_d();
	expect(own, array_of("blpop a 0"));
	pop();
}
END_TEST

START_TEST(it_waits_for_a_node_that_is_away)
{
	serve(false);
	fake_end(dp.a, STREAM_EOF);
	fake_settle(dp.loop);
	ask("blpop a 0", "");
	fake_advance_ms(dp.loop, BACKOFF_FIRST_MS);
	data_path_connect(&dp, 0);
	fake_advance_ms(dp.loop, 20);
	connect_own(0);
	expect(own, array_of("blpop a 0"));
	pop();
}
END_TEST

START_TEST(one_that_was_unblocked_is_told)
{
	begin_blocked(false);
	say(own, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
	expect(dp.client, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
	end();
}
END_TEST

START_TEST(its_client_leaves_while_it_waits_for_a_node)
{
	begin_blocked(false);
	say(own, READONLY);
	fake_end(dp.client, -ECONNRESET);
	fake_advance_ms(dp.loop, 40);
	end();
}
END_TEST

static void add_transactions(TCase *tcase)
{
	tcase_add_test(tcase, a_first_command_that_is_moved_begins_anew);
	tcase_add_test(tcase, what_was_queued_goes_along);
	tcase_add_test(tcase, exec_that_is_moved_takes_all_along);
	tcase_add_test(tcase, a_pipelined_one_moves_whole);
	tcase_add_test(tcase, asking_goes_before_multi);
	tcase_add_loop_test(tcase, keys_on_their_way_are_waited_for, 0, 2);
	tcase_add_test(tcase, it_moves_more_than_once);
	tcase_add_test(tcase, what_was_queued_may_be_refused_too);
	tcase_add_test(tcase, what_was_queued_here_may_be_wrong);
	tcase_add_loop_test(tcase, a_demoted_primary_is_left_for_the_next, 0, 3);
	tcase_add_loop_test(tcase, a_lost_connection_is_made_again_before_exec, 0, 2);
	tcase_add_test(tcase, exec_that_may_have_run_is_not_sent_again);
	tcase_add_loop_test(tcase, nor_is_a_pipelined_one, 0, 2);
	tcase_add_test(tcase, it_waits_for_hold_time_at_most);
	tcase_add_test(tcase, a_wrong_one_that_finds_no_node_is_aborted);
	tcase_add_test(tcase, errors_of_a_command_stay_the_clients);
	tcase_add_test(tcase, a_long_one_stays_where_it_is);
	tcase_add_test(tcase, discard_ends_one_that_moved);
	tcase_add_loop_test(tcase, a_client_leaves_while_it_waits, 0, 2);
	tcase_add_test(tcase, a_wrong_exec_ends_what_waits);
}

static void add_watches(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_watch_is_moved, 0, 2);
	tcase_add_test(tcase, what_is_read_next_waits_for_the_watch);
	tcase_add_test(tcase, after_a_move_exec_does_nothing);
	tcase_add_loop_test(tcase, nor_does_it_where_all_is_under_way, 0, 2);
	tcase_add_test(tcase, a_watched_key_that_is_read_elsewhere_has_moved);
	tcase_add_test(tcase, unwatch_makes_it_as_new);
}

Suite *client_moves_suite(void)
{
	Suite *suite = suite_create("client_moves");
	TCase *tcase = tcase_create("client_moves");

	add_transactions(tcase);
	add_watches(tcase);
	tcase_add_loop_test(tcase, a_command_that_blocks_is_moved, 0, 2);
	tcase_add_loop_test(tcase, it_goes_to_the_next_primary, 0, 2);
	tcase_add_test(tcase, it_waits_for_a_node_that_is_away);
	tcase_add_test(tcase, one_that_was_unblocked_is_told);
	tcase_add_test(tcase, its_client_leaves_while_it_waits_for_a_node);
	suite_add_tcase(suite, tcase);
	return suite;
}
