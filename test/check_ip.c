#include "io/ip.h"

#include <check.h>

#include "suites.h"

static const struct {
	const char *text, *canonical; /* NULL: no address */
} texts[] = {
	{"10.0.0.1", "10.0.0.1"},
	{"255.255.255.255", "255.255.255.255"},
	{"::1", "::1"},
	{"2001:DB8:0:0::1", "2001:db8::1"},
	{"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
	{"10.0.0.256", NULL},
	{"10.0.1", NULL},
	{"1", NULL},
	{"", NULL},
	{":", NULL},
	{"[::1]", NULL},
	{"a.example", NULL},
	{"10.0.0.1 ", NULL},
};

START_TEST(takes_addresses_apart)
{
	struct ip ip;
	bool is_ip = ip_parse(texts[_i].text, &ip);

	ck_assert_msg(is_ip == (texts[_i].canonical != NULL), "%s", texts[_i].text);
	if (is_ip)
		ck_assert_str_eq(ip.text, texts[_i].canonical);
}
END_TEST

START_TEST(the_order_is_ipv4_first_then_by_number)
{
	static const char *const sorted[] = {"9.0.0.1", "10.0.0.1",	  "10.0.0.2",
					     "::1",	"::ffff:1.1.1.1", "fe80::1"};
	static const char *const shuffled[] = {"fe80::1",	 "10.0.0.2", "::1",	 "10.0.0.1",
					       "::ffff:1.1.1.1", "9.0.0.1",  "10.0.0.2", "::1"};
	struct ip ips[ARRAY_LEN(shuffled)];

	for (size_t i = 0; i < ARRAY_LEN(shuffled); i++)
		ck_assert(ip_parse(shuffled[i], &ips[i]));
	ck_assert_uint_eq(ip_sort(ips, ARRAY_LEN(shuffled)), ARRAY_LEN(sorted));
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		ck_assert_str_eq(ips[i].text, sorted[i]);
	ck_assert_uint_eq(ip_sort(ips, 0), 0);
}
END_TEST

Suite *ip_suite(void)
{
	Suite *suite = suite_create("ip");
	TCase *tcase = tcase_create("ip");

	tcase_add_loop_test(tcase, takes_addresses_apart, 0, ARRAY_LEN(texts));
	tcase_add_test(tcase, the_order_is_ipv4_first_then_by_number);
	suite_add_tcase(suite, tcase);
	return suite;
}
