#include "proto/resp_write.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "suites.h"

static const int64_t counts[] = {0,	  -1,	 1,	    9,	       10,	  99,	    100,
				 1048576, 65535, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

START_TEST(writes_type_number_and_line_end)
{
	for (const char *type = "*$:"; *type != '\0'; type++) {
		char mine[RESP_HEADER_MAX + 1], theirs[64];
		size_t len = resp_write_header(mine, *type, counts[_i]);

		ck_assert_uint_le(len, RESP_HEADER_MAX);
		mine[len] = '\0';
		snprintf(theirs, sizeof(theirs), "%c%lld\r\n", *type, (long long)counts[_i]);
		ck_assert_str_eq(mine, theirs);
	}
}
END_TEST

START_TEST(writes_no_byte_past_its_length)
{
	char buf[RESP_HEADER_MAX + 1];

	memset(buf, '#', sizeof(buf));
	size_t len = resp_write_header(buf, '$', counts[_i]);
	for (size_t i = len; i < sizeof(buf); i++)
		ck_assert_int_eq(buf[i], '#');
}
END_TEST

Suite *resp_write_suite(void)
{
	Suite *suite = suite_create("resp_write");
	TCase *tc = tcase_create("resp_write");

	tcase_add_loop_test(tc, writes_type_number_and_line_end, 0, ARRAY_LEN(counts));
	tcase_add_loop_test(tc, writes_no_byte_past_its_length, 0, ARRAY_LEN(counts));
	suite_add_tcase(suite, tc);
	return suite;
}
