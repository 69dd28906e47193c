#include "proto/resp_request.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "suites.h"

#define LIMIT (64U << 20)

struct outcome {
	enum parse_result result;
	uint32_t len, n;
	const struct command *command;
	char words[256]; /* the arguments, "|" between them */
	char error[96];
	bool inlined;
};

static const struct parse_limits limits = {.request = LIMIT};

/* One call on a copy of exactly `len` bytes, so that a read past them is found. */
static struct outcome parse_copy(struct parse_state *state, struct span in, uint32_t *need)
{
	struct outcome o = {0};
	struct arg_list args = {0};
	struct parsed parsed;
	char *copy = malloc(in.len > 0 ? in.len : 1);
	size_t at = 0;

	memcpy(copy, in.p, in.len);
	o.result = resp_request_parse(state, span_make(copy, in.len), &limits, &args, &parsed);
	*need = parsed.need;
	if (o.result == PARSE_BAD)
		snprintf(o.error, sizeof(o.error), "%s", parsed.error);
	if (o.result == PARSE_DONE) {
		o.len = parsed.len;
		o.n = args.n;
		o.command = parsed.command;
		o.inlined = parsed.inlined;
		ck_assert_uint_eq(state->scanned, 0);
		ck_assert_uint_eq(state->owed, 0);
		ck_assert_uint_le(parsed.len, in.len);
	}
	for (uint32_t i = 0; i < o.n; i++) {
		struct span arg = parsed_arg(&parsed, copy, i);

		at += (size_t)snprintf(o.words + at, at < 200 ? sizeof(o.words) - at : 0, "%s%.*s",
				       i > 0 ? "|" : "", (int)(arg.len < 40 ? arg.len : 40), arg.p);
		ck_assert_uint_le(at, 200);
	}
	free(copy);
	arg_list_fini(&args);
	return o;
}

static struct outcome parse_whole(struct span in)
{
	struct parse_state state = {0};
	uint32_t need;

	return parse_copy(&state, in, &need);
}

static void assert_same(struct outcome a, struct outcome b, size_t at)
{
	ck_assert_msg(a.result == b.result, "split at %zu: %d, not %d", at, b.result, a.result);
	ck_assert_msg(strcmp(a.error, b.error) == 0, "split at %zu: %s, not %s", at, b.error,
		      a.error);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert_uint_eq(a.n, b.n);
	ck_assert_str_eq(a.words, b.words);
	ck_assert_ptr_eq(a.command, b.command);
	ck_assert(a.inlined == b.inlined);
}

/* In two pieces, cut anywhere, and a byte at a time: always what it is in one piece. */
static void assert_split_invariant(struct span in)
{
	struct outcome whole = parse_whole(in);
	struct parse_state drip = {0};
	bool dripped = false;

	for (size_t cut = 0; cut <= in.len; cut++) {
		struct parse_state state = {0};
		uint32_t need;
		struct outcome first = parse_copy(&state, span_make(in.p, cut), &need);

		if (first.result == PARSE_MORE && cut < in.len) {
			ck_assert(need == 0 || need > cut);
			ck_assert(whole.result != PARSE_DONE || need <= whole.len);
			first = parse_copy(&state, in, &need);
		}
		assert_same(whole, first, cut);
		if (dripped)
			continue;
		first = parse_copy(&drip, span_make(in.p, cut), &need);
		dripped = first.result != PARSE_MORE;
		if (dripped)
			assert_same(whole, first, cut);
	}
}

#define ERR(text)   PARSE_BAD, 0, "", "-ERR Protocol error: " text
#define DONE(n, ws) PARSE_DONE, n, ws, ""
#define MORE	    PARSE_MORE, 0, "", ""

