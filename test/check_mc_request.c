#include <check.h>

#include "mc_transcript.h"
#include "suites.h"

#define LIMIT (1 << 20)
#define K25   "kkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250  K25 K25 K25 K25 K25 K25 K25 K25 K25 K25
#define IN(s)                                                                                      \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

/* What a stream of bytes becomes, as mc_transcript.h puts it; the last line is left out. */
struct stream {
	struct span in;
	const char *transcript;
};

/* Each error is what memcached 1.6.18 answered when asked the same. */
static const struct stream refused[] = {
	{IN("\r\n"), "- 2+0 error ERROR\n"},
	{IN("\n"), "- 1+0 error ERROR\n"},
	{IN(" \r\n"), "- 3+0 error ERROR\n"},
	{IN("x\r\n"), "- 3+0 error ERROR\n"},
	{IN("x HTTP/1.1\r\n"), "- 12+0 error ERROR\n"},
	{IN("GET k\r\n"), "- 7+0 error ERROR\n"},
	{IN("gxx a\r\n"), "- 7+0 error ERROR\n"},
	{IN("sxx HTTP/1\r\n"), "- 12+0 error ERROR\n"},
	{IN("mg\r\n"), "mg 4+0 error ERROR\n"},
	{IN("ms\r\n"), "ms 4+0 error ERROR\n"},
	{IN("ms k\r\n"), "ms 6+0 error CLIENT_ERROR bad command line format\n"},
	{IN("ms k x\r\n"), "ms 8+0 error CLIENT_ERROR bad command line format\n"},
	{IN("ms k -1\r\n"), "ms 9+0 error CLIENT_ERROR bad command line format\n"},
	{IN("ms k 2147483646\r\n"), "ms 17+0 error CLIENT_ERROR bad command line format\n"},
	{IN("md " K250 "k\r\n"), "md 256+0 error CLIENT_ERROR bad command line format\n"},
	{IN("ma k 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8\r\n"),
	 "ma 42+0 error CLIENT_ERROR options flags too long\n"},
	{IN("mx HTTP/1\r\n"), "- 11+0 error ERROR\n"},
	{IN("\x80\n"), "- 2+0 error ERROR\n"},
	{IN("get\0 k\r\n"), "get 8+0 error ERROR\n"},
	{IN("get\r\n"), "get 5+0 error ERROR\n"},
	{IN("get  \r\n"), "get 7+0 error ERROR\n"},
	{IN("get " K250 "k\r\n"), "get 257+0 error CLIENT_ERROR bad command line format\n"},
	{IN("get a " K250 "k b\n"), "get 260+0 error CLIENT_ERROR bad command line format\n"},
	{IN("gat\r\n"), "gat 5+0 error ERROR\n"},
	{IN("gat 0\r\n"), "gat 7+0 error END\n"},
	{IN("gat x\r\n"), "gat 7+0 error CLIENT_ERROR invalid exptime argument\n"},
	{IN("gat x a\r\n"), "gat 9+0 error CLIENT_ERROR invalid exptime argument\n"},
	{IN("gats 99999999999999999999 a\r\n"),
	 "gats 29+0 error CLIENT_ERROR invalid exptime argument\n"},
	{IN("gat 0 " K250 "k\r\n"), "gat 259+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set\r\n"), "set 5+0 error ERROR\n"},
	{IN("set k 0 0\r\n"), "set 11+0 error ERROR\n"},
	{IN("set k 0 0 1 noreply x\r\n"), "set 23+0 error ERROR\n"},
	{IN("set k 0 0 noreply\r\n"),
	 "set 19+0 quiet error CLIENT_ERROR bad command line format\n"},
	{IN("set " K250 "k 0 0 1\r\na\r\n"),
	 "set 263+0 error CLIENT_ERROR bad command line format\n- 3+0 error ERROR\n"},
	{IN("set k x 0 1\r\n"), "set 13+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k -1 0 1\r\n"), "set 14+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 18446744073709551616 0 1\r\n"),
	 "set 32+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 x 1\r\n"), "set 13+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 9223372036854775808 1\r\n"),
	 "set 31+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 x\r\n"), "set 13+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 -1\r\n"), "set 14+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 0x1\r\n"), "set 15+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 2147483646\r\n"), "set 22+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 9223372036854775808\r\n"),
	 "set 31+0 error CLIENT_ERROR bad command line format\n"},
	{IN("cas k 0 0 1\r\n"), "cas 13+0 error ERROR\n"},
	{IN("cas k 0 0 1 noreply\r\n"),
	 "cas 21+0 quiet error CLIENT_ERROR bad command line format\n"},
	{IN("cas k 0 0 1 x\r\n"), "cas 15+0 error CLIENT_ERROR bad command line format\n"},
	{IN("cas k 0 0 1 -5\r\n"), "cas 16+0 error CLIENT_ERROR bad command line format\n"},
	{IN("incr k\r\n"), "incr 8+0 error ERROR\n"},
	{IN("incr k 1 2 3\r\n"), "incr 14+0 error ERROR\n"},
	{IN("incr k x\r\n"), "incr 10+0 error CLIENT_ERROR invalid numeric delta argument\n"},
	{IN("decr k 1a\r\n"), "decr 11+0 error CLIENT_ERROR invalid numeric delta argument\n"},
	{IN("incr k -1\r\n"), "incr 11+0 error CLIENT_ERROR invalid numeric delta argument\n"},
	{IN("incr k noreply\r\n"),
	 "incr 16+0 quiet error CLIENT_ERROR invalid numeric delta argument\n"},
	{IN("incr " K250 "k x\r\n"), "incr 260+0 error CLIENT_ERROR bad command line format\n"},
	{IN("touch k\r\n"), "touch 9+0 error ERROR\n"},
	{IN("touch k x\r\n"), "touch 11+0 error CLIENT_ERROR invalid exptime argument\n"},
	{IN("touch k noreply\r\n"),
	 "touch 17+0 quiet error CLIENT_ERROR invalid exptime argument\n"},
	{IN("delete\r\n"), "delete 8+0 error ERROR\n"},
	{IN("delete k 5\r\n"), "delete 12+0 error CLIENT_ERROR bad command line format.  "
			       "Usage: delete <key> [noreply]\n"},
	{IN("delete k 0 5\r\n"), "delete 14+0 error CLIENT_ERROR bad command line format.  "
				 "Usage: delete <key> [noreply]\n"},
	{IN("delete k noreply noreply\r\n"),
	 "delete 26+0 quiet error CLIENT_ERROR bad command line format.  "
	 "Usage: delete <key> [noreply]\n"},
	{IN("delete k 0 noreply x\r\n"), "delete 22+0 error ERROR\n"},
	{IN("delete " K250 "k noreply\r\n"),
	 "delete 268+0 quiet error CLIENT_ERROR bad command line format\n"},
	{IN("flush_all x\r\n"), "flush_all 13+0 error CLIENT_ERROR invalid exptime argument\n"},
	{IN("flush_all noreply 0\r\n"),
	 "flush_all 21+0 error CLIENT_ERROR invalid exptime argument\n"},
	{IN("flush_all noreply noreply\r\n"),
	 "flush_all 27+0 quiet error CLIENT_ERROR invalid exptime argument\n"},
	{IN("flush_all 1 2 3\r\n"), "flush_all 17+0 error ERROR\n"},
	{IN("config get\r\n"), "config 12+0 error ERROR\n"},
	{IN("config set cluster\r\n"), "config 20+0 error ERROR\n"},
	{IN("config get cluster x\r\n"), "config 22+0 error ERROR\n"},
	{IN("verbosity\r\n"), "verbosity 11+0 error ERROR\n"},
	{IN("verbosity x\r\n"), "verbosity 13+0 error CLIENT_ERROR bad command line format\n"},
	{IN("verbosity -1\r\n"), "verbosity 14+0 error CLIENT_ERROR bad command line format\n"},
	{IN("verbosity noreply\r\n"),
	 "verbosity 19+0 quiet error CLIENT_ERROR bad command line format\n"},
};

