#include "proto/resp_frame.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "suites.h"

static const struct {
	const char *in;
	enum frame_result result;
	size_t len; /* of the reply, if DONE; what is behind it is the next */
} cases[] = {
	{"+OK\r\n", FRAME_DONE, 5},
	{"+\r\n", FRAME_DONE, 3},
	{"-ERR no\r\n+OK\r\n", FRAME_DONE, 9},
	{"+a\rb\r\n", FRAME_DONE, 6},
	{":-12\r\n", FRAME_DONE, 6},
	{"$3\r\nabc\r\n", FRAME_DONE, 9},
	{"$0\r\n\r\n", FRAME_DONE, 6},
	{"$-1\r\n$-1\r\n", FRAME_DONE, 5},
	{"$4\r\n\r\n\r\n\r\n", FRAME_DONE, 10},
	{"*0\r\n", FRAME_DONE, 4},
	{"*-1\r\n", FRAME_DONE, 5},
	{"*2\r\n$1\r\na\r\n$-1\r\n", FRAME_DONE, 16},
	{"*2\r\n*1\r\n:1\r\n*2\r\n+a\r\n*0\r\n:9\r\n", FRAME_DONE, 24},
	{"*1\r\n*1\r\n*1\r\n*1\r\n$1\r\nx\r\n", FRAME_DONE, 23},
	/* RESP3 */
	{"_\r\n", FRAME_DONE, 3},
	{"#t\r\n", FRAME_DONE, 4},
	{",3.14\r\n", FRAME_DONE, 7},
	{"(123456789012345678901234567890\r\n", FRAME_DONE, 33},
	{"=7\r\ntxt:abc\r\n", FRAME_DONE, 13},
	{"!5\r\nERR x\r\n", FRAME_DONE, 11},
	{"~2\r\n:1\r\n:2\r\n", FRAME_DONE, 12},
	{"%1\r\n+k\r\n:2\r\n:3\r\n", FRAME_DONE, 12},
	{"%0\r\n", FRAME_DONE, 4},
	{">2\r\n+a\r\n+b\r\n", FRAME_DONE, 12},
	{"|1\r\n+ttl\r\n:5\r\n$1\r\nx\r\n", FRAME_DONE, 21},
	{"*2\r\n:1\r\n|1\r\n+a\r\n+b\r\n:2\r\n+OK\r\n", FRAME_DONE, 24},
	/* incomplete */
	{"", FRAME_MORE, 0},
	{"+OK\r", FRAME_MORE, 0},
	{"$3\r\nabc\r", FRAME_MORE, 0},
	{"*2\r\n:1\r\n", FRAME_MORE, 0},
	{"|1\r\n+a\r\n+b\r\n", FRAME_MORE, 0},
	{"$1000000000000000\r\nx", FRAME_MORE, 0},
	/* lies */
	{"x", FRAME_BAD, 0},
	{"\r\n", FRAME_BAD, 0},
	{"PONG\r\n", FRAME_BAD, 0},
	{"+OK\n", FRAME_BAD, 0},
	{"$3\r\nabcd\r\n", FRAME_BAD, 0},
	{"$3\r\nab\r\n\r\n", FRAME_BAD, 0},
	{"$3\r\nabc\n\n", FRAME_BAD, 0},
	{"$03\r\nabc\r\n", FRAME_BAD, 0},
	{"$+3\r\nabc\r\n", FRAME_BAD, 0},
	{"$\r\n", FRAME_BAD, 0},
	{"$ 3\r\n", FRAME_BAD, 0},
	{"$3 \r\n", FRAME_BAD, 0},
	{"$3\n", FRAME_BAD, 0},
	{"$-2\r\n", FRAME_BAD, 0},
	{"$-10\r\n", FRAME_BAD, 0},
	{"%-1\r\n", FRAME_BAD, 0},
	{"=-1\r\n", FRAME_BAD, 0},
	{"$?\r\n", FRAME_BAD, 0},
	{"*9223372036854775808\r\n", FRAME_BAD, 0},
	{"$18446744073709551615\r\n", FRAME_BAD, 0},
	{"*99999999999999999999999999\r\n", FRAME_BAD, 0},
	{"*1\r\nx", FRAME_BAD, 0},
	{"*2\r\n$1\r\na\r\r\n", FRAME_BAD, 0},
};

/* A call on a copy of exactly the bytes, so that a read past them is found. */
static enum frame_result scan_copy(struct frame *frame, struct span in, size_t *took)
{
	char *copy = malloc(in.len > 0 ? in.len : 1);
	enum frame_result result;

	memcpy(copy, in.p, in.len);
	result = resp_frame_scan(frame, span_make(copy, in.len), took);
	ck_assert_uint_le(*took, in.len);
	free(copy);
	return result;
}

/*
 * Scan `in` as it comes in pieces that end at `cut` and then every `step` bytes: what a call does
 * not take is given again, with more. *len is where the reply ends.
 */
static enum frame_result scan_pieces(struct span in, size_t cut, size_t step, size_t *len)
{
	struct frame frame = {0};
	enum frame_result result = FRAME_MORE;
	size_t taken = 0;

	for (size_t have = cut;; have = have + step < in.len ? have + step : in.len) {
		size_t took;

		result = scan_copy(&frame, span_make(in.p + taken, have - taken), &took);
		taken += took;
		if (result != FRAME_MORE || have == in.len)
			break;
	}
	if (result == FRAME_BAD)
		ck_assert_ptr_nonnull(frame.why);
	if (in.len > 0)
		ck_assert_int_eq(frame.first, in.p[0]);
	*len = taken;
	return result;
}

