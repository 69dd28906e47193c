#include <check.h>

#include "mc_transcript.h"
#include "suites.h"

#define LIMIT 10
#define IN(s)                                                                                      \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
/* One byte each: opcode, bytes of key and extras, and of all three. */
#define HEADER(opcode, key, extras, body)                                                          \
	"\x80" opcode "\0" key extras "\0\0\0\0\0\0" body "opaqCASCASCA"
#define NOOP	   HEADER("\x0a", "\0", "\0", "\0")
#define NOOP_TEXT  "mn 24+0 0a []  \n"
#define OVER_LIMIT "error SERVER_ERROR object too large for cache\n"

/* What a stream of bytes becomes, as mc_transcript.h puts it. */
static const struct {
	struct span in;
	const char *transcript;
} streams[] = {
	{IN(HEADER("\x00", "\3", "\0", "\3") "key" HEADER("\x0d", "\1", "\0", "\1") "k" NOOP),
	 "get 27+0 00 [key]  \nget 25+0 0d [k]  \n" NOOP_TEXT "rest 0\n"},
	{IN(HEADER("\x01", "\1", "\x08", "\x0e") "FLAGTIMEkvalue" NOOP),
	 "set 38+0 01 [k] 464c414754494d45 value\n" NOOP_TEXT "rest 0\n"},
	{IN(HEADER("\x11", "\1", "\x08", "\x09") "\0\0\0\0\0\0\0\1k" HEADER("\x0e", "\1", "\0",
									    "\x0b") "k0123456789"),
	 "set 33+0 11 [k] 0000000000000001 \nappend 35+0 0e [k]  0123456789\nrest 0\n"},
	{IN(HEADER("\x05", "\1", "\x14", "\x15") "DELTADELINITIALITIMEk"),
	 "incr 45+0 05 [k] 44454c544144454c494e495449414c4954494d45 \nrest 0\n"},
	{IN(HEADER("\x08", "\0", "\4", "\4") "TIME" HEADER("\x18", "\0", "\0", "\0")
		    HEADER("\x1d", "\2", "\4", "\6") "TIMEkk"),
	 "flush_all 28+0 08 [] 54494d45 \nflush_all 24+0 18 []  \n"
	 "gat 30+0 1d [kk] 54494d45 \nrest 0\n"},
	{IN(HEADER("\x10", "\0", "\0", "\0")
		    HEADER("\x10", "\5", "\0", "\5") "items" HEADER("\x07", "\0", "\0", "\0")),
	 "stats 24+0 10 []  \nstats 29+0 10 [items]  \nquit 24+0 07 []  \nrest 0\n"},
	{IN(HEADER("\x20", "\0", "\0", "\0") HEADER("\x21", "\5", "\0", "\x0b") "PLAIN\0user\0"),
	 "- 24+0 20 []  \n- 35+0 21 [PLAIN]  \1user\1\nrest 0\n"},
	/* answered, and dropped */
	{IN(HEADER("\x01", "\1", "\x08", "\x14") "FLAGTIMEk0123456789a" NOOP),
	 "set 33+11 " OVER_LIMIT NOOP_TEXT "rest 0\n"},
	{IN(HEADER("\x0f", "\1", "\0", "\x0c") "k0123456789a" HEADER("\x1a", "\1", "\0",
								     "\x7f") "k"),
	 "prepend 25+11 " OVER_LIMIT "prepend 25+126 " OVER_LIMIT "rest 0\n"},
	{IN(HEADER("\x55", "\1", "\2", "\x06") "EEkval" NOOP),
	 "- 24+6 error ERROR\n" NOOP_TEXT "rest 0\n"},
	{IN("\x80\x01\0\2\x08\0\0\0\xff\xff\xff\xff"
	    "opaqCASCASCA"
	    "FLAGTIMEkk"
	    "value"),
	 "set 34+4294967285 " OVER_LIMIT "rest 0\n"},
	{IN("\x80\xff\xff\xff\xff\0\0\0\xff\xff\xff\xff"
	    "opaqCASCASCA"
	    "FLAGTIMEkk"),
	 "bad CLIENT_ERROR Invalid arguments\nrest 34\n"},
	{IN("\x80\xff\0\1\xff\0\0\0\xff\xff\xff\xff"
	    "opaqCASCASCA"
	    "FLAGTIMEkk"),
	 "- 24+4294967295 error ERROR\nrest 0\n"},
	/* hung up on */
	{IN(NOOP "get k\r\n"), NOOP_TEXT "bad \nrest 7\n"},
	{IN(NOOP "\x81"), NOOP_TEXT "bad \nrest 1\n"},
	{IN(NOOP HEADER("\x01", "\0", "\x08", "\x08") "FLAGTIME" NOOP),
	 NOOP_TEXT "bad CLIENT_ERROR Invalid arguments\nrest 56\n"},
	{IN(HEADER("\x00", "\3", "\0", "\2") "key"), "bad ERROR\nrest 27\n"},
	/* not whole yet */
	{IN(""), "rest 0\n"},
	{IN("\x80"), "rest 1\n"},
	{IN(HEADER("\x00", "\3", "\0", "\3") "ke"), "rest 26\n"},
	{IN(HEADER("\x01", "\1", "\x08", "\x14") "FLAGTIME"), "rest 32\n"},
};

static void assert_transcript(int i, struct pieces pieces)
{
	char *text = request_transcript(&codec_mc_binary, streams[i].in, pieces, LIMIT);

	ck_assert_msg(strcmp(text, streams[i].transcript) == 0,
		      "in pieces of %zu, %zu:\n%s\nnot\n%s", pieces.first, pieces.step, text,
		      streams[i].transcript);
	free(text);
}

START_TEST(a_stream_is_what_the_table_says)
{
	assert_transcript(_i, (struct pieces){streams[_i].in.len, 0});
}
END_TEST

START_TEST(any_split_gives_the_same_answer)
{
	size_t len = streams[_i].in.len;

	for (size_t i = 0; i <= len; i++)
		assert_transcript(_i, (struct pieces){i, len});
	for (size_t step = 1; step < 30; step++)
		assert_transcript(_i, (struct pieces){step, step});
}
END_TEST

START_TEST(any_end_is_awaited)
{
	for (size_t len = 0; len <= streams[_i].in.len; len++) {
		struct span in = span_make(streams[_i].in.p, len);
		char *whole =
			request_transcript(&codec_mc_binary, in, (struct pieces){len, 0}, LIMIT);
		char *split =
			request_transcript(&codec_mc_binary, in, (struct pieces){1, 1}, LIMIT);

		ck_assert_str_eq(whole, split);
		free(whole);
		free(split);
	}
}
END_TEST

Suite *mc_binary_splits_suite(void)
{
	Suite *suite = suite_create("mc_binary_splits");
	TCase *tc = tcase_create("splits");

	tcase_add_loop_test(tc, a_stream_is_what_the_table_says, 0, ARRAY_LEN(streams));
	tcase_add_loop_test(tc, any_split_gives_the_same_answer, 0, ARRAY_LEN(streams));
	tcase_add_loop_test(tc, any_end_is_awaited, 0, ARRAY_LEN(streams));
	suite_add_tcase(suite, tc);
	return suite;
}