/* memcached hangs up, without a word. */
static const struct stream hung_up[] = {
	{IN("GET / HTTP/1.1\r\n"), "bad \n"},
	{IN("post HTTP/\r\n"), "bad \n"},
	{IN("HTTP/1\r\n"), "bad \n"},
	{IN("fxx a a a a a a a a a a a a a a a a a a a a a HTTP/1 x\r\n"), "bad \n"},
	{IN("mxx HTTP/\r\n"), "bad \n"},
};

/* Where memcached takes the length that strtol makes of it; see mc_request.h. */
static const struct stream stricter[] = {
	{IN("set k 0 0 +1\r\n"), "set 14+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 \t1\r\n"), "set 14+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 1\t\r\n"), "set 14+0 error CLIENT_ERROR bad command line format\n"},
	{IN("set k 0 0 4294967297\r\n"), "set 22+0 error CLIENT_ERROR bad command line format\n"},
};

/* Commands that go to a server: what they are, their keys, and the bytes that are sent. */
static const struct stream sent[] = {
	{IN("get k\r\n"), "get 7+0 [k]get k\r\n\n"},
	{IN("get k\n"), "get 6+0 [k]get k\r\n\n"},
	{IN("  get  k \r\n"), "get 11+0 [k]get  k\r\n\n"},
	{IN("gets a b\tc a\r\n"), "gets 14+0 [a][b\tc][a]gets a b\tc a\r\n\n"},
	{IN("get a\0b c\r\n"), "get 11+0 [a]get a\r\n\n"},
	{IN("get a\rb\r\r\n"), "get 10+0 [a\rb\r]get a\rb\r\r\n\n"},
	{IN("get noreply\r\n"), "get 13+0 [noreply]get noreply\r\n\n"},
	{IN("get " K250 "\r\n"), "get 256+0 [" K250 "]get " K250 "\r\n\n"},
	{IN("get / HTTP/1.1\r\n"), "get 16+0 [/][HTTP/1.1]get / HTTP/1.1\r\n\n"},
	{IN("gat 0 a b\r\n"), "gat 11+0 [a][b]gat 0 a b\r\n\n"},
	{IN("gats -1 a\r\n"), "gats 11+0 [a]gats -1 a\r\n\n"},
	{IN("set k 0 0 3\r\nabc\r\n"), "set 18+0 [k]set k 0 0 3\r\nabc\r\n\n"},
	{IN("set k 0 0 0\r\n\r\n"), "set 15+0 [k]set k 0 0 0\r\n\r\n\n"},
	{IN("set k 0 0 02\n\r\n\r\n"), "set 17+0 [k]set k 0 0 02\r\n\r\n\r\n\n"},
	{IN("set k 0 0 1 x\r\na\r\n"), "set 18+0 [k]set k 0 0 1 x\r\na\r\n\n"},
	{IN("set k 0 0 1 noreply\r\na\r\n"), "set 24+0 quiet [k]set k 0 0 1\r\na\r\n\n"},
	{IN("set k 0 0 1  noreply  \r\na\r\n"), "set 27+0 quiet [k]set k 0 0 1\r\na\r\n\n"},
	{IN("set k 4294967296 -9999999999 1\r\na\r\n"),
	 "set 35+0 [k]set k 4294967296 -9999999999 1\r\na\r\n\n"},
	{IN("set k -0 +5 1\r\na\r\n"), "set 18+0 [k]set k -0 +5 1\r\na\r\n\n"},
	{IN("set k -18446744073709551615 0 1\r\na\r\n"),
	 "set 36+0 [k]set k -18446744073709551615 0 1\r\na\r\n\n"},
	{IN("set k \t1\v- 0 1\r\na\r\n"), "set 19+0 [k]set k \t1\v- 0 1\r\na\r\n\n"},
	{IN("add k 1 2 1\r\na\r\n"), "add 16+0 [k]add k 1 2 1\r\na\r\n\n"},
	{IN("replace k 1 2 1\r\na\r\n"), "replace 20+0 [k]replace k 1 2 1\r\na\r\n\n"},
	{IN("append k 1 2 1\r\na\r\n"), "append 19+0 [k]append k 1 2 1\r\na\r\n\n"},
	{IN("prepend k 1 2 1\r\na\r\n"), "prepend 20+0 [k]prepend k 1 2 1\r\na\r\n\n"},
	{IN("cas k 1 2 1 18446744073709551615 noreply\r\na\r\n"),
	 "cas 45+0 quiet [k]cas k 1 2 1 18446744073709551615\r\na\r\n\n"},
	{IN("incr k 1\r\n"), "incr 10+0 [k]incr k 1\r\n\n"},
	{IN("incr k 1 x\r\n"), "incr 12+0 [k]incr k 1 x\r\n\n"},
	{IN("decr noreply 18446744073709551615 noreply\r\n"),
	 "decr 43+0 quiet [noreply]decr noreply 18446744073709551615\r\n\n"},
	{IN("touch k 0\0 noreply\r\n"), "touch 20+0 [k]touch k 0\r\n\n"},
	{IN("touch k -1 noreply\0\0\n"), "touch 21+0 quiet [k]touch k -1\r\n\n"},
	{IN("delete k\r\n"), "delete 10+0 [k]delete k\r\n\n"},
	{IN("delete k 0\r\n"), "delete 12+0 [k]delete k 0\r\n\n"},
	{IN("delete noreply\r\n"), "delete 16+0 [noreply]delete noreply\r\n\n"},
	{IN("delete noreply noreply\r\n"), "delete 24+0 quiet [noreply]delete noreply\r\n\n"},
	{IN("delete k 0 noreply\r\n"), "delete 20+0 quiet [k]delete k 0\r\n\n"},
	{IN("flush_all\r\n"), "flush_all 11+0 flush_all\r\n\n"},
	{IN("flush_all noreply\r\n"), "flush_all 19+0 quiet flush_all\r\n\n"},
	{IN("flush_all -1 x\r\n"), "flush_all 16+0 flush_all -1 x\r\n\n"},
	{IN("flush_all 10 noreply\r\n"), "flush_all 22+0 quiet flush_all 10\r\n\n"},
	{IN("stats\r\n"), "stats 7+0 stats\r\n\n"},
	{IN("stats items noreply\r\n"), "stats 21+0 stats items noreply\r\n\n"},
	{IN("version x y\r\n"), "version 13+0 version x y\r\n\n"},
	{IN("verbosity 1 noreply\r\n"), "verbosity 21+0 quiet verbosity 1\r\n\n"},
	{IN("config get cluster\r\n"), "config 20+0 config get cluster\r\n\n"},
	{IN("quit\r\n"), "quit 6+0 quit\r\n\n"},
};

