#include "control/findings.h"

#include <check.h>

#include "suites.h"

static struct findings findings;
static struct text errors, warnings;

static void set_up(void)
{
	findings = (struct findings){.file = "f.yaml"};
}

static void tear_down(void)
{
	findings_free(&findings);
	text_free(&errors);
	text_free(&warnings);
}

static const char *told(const struct text *text)
{
	return text->p != NULL ? text->p : "";
}

START_TEST(nothing_found_is_nothing_told)
{
	findings_write(&findings, &errors, &warnings);
	ck_assert_str_eq(told(&errors), "");
	ck_assert_str_eq(told(&warnings), "");
}
END_TEST

START_TEST(tells_in_the_order_of_the_file)
{
	findings_error(&findings, (struct place){9, 1}, "c", "third");
	findings_error(&findings, (struct place){2, 7}, "b", "second");
	findings_error(&findings, (struct place){2, 3}, NULL, "first %d", 1);
	findings_error(&findings, (struct place){9, 1}, "d", "fourth");
	findings_error(&findings, (struct place){0, 0}, NULL, "the whole");
	findings_write(&findings, &errors, NULL);
	ck_assert_str_eq(told(&errors), "f.yaml: the whole\n"
					"f.yaml:2:3: first 1\n"
					"f.yaml:2:7: b: second\n"
					"f.yaml:9:1: c: third\n"
					"f.yaml:9:1: d: fourth\n");
	ck_assert_uint_eq(findings.n_errors, 5);
}
END_TEST

START_TEST(warnings_are_told_apart)
{
	findings_warning(&findings, (struct place){1, 2}, "a", "unwise");
	findings_error(&findings, (struct place){3, 4}, "b", "wrong");
	findings_write(&findings, &errors, &warnings);
	ck_assert_str_eq(told(&errors), "f.yaml:3:4: b: wrong\n");
	ck_assert_str_eq(told(&warnings), "f.yaml:1:2: warning: a: unwise\n");
	ck_assert_uint_eq(findings.n_errors, 1);
	ck_assert_uint_eq(findings.n_warnings, 1);
}
END_TEST

START_TEST(without_a_file_only_the_path_is_told)
{
	findings.file = NULL;
	findings_error(&findings, (struct place){0, 0}, "--redis", "wrong");
	findings_write(&findings, &errors, &warnings);
	ck_assert_str_eq(told(&errors), "--redis: wrong\n");
}
END_TEST

START_TEST(control_characters_are_escaped)
{
	findings_error(&findings, (struct place){1, 1}, "a\nb", "\x1b[2J '%s'", "\x7f");
	findings_write(&findings, &errors, &warnings);
	ck_assert_str_eq(told(&errors), "f.yaml:1:1: a\\x0ab: \\x1b[2J '\\x7f'\n");
}
END_TEST

START_TEST(very_many_are_counted)
{
	for (unsigned i = 0; i < FINDINGS_MAX + 7; i++)
		findings_error(&findings, (struct place){i + 1, 1}, NULL, "wrong");
	findings_write(&findings, &errors, &warnings);
	ck_assert_ptr_nonnull(strstr(told(&errors), "f.yaml:100:1: wrong\n"));
	ck_assert_ptr_null(strstr(told(&errors), "f.yaml:101:1: wrong\n"));
	ck_assert_ptr_nonnull(strstr(told(&errors), "f.yaml: and 7 more errors"));
}
END_TEST

START_TEST(a_long_text_is_cut)
{
	char big[5000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	findings_error(&findings, (struct place){1, 1}, big, "%s", big);
	findings_write(&findings, &errors, &warnings);
	ck_assert_uint_lt(errors.len, 1200);
}
END_TEST

Suite *findings_suite(void)
{
	Suite *suite = suite_create("findings");
	TCase *tc = tcase_create("findings");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, nothing_found_is_nothing_told);
	tcase_add_test(tc, tells_in_the_order_of_the_file);
	tcase_add_test(tc, warnings_are_told_apart);
	tcase_add_test(tc, without_a_file_only_the_path_is_told);
	tcase_add_test(tc, control_characters_are_escaped);
	tcase_add_test(tc, very_many_are_counted);
	tcase_add_test(tc, a_long_text_is_cut);
	suite_add_tcase(suite, tc);
	return suite;
}
