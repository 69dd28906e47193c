#include <check.h>

#include "mc_transcript.h"
#include "proto/mc_login.h"
#include "suites.h"

static struct arg_list args;
static struct parsed parsed;

/* As of a client that has not logged in, from a copy of just these bytes. */
static enum parse_result parse(struct span in)
{
	const struct parse_limits limits = {.is_stranger = true, .request = 1 << 20};
	struct parse_state state = {0};
	char *copy = exact_copy(in);
	enum parse_result result =
		mc_request_parse(&state, span_make(copy, in.len), &limits, &args, &parsed);

	free(copy);
	return result;
}

static void teardown(void)
{
	arg_list_fini(&args);
}

#define STRANGE "CLIENT_ERROR unauthenticated"
#define CUT	"CLIENT_ERROR bad command line termination"

static const struct {
	const char *in;
	uint32_t len;
	const char *error, *value;
} lines[] = {
	{"set auth 0 0 4\r\nu pw\r\nget a\r\n", 22, NULL, "u pw"},
	{"set auth 0 0 4\nu pw\r\n", 21, NULL, "u pw"},
	{"  set  auth a b 4  noreply \r\nu pw\r\n", 35, NULL, "u pw"},
	{"set auth 0 0 0\r\n\r\n", 18, NULL, ""},
	{"set auth 0 0 4\r\nu pwx\r\n", 22, CUT, NULL},
	{"set auth 0 0 4\r\nu pw\n\n", 22, CUT, NULL},
	{"set auth 0 0\r\nu pw\r\n", 14, STRANGE, NULL},
	{"set auth 0 0 4x\r\nu pw\r\n", 17, STRANGE, NULL},
	{"set auth 0 0 -4\r\nu pw\r\n", 17, STRANGE, NULL},
	{"set auth 0 0 99999999999999999999\r\n", 35, STRANGE, NULL},
	{"SET auth 0 0 4\r\nu pw\r\n", 16, STRANGE, NULL},
	{"add auth 0 0 4\r\nu pw\r\n", 16, STRANGE, NULL},
	{"ms auth 4\r\nu pw\r\n", 11, STRANGE, NULL},
	{"version\r\nversion\r\n", 9, STRANGE, NULL},
	{"delete a noreply\r\n", 18, STRANGE, NULL},
	{"\r\n", 2, STRANGE, NULL},
	{"\n", 1, STRANGE, NULL},
	{"GET / HTTP/1.1\r\n", 16, STRANGE, NULL},
};

/* Whatever of it is there: more is wanted, until it is whole. */
START_TEST(a_set_is_a_login_and_nothing_else_is)
{
	struct span in = span_of(lines[_i].in);

	for (size_t n = 0; n < lines[_i].len; n++)
		ck_assert_int_eq(parse(span_make(in.p, n)), PARSE_MORE);
	ck_assert_int_eq(parse(in), PARSE_DONE);
	ck_assert_uint_eq(parsed.len, lines[_i].len);
	ck_assert_ptr_null(parsed.command);
	ck_assert(!parsed.noreply && parsed.swallow == 0);
	if (lines[_i].error != NULL) {
		ck_assert_str_eq(parsed.error, lines[_i].error);
		return;
	}
	ck_assert_ptr_null(parsed.error);
	ck_assert_uint_eq(args.n, 1);
	struct span value = parsed_arg(&parsed, in.p, 0);
	ck_assert(span_equal_str(value, lines[_i].value));
}
END_TEST

START_TEST(a_zero_byte_ends_the_line)
{
	static const char good[] = "set auth 0 0 4\0junk\r\nu pw\r\n", bad[] = "set a\0b 0 0 4\r\n";

	ck_assert_int_eq(parse(span_make(good, sizeof(good) - 1)), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	ck_assert_uint_eq(parsed.len, sizeof(good) - 1);
	ck_assert_int_eq(parse(span_make(bad, sizeof(bad) - 1)), PARSE_DONE);
	ck_assert_str_eq(parsed.error, STRANGE);
}
END_TEST

START_TEST(a_line_has_an_end)
{
	char line[MC_LINE_MAX + 3];

	memset(line, 'x', sizeof(line));
	ck_assert_int_eq(parse(span_make(line, MC_LINE_MAX)), PARSE_MORE);
	ck_assert_int_eq(parse(span_make(line, MC_LINE_MAX + 1)), PARSE_BAD);
	ck_assert_str_eq(parsed.error, "");
	line[MC_LINE_MAX] = '\n';
	ck_assert_int_eq(parse(span_make(line, MC_LINE_MAX + 1)), PARSE_DONE);
	ck_assert_str_eq(parsed.error, STRANGE);
	line[MC_LINE_MAX] = 'x';
	line[MC_LINE_MAX + 1] = '\n';
	ck_assert_int_eq(parse(span_make(line, MC_LINE_MAX + 2)), PARSE_BAD);
}
END_TEST

START_TEST(a_value_has_a_longest)
{
	char line[64];

	for (int more = 0; more <= 1; more++) {
		int n = snprintf(line, sizeof(line), "set a 0 0 %d\r\n", MC_LOGIN_MAX + more);

		ck_assert_int_eq(parse(span_make(line, (size_t)n)), more ? PARSE_BAD : PARSE_MORE);
		if (!more)
			ck_assert_uint_eq(parsed.need, (uint32_t)n + MC_LOGIN_MAX + 2);
	}
}
END_TEST

static const struct {
	struct span value;
	const char *user, *password; /* NULL: none */
} values[] = {
	{{"u pw", 4}, "u", "pw"},
	{{"  u  p:w  ", 10}, "u", "p:w"},
	{{"u pw more", 9}, "u", "pw"},
	{{"u pw\0more", 9}, "u", "pw"},
	{{"u\tpw", 4}, NULL, NULL},
	{{"u\0pw", 4}, NULL, NULL},
	{{"u", 1}, NULL, NULL},
	{{"u ", 2}, NULL, NULL},
	{{"", 0}, NULL, NULL},
	{{"   ", 3}, NULL, NULL},
	{{"u p\xc3\xa4ss", 7}, "u", "p\xc3\xa4ss"},
};

START_TEST(a_login_is_two_words)
{
	struct span user, password;
	char *copy = exact_copy(values[_i].value);
	bool is_split = mc_login_split(span_make(copy, values[_i].value.len), &user, &password);

	ck_assert_int_eq(is_split, values[_i].user != NULL);
	if (is_split) {
		ck_assert(span_equal_str(user, values[_i].user));
		ck_assert(span_equal_str(password, values[_i].password));
	}
	free(copy);
}
END_TEST

Suite *mc_login_suite(void)
{
	Suite *suite = suite_create("mc_login");
	TCase *tcase = tcase_create("mc_login");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, a_set_is_a_login_and_nothing_else_is, 0, ARRAY_LEN(lines));
	tcase_add_test(tcase, a_zero_byte_ends_the_line);
	tcase_add_test(tcase, a_line_has_an_end);
	tcase_add_test(tcase, a_value_has_a_longest);
	tcase_add_loop_test(tcase, a_login_is_two_words, 0, ARRAY_LEN(values));
	suite_add_tcase(suite, tcase);
	return suite;
}
