#include <check.h>
#include <string.h>

#include "control/config.h"
#include "suites.h"
#include "told.h"

#define POOLS "pools: {p: {protocol: redis, listen: a:1, shards: [b:1]}}\n"

static struct told told;

static void tear_down(void)
{
	told_free(&told);
}

START_TEST(reads_what_dns_has)
{
	struct config *config = told_parse_well(
		&told, POOLS "dns: {servers: [10.0.0.2, 10.0.0.3:5353, \"::1\", \"[::1]:5353\"], "
			     "min_ttl: 2s, max_ttl: 2s}\n");

	ck_assert_uint_eq(config->dns_servers.n, 4);
	ck_assert_str_eq(config->dns_servers.v[1], "10.0.0.3:5353");
	ck_assert_uint_eq(config->dns_min_ttl_ms, 2000);
	ck_assert_uint_eq(config->dns_max_ttl_ms, 2000);
	config_free(config);
}
END_TEST

START_TEST(one_server_needs_no_list)
{
	struct config *config = told_parse_well(&told, POOLS "dns: {servers: 10.0.0.2}\n");

	ck_assert_uint_eq(config->dns_servers.n, 1);
	config_free(config);
}
END_TEST

static const struct {
	const char *yaml, *error;
} wrong[] = {
	{"dns: 10.0.0.2\n",
	 "f:2:6: dns: it is a text; expected a map of min_ttl, max_ttl, servers"},
	{"dns: {server: 10.0.0.2}\n", "f:2:7: dns.server: unknown key; did you mean 'servers'?"},
	{"dns: {servers: []}\n", "f:2:16: dns.servers: it is a list; expected IP, IP:PORT or "},
	{"dns: {servers: ns.example}\n", "f:2:16: dns.servers: 'ns.example' is not valid; expected "
					 "IP, IP:PORT or [IPV6]:PORT, or a "
					 "list of them; port 53 without one"},
	{"dns: {servers: [10.0.0.2, ns.example:53]}\n", "f:2:27: dns.servers[1]: 'ns.example:53'"},
	{"dns: {servers: 10.0.0.2:0}\n", "'10.0.0.2:0' is not valid"},
	{"dns: {servers: 10.0.0.2:65536}\n", "'10.0.0.2:65536' is not valid"},
	{"dns: {servers: \"[10.0.0.2]:53\"}\n", "'[10.0.0.2]:53' is not valid"},
	{"dns: {servers: unix:/x}\n", "'unix:/x' is not valid"},
	{"dns: {servers: 10.0.0.256}\n", "'10.0.0.256' is not valid"},
	{"dns: {servers: [10.0.0.2, 10.0.0.3, 10.0.0.2]}\n",
	 "f:2:37: dns.servers[2]: '10.0.0.2' is used by dns.servers[0] already"},
	{"dns: {min_ttl: 0s}\n", "f:2:16: dns.min_ttl: '0s' is not valid; expected a duration"},
	{"dns: {max_ttl: 25h}\n", "f:2:16: dns.max_ttl: '25h' is not valid; expected a duration"},
	{"dns: {min_ttl: 6m}\n", "f:2:16: dns.min_ttl: more than 'dns.max_ttl', 5m; expected less"},
	{"dns: {max_ttl: 999ms}\n",
	 "f:2:16: dns.max_ttl: less than 'dns.min_ttl', 1s; expected more"},
	{"dns: {min_ttl: 2s, max_ttl: 1s}\n",
	 "f:2:16: dns.min_ttl: more than 'dns.max_ttl', 1s; expected less"},
};

START_TEST(says_what_is_wrong)
{
	char yaml[512] = POOLS;

	strcat(yaml, wrong[_i].yaml);
	told_expect_refused(&told, told_parse(&told, yaml), wrong[_i].error);
}
END_TEST

Suite *config_dns_suite(void)
{
	Suite *suite = suite_create("config_dns");
	TCase *tcase = tcase_create("config_dns");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, reads_what_dns_has);
	tcase_add_test(tcase, one_server_needs_no_list);
	tcase_add_loop_test(tcase, says_what_is_wrong, 0, ARRAY_LEN(wrong));
	suite_add_tcase(suite, tcase);
	return suite;
}
