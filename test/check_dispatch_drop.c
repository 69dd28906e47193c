#include "plan/drop.h"

#include <check.h>
#include <errno.h>

#include "data_path.h"
#include "suites.h"

#define REFUSAL "SERVER_ERROR object too large for cache\r\n"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(void)
{
	data_path_serve(&dp,
			(struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .request = 4});
}

static void kill_a(void)
{
	fake_end(dp.a, STREAM_EOF);
	fake_advance_ms(dp.loop, 50);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
}

/* At the limit it is set; over it the old value goes before the client hears of it. */
START_TEST(a_set_that_is_too_large_deletes_the_key_first)
{
	say(dp.client, "set a 0 0 4\r\nabcd\r\n");
	data_path_pass(&dp, dp.a, "set a 0 0 4\r\nabcd\r\n", "STORED\r\n");
	say(dp.client, "set a 0 0 5\r\nab");
	expect(dp.a, "delete a\r\n");
	expect(dp.client, "");
	say(dp.client, "cde\r\nget a\r\n");
	answer_to(dp.a, "get a\r\n", "DELETED\r\n");
	expect(dp.client, REFUSAL);
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
	expect(dp.b, "");
	ck_assert_uint_eq(data_path_count(&dp, STAT_COMMANDS_INVALID), 1);
}
END_TEST

static const char *const replies[] = {"DELETED\r\n", "NOT_FOUND\r\n", "SERVER_ERROR no\r\n",
				      "ERROR\r\n"};

START_TEST(the_refusal_is_the_same_whatever_the_node_says)
{
	say(dp.client, "set b 0 0 5 noreply\r\nabcde\r\nset b 1 2 5\r\nabcde\r\n");
	answer_to(dp.b, "delete b\r\ndelete b\r\n", replies[_i]);
	expect(dp.client, "");
	say(dp.b, replies[_i]);
	expect(dp.client, REFUSAL);
}
END_TEST

START_TEST(it_is_the_same_where_the_delete_fails)
{
	say(dp.client, "set a 0 0 5\r\nabcde\r\n");
	expect(dp.a, "delete a\r\n");
	kill_a();
	expect(dp.client, REFUSAL);
	say(dp.client, "set a 0 0 5\r\nabcde\r\nget b\r\n");
	expect(dp.client, REFUSAL);
	say(dp.b, "END\r\n");
	expect(dp.client, "END\r\n");
}
END_TEST

START_TEST(a_client_that_leaves_has_its_key_deleted)
{
	say(dp.client, "set a 0 0 5\r\nab");
	expect(dp.a, "delete a\r\n");
	hang_up(dp.client, -ECONNRESET);
	say(dp.a, "DELETED\r\n");
}
END_TEST

static const struct {
	const char *set, *delete;
} meta[] = {
	{"ms a 5\r\nabcde\r\n", "delete a\r\n"},
	{"ms a 5 q O1 k MA\r\nabcde\r\n", "delete a\r\n"},
	{"ms YQ== 5 b T0\r\nabcde\r\n", "md YQ== b\r\n"},
};

/* memcached removes the item whatever the mode, and says what is wrong in spite of q. */
START_TEST(a_meta_set_that_is_too_large_deletes_the_key_first)
{
	say(dp.client, meta[_i].set);
	expect(dp.a, meta[_i].delete);
	expect(dp.client, "");
	say(dp.client, "mg a v\r\n");
	answer_to(dp.a, "mg a v\r\n", "HD\r\nEN\r\n");
	expect(dp.client, REFUSAL "EN\r\n");
}
END_TEST

static const char *const others[] = {
	"add a 0 0 5\r\nabcde\r\n",    "replace a 0 0 5\r\nabcde\r\n",
	"append a 0 0 5\r\nabcde\r\n", "prepend a 0 0 5\r\nabcde\r\n",
	"cas a 0 0 5 1\r\nabcde\r\n",
};

/* They leave the item as it is when they fail, and so does memcached. */
START_TEST(what_is_no_set_deletes_nothing)
{
	say(dp.client, others[_i]);
	expect(dp.client, REFUSAL);
	expect(dp.a, "");
}
END_TEST

static const struct {
	const char *command, *reply;
} wrong[] = {
	{"set a 0 0 x\r\n", "CLIENT_ERROR bad command line format\r\n"},
	{"set a 0 0 2147483646\r\n", "CLIENT_ERROR bad command line format\r\n"},
	{"set a 0 0 4\r\nabcdef", "CLIENT_ERROR bad data chunk\r\n"},
};

START_TEST(a_set_that_is_wrong_deletes_nothing)
{
	say(dp.client, wrong[_i].command);
	expect(dp.client, wrong[_i].reply);
	expect(dp.a, "");
	data_path_fini(&dp);
}
END_TEST

Suite *dispatch_drop_suite(void)
{
	Suite *suite = suite_create("dispatch_drop");
	TCase *tcase = tcase_create("drop");

	tcase_add_checked_fixture(tcase, begin, tear_down);
	tcase_add_test(tcase, a_set_that_is_too_large_deletes_the_key_first);
	tcase_add_loop_test(tcase, the_refusal_is_the_same_whatever_the_node_says, 0,
			    ARRAY_LEN(replies));
	tcase_add_test(tcase, it_is_the_same_where_the_delete_fails);
	tcase_add_test(tcase, a_client_that_leaves_has_its_key_deleted);
	tcase_add_loop_test(tcase, a_meta_set_that_is_too_large_deletes_the_key_first, 0,
			    ARRAY_LEN(meta));
	tcase_add_loop_test(tcase, what_is_no_set_deletes_nothing, 0, ARRAY_LEN(others));
	tcase_add_loop_test(tcase, a_set_that_is_wrong_deletes_nothing, 0, ARRAY_LEN(wrong));
	suite_add_tcase(suite, tcase);
	return suite;
}
