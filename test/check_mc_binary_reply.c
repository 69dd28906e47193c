#include <check.h>
#include <limits.h>

#include "mc_transcript.h"
#include "suites.h"

#define IN(s)                                                                                      \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
/* One byte each: opcode, status, bytes of key and extras, and of all three. */
#define HEADER(opcode, status, key, extras, body)                                                  \
	"\x81" opcode "\0" key extras "\0\0" status "\0\0\0" body "opaqCASCASCA"
#define NOOP	   HEADER("\x0a", "\0", "\0", "\0", "\0")
#define HIT	   HEADER("\x00", "\0", "\0", "\4", "\x09") "FLAGvalue"
#define MISS	   HEADER("\x00", "\1", "\0", "\0", "\x09") "Not found"
#define STAT(a, b) HEADER("\x10", "\0", "\1", "\0", "\2") a b
#define STAT_END   HEADER("\x10", "\0", "\0", "\0", "\0")
#define STAT_ERROR HEADER("\x10", "\x82", "\1", "\0", "\3") "key"
#define BAD	   "bad no packet of memcached's binary protocol\n"
#define ZEROS_MAX  (1 << 20)

/* What a server's bytes are, as mc_transcript.h puts it: first byte, length, values. */
struct stream {
	struct span in;
	const char *transcript;
};

static const struct stream streams[] = {
	{IN(HIT), "\x81 33 1\nrest 0 values 0\n"},
	{IN(MISS HIT MISS), "\x81 33 0\n\x81 33 1\n\x81 33 0\nrest 0 values 0\n"},
	{IN(HEADER("\x0c", "\0", "\2", "\4", "\x08") "FLAGkkvv" NOOP),
	 "\x81 32 1\n\x81 24 0\nrest 0 values 0\n"},
	{IN(HEADER("\x01", "\0", "\0", "\0", "\0") HEADER("\x01", "\3", "\0", "\0", "\1") "x"),
	 "\x81 24 1\n\x81 25 0\nrest 0 values 0\n"},
	/* what looks like a header in a value is none */
	{IN(HEADER("\x00", "\0", "\0", "\0", "\x18") NOOP NOOP),
	 "\x81 48 1\n\x81 24 0\nrest 0 values 0\n"},
	/* statistics, up to the packet without a key or with an error */
	{IN(STAT_END HIT), "\x81 24 1\n\x81 33 1\nrest 0 values 0\n"},
	{IN(STAT("a", "1") STAT("b", "2") STAT_END NOOP),
	 "\x81 76 3\n\x81 24 0\nrest 0 values 0\n"},
	{IN(STAT("a", "1") STAT_ERROR HIT), "\x81 53 1\n\x81 33 1\nrest 0 values 0\n"},
	{IN(HEADER("\x10", "\1", "\0", "\0", "\2") "no" STAT("a", "1") STAT_END),
	 "\x81 26 0\n\x81 50 2\nrest 0 values 0\n"},
	/* not whole yet */
	{IN(""), "rest 0 values 0\n"},
	{IN("\x81"), "rest 1 values 0\n"},
	{IN(HEADER("\x00", "\0", "\0", "\4", "\x09")), "rest 0 values 1\n"},
	{IN(HEADER("\x00", "\0", "\0", "\4", "\x09") "FLAGvalu"), "rest 0 values 1\n"},
	{IN(STAT("a", "1")), "rest 0 values 1\n"},
	{IN(STAT("a", "1") "\x81\x10"), "rest 2 values 1\n"},
	{IN("\x81\0\0\0\0\0\0\0\x7f\xff\xff\xff"
	    "opaqCASCASCA"
	    "value"),
	 "rest 0 values 1\n"},
	{IN("\x81\0\xff\xff\xff\0\0\0\x00\x01\x00\xfe"
	    "opaqCASCASCA"
	    "value"),
	 "rest 0 values 1\n"},
	/* no replies */
	{IN("\x80"), BAD "rest 1 values 0\n"},
	{IN("ERROR\r\n"), BAD "rest 7 values 0\n"},
	{IN(HIT "\x80"), "\x81 33 1\n" BAD "rest 1 values 0\n"},
	{IN(HIT "\r\nEND\r\n"), "\x81 33 1\n" BAD "rest 7 values 0\n"},
	{IN(STAT("a", "1") "\n"), BAD "rest 1 values 1\n"},
	{IN(HEADER("\x00", "\0", "\1", "\4", "\4") "FLAGk"), BAD "rest 29 values 0\n"},
	{IN(STAT("a", "1") HEADER("\x10", "\0", "\3", "\0", "\2") "key"), BAD "rest 27 values 1\n"},
	{IN("\x81\0\xff\xff\xff\0\0\0\x00\x01\x00\xfd"
	    "opaqCASCASCA"),
	 BAD "rest 24 values 0\n"},
	{IN("\x81\0\0\0\0\0\0\0\x80\0\0\0"
	    "opaqCASCASCA"),
	 BAD "rest 24 values 0\n"},
	{IN("\x81\0\0\1\4\0\0\0\xff\xff\xff\xff"
	    "opaqCASCASCA"),
	 BAD "rest 24 values 0\n"},
};

