#include <check.h>

#include "mc_transcript.h"
#include "suites.h"

#define IN(s)                                                                                      \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
#define K25	   "kkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250	   K25 K25 K25 K25 K25 K25 K25 K25 K25 K25
#define BAD_LINE   "bad a line that begins no memcached reply\n"
#define BAD_VALUE  "bad a bad VALUE line\n"
#define BAD_LENGTH "bad a value that does not end where it says\n"
#define BAD_END	   "bad a line that ends without CR\n"

/* What a server's bytes are, as mc_transcript.h puts it: first byte, length, values. */
struct stream {
	struct span in;
	const char *transcript;
};

static const struct stream streams[] = {
	{IN("STORED\r\n"), "S 8 0\nrest 0 values 0\n"},
	{IN("NOT_STORED\r\nEXISTS\r\nNOT_FOUND\r\nDELETED\r\nTOUCHED\r\nOK\r\nRESET\r\n"),
	 "N 12 0\nE 8 0\nN 11 0\nD 9 0\nT 9 0\nO 4 0\nR 7 0\nrest 0 values 0\n"},
	{IN("0\r\n18446744073709551615\r\n"), "0 3 0\n1 22 0\nrest 0 values 0\n"},
	{IN("VERSION 1.6.18\r\n"), "V 16 0\nrest 0 values 0\n"},
	{IN("ERROR\r\nERROR: shutdown not enabled\r\n"), "E 7 0\nE 29 0\nrest 0 values 0\n"},
	{IN("CLIENT_ERROR bad data chunk\r\nSERVER_ERROR out of memory\r\n"),
	 "C 29 0\nS 28 0\nrest 0 values 0\n"},
	{IN("END\r\nEND\r\n"), "E 5 0\nE 5 0\nrest 0 values 0\n"},
	{IN("VALUE k 0 5\r\nhello\r\nEND\r\n"), "V 25 1\nrest 0 values 0\n"},
	{IN("VALUE k 4294967295 0 18446744073709551615\r\n\r\nEND\r\nOK\r\n"),
	 "V 50 1\nO 4 0\nrest 0 values 0\n"},
	{IN("VALUE a 0 5\r\nEND\r\n\r\nVALUE b 1 7 3\r\n\r\nEND\r\n\r\nEND\r\n"),
	 "V 49 2\nrest 0 values 0\n"},
	{IN("VALUE " K250 " 0 1\r\n\0\r\nEND\r\n"), "V 270 1\nrest 0 values 0\n"},
	{IN("VALUE a 0 1\r\nx\r\nSERVER_ERROR out of memory writing get response\r\nEND\r\n"),
	 "V 65 1\nE 5 0\nrest 0 values 0\n"},
	{IN("STAT pid 1\r\nSTAT version 1.6\r\nEND\r\n"), "S 35 0\nrest 0 values 0\n"},
	{IN("ITEM k [1 b; 0 s]\r\nEND\r\n"), "I 24 0\nrest 0 values 0\n"},
	{IN("PREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n"), "P 39 0\nrest 0 values 0\n"},
	{IN("HD\r\nHD f0 t-1\r\nEN\r\nNF O1\r\nNS\r\nEX\r\nME k exp=-1\r\n"),
	 "H 4 1\nH 11 1\nE 4 0\nN 7 0\nN 4 0\nE 4 0\nM 13 0\nrest 0 values 0\n"},
	{IN("VA 5 f1 O2\r\nhello\r\nVA 0\r\n\r\nEN\r\n"),
	 "V 19 1\nV 8 1\nE 4 0\nrest 0 values 0\n"},
	/* not whole yet */
	{IN(""), "rest 0 values 0\n"},
	{IN("S"), "rest 1 values 0\n"},
	{IN("STORED\r"), "rest 7 values 0\n"},
	{IN("VALUE k 0 5\r\nhel"), "rest 0 values 1\n"},
	{IN("VALUE k 0 5\r\nhello\r\nEN"), "rest 2 values 1\n"},
	{IN("VALUE k 0 2147483645\r\n"), "rest 0 values 1\n"},
	{IN("STAT pid 1\r\n"), "rest 0 values 0\n"},
	{IN("VA 5 f1\r\nhello\r"), "rest 0 values 1\n"},
	/* no replies */
	{IN("MN\r\n"), BAD_LINE "rest 4 values 0\n"},
	{IN("HDx\r\n"), BAD_LINE "rest 5 values 0\n"},
	{IN("VA x\r\n"), "bad a bad VA line\nrest 6 values 0\n"},
	{IN("VA 1\r\nab\r\n"), BAD_LENGTH "rest 3 values 1\n"},
	{IN("\r\n"), BAD_LINE "rest 2 values 0\n"},
	{IN("\n"), BAD_END "rest 1 values 0\n"},
	{IN("STORED\n"), BAD_END "rest 7 values 0\n"},
	{IN("stored\r\n"), BAD_LINE "rest 8 values 0\n"},
	{IN("STORED \r\n"), BAD_LINE "rest 9 values 0\n"},
	{IN("HTTP/1.1 200 OK\r\n"), BAD_LINE "rest 17 values 0\n"},
	{IN("+PONG\r\n"), BAD_LINE "rest 7 values 0\n"},
	{IN("18446744073709551616\r\n"), BAD_LINE "rest 22 values 0\n"},
	{IN("-1\r\n"), BAD_LINE "rest 4 values 0\n"},
	{IN("VALUE\r\n"), BAD_LINE "rest 7 values 0\n"},
	{IN("VALUE k\r\n"), BAD_VALUE "rest 9 values 0\n"},
	{IN("VALUE k 0\r\n"), BAD_VALUE "rest 11 values 0\n"},
	{IN("VALUE  0 1\r\n"), BAD_VALUE "rest 12 values 0\n"},
	{IN("VALUE k 0 -1\r\n"), BAD_VALUE "rest 14 values 0\n"},
	{IN("VALUE k x 1\r\n"), BAD_VALUE "rest 13 values 0\n"},
	{IN("VALUE k 0 2147483646\r\n"), BAD_VALUE "rest 22 values 0\n"},
	{IN("VALUE k 0 9223372036854775808\r\n"), BAD_VALUE "rest 31 values 0\n"},
	{IN("VALUE k 0 1 x\r\n"), BAD_VALUE "rest 15 values 0\n"},
	{IN("VALUE k 0 1 2 3\r\n"), BAD_VALUE "rest 17 values 0\n"},
	{IN("VALUE k" K250 " 0 1\r\n"), BAD_VALUE "rest 263 values 0\n"},
	{IN("VALUE k 0 1\r\nxyEND\r\n"), BAD_LENGTH "rest 6 values 1\n"},
	{IN("VALUE k 0 1\r\nx\rEND\r\n"), BAD_LENGTH "rest 5 values 1\n"},
	{IN("VALUE k 0 1\r\nx\r\nSTORED\r\n"), BAD_LINE "rest 8 values 1\n"},
	{IN("VALUE k 0 1\r\nx\r\nSTAT a 1\r\n"), BAD_LINE "rest 10 values 1\n"},
	{IN("STAT a 1\r\nVALUE k 0 1\r\n"), BAD_LINE "rest 13 values 0\n"},
	{IN("STAT a 1\r\nERROR\r\n"), BAD_LINE "rest 7 values 0\n"},
};