/* Values that do not end where they should, and how the stream goes on: as in memcached. */
static const struct stream resynchronised[] = {
	{IN("set k 0 0 1\r\nabc\r\n"),
	 "set 16+0 error CLIENT_ERROR bad data chunk\n- 2+0 error ERROR\n"},
	{IN("set k 0 0 1\r\nabcd\r\nversion\r\n"),
	 "set 16+0 error CLIENT_ERROR bad data chunk\n- 3+0 error ERROR\n"
	 "version 9+0 version\r\n\n"},
	{IN("set k 0 0 5\r\nab\r\nversion\r\n"),
	 "set 20+0 error CLIENT_ERROR bad data chunk\n- 6+0 error ERROR\n"},
	{IN("set k 0 0 1\na\n\nversion\r\n"),
	 "set 15+0 error CLIENT_ERROR bad data chunk\nversion 9+0 version\r\n\n"},
	{IN("set k 0 0 3 noreply\r\nabcdefg\r\n"),
	 "set 26+0 quiet error CLIENT_ERROR bad data chunk\n- 4+0 error ERROR\n"},
	{IN("set k 0 0 1048577 noreply\r\n"),
	 "set 27+1048579 quiet error SERVER_ERROR object too large for cache\n"},
};

static void assert_transcript(const struct stream *stream)
{
	char *text = mc_request_transcript(stream->in, (struct pieces){stream->in.len, 0}, LIMIT);
	char *rest = strstr(text, "rest ");
	size_t len = strlen(stream->transcript);

	ck_assert_ptr_nonnull(rest);
	ck_assert_msg(strncmp(text, stream->transcript, len) == 0 && rest == text + len,
		      "%s\nis not\n%s", text, stream->transcript);
	free(text);
}

