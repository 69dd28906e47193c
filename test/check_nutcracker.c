#include "cli/nutcracker.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suites.h"

static struct nutcracker nutcracker;
static struct findings findings;

static void set_up(void)
{
	findings = (struct findings){.file = "f"};
}

static void tear_down(void)
{
	nutcracker_free(&nutcracker);
	findings_free(&findings);
}

static void read_text(const char *text)
{
	char path[] = "/tmp/check_nutcracker.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	nutcracker_read(path, &nutcracker, &findings);
	unlink(path);
}

static const struct {
	const char *server, *name, *address;
	int64_t weight; /* 0: it is refused */
} servers[] = {
	{"10.0.0.1:11211:1", "10.0.0.1", "10.0.0.1:11211", 1},
	{"10.0.0.1:11212:2", "10.0.0.1:11212", "10.0.0.1:11212", 2},
	{"10.0.0.1:011211:1", "10.0.0.1", "10.0.0.1:011211", 1},
	{"10.0.0.1:11211:3 a name", "name", NULL, 0},
	{"10.0.0.1:11211:3 n", "n", "10.0.0.1:11211", 3},
	{"/run/s:1", "/run/s:", "unix:/run/s", 1},
	{"/run/s:1 n", "n", "unix:/run/s", 1},
	{"::1:11211:1", "::1", "[::1]:11211", 1},
	{"::1:7:1", "::1:7", "[::1]:7", 1},
	{"10.0.0.1:11211", NULL, NULL, 0},
	{"10.0.0.1", NULL, NULL, 0},
	{"10.0.0.1:11211:0", NULL, NULL, 0},
	{"10.0.0.1:11211:-1", NULL, NULL, 0},
	{"10.0.0.1:0:1", NULL, NULL, 0},
	{"10.0.0.1:65536:1", NULL, NULL, 0},
	{":1", NULL, NULL, 0},
	{"::1", NULL, NULL, 0},
	{"", NULL, NULL, 0},
	{" ", NULL, NULL, 0},
	{"a:1:1 ", NULL, NULL, 0},
};

START_TEST(servers_have_twemproxys_labels)
{
	char text[256];

	snprintf(text, sizeof(text), "p:\n  listen: a:1\n  servers:\n    - '%s'\n",
		 servers[_i].server);
	read_text(text);
	ck_assert_uint_eq(findings.n_errors, servers[_i].weight == 0);
	if (servers[_i].weight == 0)
		return;
	const struct nutcracker_server *server = &nutcracker.pools[0].servers[0];
	ck_assert_str_eq(server->name, servers[_i].name);
	ck_assert_str_eq(server->address, servers[_i].address);
	ck_assert_int_eq(server->weight, servers[_i].weight);
}
END_TEST

START_TEST(servers_stand_in_twemproxys_order)
{
	static const char *const order[] = {"a", "b", "aa", "zz", "aaa"};

	read_text("p:\n  listen: a:1\n  servers: [h:1:1 zz, h:2:1 b, h:3:1 aaa, h:4:1 aa, h:5:1 "
		  "a]\n");
	ck_assert_uint_eq(findings.n_errors, 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		ck_assert_str_eq(nutcracker.pools[0].servers[i].name, order[i]);
}
END_TEST

START_TEST(what_is_not_given_is_unset)
{
	read_text("p:\n  listen: a:1\n  servers: [h:1:1]\n");
	const struct nutcracker_pool *pool = &nutcracker.pools[0];
	ck_assert_ptr_null(pool->hash);
	ck_assert_int_eq(pool->timeout, NUTCRACKER_UNSET);
	ck_assert_int_eq(pool->redis, NUTCRACKER_UNSET);
	ck_assert_int_eq(pool->tcpkeepalive, NUTCRACKER_UNSET);
}
END_TEST

static const struct {
	const char *text, *address;
} addresses[] = {
	{"127.0.0.1:1", "127.0.0.1:1"},
	{"h:1", "h:1"},
	{"/run/s", "unix:/run/s"},
	{"::1:1", "[::1]:1"},
	{"h", NULL},
	{"h:", NULL},
	{"", NULL},
	{":1", NULL},
	{"h:99999", NULL},
};

START_TEST(addresses_become_ours)
{
	char *address = nutcracker_address(span_of(addresses[_i].text));

	ck_assert_pstr_eq(address, addresses[_i].address);
	free(address);
}
END_TEST

START_TEST(an_address_too_long_is_none)
{
	char text[400];

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text + sizeof(text) - 3, ":1", 3);
	ck_assert_ptr_null(nutcracker_address(span_of(text)));
	text[0] = '/';
	ck_assert_ptr_null(nutcracker_address(span_of(text)));
}
END_TEST

Suite *nutcracker_suite(void)
{
	Suite *suite = suite_create("nutcracker");
	TCase *tc = tcase_create("nutcracker");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, servers_have_twemproxys_labels, 0, ARRAY_LEN(servers));
	tcase_add_test(tc, servers_stand_in_twemproxys_order);
	tcase_add_test(tc, what_is_not_given_is_unset);
	tcase_add_loop_test(tc, addresses_become_ours, 0, ARRAY_LEN(addresses));
	tcase_add_test(tc, an_address_too_long_is_none);
	suite_add_tcase(suite, tc);
	return suite;
}
