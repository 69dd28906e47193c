#include "base/number.h"

#include <check.h>
#include <stdio.h>

#include "suites.h"

static const struct {
	const char *text;
	bool ok;
	uint64_t value;
} unsigned_cases[] = {
	{"0", true, 0},
	{"7", true, 7},
	{"007", true, 7},
	{"4294967296", true, UINT64_C(4294967296)},
	{"18446744073709551615", true, UINT64_MAX},
	{"18446744073709551616", false, 0},
	{"18446744073709551625", false, 0},
	{"99999999999999999999", false, 0},
	{"100000000000000000000000000000", false, 0},
	{"", false, 0},
	{"-1", false, 0},
	{"+1", false, 0},
	{" 1", false, 0},
	{"1 ", false, 0},
	{"1a", false, 0},
	{"/", false, 0},
	{":", false, 0},
};

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} signed_cases[] = {
	{"0", true, 0},
	{"-0", true, 0},
	{"-1", true, -1},
	{"9223372036854775807", true, INT64_MAX},
	{"9223372036854775808", false, 0},
	{"-9223372036854775808", true, INT64_MIN},
	{"-9223372036854775809", false, 0},
	{"-18446744073709551615", false, 0},
	{"", false, 0},
	{"-", false, 0},
	{"--1", false, 0},
	{"- 1", false, 0},
	{"1-", false, 0},
};

START_TEST(parses_unsigned)
{
	uint64_t n = 99;
	bool ok = number_parse_u64(span_of(unsigned_cases[_i].text), &n);

	ck_assert_msg(ok == unsigned_cases[_i].ok, "\"%s\"", unsigned_cases[_i].text);
	ck_assert_uint_eq(n, ok ? unsigned_cases[_i].value : 99);
}
END_TEST

START_TEST(parses_signed)
{
	int64_t n = 99;
	bool ok = number_parse_i64(span_of(signed_cases[_i].text), &n);

	ck_assert_msg(ok == signed_cases[_i].ok, "\"%s\"", signed_cases[_i].text);
	ck_assert_int_eq(n, ok ? signed_cases[_i].value : 99);
}
END_TEST

START_TEST(refuses_every_byte_that_is_no_digit)
{
	for (int c = 0; c < 256; c++) {
		char text[3] = {'1', (char)c, '2'};
		uint64_t n;

		ck_assert_int_eq(number_parse_u64(span_make(text, 3), &n), c >= '0' && c <= '9');
	}
}
END_TEST

START_TEST(writes_what_printf_does)
{
	static const int64_t edges[] = {0,	   1,	      9,   10,		99,
					100,	   12345,     -1,  -10,		INT32_MAX,
					INT64_MAX, INT64_MIN, -99, -1000000000, INT32_MIN};

	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		char mine[NUMBER_TEXT_MAX + 1] = "", theirs[32];
		uint64_t back;

		mine[number_write_i64(mine, edges[i])] = '\0';
		snprintf(theirs, sizeof(theirs), "%lld", (long long)edges[i]);
		ck_assert_str_eq(mine, theirs);
		mine[number_write_u64(mine, (uint64_t)edges[i])] = '\0';
		ck_assert(number_parse_u64(span_of(mine), &back));
		ck_assert_uint_eq(back, (uint64_t)edges[i]);
	}
}
END_TEST

START_TEST(reads_back_each_power_of_ten_and_its_neighbours)
{
	for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10) {
		for (uint64_t n = power - 1; n <= power + 1; n++) {
			char text[NUMBER_TEXT_MAX];
			size_t len = number_write_u64(text, n);
			uint64_t back = ~n;

			ck_assert(number_parse_u64(span_make(text, len), &back));
			ck_assert_uint_eq(back, n);
		}
	}
}
END_TEST

Suite *number_suite(void)
{
	Suite *suite = suite_create("number");
	TCase *tc = tcase_create("number");

	tcase_add_loop_test(tc, parses_unsigned, 0, ARRAY_LEN(unsigned_cases));
	tcase_add_loop_test(tc, parses_signed, 0, ARRAY_LEN(signed_cases));
	tcase_add_test(tc, refuses_every_byte_that_is_no_digit);
	tcase_add_test(tc, writes_what_printf_does);
	tcase_add_test(tc, reads_back_each_power_of_ten_and_its_neighbours);
	suite_add_tcase(suite, tc);
	return suite;
}
