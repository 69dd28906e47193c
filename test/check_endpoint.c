#include <check.h>
#include <string.h>

#include "route/endpoint.h"
#include "suites.h"

static const struct {
	const char *text;
	uint16_t default_port;
	const char *host;
	uint16_t port;
	const char *canonical;
} good[] = {
	{"cache-1.internal:11211", 0, "cache-1.internal", 11211, "cache-1.internal:11211"},
	{"cache-1", 11211, "cache-1", 11211, "cache-1:11211"},
	{"cache_1:1", 11211, "cache_1", 1, "cache_1:1"},
	{"127.0.0.1:65535", 0, "127.0.0.1", 65535, "127.0.0.1:65535"},
	{"[::1]:6379", 0, "::1", 6379, "[::1]:6379"},
	{"[fe80::1%eth0]", 6379, "fe80::1%eth0", 6379, "[fe80::1%eth0]:6379"},
	{"*:6379", 0, "*", 6379, "*:6379"},
	{"unix:/run/a.sock", 0, "/run/a.sock", 0, "unix:/run/a.sock"},
	{"unix:/run/a b:c.sock", 11211, "/run/a b:c.sock", 0, "unix:/run/a b:c.sock"},
};

START_TEST(takes_addresses_apart_and_writes_them_again)
{
	struct address address;
	struct error error = {0};
	char text[ADDRESS_TEXT_MAX];
	int result = address_parse(good[_i].text, good[_i].default_port, &address, &error);

	ck_assert_msg(result == 0, "%s", error.text);
	ck_assert_str_eq(address.host, good[_i].host);
	ck_assert_uint_eq(address.port, good[_i].port);
	ck_assert_int_eq(address.is_unix, good[_i].port == 0);
	address_format(&address, text);
	ck_assert_str_eq(text, good[_i].canonical);
	ck_assert_int_eq(address_parse(text, 0, &address, &error), 0);
}
END_TEST

static const struct {
	const char *text;
	uint16_t default_port;
	const char *says;
} bad[] = {
	{"", 11211, "is no address"},
	{"cache-1", 0, "no port"},
	{"[::1]", 0, "no port"},
	{":11211", 0, "is no address"},
	{"cache-1:", 11211, "'' is no port"},
	{"cache-1:0", 11211, "'0' is no port"},
	{"cache-1:65536", 11211, "'65536' is no port"},
	{"cache-1:+80", 11211, "'+80' is no port"},
	{"cache-1:80x", 11211, "'80x' is no port"},
	{"::1", 11211, "is no address"},
	{"fe80::1", 11211, "several colons"},
	{"a:1:2", 11211, "several colons"},
	{"[::1", 11211, "is no address"},
	{"[]:80", 11211, "is no address"},
	{"[::1]80", 11211, "is no address"},
	{"cache 1:80", 11211, "is no address"},
	{"http://cache-1:80", 11211, "several colons"},
	{"a,b:80", 11211, "is no address"},
	{"unix:", 11211, "the path is 0 bytes"},
};

START_TEST(refuses_what_is_no_address)
{
	struct address address;
	struct error error = {0};

	ck_assert_int_eq(address_parse(bad[_i].text, bad[_i].default_port, &address, &error), -1);
	ck_assert_msg(strstr(error.text, bad[_i].says) != NULL, "%s", error.text);
	ck_assert_msg(strstr(error.text, "expected") != NULL, "%s", error.text);
}
END_TEST

START_TEST(hosts_and_paths_have_limits)
{
	struct address address;
	struct error error;
	char text[ADDRESS_HOST_MAX + 16];

	memset(text, 'h', sizeof(text));
	text[ADDRESS_HOST_MAX] = '\0';
	ck_assert_int_eq(address_parse(text, 80, &address, &error), 0);
	memcpy(text + ADDRESS_HOST_MAX, "h", 2);
	ck_assert_int_eq(address_parse(text, 80, &address, &error), -1);

	/* A socket's path has 107 bytes where the host has 255. */
	memcpy(text, "unix:/", 6);
	text[5 + 107] = '\0';
	ck_assert_int_eq(address_parse(text, 80, &address, &error), 0);
	memcpy(text + 5 + 107, "h", 2);
	ck_assert_int_eq(address_parse(text, 80, &address, &error), -1);
}
END_TEST

Suite *endpoint_suite(void)
{
	Suite *suite = suite_create("endpoint");
	TCase *tcase = tcase_create("endpoint");

	tcase_add_loop_test(tcase, takes_addresses_apart_and_writes_them_again, 0, ARRAY_LEN(good));
	tcase_add_loop_test(tcase, refuses_what_is_no_address, 0, ARRAY_LEN(bad));
	tcase_add_test(tcase, hosts_and_paths_have_limits);
	suite_add_tcase(suite, tcase);
	return suite;
}
