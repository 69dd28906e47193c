#include <check.h>

#include "mc_transcript.h"
#include "suites.h"

static struct parse_state state;
static struct arg_list args;
static struct parsed parsed;

static enum parse_result parse(const char *bytes, size_t len, uint32_t limit)
{
	const struct parse_limits limits = {.request = limit};
	char *copy = exact_copy(span_make(bytes, len));
	enum parse_result result =
		mc_request_parse(&state, span_make(copy, len), &limits, &args, &parsed);

	free(copy);
	return result;
}

static void setup(void)
{
	state = (struct parse_state){0};
	args = (struct arg_list){0};
}

static void teardown(void)
{
	arg_list_fini(&args);
}

/* The command around a key of `len` bytes. */
static enum parse_result parse_key(const char *before, size_t len, const char *after)
{
	char line[600];
	int n = snprintf(line, sizeof(line), "%s%0*d%s", before, (int)len, 0, after);

	return parse(line, (size_t)n, MC_LINE_MULTI_MAX);
}

static const struct {
	const char *before, *after;
} keyed[] = {
	{"get ", "\r\n"},
	{"gets a ", " b\r\n"},
	{"gat 0 ", "\r\n"},
	{"gats 0 ", " b\r\n"},
	{"set ", " 0 0 0\r\n\r\n"},
	{"add ", " 0 0 0\r\n\r\n"},
	{"replace ", " 0 0 0\r\n\r\n"},
	{"append ", " 0 0 0\r\n\r\n"},
	{"prepend ", " 0 0 0\r\n\r\n"},
	{"cas ", " 0 0 0 1\r\n\r\n"},
	{"incr ", " 1\r\n"},
	{"decr ", " 1\r\n"},
	{"touch ", " 0\r\n"},
	{"delete ", "\r\n"},
};

