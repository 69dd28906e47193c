#include "control/value.h"

#include <check.h>

#include "suites.h"

#define BAD UINT64_MAX

static const struct {
	const char *text;
	uint64_t ms;
} durations[] = {
	{"0ms", 0},
	{"1ms", 1},
	{"250ms", 250},
	{"2s", 2000},
	{"5m", 300000},
	{"1h", 3600000},
	{"2d", 172800000},
	{"2S", 2000},
	{"2", BAD},
	{"", BAD},
	{"s", BAD},
	{"-1s", BAD},
	{"1.5s", BAD},
	{"1 s", BAD},
	{"1sec", BAD},
	{"1k", BAD},
	{"99999999999999999999s", BAD},
	{"18446744073709551615h", BAD},
};

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {
	{"0", 0},
	{"1", 1},
	{"64k", 65536},
	{"16m", 16777216},
	{"1g", 1073741824},
	{"1G", 1073741824},
	{"", BAD},
	{"k", BAD},
	{"-1k", BAD},
	{"1kb", BAD},
	{"1.5m", BAD},
	{"1s", BAD},
	{"18446744073709551615k", BAD},
};

START_TEST(reads_durations)
{
	uint64_t ms;

	if (!value_parse_duration(span_of(durations[_i].text), &ms))
		ms = BAD;
	ck_assert_uint_eq(ms, durations[_i].ms);
}
END_TEST

START_TEST(reads_sizes)
{
	uint64_t bytes;

	if (!value_parse_size(span_of(sizes[_i].text), &bytes))
		bytes = BAD;
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

START_TEST(writes_the_shortest_exact_text)
{
	char out[VALUE_TEXT_MAX];

	ck_assert_str_eq(value_format_duration(0, out), "0ms");
	ck_assert_str_eq(value_format_duration(1500, out), "1500ms");
	ck_assert_str_eq(value_format_duration(60000, out), "1m");
	ck_assert_str_eq(value_format_duration(86400000, out), "1d");
	ck_assert_str_eq(value_format_size(0, out), "0");
	ck_assert_str_eq(value_format_size(1023, out), "1023");
	ck_assert_str_eq(value_format_size(65536, out), "64k");
	ck_assert_str_eq(value_format_size(UINT64_MAX, out), "18446744073709551615");
}
END_TEST

START_TEST(what_is_written_can_be_read)
{
	static const uint64_t values[] = {0, 1, 999, 1000, 1024, 60000, 3600000, 1U << 30};
	char out[VALUE_TEXT_MAX];
	uint64_t again;

	ck_assert(value_parse_duration(span_of(value_format_duration(values[_i], out)), &again));
	ck_assert_uint_eq(again, values[_i]);
	ck_assert(value_parse_size(span_of(value_format_size(values[_i], out)), &again));
	ck_assert_uint_eq(again, values[_i]);
}
END_TEST

static const struct {
	const char *text;
	uint64_t parts; /* UINT64_MAX: refused */
} percents[] = {
	{"5%", 500},
	{"0%", 0},
	{"100%", 10000},
	{"2.5%", 250},
	{"2.25%", 225},
	{"0.01%", 1},
	{"1.05%", 105},
	{"2.255%", UINT64_MAX},
	{"5", UINT64_MAX},
	{"%", UINT64_MAX},
	{".5%", UINT64_MAX},
	{"5.%", UINT64_MAX},
	{"", UINT64_MAX},
	{"-5%", UINT64_MAX},
	{"5 %", UINT64_MAX},
	{"1.2.3%", UINT64_MAX},
	{"5.5", UINT64_MAX},
	{"5%%", UINT64_MAX},
	{"184467440737095517%", UINT64_MAX},
};

START_TEST(reads_shares)
{
	uint64_t parts;
	char out[VALUE_TEXT_MAX];

	if (!value_parse_percent(span_of(percents[_i].text), &parts))
		parts = UINT64_MAX;
	ck_assert_msg(parts == percents[_i].parts, "%s gave %llu", percents[_i].text,
		      (unsigned long long)parts);
	if (parts != UINT64_MAX)
		ck_assert_str_eq(value_format_percent(parts, out), percents[_i].text);
}
END_TEST

START_TEST(reads_whole_seconds)
{
	uint64_t seconds;
	char out[VALUE_TEXT_MAX];

	ck_assert(value_parse_seconds(span_of("2000ms"), &seconds));
	ck_assert_uint_eq(seconds, 2);
	ck_assert(value_parse_seconds(span_of("7d"), &seconds));
	ck_assert_str_eq(value_format_seconds(seconds, out), "7d");
	ck_assert(!value_parse_seconds(span_of("2500ms"), &seconds));
	ck_assert(!value_parse_seconds(span_of("7"), &seconds));
}
END_TEST

Suite *value_suite(void)
{
	Suite *suite = suite_create("value");
	TCase *tc = tcase_create("value");

	tcase_add_loop_test(tc, reads_durations, 0, ARRAY_LEN(durations));
	tcase_add_loop_test(tc, reads_sizes, 0, ARRAY_LEN(sizes));
	tcase_add_test(tc, writes_the_shortest_exact_text);
	tcase_add_loop_test(tc, what_is_written_can_be_read, 0, 8);
	tcase_add_loop_test(tc, reads_shares, 0, ARRAY_LEN(percents));
	tcase_add_test(tc, reads_whole_seconds);
	suite_add_tcase(suite, tc);
	return suite;
}
