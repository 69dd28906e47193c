#include "proto/resp_inline.h"

#include <check.h>
#include <stdlib.h>

#include "suites.h"

/* What redis-server 7.0 makes of the line, as an array; NULL: refused. */
static const struct {
	const char *line, *array;
} cases[] = {
	{"PING\r\n", "*1\r\n$4\r\nPING\r\n"},
	{"PING\n", "*1\r\n$4\r\nPING\r\n"},
	{"  get\tk  \r\n", "*2\r\n$3\r\nget\r\n$1\r\nk\r\n"},
	{"\"PING\"\r\n", "*1\r\n$4\r\nPING\r\n"},
	{"echo \"\"\r\n", "*2\r\n$4\r\necho\r\n$0\r\n\r\n"},
	{"echo ''\r\n", "*2\r\n$4\r\necho\r\n$0\r\n\r\n"},
	{"echo \"a b\"\r\n", "*2\r\n$4\r\necho\r\n$3\r\na b\r\n"},
	{"echo a\"b c\"\r\n", "*2\r\n$4\r\necho\r\n$4\r\nab c\r\n"},
	{"echo \"\\n\\r\\t\\b\\a\\q\\\\\\\"\"\r\n",
	 "*2\r\n$4\r\necho\r\n$8\r\n\n\r\t\b\aq\\\"\r\n"},
	{"echo \"\\x41\\x4G\\x4\"\r\n", "*2\r\n$4\r\necho\r\n$6\r\nAx4Gx4\r\n"},
	{"echo \"\\xfF\"\r\n", "*2\r\n$4\r\necho\r\n$1\r\n\xff\r\n"},
	{"echo 'a\\'b\\n'\r\n", "*2\r\n$4\r\necho\r\n$5\r\na'b\\n\r\n"},
	{"echo a\\nb\r\n", "*2\r\n$4\r\necho\r\n$4\r\na\\nb\r\n"},
	{"echo a\rb\r\n", "*3\r\n$4\r\necho\r\n$1\r\na\r\n$1\r\nb\r\n"},
	{"echo a\vb\r\n", "*2\r\n$4\r\necho\r\n$3\r\na\vb\r\n"},
	{"echo \"a\"\vb\r\n", "*3\r\n$4\r\necho\r\n$1\r\na\r\n$1\r\nb\r\n"},
	{"\r\n", "*0\r\n"},
	{" \t \n", "*0\r\n"},
	{"echo \"a\"b\r\n", NULL},
	{"echo 'a'b\r\n", NULL},
	{"echo a\"b\"c\r\n", NULL},
	{"echo \"a\r\n", NULL},
	{"echo 'a\r\n", NULL},
	{"echo \"\r\n", NULL},
	{"echo \"a\\\"\r\n", NULL},
	{"echo \"a\\\n", NULL},
	{"echo \"\\x4\n", NULL},
};

START_TEST(rewrites_as_the_server_reads)
{
	char out[256];
	struct arg_list args = {0};
	struct span line = span_of(cases[_i].line);
	enum inline_result result = resp_inline_split(line, &args);

	ck_assert_int_eq(result, cases[_i].array == NULL ? INLINE_UNBALANCED : INLINE_DONE);
	if (cases[_i].array != NULL) {
		struct span array = span_of(cases[_i].array);
		size_t len = resp_inline_rewrite(line, out, sizeof(out));

		ck_assert_msg(span_equal(span_make(out, len), array), "%.*s", (int)len, out);
		ck_assert_int_eq(args.n, array.p[1] - '0');
	}
	arg_list_fini(&args);
}
END_TEST

START_TEST(writes_no_byte_past_the_room_it_has)
{
	struct span line = span_of("set key \"a value\" px 100\r\n");
	size_t whole = resp_inline_rewrite(line, NULL, 0);

	for (size_t cap = 0; cap <= whole; cap++) {
		char *out = malloc(cap + 1);

		out[cap] = '#';
		ck_assert_uint_eq(resp_inline_rewrite(line, out, cap), whole);
		ck_assert_int_eq(out[cap], '#');
		free(out);
	}
}
END_TEST

/* An escape that the line's end cuts: nothing behind the line is read. */
START_TEST(looks_at_nothing_behind_the_line)
{
	static const char *const lines[] = {"a \"\\", "a \"\\x", "a \"\\x4", "a '\\", "a \"", "a"};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		size_t len = strlen(lines[i]);
		char *copy = malloc(len);
		struct arg_list args = {0};

		memcpy(copy, lines[i], len);
		ck_assert_int_eq(resp_inline_split(span_make(copy, len), &args),
				 len == 1 ? INLINE_DONE : INLINE_UNBALANCED);
		arg_list_fini(&args);
		free(copy);
	}
}
END_TEST

Suite *resp_inline_suite(void)
{
	Suite *suite = suite_create("resp_inline");
	TCase *tc = tcase_create("resp_inline");

	tcase_add_loop_test(tc, rewrites_as_the_server_reads, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, writes_no_byte_past_the_room_it_has);
	tcase_add_test(tc, looks_at_nothing_behind_the_line);
	suite_add_tcase(suite, tc);
	return suite;
}