START_TEST(ends_where_the_table_says)
{
	const struct stream *stream = &streams[_i];
	char *text = mc_reply_transcript(stream->in, (struct pieces){stream->in.len, 0});

	ck_assert_str_eq(text, stream->transcript);
	free(text);
}
END_TEST

START_TEST(any_split_gives_the_same_answer)
{
	const struct stream *stream = &streams[_i];

	for (size_t i = 0; i < stream->in.len; i++) {
		char *two = mc_reply_transcript(stream->in, (struct pieces){i, stream->in.len});
		char *many = mc_reply_transcript(stream->in, (struct pieces){i, 1 + i % 5});

		ck_assert_str_eq(two, stream->transcript);
		ck_assert_str_eq(many, stream->transcript);
		free(two);
		free(many);
	}
}
END_TEST

START_TEST(a_header_line_is_never_cut)
{
	struct span in = span_of("VALUE k 0 5\r\nhello\r\nEND\r\n");

	for (size_t len = 0; len < in.len; len++) {
		struct frame frame = {0};
		size_t took, whole = len < 13 ? 0 : len < 20 ? len : 20;

		ck_assert_int_eq(mc_reply_scan(&frame, span_make(in.p, len), &took), FRAME_MORE);
		ck_assert_uint_eq(took, whole);
		ck_assert_int_eq(frame.first, len > 0 ? 'V' : 0);
	}
}
END_TEST

/* What comes before MN, and whether it is whole only with that. */
static const struct {
	const char *in;
	unsigned values;
} barred[] = {
	{"MN\r\n", 0},
	{"HD\r\nMN\r\n", 1},
	{"EN\r\nMN\r\n", 0},
	{"VA 4 f1\r\nMN\r\n\r\nMN\r\n", 1},
	{"CLIENT_ERROR invalid flag\r\nMN\r\n", 0},
	{"VALUE k 0 1\r\nx\r\nSERVER_ERROR out of memory\r\nMN\r\n", 1},
};