static const struct {
	const char *in;
	size_t len; /* 0: up to the NUL */
	enum parse_result result;
	uint32_t n;
	const char *words, *error;
} cases[] = {
	/* arrays */
	{"*1\r\n$4\r\nPING\r\n", 0, DONE(1, "PING")},
	{"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n", 0, DONE(2, "GET|k")},
	{"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$0\r\n\r\n", 0, DONE(3, "set|k|")},
	{"*2\r\n$3\r\nGET\r\n$4\r\n\r\n$1\r\n", 0, DONE(2, "GET|\r\n$1")},
	{"*1\r\n$0\r\n\r\n", 0, DONE(1, "")},
	{"*0\r\n", 0, DONE(0, "")},
	{"*-1\r\n", 0, DONE(0, "")},
	{"*-9223372036854775808\r\n", 0, DONE(0, "")},
	{"*2147483647\r\n", 0, ERR("command larger than limits.request")},
	{"*11184808\r\n", 0, MORE},
	{"*11184809\r\n", 0, ERR("command larger than limits.request")},
	{"*1\r\n$536870913\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$67108864\r\n", 0, ERR("command larger than limits.request")},
	{"*1\r\n$67108865\r\n", 0, ERR("invalid bulk length")},
	/* counts that lie */
	{"*\r\n", 0, ERR("invalid multibulk length")},
	{"*-\r\n", 0, ERR("invalid multibulk length")},
	{"*-0\r\n", 0, ERR("invalid multibulk length")},
	{"*01\r\n$4\r\nPING\r\n", 0, ERR("invalid multibulk length")},
	{"*+1\r\n$4\r\nPING\r\n", 0, ERR("invalid multibulk length")},
	{"* 1\r\n", 0, ERR("invalid multibulk length")},
	{"*1 \r\n", 0, ERR("invalid multibulk length")},
	{"*1x\r\n", 0, ERR("invalid multibulk length")},
	{"*1\0\r\n", 5, ERR("invalid multibulk length")},
	{"*1\rX$4\rX", 0, ERR("invalid multibulk length")},
	{"*1\n$4\nPING\n", 0, MORE},
	{"*2147483648\r\n", 0, ERR("invalid multibulk length")},
	{"*4294967297\r\n", 0, ERR("invalid multibulk length")},
	{"*9223372036854775808\r\n", 0, ERR("invalid multibulk length")},
	{"*18446744073709551617\r\n", 0, ERR("invalid multibulk length")},
	{"*-9223372036854775809\r\n", 0, ERR("invalid multibulk length")},
	/* lengths that lie */
	{"*1\r\n$-1\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$-0\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$04\r\nPING\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$+4\r\nPING\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$4294967300\r\nPING\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$9223372036854775808\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$18446744073709551620\r\nPING\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$4\n\nPING\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$4\rPING\r\n", 0, ERR("invalid bulk length")},
	{"*1\r\n$3\r\nPING\r\n", 0, ERR("expected CRLF after a bulk string")},
	{"*1\r\n$5\r\nPING\r\n*1\r\n", 0, ERR("expected CRLF after a bulk string")},
	{"*1\r\n$4\r\nPING\n\n", 0, ERR("expected CRLF after a bulk string")},
	{"*1\r\n$4\r\nPING\r\r", 0, ERR("expected CRLF after a bulk string")},
	/* what is no bulk string */
	{"*1\r\n:4\r\n", 0, ERR("expected '$', got ':'")},
	{"*1\r\n*1\r\n", 0, ERR("expected '$', got '*'")},
	{"*1\r\n\r\n", 0, ERR("expected '$', got ' '")},
	{"*1\r\n\0", 5, ERR("expected '$', got ' '")},
	{"*2\r\n$4\r\nPING\r\n\xff", 0, ERR("expected '$', got '\xff'")},
	/* inline */
	{"PING\r\n", 0, DONE(1, "PING")},
	{"PING\nPING\n", 0, DONE(1, "PING")},
	{"\tget  k \r\n", 0, DONE(2, "get|k")},
	{"\r\n", 0, DONE(0, "")},
	{"\n", 0, DONE(0, "")},
	{"   \r\n", 0, DONE(0, "")},
	{"set k \"a b\"\r\n", 0, DONE(3, "set|k|\"a b\"")},
	{"set k 'it\\'s'\r\n", 0, DONE(3, "set|k|'it\\'s'")},
	{"get \"k\r\n", 0, ERR("unbalanced quotes in request")},
	{"get 'k\r\n", 0, ERR("unbalanced quotes in request")},
	{"get \"k\"x\r\n", 0, ERR("unbalanced quotes in request")},
	{"get \"k\\\"\r\n", 0, ERR("unbalanced quotes in request")},
	{"get k\0 x\r\n", 10, ERR("zero byte in an inline request")},
	{"\0\r\n", 3, ERR("zero byte in an inline request")},
	{"PING", 0, MORE},
	{"\0", 1, MORE},
	{"", 0, MORE},
	/* browsers */
	{"POST / HTTP/1.1\r\n", 0, PARSE_BAD, 0, "", ""},
	{"Host: x\r\n", 0, PARSE_BAD, 0, "", ""},
	{"*1\r\n$4\r\nPoSt\r\n", 0, PARSE_BAD, 0, "", ""},
};