/* With the barrier: all packets up to the answer to NOOP. */
static const struct stream barred[] = {
	{IN(NOOP), "\x81 24 0\nrest 0 values 0\n"},
	{IN(NOOP NOOP), "\x81 24 0\n\x81 24 0\nrest 0 values 0\n"},
	{IN(HIT NOOP), "\x81 57 1\nrest 0 values 0\n"},
	{IN(MISS NOOP HIT HIT HIT NOOP), "\x81 57 0\n\x81 123 3\nrest 0 values 0\n"},
	{IN(STAT("a", "1") STAT_END NOOP), "\x81 74 2\nrest 0 values 0\n"},
	{IN(STAT_END STAT_ERROR NOOP), "\x81 75 1\nrest 0 values 0\n"},
	{IN(HEADER("\x0a", "\x20", "\0", "\0", "\2") "no" HIT), "\x81 26 0\nrest 0 values 1\n"},
	{IN(HIT), "rest 0 values 1\n"},
	{IN(HIT "\x81\x0a"), "rest 2 values 1\n"},
	{IN(HIT "HD"), BAD "rest 2 values 1\n"},
	{IN("MN\r\n"), BAD "rest 4 values 0\n"},
};

static void assert_transcript(const struct stream *stream, bool until_barrier, struct pieces pieces)
{
	char *text = reply_transcript(&codec_mc_binary, stream->in, pieces, until_barrier);

	ck_assert_msg(strcmp(text, stream->transcript) == 0, "in pieces of %zu, %zu:\n%s\nnot\n%s",
		      pieces.first, pieces.step, text, stream->transcript);
	free(text);
}

static void assert_all_splits(const struct stream *stream, bool until_barrier)
{
	size_t len = stream->in.len;

	for (size_t i = 0; i <= len; i++)
		assert_transcript(stream, until_barrier, (struct pieces){i, len});
	for (size_t step = 1; step < 30; step++)
		assert_transcript(stream, until_barrier, (struct pieces){step, step});
}

START_TEST(ends_where_the_table_says)
{
	assert_transcript(&streams[_i], false, (struct pieces){streams[_i].in.len, 0});
}
END_TEST

START_TEST(any_split_gives_the_same_answer)
{
	assert_all_splits(&streams[_i], false);
}
END_TEST

START_TEST(what_may_be_quiet_ends_with_the_barrier)
{
	assert_all_splits(&barred[_i], true);
}
END_TEST

START_TEST(a_header_is_never_cut)
{
	const struct span in = IN(STAT("a", "1") STAT_END);

	for (size_t len = 0; len <= in.len; len++) {
		struct frame frame = {0};
		size_t took;
		enum frame_result result = mcb_reply_scan(&frame, span_make(in.p, len), &took);

		ck_assert_int_eq(result, len < in.len ? FRAME_MORE : FRAME_DONE);
		ck_assert_uint_eq(took, len < 24 ? 0 : len < 26 ? len : len < 50 ? 26 : 50);
		ck_assert_int_eq((unsigned char)frame.first, len > 0 ? MCB_RESPONSE : 0);
	}
}
END_TEST

