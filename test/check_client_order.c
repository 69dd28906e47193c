#include <check.h>

#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

/* The order in which the servers of the commands GET a, GET b, GET c answer. */
static const char *const orders[] = {"abc", "acb", "bac", "bca", "cab", "cba"};

START_TEST(replies_in_request_order_whatever_order_servers_answer_in)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a\r\nget b\r\nget c\r\nget a\r\n");
	expect(dp.a, "get a\r\nget a\r\n");
	expect(dp.b, "get b\r\n");
	expect(dp.c, "get c\r\n");
	for (const char *p = orders[_i]; *p != '\0'; p++) {
		if (*p == 'a')
			say(dp.a, "VALUE a 0 1\r\n1\r\nEND\r\nVALUE a 0 1\r\n4\r\nEND\r\n");
		else if (*p == 'b')
			say(dp.b, "VALUE b 0 1\r\n2\r\nEND\r\n");
		else
			say(dp.c, "END\r\n");
	}
	expect(dp.client, "VALUE a 0 1\r\n1\r\nEND\r\n"
			  "VALUE b 0 1\r\n2\r\nEND\r\n"
			  "END\r\n"
			  "VALUE a 0 1\r\n4\r\nEND\r\n");
}
END_TEST

START_TEST(a_finished_reply_waits_for_the_ones_before_it)
{
	data_path_serve_redis(&dp);
	say(dp.client, "GET a\r\nPING\r\nGET b\r\n");
	say(dp.b, "$1\r\n2\r\n");
	expect(dp.client, "");
	say(dp.a, "$1\r\n1\r\n");
	expect(dp.client, "$1\r\n1\r\n+PONG\r\n$1\r\n2\r\n");
}
END_TEST

/* The client says it cut in two at each place, and byte by byte, each of which is answered. */
static void say_in_every_split(const char *pipeline, void (*answer)(void))
{
	size_t len = strlen(pipeline);

	for (size_t i = 0; i <= len; i++) {
		say_bytes(dp.client, span_make(pipeline, i));
		say_bytes(dp.client, span_make(pipeline + i, len - i));
		answer();
		check_engine_is_empty(&dp);
	}
	dp.client->read_max = 1;
	say(dp.client, pipeline);
	answer();
}

static const char mc_pipeline[] =
	"get a b\r\nset c 0 0 12\r\nvalue\r\nget x\r\nincr d 1\r\ndelete b noreply\r\n";
#define MC_TO_A	  "get a\r\nincr d 1\r\n"
#define MC_TO_B	  "get b\r\ndelete b\r\n"
#define MC_TO_C	  "set c 0 0 12\r\nvalue\r\nget x\r\n"
#define MC_ANSWER "VALUE b 0 1\r\n2\r\nEND\r\nSTORED\r\n5\r\n"

/* Servers answer what they have got, byte by byte. */
static void answer_memcached(void)
{
	expect(dp.a, MC_TO_A);
	expect(dp.b, MC_TO_B);
	expect(dp.c, MC_TO_C);
	dp.a->read_max = dp.b->read_max = dp.c->read_max = 1;
	say(dp.a, "END\r\n5\r\n");
	say(dp.b, "VALUE b 0 1\r\n2\r\nEND\r\nDELETED\r\n");
	say(dp.c, "STORED\r\n");
	expect(dp.client, MC_ANSWER);
	dp.a->read_max = dp.b->read_max = dp.c->read_max = SIZE_MAX;
}

START_TEST(every_split_of_memcached_bytes_gives_the_same)
{
	data_path_serve_memcached(&dp);
	say_in_every_split(mc_pipeline, answer_memcached);
}
END_TEST

static const char resp_pipeline[] =
	"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\nGET c\r\n*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$4\r\n"
	"\r\n\r\n\r\n*1\r\n$4\r\nPING\r\n";

static void answer_redis(void)
{
	expect(dp.a,
	       "*2\r\n$4\r\nmget\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$4\r\n\r\n\r\n\r\n");
	expect(dp.b, "*2\r\n$4\r\nmget\r\n$1\r\nb\r\n");
	expect(dp.c, "*2\r\n$3\r\nGET\r\n$1\r\nc\r\n");
	dp.a->read_max = dp.b->read_max = dp.c->read_max = 1;
	say(dp.b, "*1\r\n$2\r\n\r\n\r\n");
	say(dp.c, "$-1\r\n");
	say(dp.a, "*1\r\n$-1\r\n+OK\r\n");
	expect(dp.client, "*2\r\n$-1\r\n$2\r\n\r\n\r\n$-1\r\n+OK\r\n+PONG\r\n");
	dp.a->read_max = dp.b->read_max = dp.c->read_max = SIZE_MAX;
}

START_TEST(every_split_of_resp_bytes_gives_the_same)
{
	data_path_serve_redis(&dp);
	say_in_every_split(resp_pipeline, answer_redis);
}
END_TEST

Suite *client_order_suite(void)
{
	Suite *suite = suite_create("client_order");
	TCase *tcase = tcase_create("client_order");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, replies_in_request_order_whatever_order_servers_answer_in, 0,
			    ARRAY_LEN(orders));
	tcase_add_test(tcase, a_finished_reply_waits_for_the_ones_before_it);
	tcase_add_test(tcase, every_split_of_memcached_bytes_gives_the_same);
	tcase_add_test(tcase, every_split_of_resp_bytes_gives_the_same);
	suite_add_tcase(suite, tcase);
	return suite;
}