static struct span case_in(int i)
{
	return span_make(cases[i].in, cases[i].len > 0 ? cases[i].len : strlen(cases[i].in));
}

START_TEST(parses_or_names_what_is_wrong)
{
	struct outcome o = parse_whole(case_in(_i));

	ck_assert_str_eq(o.error, cases[_i].error);
	ck_assert_int_eq(o.result, cases[_i].result);
	ck_assert_uint_eq(o.n, cases[_i].n);
	ck_assert_str_eq(o.words, cases[_i].words);
}
END_TEST

START_TEST(a_cut_anywhere_changes_nothing)
{
	assert_split_invariant(case_in(_i));
}
END_TEST

START_TEST(tells_the_whole_length_once_the_value_is_announced)
{
	struct span in = span_of("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\nabc");
	struct parse_state state = {0};
	uint32_t need;

	ck_assert_int_eq(parse_copy(&state, in, &need).result, PARSE_MORE);
	ck_assert_uint_eq(need, in.len - 3 + 1002);
	ck_assert_uint_eq(state.owed, 1);
}
END_TEST

START_TEST(a_million_announced_arguments_cost_nothing)
{
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;
	struct span in = span_of("*1000000\r\n$1\r\na\r\n");

	ck_assert_int_eq(resp_request_parse(&state, in, &limits, &args, &parsed), PARSE_MORE);
	ck_assert_uint_le(args.cap, 64);
	arg_list_fini(&args);
}
END_TEST

/* n arguments of one byte, as one command; the caller frees it. */
static char *many_arguments(uint32_t n, size_t *len)
{
	char *in = malloc(16 + (size_t)n * 7);

	*len = (size_t)sprintf(in, "*%u\r\n", n);
	for (uint32_t i = 0; i < n; i++, *len += 7)
		memcpy(in + *len, "$1\r\nx\r\n", 7);
	return in;
}

START_TEST(takes_a_hundred_thousand_arguments_in_pieces)
{
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;
	size_t len, have = 0;
	char *in = many_arguments(100000, &len);
	enum parse_result result = PARSE_MORE;

	while (result == PARSE_MORE) {
		have = have + 1460 < len ? have + 1460 : len;
		result = resp_request_parse(&state, span_make(in, have), &limits, &args, &parsed);
	}
	ck_assert_int_eq(result, PARSE_DONE);
	ck_assert_uint_eq(args.n, 100000);
	ck_assert_uint_eq(parsed.len, len);
	ck_assert_uint_eq(args.v[99999].at, len - 3);
	free(in);
	arg_list_fini(&args);
}
END_TEST

/* A line of `len` bytes and no end; `first` is its first byte. */
static enum parse_result parse_line(char first, size_t len, bool ended, char *error)
{
	char *in = malloc(len + 2);
	struct outcome o;

	memset(in, '1', len);
	in[0] = first;
	memcpy(in + len, "\r\n", 2);
	o = parse_whole(span_make(in, ended ? len + 2 : len));
	strcpy(error, o.error);
	free(in);
	return o.result;
}

START_TEST(lines_have_the_servers_limit)
{
	char error[96];

	ck_assert_int_eq(parse_line('a', RESP_LINE_MAX, false, error), PARSE_MORE);
	ck_assert_int_eq(parse_line('a', RESP_LINE_MAX - 1, true, error), PARSE_DONE);
	ck_assert_int_eq(parse_line('a', RESP_LINE_MAX + 1, false, error), PARSE_BAD);
	ck_assert_str_eq(error, "-ERR Protocol error: too big inline request");
	ck_assert_int_eq(parse_line('a', RESP_LINE_MAX, true, error), PARSE_BAD);
	ck_assert_int_eq(parse_line('*', RESP_LINE_MAX, false, error), PARSE_MORE);
	ck_assert_int_eq(parse_line('*', RESP_LINE_MAX + 1, false, error), PARSE_BAD);
	ck_assert_str_eq(error, "-ERR Protocol error: too big mbulk count string");
	ck_assert_int_eq(parse_line('*', RESP_LINE_MAX, true, error), PARSE_BAD);
	ck_assert_str_eq(error, "-ERR Protocol error: invalid multibulk length");
}
END_TEST

