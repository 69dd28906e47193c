#include "control/resp_read.h"

#include <check.h>

#include "suites.h"

START_TEST(walks_over_every_type)
{
	struct span rest =
		span_of("*8\r\n$2\r\nab\r\n+ok\r\n:-7\r\n$-1\r\n*-1\r\n_\r\n%1\r\n+k\r\n,1.5\r\n"
			">0\r\n$0\r\n\r\n");
	static const struct {
		char type;
		bool is_null;
		const char *text; /* NULL: an array */
		size_t n;
	} want[] = {
		{'*', false, NULL, 8},	{'$', false, "ab", 0}, {'+', false, "ok", 0},
		{':', false, "-7", 0},	{'$', true, NULL, 0},  {'*', true, NULL, 0},
		{'_', true, NULL, 0},	{'%', false, NULL, 2}, {'+', false, "k", 0},
		{',', false, "1.5", 0}, {'>', false, NULL, 0}, {'$', false, "", 0},
	};
	struct resp_element element;

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		ck_assert(resp_read(&rest, &element));
		ck_assert_int_eq(element.type, want[i].type);
		ck_assert_int_eq(element.is_null, want[i].is_null);
		ck_assert_uint_eq(element.n, want[i].n);
		if (want[i].text != NULL)
			ck_assert(span_equal_str(element.text, want[i].text));
	}
	ck_assert(!resp_read(&rest, &element));
}
END_TEST

static const char *const broken[] = {
	"",
	"\r\n",
	"+a",
	"+a\n",
	"$5\r\nab\r\n",
	"$x\r\n",
	"$-2\r\n",
	"*99\r\n",
	"*-2\r\n",
	"$\r\n",
	"*9223372036854775807\r\n",
	"$9223372036854775807\r\n",
};

START_TEST(stops_at_what_is_no_resp)
{
	struct span rest = span_of(broken[_i]);
	struct resp_element element;

	ck_assert(!resp_read(&rest, &element));
}
END_TEST

START_TEST(says_whether_it_is_what_was_expected)
{
	static const struct {
		const char *reply;
		bool is_text, is_array;
	} cases[] = {
		{"$1\r\na\r\n", true, false}, {"+a\r\n", true, false},	 {":1\r\n", true, false},
		{"*0\r\n", false, true},      {"~0\r\n", false, true},	 {"%0\r\n", false, true},
		{"$-1\r\n", false, false},    {"*-1\r\n", false, false}, {"-ERR\r\n", false, false},
		{"_\r\n", false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span text, rest = span_of(cases[i].reply);
		size_t n;

		ck_assert_int_eq(resp_read_text(&rest, &text), cases[i].is_text);
		rest = span_of(cases[i].reply);
		ck_assert_int_eq(resp_read_array(&rest, &n), cases[i].is_array);
	}
}
END_TEST

Suite *resp_read_suite(void)
{
	Suite *suite = suite_create("resp_read");
	TCase *tcase = tcase_create("resp_read");

	tcase_add_test(tcase, walks_over_every_type);
	tcase_add_loop_test(tcase, stops_at_what_is_no_resp, 0, (int)ARRAY_LEN(broken));
	tcase_add_test(tcase, says_whether_it_is_what_was_expected);
	suite_add_tcase(suite, tcase);
	return suite;
}
