#include <check.h>
#include <string.h>

#include "base/error.h"
#include "suites.h"

START_TEST(formats_and_returns_minus_one)
{
	struct error error;

	ck_assert_int_eq(error_set(&error, "port %d of %s", 7, "host"), -1);
	ck_assert_str_eq(error.text, "port 7 of host");
}
END_TEST

START_TEST(cuts_what_is_too_long)
{
	char big[2 * ERROR_TEXT_MAX];
	struct error error;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(error_set(&error, "%s", big), -1);
	ck_assert_uint_eq(strlen(error.text), ERROR_TEXT_MAX - 1);
}
END_TEST

START_TEST(replaces_what_was_there)
{
	struct error error;

	error_set(&error, "a longer text than the next");
	error_set(&error, "short");
	ck_assert_str_eq(error.text, "short");
}
END_TEST

Suite *error_suite(void)
{
	Suite *suite = suite_create("error");
	TCase *tc = tcase_create("error");

	tcase_add_test(tc, formats_and_returns_minus_one);
	tcase_add_test(tc, cuts_what_is_too_long);
	tcase_add_test(tc, replaces_what_was_there);
	suite_add_tcase(suite, tc);
	return suite;
}