START_TEST(what_may_be_quiet_ends_with_the_barrier)
{
	struct span in = span_of(barred[_i].in);

	for (size_t cut = 0; cut < in.len; cut++) {
		struct frame frame = {.until_barrier = true};
		size_t first, rest;

		ck_assert_int_eq(mc_reply_scan(&frame, span_make(in.p, cut), &first), FRAME_MORE);
		ck_assert_int_eq(mc_reply_scan(&frame, span_skip(in, first), &rest), FRAME_DONE);
		ck_assert_uint_eq(first + rest, in.len);
		ck_assert_uint_eq(frame.values, barred[_i].values);
	}
}
END_TEST

START_TEST(nothing_but_the_barrier_follows_one_reply)
{
	static const char *const bad[] = {"HD\r\nHD\r\n", "EN\r\nEND\r\n", "END\r\n",
					  "VA 1\r\nx\r\nVA 1\r\nx\r\n"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct frame frame = {.until_barrier = true};
		size_t took;

		ck_assert_int_eq(mc_reply_scan(&frame, span_of(bad[i]), &took), FRAME_BAD);
	}
}
END_TEST

START_TEST(a_line_has_8192_bytes_at_most)
{
	char *line = malloc(MC_REPLY_LINE_MAX + 1);
	struct frame frame = {0};
	size_t took;

	memset(line, 'x', MC_REPLY_LINE_MAX + 1);
	memcpy(line, "STAT ", 5);
	ck_assert_int_eq(mc_reply_scan(&frame, span_make(line, MC_REPLY_LINE_MAX - 1), &took),
			 FRAME_MORE);
	ck_assert_int_eq(mc_reply_scan(&frame, span_make(line, MC_REPLY_LINE_MAX), &took),
			 FRAME_BAD);
	ck_assert_str_eq(frame.why, "a line without end");
	memcpy(line + MC_REPLY_LINE_MAX - 2, "\r\n", 2);
	frame = (struct frame){0};
	ck_assert_int_eq(mc_reply_scan(&frame, span_make(line, MC_REPLY_LINE_MAX), &took),
			 FRAME_MORE);
	ck_assert_uint_eq(took, MC_REPLY_LINE_MAX);
	memcpy(line + MC_REPLY_LINE_MAX - 2, "x\r\n", 3);
	frame = (struct frame){0};
	ck_assert_int_eq(mc_reply_scan(&frame, span_make(line, MC_REPLY_LINE_MAX + 1), &took),
			 FRAME_BAD);
	free(line);
}
END_TEST

START_TEST(a_great_value_is_passed_in_pieces)
{
	static char zeros[1 << 16];
	struct frame frame = {0};
	size_t took, left = 2147483645;

	ck_assert_int_eq(mc_reply_scan(&frame, span_of("VALUE k 0 2147483645\r\n"), &took),
			 FRAME_MORE);
	while (left > 0) {
		size_t n = left < sizeof(zeros) ? left : sizeof(zeros);

		ck_assert_int_eq(mc_reply_scan(&frame, span_make(zeros, n), &took), FRAME_MORE);
		ck_assert_uint_eq(took, n);
		left -= n;
	}
	ck_assert_int_eq(mc_reply_scan(&frame, span_of("\r\nEND\r\n"), &took), FRAME_DONE);
	ck_assert_uint_eq(took, 7);
}
END_TEST

/* Only who asks 'config get' takes its answer for one. */
START_TEST(config_is_a_value_where_it_was_asked_for)
{
	struct span in = span_of("CONFIG cluster 0 4\r\nEND\n\r\nEND\r\nEND\r\n");
	struct frame asked = {.is_config = true}, other = {0};
	size_t took;

	ck_assert_int_eq(mc_reply_scan(&asked, in, &took), FRAME_DONE);
	ck_assert_uint_eq(took, in.len - 5);
	ck_assert_int_eq(mc_reply_scan(&other, in, &took), FRAME_BAD);
}
END_TEST

Suite *mc_reply_suite(void)
{
	Suite *suite = suite_create("mc_reply");
	TCase *tc = tcase_create("scan");

	tcase_add_loop_test(tc, ends_where_the_table_says, 0, ARRAY_LEN(streams));
	tcase_add_loop_test(tc, any_split_gives_the_same_answer, 0, ARRAY_LEN(streams));
	tcase_add_test(tc, a_header_line_is_never_cut);
	tcase_add_test(tc, a_line_has_8192_bytes_at_most);
	tcase_add_test(tc, a_great_value_is_passed_in_pieces);
	tcase_add_loop_test(tc, what_may_be_quiet_ends_with_the_barrier, 0, ARRAY_LEN(barred));
	tcase_add_test(tc, nothing_but_the_barrier_follows_one_reply);
	tcase_add_test(tc, config_is_a_value_where_it_was_asked_for);
	suite_add_tcase(suite, tc);
	return suite;
}