static void assert_split_invariant(struct span in)
{
	size_t whole_len, len;
	enum frame_result whole = scan_pieces(in, in.len, 1, &whole_len);

	for (size_t cut = 0; cut < in.len; cut++) {
		const size_t steps[] = {1, in.len};

		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			enum frame_result result = scan_pieces(in, cut, steps[i], &len);

			ck_assert_msg(result == whole, "cut at %zu, then by %zu", cut, steps[i]);
			if (whole != FRAME_BAD)
				ck_assert_uint_eq(len, whole_len);
		}
	}
}

START_TEST(finds_the_end_of_a_reply)
{
	size_t len;
	struct span in = span_of(cases[_i].in);

	ck_assert_int_eq(scan_pieces(in, in.len, 1, &len), cases[_i].result);
	if (cases[_i].result == FRAME_DONE)
		ck_assert_uint_eq(len, cases[_i].len);
}
END_TEST

START_TEST(a_cut_anywhere_changes_nothing)
{
	assert_split_invariant(span_of(cases[_i].in));
}
END_TEST

START_TEST(never_cuts_a_header_line)
{
	static const char in[] = "*2\r\n$3\r\nabc\r\n:1234\r\n";
	static const size_t expected[] = {0,  0,  0,  0,  4,  4,  4,  4,  8,  9,
					  10, 11, 12, 13, 13, 13, 13, 13, 13, 13};

	for (size_t len = 0; len < ARRAY_LEN(expected); len++) {
		struct frame frame = {0};
		size_t took;

		ck_assert_int_eq(scan_copy(&frame, span_make(in, len), &took), FRAME_MORE);
		ck_assert_uint_eq(took, expected[len]);
	}
}
END_TEST

START_TEST(takes_long_lines_up_to_the_limit)
{
	size_t limit = 65536, took;
	char *in = malloc(limit + 1);
	struct frame frame = {0};

	memset(in, 'x', limit + 1);
	in[0] = '+';
	ck_assert_int_eq(resp_frame_scan(&frame, span_make(in, limit - 1), &took), FRAME_MORE);
	ck_assert_int_eq(resp_frame_scan(&frame, span_make(in, limit), &took), FRAME_BAD);
	memcpy(in + limit - 2, "\r\n", 2);
	frame = (struct frame){0};
	ck_assert_int_eq(resp_frame_scan(&frame, span_make(in, limit), &took), FRAME_DONE);
	memcpy(in + limit - 2, "x\r\n", 3);
	frame = (struct frame){0};
	ck_assert_int_eq(resp_frame_scan(&frame, span_make(in, limit + 1), &took), FRAME_BAD);
	free(in);
}
END_TEST

START_TEST(counts_depth_and_width_without_memory)
{
	struct frame frame = {0};
	size_t took;

	/* A million arrays, each the only element of the one before. An assert for each would take
	   seconds: it writes to a file. */
	int others = 0;
	for (int i = 0; i < 1000000; i++)
		others += resp_frame_scan(&frame, span_of("*1\r\n"), &took) != FRAME_MORE;
	ck_assert_int_eq(others, 0);
	ck_assert_int_eq(resp_frame_scan(&frame, span_of(":1\r\n"), &took), FRAME_DONE);
	/* More elements than can be counted. */
	frame = (struct frame){0};
	for (int i = 0; i < 100; i++) {
		enum frame_result result =
			resp_frame_scan(&frame, span_of("*999999999999999999\r\n"), &took);

		if (result == FRAME_BAD)
			return;
		ck_assert_int_eq(result, FRAME_MORE);
	}
	ck_abort_msg("counted past every number");
}
END_TEST

START_TEST(skips_payload_without_looking)
{
	struct frame frame = {0};
	size_t took;
	static const char zeroes[4096];

	ck_assert_int_eq(resp_frame_scan(&frame, span_of("$67108864\r\n"), &took), FRAME_MORE);
	for (size_t left = 67108864; left > 0; left -= sizeof(zeroes)) {
		ck_assert_int_eq(resp_frame_scan(&frame, span_make(zeroes, sizeof(zeroes)), &took),
				 FRAME_MORE);
		ck_assert_uint_eq(took, sizeof(zeroes));
	}
	ck_assert_int_eq(resp_frame_scan(&frame, span_of("\r\n+"), &took), FRAME_DONE);
	ck_assert_uint_eq(took, 2);
}
END_TEST

START_TEST(mutations_are_split_invariant)
{
	struct rng rng;

	printf("check_resp_frame: seed %d\n", _i);
	rng_init(&rng, (uint64_t)_i);
	for (int round = 0; round < 120; round++) {
		struct span in = span_of(cases[rng_below(&rng, ARRAY_LEN(cases))].in);
		char bytes[64];

		memcpy(bytes, in.p, in.len);
		for (uint64_t n = rng_below(&rng, 4); n > 0 && in.len > 0; n--) {
			static const char telling[] = "\r\n*$-:+|%_0123456789 x";

			bytes[rng_below(&rng, in.len)] = telling[rng_below(&rng, sizeof(telling))];
		}
		assert_split_invariant(span_make(bytes, in.len));
	}
}
END_TEST

Suite *resp_frame_suite(void)
{
	Suite *suite = suite_create("resp_frame");
	TCase *tc = tcase_create("resp_frame");

	tcase_add_loop_test(tc, finds_the_end_of_a_reply, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, a_cut_anywhere_changes_nothing, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, never_cuts_a_header_line);
	tcase_add_test(tc, takes_long_lines_up_to_the_limit);
	tcase_add_test(tc, counts_depth_and_width_without_memory);
	tcase_add_test(tc, skips_payload_without_looking);
	tcase_add_loop_test(tc, mutations_are_split_invariant, 1, 4);
	suite_add_tcase(suite, tc);
	return suite;
}