START_TEST(a_bulk_header_has_the_servers_limit)
{
	size_t len = 4 + RESP_LINE_MAX + 1;
	char *in = malloc(len);
	struct outcome o;

	memset(in, '1', len);
	memcpy(in, "*1\r\n$", 5);
	ck_assert_int_eq(parse_whole(span_make(in, len - 1)).result, PARSE_MORE);
	o = parse_whole(span_make(in, len));
	ck_assert_str_eq(o.error, "-ERR Protocol error: too big bulk count string");
	free(in);
}
END_TEST

START_TEST(the_pools_limit_is_for_the_whole_command)
{
	const char *in = "*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n";
	const struct parse_limits fits = {.request = (uint32_t)strlen(in)},
				  tight = {.request = (uint32_t)strlen(in) - 1};
	const struct parse_limits smaller = {.request = 9};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;

	ck_assert_int_eq(resp_request_parse(&state, span_of(in), &fits, &args, &parsed),
			 PARSE_DONE);
	ck_assert_int_eq(resp_request_parse(&state, span_of(in), &tight, &args, &parsed),
			 PARSE_BAD);
	ck_assert_str_eq(parsed.error, "-ERR Protocol error: command larger than limits.request");
	ck_assert_int_eq(resp_request_parse(&state, span_of("0123456789"), &smaller, &args,
					    &parsed),
			 PARSE_BAD);
	arg_list_fini(&args);
}
END_TEST

START_TEST(knows_the_command_and_the_subcommand)
{
	ck_assert_str_eq(parse_whole(span_of("GeT k\r\n")).command->name, "get");
	ck_assert_ptr_null(parse_whole(span_of("nonesuch k\r\n")).command);
	ck_assert_ptr_null(parse_whole(span_of("object|freq k\r\n")).command);
	ck_assert_str_eq(parse_whole(span_of("OBJECT Freq k\r\n")).command->name, "object|freq");
	ck_assert_str_eq(parse_whole(span_of("object nonesuch k\r\n")).command->name, "object");
	ck_assert_str_eq(parse_whole(span_of("object\r\n")).command->name, "object");
	ck_assert_str_eq(parse_whole(span_of("CLIENT setName x\r\n")).command->name,
			 "client|setname");
	ck_assert_str_eq(parse_whole(span_of("client nonesuch\r\n")).command->name, "client");
	ck_assert_str_eq(parse_whole(span_of("command\r\n")).command->name, "command");
	ck_assert_str_eq(parse_whole(span_of("command count\r\n")).command->name, "command|count");
	ck_assert_str_eq(parse_whole(span_of("command nonesuch\r\n")).command->name, "command");
}
END_TEST

/* Valid commands with a few bytes changed, dropped or doubled: cut anywhere, the same answer. */
START_TEST(mutations_are_split_invariant)
{
	struct rng rng;

	printf("check_resp_request: seed %d\n", _i);
	rng_init(&rng, (uint64_t)_i);
	for (int round = 0; round < 300; round++) {
		struct span in = case_in((int)rng_below(&rng, ARRAY_LEN(cases)));
		char *bytes = malloc(in.len + 1);
		size_t len = in.len;

		memcpy(bytes, in.p, len);
		for (uint64_t n = rng_below(&rng, 4); n > 0 && len > 0; n--) {
			static const char telling[] = "\r\n*$-:0123456789 \"'\\\0x";

			bytes[rng_below(&rng, len)] = telling[rng_below(&rng, sizeof(telling))];
			len -= rng_below(&rng, 4) == 0;
		}
		assert_split_invariant(span_make(bytes, len));
		free(bytes);
	}
}
END_TEST

Suite *resp_request_suite(void)
{
	Suite *suite = suite_create("resp_request");
	TCase *tc = tcase_create("resp_request");

	tcase_add_loop_test(tc, parses_or_names_what_is_wrong, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, a_cut_anywhere_changes_nothing, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, tells_the_whole_length_once_the_value_is_announced);
	tcase_add_test(tc, a_million_announced_arguments_cost_nothing);
	tcase_add_test(tc, takes_a_hundred_thousand_arguments_in_pieces);
	tcase_add_test(tc, lines_have_the_servers_limit);
	tcase_add_test(tc, a_bulk_header_has_the_servers_limit);
	tcase_add_test(tc, the_pools_limit_is_for_the_whole_command);
	tcase_add_test(tc, knows_the_command_and_the_subcommand);
	tcase_add_loop_test(tc, mutations_are_split_invariant, 1, 4);
	suite_add_tcase(suite, tc);
	return suite;
}
