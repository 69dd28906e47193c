#include <check.h>

#include "data_path.h"
#include "suites.h"

/* Expiry times are changed in transactions too, and of inline commands. */

static struct data_path dp;

static void serve(void)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS,
						      .ttl = {.max_s = 60, .default_s = 30}});
}

START_TEST(what_is_queued_is_changed)
{
	serve();
	say(dp.client, "MULTI\r\nSET a x\r\nEXPIRE a 99\r\n");
	expect(dp.client, "+OK\r\n");
	data_path_connect(&dp, 0);
	struct fake_peer *own = data_path_server(&dp, 0);
	expect_first(own, array_of("MULTI"));
	expect_first(own, array_of("SET a x PX 30000"));
	expect(own, array_of("EXPIRE a 60"));
	say(own, "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
	expect(dp.client, "+QUEUED\r\n+QUEUED\r\n");
	say(dp.client, "EXEC\r\n");
	expect(own, array_of("EXEC"));
	say(own, "*2\r\n+OK\r\n:1\r\n");
	expect(dp.client, "*2\r\n+OK\r\n:1\r\n");
	data_path_end(&dp);
}
END_TEST

START_TEST(an_inline_command_is_changed)
{
	serve();
	say(dp.client, "set a \"x y\" ex 99\r\n");
	expect(dp.a, "*5\r\n$3\r\nset\r\n$1\r\na\r\n$3\r\nx y\r\n$2\r\nex\r\n$2\r\n60\r\n");
	say(dp.a, "+OK\r\n");
	expect(dp.client, "+OK\r\n");
	data_path_end(&dp);
}
END_TEST

/* The line's blanks and noreply go, its value stays. */
START_TEST(a_memcached_client_is_served_as_ever)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .ttl = {.max_s = 60}});
	say(dp.client, "  set a 0 99 3 noreply \r\n1\r2\r\nset a 0 -1 1\nx\r\nset a 0 x 1\r\n");
	expect(dp.a, "set a 0 60 3\r\n1\r2\r\nset a 0 -1 1\r\nx\r\n");
	say(dp.a, "STORED\r\nSTORED\r\n");
	expect(dp.client, "STORED\r\nCLIENT_ERROR bad command line format\r\n");
	data_path_end(&dp);
}
END_TEST

Suite *client_ttl_suite(void)
{
	Suite *suite = suite_create("client_ttl");
	TCase *tc = tcase_create("client_ttl");

	tcase_add_test(tc, what_is_queued_is_changed);
	tcase_add_test(tc, an_inline_command_is_changed);
	tcase_add_test(tc, a_memcached_client_is_served_as_ever);
	suite_add_tcase(suite, tc);
	return suite;
}