START_TEST(refuses_what_memcached_refuses)
{
	assert_transcript(&refused[_i]);
}
END_TEST

START_TEST(hangs_up_on_http)
{
	assert_transcript(&hung_up[_i]);
}
END_TEST

START_TEST(is_strict_about_lengths)
{
	assert_transcript(&stricter[_i]);
}
END_TEST

START_TEST(sends_what_has_one_reply)
{
	assert_transcript(&sent[_i]);
}
END_TEST

START_TEST(goes_on_after_a_bad_value)
{
	assert_transcript(&resynchronised[_i]);
}
END_TEST

Suite *mc_request_suite(void)
{
	Suite *suite = suite_create("mc_request");
	TCase *tc = tcase_create("lines");

	tcase_add_loop_test(tc, refuses_what_memcached_refuses, 0, ARRAY_LEN(refused));
	tcase_add_loop_test(tc, hangs_up_on_http, 0, ARRAY_LEN(hung_up));
	tcase_add_loop_test(tc, is_strict_about_lengths, 0, ARRAY_LEN(stricter));
	tcase_add_loop_test(tc, sends_what_has_one_reply, 0, ARRAY_LEN(sent));
	tcase_add_loop_test(tc, goes_on_after_a_bad_value, 0, ARRAY_LEN(resynchronised));
	suite_add_tcase(suite, tc);
	return suite;
}