START_TEST(a_key_has_250_bytes_at_most)
{
	ck_assert_int_eq(parse_key(keyed[_i].before, MC_KEY_MAX, keyed[_i].after), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	ck_assert_int_eq(parse_key(keyed[_i].before, MC_KEY_MAX + 1, keyed[_i].after), PARSE_DONE);
	ck_assert_str_eq(parsed.error, "CLIENT_ERROR bad command line format");
}
END_TEST

START_TEST(a_line_without_end_is_hung_up_on)
{
	char line[MC_LINE_MAX + 2];

	memset(line, 'x', sizeof(line));
	ck_assert_int_eq(parse(line, MC_LINE_MAX, UINT32_MAX), PARSE_MORE);
	ck_assert_uint_eq(state.scanned, MC_LINE_MAX);
	ck_assert_uint_eq(parsed.need, 0);
	ck_assert_int_eq(parse(line, MC_LINE_MAX + 1, UINT32_MAX), PARSE_BAD);
	ck_assert_str_eq(parsed.error, "");
	ck_assert_uint_eq(state.scanned, 0);
	line[MC_LINE_MAX] = '\n';
	ck_assert_int_eq(parse(line, MC_LINE_MAX + 1, UINT32_MAX), PARSE_DONE);
	ck_assert_str_eq(parsed.error, "ERROR");
}
END_TEST

/* A server may see a long line in pieces, and hang up on everyone who shares the connection. */
START_TEST(a_long_line_is_never_sent)
{
	char line[MC_LINE_MAX + 20];
	int n = snprintf(line, sizeof(line), "delete k%*s\r\n", MC_LINE_MAX, "0");

	ck_assert_int_eq(parse(line, (size_t)n, UINT32_MAX), PARSE_BAD);
	ck_assert_str_eq(parsed.error, "");
	n = snprintf(line, sizeof(line), "delete k%*s\r\n", MC_LINE_MAX, "x");
	ck_assert_int_eq(parse(line, (size_t)n, UINT32_MAX), PARSE_DONE);
	ck_assert_ptr_nonnull(parsed.error);
}
END_TEST

/* A get line of `len` bytes, its line end counted; freed by the caller. */
static char *long_get(const char *name, size_t len)
{
	char *line = malloc(len);

	for (size_t i = 0; i < len; i++)
		line[i] = i % 2 == 0 ? 'k' : ' ';
	memcpy(line, name, strlen(name));
	memcpy(line + len - 2, "\r\n", 2);
	return line;
}

START_TEST(a_multi_get_may_be_long)
{
	char *line = long_get("get ", 100002);

	ck_assert_int_eq(parse(line, 3000, UINT32_MAX), PARSE_MORE);
	ck_assert_int_eq(parse(line, 100002, UINT32_MAX), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	ck_assert_uint_eq(parsed.key_count, 49998);
	ck_assert_uint_eq(parsed.len, 100002);
	free(line);
	line = long_get("gat 0 ", 3002);
	ck_assert_int_eq(parse(line, 3000, UINT32_MAX), PARSE_BAD);
	ck_assert_int_eq(parse(line, 3002, UINT32_MAX), PARSE_BAD);
	free(line);
}
END_TEST

START_TEST(a_multi_get_has_a_mebibyte_at_most)
{
	/* At the limit: as many bytes before the line feed. */
	char *line = long_get("gets ", MC_LINE_MULTI_MAX + 1);

	ck_assert_int_eq(parse(line, MC_LINE_MULTI_MAX, UINT32_MAX), PARSE_MORE);
	ck_assert_int_eq(parse(line, MC_LINE_MULTI_MAX + 1, UINT32_MAX), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	free(line);
	line = long_get("gets ", MC_LINE_MULTI_MAX + 2);
	ck_assert_int_eq(parse(line, MC_LINE_MULTI_MAX + 2, UINT32_MAX), PARSE_BAD);
	ck_assert_str_eq(parsed.error, "SERVER_ERROR out of memory reading request");
	ck_assert_int_eq(parse(line, MC_LINE_MULTI_MAX + 1, UINT32_MAX), PARSE_BAD);
	ck_assert_str_eq(parsed.error, "SERVER_ERROR out of memory reading request");
	free(line);
	/* A lower limit for values counts for the line too, but not below any line's. */
	line = long_get("get ", 5002);
	ck_assert_int_eq(parse(line, 5002, 5001), PARSE_DONE);
	ck_assert_int_eq(parse(line, 5002, 5000), PARSE_BAD);
	free(line);
	line = long_get("get ", MC_LINE_MAX + 1);
	ck_assert_int_eq(parse(line, MC_LINE_MAX + 1, 1), PARSE_DONE);
	free(line);
}
END_TEST

START_TEST(blanks_before_a_long_multi_get_are_few)
{
	char line[4000];

	memset(line, ' ', sizeof(line));
	memset(line + 105, 'k', sizeof(line) - 105);
	memcpy(line + 100, "get ", 4);
	ck_assert_int_eq(parse(line, sizeof(line), UINT32_MAX), PARSE_MORE);
	state.scanned = 0;
	memcpy(line + 100, " get ", 5);
	ck_assert_int_eq(parse(line, sizeof(line), UINT32_MAX), PARSE_BAD);
}
END_TEST

START_TEST(a_value_may_be_as_long_as_the_limit)
{
	ck_assert_int_eq(parse("set k 0 0 10\r\n", 14, 10), PARSE_MORE);
	ck_assert_uint_eq(parsed.need, 26);
	ck_assert_uint_eq(parsed.command->id, MC_SET);
	ck_assert_int_eq(parse("set k 0 0 10\r\n0123456789\r", 25, 10), PARSE_MORE);
	ck_assert_uint_eq(parsed.need, 26);
	ck_assert_int_eq(parse("set k 0 0 10\r\n0123456789\r\nget", 29, 10), PARSE_DONE);
	ck_assert_uint_eq(parsed.len, 26);
	ck_assert_uint_eq(parsed.line_len, 14);
	ck_assert_uint_eq(state.scanned, 0);
	ck_assert_int_eq(parse("set k 0 0 11\r\n", 14, 10), PARSE_DONE);
	ck_assert_str_eq(parsed.error, "SERVER_ERROR object too large for cache");
	ck_assert_uint_eq(parsed.swallow, 13);
	ck_assert_uint_eq(parsed.len, 14);
	ck_assert(parsed.drops_key);
	ck_assert_int_eq(parse("add k 0 0 11\r\n", 14, 10), PARSE_DONE);
	ck_assert_uint_eq(parsed.swallow, 13);
	ck_assert(!parsed.drops_key);
	ck_assert_int_eq(parse("set k 0 0 x\r\n", 13, 10), PARSE_DONE);
	ck_assert(!parsed.drops_key);
	ck_assert_int_eq(parse("set k 0 0 2147483645 noreply\r\n", 30, UINT32_MAX), PARSE_MORE);
	ck_assert_uint_eq(parsed.need, 2147483645U + 32);
}
END_TEST

START_TEST(nothing_is_no_command)
{
	ck_assert_int_eq(parse("", 0, 10), PARSE_MORE);
	const struct parse_limits limits = {.request = 10};
	ck_assert_int_eq(mc_request_parse(&state, (struct span){NULL, 0}, &limits, &args, &parsed),
			 PARSE_MORE);
}
END_TEST

Suite *mc_request_limits_suite(void)
{
	Suite *suite = suite_create("mc_request_limits");
	TCase *tc = tcase_create("limits");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_key_has_250_bytes_at_most, 0, ARRAY_LEN(keyed));
	tcase_add_test(tc, a_line_without_end_is_hung_up_on);
	tcase_add_test(tc, a_long_line_is_never_sent);
	tcase_add_test(tc, a_multi_get_may_be_long);
	tcase_add_test(tc, a_multi_get_has_a_mebibyte_at_most);
	tcase_add_test(tc, blanks_before_a_long_multi_get_are_few);
	tcase_add_test(tc, a_value_may_be_as_long_as_the_limit);
	tcase_add_test(tc, nothing_is_no_command);
	suite_add_tcase(suite, tc);
	return suite;
}
