#include <check.h>

#include "base/utf8.h"
#include "suites.h"

static const struct {
	const char *bytes;
	size_t len, want;
} cases[] = {
	{"", 0, 0},
	{"a", 1, 1},
	{"\0", 1, 1},
	{"\x7f", 1, 1},
	{"\x80", 1, 0},		    /* a continuation first */
	{"\xc3\xa9", 2, 2},	    /* U+00E9 */
	{"\xc3", 1, 0},		    /* cut */
	{"\xc3\x28", 2, 0},	    /* not continued */
	{"\xc0\xaf", 2, 0},	    /* overlong */
	{"\xc1\xbf", 2, 0},	    /* overlong */
	{"\xe0\x9f\xbf", 3, 0},	    /* overlong */
	{"\xe0\xa0\x80", 3, 3},	    /* U+0800 */
	{"\xe2\x82\xac", 3, 3},	    /* U+20AC */
	{"\xe2\x82", 2, 0},	    /* cut */
	{"\xe2\x82\x28", 3, 0},	    /* not continued */
	{"\xed\x9f\xbf", 3, 3},	    /* U+D7FF */
	{"\xed\xa0\x80", 3, 0},	    /* a surrogate */
	{"\xef\xbf\xbf", 3, 3},	    /* U+FFFF */
	{"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
	{"\xf0\x9f\x98\x80", 4, 4}, /* U+1F600 */
	{"\xf0\x9f\x98", 3, 0},	    /* cut */
	{"\xf4\x8f\xbf\xbf", 4, 4}, /* U+10FFFF */
	{"\xf4\x90\x80\x80", 4, 0}, /* past it */
	{"\xf5\x80\x80\x80", 4, 0}, /* past it */
	{"\xff", 1, 0},
	{"\xc3\xa9rest", 6, 2},
};

START_TEST(knows_where_a_character_ends)
{
	ck_assert_uint_eq(utf8_char_len(span_make(cases[_i].bytes, cases[_i].len)), cases[_i].want);
}
END_TEST

Suite *utf8_suite(void)
{
	Suite *suite = suite_create("utf8");
	TCase *tc = tcase_create("utf8");

	tcase_add_loop_test(tc, knows_where_a_character_ends, 0, ARRAY_LEN(cases));
	suite_add_tcase(suite, tc);
	return suite;
}
