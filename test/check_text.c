#include <check.h>

#include "base/text.h"
#include "suites.h"

START_TEST(empty_text_needs_no_init_beyond_zero)
{
	struct text text = {0};

	text_reset(&text);
	text_free(&text);
	ck_assert_ptr_null(text.p);
	ck_assert_uint_eq(text.len, 0);
}
END_TEST

START_TEST(appends_bytes_and_keeps_a_nul_behind)
{
	struct text text = {0};

	text_append(&text, span_make("a\0b", 3));
	text_puts(&text, "cd");
	text_printf(&text, "%d%s", 5, "!");
	ck_assert_uint_eq(text.len, 7);
	ck_assert_mem_eq(text.p, "a\0bcd5!", 8);
	text_free(&text);
}
END_TEST

START_TEST(an_empty_append_makes_a_string)
{
	struct text text = {0};

	text_append(&text, span_make(NULL, 0));
	ck_assert_str_eq(text.p, "");
	text_free(&text);
}
END_TEST

/* Every length round the sizes at which the memory grows. */
START_TEST(grows_byte_by_byte)
{
	struct text text = {0};

	for (size_t i = 0; i < 3000; i++) {
		text_append(&text, span_make(i % 2 ? "x" : "y", 1));
		ck_assert_uint_eq(text.len, i + 1);
		ck_assert_uint_lt(text.len, text.cap);
		ck_assert_int_eq(text.p[i + 1], '\0');
	}
	for (size_t i = 0; i < 3000; i++)
		ck_assert_int_eq(text.p[i], i % 2 ? 'x' : 'y');
	text_free(&text);
}
END_TEST

START_TEST(grows_by_a_piece_larger_than_all_before)
{
	static char big[100000];
	struct text text = {0};

	memset(big, 'z', sizeof(big) - 1);
	text_puts(&text, "a");
	text_printf(&text, "%s", big);
	ck_assert_uint_eq(text.len, sizeof(big));
	ck_assert_str_eq(text.p + 1, big);
	text_free(&text);
}
END_TEST

START_TEST(reset_keeps_the_memory)
{
	struct text text = {0};

	text_puts(&text, "something");
	size_t cap = text.cap;
	text_reset(&text);
	ck_assert_str_eq(text.p, "");
	ck_assert_uint_eq(text.len, 0);
	ck_assert_uint_eq(text.cap, cap);
	text_free(&text);
}
END_TEST

Suite *text_suite(void)
{
	Suite *suite = suite_create("text");
	TCase *tc = tcase_create("text");

	tcase_add_test(tc, empty_text_needs_no_init_beyond_zero);
	tcase_add_test(tc, appends_bytes_and_keeps_a_nul_behind);
	tcase_add_test(tc, an_empty_append_makes_a_string);
	tcase_add_test(tc, grows_byte_by_byte);
	tcase_add_test(tc, grows_by_a_piece_larger_than_all_before);
	tcase_add_test(tc, reset_keeps_the_memory);
	suite_add_tcase(suite, tc);
	return suite;
}