/* A header alone, of a reply with a body of `body` bytes. */
static enum frame_result scan_header(struct frame *frame, uint32_t body)
{
	const struct mcb_header header = {.magic = MCB_RESPONSE, .body = body};
	char bytes[MCB_HEADER];
	size_t took;

	*frame = (struct frame){0};
	mcb_header_write(bytes, &header);
	enum frame_result result = mcb_reply_scan(frame, span_make(bytes, MCB_HEADER), &took);
	ck_assert_uint_eq(took, result == FRAME_BAD ? 0 : MCB_HEADER);
	return result;
}

START_TEST(a_body_has_2_gib_at_most)
{
	struct frame frame;

	ck_assert_int_eq(scan_header(&frame, 0), FRAME_DONE);
	ck_assert_int_eq(scan_header(&frame, 1), FRAME_MORE);
	ck_assert_int_eq(scan_header(&frame, INT_MAX), FRAME_MORE);
	ck_assert_int_eq(scan_header(&frame, (uint32_t)INT_MAX + 1), FRAME_BAD);
	ck_assert_ptr_nonnull(frame.why);
	ck_assert_int_eq(scan_header(&frame, UINT32_MAX), FRAME_BAD);
}
END_TEST

START_TEST(a_great_value_is_passed_in_pieces)
{
	static char zeros[ZEROS_MAX];
	struct frame frame;
	size_t took, left = INT_MAX;

	ck_assert_int_eq(scan_header(&frame, INT_MAX), FRAME_MORE);
	while (left > 1) {
		size_t n = smaller(left - 1, sizeof(zeros));

		ck_assert_int_eq(mcb_reply_scan(&frame, span_make(zeros, n), &took), FRAME_MORE);
		ck_assert_uint_eq(took, n);
		left -= n;
	}
	ck_assert_int_eq(mcb_reply_scan(&frame, span_make(zeros, 2), &took), FRAME_DONE);
	ck_assert_uint_eq(took, 1);
}
END_TEST

/* Of each status whether it is an error, as what memcached answers in text is one. */
START_TEST(a_miss_is_no_error)
{
	bool is_error =
		_i != MCB_OK && _i != MCB_NOT_FOUND && _i != MCB_EXISTS && _i != MCB_NOT_STORED;
	const struct mcb_header header = {.magic = MCB_RESPONSE, .status = (uint16_t)_i};
	char bytes[MCB_HEADER];

	mcb_header_write(bytes, &header);
	ck_assert(mcb_is_error(span_make(bytes, MCB_HEADER)) == is_error);
	ck_assert(mcb_is_error(span_make(bytes, 8)) == is_error);
	ck_assert(!mcb_is_error(span_make(bytes, 7)));
	ck_assert(!mcb_is_error(span_make(bytes, 0)));
}
END_TEST

Suite *mc_binary_reply_suite(void)
{
	Suite *suite = suite_create("mc_binary_reply");
	TCase *tc = tcase_create("scan");

	tcase_add_loop_test(tc, ends_where_the_table_says, 0, ARRAY_LEN(streams));
	tcase_add_loop_test(tc, any_split_gives_the_same_answer, 0, ARRAY_LEN(streams));
	tcase_add_loop_test(tc, what_may_be_quiet_ends_with_the_barrier, 0, ARRAY_LEN(barred));
	tcase_add_test(tc, a_header_is_never_cut);
	tcase_add_test(tc, a_body_has_2_gib_at_most);
	tcase_add_test(tc, a_great_value_is_passed_in_pieces);
	tcase_add_loop_test(tc, a_miss_is_no_error, 0, 512);
	suite_add_tcase(suite, tc);
	return suite;
}
