#include <check.h>

#include "proto/codec.h"
#include "suites.h"

static const struct codec *const codecs[] = {&codec_memcached, &codec_redis};

/* What a node begins a reply with, and whether that is an error. */
static const struct {
	const struct codec *codec;
	const char *line;
	bool is_error;
} lines[] = {
	{&codec_memcached, "ERROR\r\n", true},
	{&codec_memcached, "CLIENT_ERROR bad data chunk\r\n", true},
	{&codec_memcached, "SERVER_ERROR out of memory\r\n", true},
	{&codec_memcached, "END\r\n", false},
	{&codec_memcached, "EXISTS\r\n", false},
	{&codec_memcached, "STORED\r\n", false},
	{&codec_memcached, "STAT a b\r\n", false},
	{&codec_memcached, "VALUE a 0 1\r\n", false},
	{&codec_memcached, "NOT_FOUND\r\n", false},
	{&codec_memcached, "DELETED\r\n", false},
	{&codec_memcached, "TOUCHED\r\n", false},
	{&codec_memcached, "VERSION 1\r\n", false},
	{&codec_memcached, "RESET\r\n", false},
	{&codec_memcached, "OK\r\n", false},
	{&codec_memcached, "5\r\n", false},
	{&codec_redis, "-ERR no\r\n", true},
	{&codec_redis, "-\r\n", true},
	{&codec_redis, "!6\r\nERR no\r\n", true}, /* a blob error of RESP3 */
	{&codec_redis, "+OK\r\n", false},
	{&codec_redis, ":-1\r\n", false},
	{&codec_redis, "$-1\r\n", false},
	{&codec_redis, "*-1\r\n", false},
};

START_TEST(tells_errors_from_other_replies)
{
	struct span line = span_of(lines[_i].line);

	ck_assert_int_eq(lines[_i].codec->is_error(line), lines[_i].is_error);
}
END_TEST

START_TEST(each_of_these_lines_is_a_whole_reply_or_begins_one)
{
	struct frame frame = {0};
	size_t took;

	ck_assert_int_ne(lines[_i].codec->scan(&frame, span_of(lines[_i].line), &took), FRAME_BAD);
	ck_assert_uint_eq(took, strlen(lines[_i].line));
}
END_TEST

static const struct codec *const of_nodes[] = {&codec_memcached, &codec_redis, &codec_mc_binary};

START_TEST(nothing_is_no_reply)
{
	struct frame frame = {0};
	size_t took;

	ck_assert_int_eq(of_nodes[_i]->scan(&frame, (struct span){NULL, 0}, &took), FRAME_MORE);
	ck_assert_uint_eq(took, 0);
	ck_assert_int_eq(frame.first, 0);
}
END_TEST

/* The first question of a connection is a whole command of the protocol, which only reads. */
START_TEST(the_first_question_is_the_command_that_it_says)
{
	const struct codec *codec = codecs[_i];
	const struct parse_limits limits = {.request = 1 << 20};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed = {0};

	ck_assert_int_eq(codec->parse(&state, codec->hello, &limits, &args, &parsed), PARSE_DONE);
	ck_assert_uint_eq(parsed.len, codec->hello.len);
	ck_assert_ptr_nonnull(parsed.command);
	ck_assert_ptr_eq(parsed.command, codec->hello_command());
	arg_list_fini(&args);
}
END_TEST

/* What the proxy says of its own is an error in its protocol. */
START_TEST(the_proxys_own_lines_are_errors)
{
	const struct codec *codec = codecs[_i];
	const char *const own[] = {codec->error_prefix, codec->no_memory, codec->too_many};

	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		ck_assert(codec->is_error(span_of(own[i])));
		ck_assert_ptr_null(strpbrk(own[i], "\r\n"));
	}
}
END_TEST

Suite *codec_suite(void)
{
	Suite *suite = suite_create("codec");
	TCase *tcase = tcase_create("codec");

	tcase_add_loop_test(tcase, tells_errors_from_other_replies, 0, ARRAY_LEN(lines));
	tcase_add_loop_test(tcase, each_of_these_lines_is_a_whole_reply_or_begins_one, 0,
			    ARRAY_LEN(lines));
	tcase_add_loop_test(tcase, nothing_is_no_reply, 0, ARRAY_LEN(of_nodes));
	tcase_add_loop_test(tcase, the_first_question_is_the_command_that_it_says, 0,
			    ARRAY_LEN(codecs));
	tcase_add_loop_test(tcase, the_proxys_own_lines_are_errors, 0, ARRAY_LEN(codecs));
	suite_add_tcase(suite, tcase);
	return suite;
}
