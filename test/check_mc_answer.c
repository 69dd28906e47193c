#include "proto/mc_answer.h"

#include <check.h>

#include "mc_transcript.h"
#include "own_chain.h"
#include "suites.h"

/* One byte each: opcode, status, bytes of key and extras, and of all three. The CAS is 258. */
#define HEADER(opcode, status, key, extras, body)                                                  \
	"\x81" opcode "\0" key extras "\0\0" status "\0\0\0" body "\0\0\0\0\0\0\0\0\0\0\1\2"
#define HIT(value) HEADER("\x0c", "\0", "\1", "\4", value)
#define HIT_A	   HIT("\x0a") "\0\0\0\7avalue"
#define HIT_B                                                                                      \
	HIT("\5")                                                                                  \
	"\xff\xff\xff\xff"                                                                         \
	"b"
#define MISS	     HEADER("\x0c", "\1", "\0", "\0", "\x09") "Not found"
#define OK	     HEADER("\x01", "\0", "\0", "\0", "\0")
#define NUMBER(n)    HEADER("\x05", "\0", "\0", "\0", "\x08") n
#define FAILED(code) HEADER("\x01", code, "\0", "\0", "\4") "text"
#define NOOP	     HEADER("\x0a", "\0", "\0", "\0", "\0")
#define STAT(a, b)   HEADER("\x10", "\0", "\1", "\0", "\2") a b
#define STAT_END     HEADER("\x10", "\0", "\0", "\0", "\0")
#define IN(s)                                                                                      \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

static struct own_chain own;

static void begin(void)
{
	own_chain_init(&own);
}

static void end(void)
{
	own_chain_fini(&own);
}

static const struct command *row_of(const char *line)
{
	return mc_command_find(span_make(line, strcspn(line, " ")));
}

static void expect_chain(const char *line, const char *text)
{
	size_t len = (size_t)own.chain.bytes;
	char *bytes = malloc(len + 1);

	chain_peek(&own.chain, bytes, len);
	bytes[len] = '\0';
	ck_assert_msg(strcmp(bytes, text) == 0, "%s: \"%s\" instead of \"%s\"", line, bytes, text);
	free(bytes);
}

struct answer {
	const char *line;
	struct span in;
	const char *text;
};

/* However the bytes are laid. */
static void expect_answer(const struct answer *answer, bool barred, bool is_error)
{
	static const size_t steps[] = {1, 2, 7, 23, 24, 25, 1000};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		chain_clear(&own.pool, &own.chain);
		own_chain_lay(&own, answer->in, steps[i]);
		ck_assert(mc_answer(&own.pool, &own.chain, row_of(answer->line),
				    span_of(answer->line), barred) == is_error);
		expect_chain(answer->line, answer->text);
	}
}

static const struct answer answers[] = {
	{"get a", IN(HIT_A), "VALUE a 7 5\r\nvalue\r\nEND\r\n"},
	{"gets a", IN(HIT_A), "VALUE a 7 5 258\r\nvalue\r\nEND\r\n"},
	{"gat 0 a", IN(HIT_A), "VALUE a 7 5\r\nvalue\r\nEND\r\n"},
	{"gats 0 a", IN(HIT_A), "VALUE a 7 5 258\r\nvalue\r\nEND\r\n"},
	{"get b", IN(HIT_B), "VALUE b 4294967295 0\r\n\r\nEND\r\n"},
	{"get a", IN(MISS), "END\r\n"},
	{"gats 0 a", IN(MISS), "END\r\n"},
	{"set a 0 0 0", IN(OK), "STORED\r\n"},
	{"set a 0 0 0", IN(FAILED("\1")), "NOT_STORED\r\n"},
	{"set a 0 0 0", IN(FAILED("\2")), "NOT_STORED\r\n"},
	{"set a 0 0 0", IN(FAILED("\5")), "NOT_STORED\r\n"},
	{"add a 0 0 0", IN(OK), "STORED\r\n"},
	{"add a 0 0 0", IN(FAILED("\2")), "NOT_STORED\r\n"},
	{"replace a 0 0 0", IN(OK), "STORED\r\n"},
	{"replace a 0 0 0", IN(FAILED("\1")), "NOT_STORED\r\n"},
	{"append a 0 0 0", IN(OK), "STORED\r\n"},
	{"append a 0 0 0", IN(FAILED("\5")), "NOT_STORED\r\n"},
	{"prepend a 0 0 0", IN(OK), "STORED\r\n"},
	{"prepend a 0 0 0", IN(FAILED("\5")), "NOT_STORED\r\n"},
	{"cas a 0 0 0 1", IN(OK), "STORED\r\n"},
	{"cas a 0 0 0 1", IN(FAILED("\1")), "NOT_FOUND\r\n"},
	{"cas a 0 0 0 1", IN(FAILED("\2")), "EXISTS\r\n"},
	{"cas a 0 0 0 1", IN(FAILED("\5")), "NOT_STORED\r\n"},
	{"incr a 1", IN(NUMBER("\0\0\0\0\0\0\0\0")), "0\r\n"},
	{"incr a 1", IN(NUMBER("\0\0\0\0\0\0\1\2")), "258\r\n"},
	{"decr a 1", IN(NUMBER("\xff\xff\xff\xff\xff\xff\xff\xff")), "18446744073709551615\r\n"},
	{"incr a 1", IN(FAILED("\1")), "NOT_FOUND\r\n"},
	{"decr a 1", IN(FAILED("\1")), "NOT_FOUND\r\n"},
	{"touch a 0", IN(OK), "TOUCHED\r\n"},
	{"touch a 0", IN(HEADER("\x1c", "\0", "\0", "\4", "\4") "\0\0\0\0"), "TOUCHED\r\n"},
	{"touch a 0", IN(FAILED("\1")), "NOT_FOUND\r\n"},
	{"delete a", IN(OK), "DELETED\r\n"},
	{"delete a", IN(FAILED("\1")), "NOT_FOUND\r\n"},
	{"flush_all", IN(OK), "OK\r\n"},
	{"stats", IN(STAT_END), "END\r\n"},
	{"stats", IN(STAT("a", "1") STAT("b", "2") STAT_END), "STAT a 1\r\nSTAT b 2\r\nEND\r\n"},
	{"stats", IN(HEADER("\x10", "\0", "\1", "\0", "\1") "a" STAT_END), "STAT a \r\nEND\r\n"},
	{"stats reset", IN(STAT_END), "RESET\r\n"},
	{"stats reset", IN(STAT("a", "1") STAT_END), "STAT a 1\r\nEND\r\n"},
	{"stats items", IN(STAT_END), "END\r\n"},
	{"mg a", IN(HIT_A), "HD\r\n"},
	{"mg a v", IN(HIT_A), "VA 5\r\nvalue\r\n"},
	{"mg a v", IN(HIT_B), "VA 0\r\n\r\n"},
	{"mg a s", IN(HIT_A), "HD s5\r\n"},
	{"mg a v s f c k O12 q", IN(HIT_A), "VA 5 s5 f7 c258 ka O12\r\nvalue\r\n"},
	{"mg a  O12   k c  f s v", IN(HIT_A), "VA 5 O12 ka c258 f7 s5\r\nvalue\r\n"},
	{"mg YQ== k b", IN(HIT_A), "HD kYQ== b\r\n"},
	{"mg YQ== b", IN(HIT_A), "HD\r\n"},
	{"mg v T0 L P", IN(HIT_A), "HD\r\n"}, /* a key is no flag */
	{"mg q k", IN(MISS), "EN kq\r\n"},
	{"mg a", IN(MISS), "EN\r\n"},
	{"mg a v s f c k O1", IN(MISS), "EN ka O1\r\n"},
	{"mg a v k q", IN(MISS), ""},
	{"ms a 5", IN(OK), "HD\r\n"},
	{"ms a 5 c k O1 T0", IN(OK), "HD c258 ka O1\r\n"},
	{"ms YQ== 5 k b", IN(OK), "HD kYQ== b\r\n"},
	{"ms q 5 T0", IN(OK), "HD\r\n"},
	{"ms a 5 q k", IN(OK), ""},
	{"ms a 5", IN(FAILED("\1")), "NS\r\n"},
	{"ms a 5 k q O1", IN(FAILED("\2")), "NS ka O1\r\n"},
	{"ms a 5 MA", IN(FAILED("\5")), "NS\r\n"},
	{"ms a 5 C1", IN(FAILED("\1")), "NF\r\n"},
	{"ms a 5 k C1 q", IN(FAILED("\2")), "EX ka\r\n"},
	{"ms a 5 C1", IN(FAILED("\5")), "NS\r\n"},
	{"md a", IN(OK), "HD\r\n"},
	{"md a k O1", IN(OK), "HD ka O1\r\n"},
	{"md a q k", IN(OK), ""},
	{"md a q k", IN(FAILED("\1")), "NF ka\r\n"},
	{"md a C1 O1", IN(FAILED("\2")), "EX O1\r\n"},
	{"ma a", IN(NUMBER("\0\0\0\0\0\0\0\7")), "HD\r\n"},
	{"ma a v", IN(NUMBER("\0\0\0\0\0\0\0\0")), "VA 1\r\n0\r\n"},
	{"ma a k v O1 c", IN(NUMBER("\0\0\0\0\0\0\1\2")), "VA 3 ka O1 c258\r\n258\r\n"},
	{"ma a v", IN(NUMBER("\xff\xff\xff\xff\xff\xff\xff\xff")),
	 "VA 20\r\n18446744073709551615\r\n"},
	{"ma a q v", IN(NUMBER("\0\0\0\0\0\0\0\7")), ""},
	{"ma a q v k", IN(FAILED("\1")), "NF ka\r\n"},
	{"ma a C1", IN(FAILED("\2")), "EX\r\n"},
	{"ma a", IN(FAILED("\5")), "NS\r\n"},
};

START_TEST(is_what_a_text_node_says)
{
	expect_answer(&answers[_i], false, false);
}
END_TEST

/* Up to the answer to NOOP. */
static const struct answer barred[] = {
	{"get a b", IN(NOOP), "END\r\n"},
	{"get a b", IN(HIT_A NOOP), "VALUE a 7 5\r\nvalue\r\nEND\r\n"},
	{"get a b", IN(HIT_A HIT_B NOOP),
	 "VALUE a 7 5\r\nvalue\r\nVALUE b 4294967295 0\r\n\r\nEND\r\n"},
	{"gets b a", IN(HIT_B HIT_A NOOP),
	 "VALUE b 4294967295 0 258\r\n\r\nVALUE a 7 5 258\r\nvalue\r\nEND\r\n"},
	{"gat 0 a b", IN(MISS HIT_A MISS NOOP), "VALUE a 7 5\r\nvalue\r\nEND\r\n"},
	{"get a b", IN(HEADER("\x0a", "\x81", "\0", "\0", "\2") "no"), "END\r\n"},
};

START_TEST(many_values_are_one_reply)
{
	expect_answer(&barred[_i], true, false);
}
END_TEST

static const struct answer bad_barred[] = {
	{"get a b", IN(FAILED("\x81") HIT_A NOOP), "SERVER_ERROR text\r\n"},
	{"get a b", IN(HIT_A FAILED("\x82") FAILED("\x20") NOOP),
	 "VALUE a 7 5\r\nvalue\r\nSERVER_ERROR out of memory storing object\r\n"},
};

START_TEST(an_error_amid_values_ends_them)
{
	expect_answer(&bad_barred[_i], true, true);
}
END_TEST

/* What any command may be told. */
static const struct {
	struct span in;
	const char *text;
} errors[] = {
	{IN(FAILED("\3")), "SERVER_ERROR object too large for cache\r\n"},
	{IN(FAILED("\4")), "CLIENT_ERROR bad command line format\r\n"},
	{IN(FAILED("\6")), "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"},
	{IN(FAILED("\x07")), "SERVER_ERROR text\r\n"},
	{IN(FAILED("\x20")), "SERVER_ERROR text\r\n"},
	{IN(FAILED("\x81")), "SERVER_ERROR text\r\n"},
	{IN(FAILED("\x82")), "SERVER_ERROR out of memory storing object\r\n"},
	{IN(FAILED("\x86")), "SERVER_ERROR text\r\n"},
	{IN(FAILED("\xff")), "SERVER_ERROR text\r\n"},
	{IN(HEADER("\x01", "\x84", "\0", "\0", "\0")), "SERVER_ERROR \r\n"},
	{IN(HEADER("\x01", "\x84", "\1", "\2", "\7") "EXktext"), "SERVER_ERROR text\r\n"},
	/* a line is not ended by what a node says, nor another begun */
	{IN(HEADER("\x01", "\x84", "\0", "\0", "\x08") "no\r\nEND\n"), "SERVER_ERROR no\r\n"},
};

START_TEST(errors_are_those_of_the_text_protocol)
{
	static const char *const lines[] = {
		"get a",	   "gets a",	    "gat 0 a",	       "gats 0 a",
		"set a 0 0 0",	   "add a 0 0 0",   "replace a 0 0 0", "append a 0 0 0",
		"prepend a 0 0 0", "cas a 0 0 0 1", "incr a 1",	       "decr a 1",
		"touch a 0",	   "delete a",	    "flush_all",       "stats",
		"stats reset",	   "mg a v",	    "mg a q",	       "ms a 5 q k",
		"md a q",	   "ma a q v k O1",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		expect_answer(&(struct answer){lines[i], errors[_i].in, errors[_i].text}, false,
			      true);
}
END_TEST

START_TEST(statistics_that_are_not_there_are_an_error)
{
	static const struct answer cases[] = {
		{"stats x", IN(HEADER("\x10", "\1", "\0", "\0", "\x09") "Not found"), "ERROR\r\n"},
		{"stats", IN(STAT("a", "1") HEADER("\x10", "\x82", "\0", "\0", "\0")),
		 "STAT a 1\r\nSERVER_ERROR out of memory storing object\r\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_answer(&cases[i], false, true);
}
END_TEST

/* Lay the packet of a hit with a value of so many bytes, in segments of some. */
static void lay_hit(const char *key, uint32_t len, size_t step)
{
	char header[MCB_HEADER], *bytes = malloc(MCB_HEADER + 4 + 1 + len);

	mcb_header_write(header, &(struct mcb_header){.magic = MCB_RESPONSE,
						      .opcode = MCB_GETK,
						      .extras = 4,
						      .key = 1,
						      .body = 4 + 1 + len});
	memcpy(bytes, header, MCB_HEADER);
	memcpy(bytes + MCB_HEADER, "\0\0\0\7", 4);
	bytes[MCB_HEADER + 4] = key[0];
	memset(bytes + MCB_HEADER + 5, key[0], len);
	own_chain_lay(&own, span_make(bytes, MCB_HEADER + 5 + len), step);
	free(bytes);
}

/* A text and so many bytes more are at the chain's head; they are taken off. */
static void expect_head(const char *text, char byte, uint32_t len)
{
	size_t n = strlen(text) + len;
	char *bytes = malloc(n);

	ck_assert_uint_eq(chain_peek(&own.chain, bytes, n), n);
	ck_assert_mem_eq(bytes, text, strlen(text));
	/* Of one byte: each is the next one. */
	const char *value = bytes + strlen(text);
	ck_assert_int_eq(value[0], byte);
	ck_assert_mem_eq(value, value + 1, len - 1);
	free(bytes);
	chain_consume(&own.pool, &own.chain, n);
}

START_TEST(long_values_over_segments_are_whole)
{
	static const size_t steps[] = {1000, 16384, 65536, 1 << 20};

	lay_hit("a", 300000, steps[_i]);
	lay_hit("b", 70000, steps[_i]);
	own_chain_lay(&own, span_make(NOOP, sizeof(NOOP) - 1), 5);
	ck_assert(!mc_answer(&own.pool, &own.chain, row_of("get"), span_of(""), true));
	expect_head("VALUE a 7 300000\r\n", 'a', 300000);
	expect_head("\r\nVALUE b 7 70000\r\n", 'b', 70000);
	expect_chain("get", "\r\nEND\r\n");
}
END_TEST

START_TEST(a_long_meta_value_is_whole_or_dropped)
{
	lay_hit("a", 300000, 65536);
	ck_assert(!mc_answer(&own.pool, &own.chain, row_of("mg"), span_of("mg a s v"), false));
	expect_head("VA 300000 s300000\r\n", 'a', 300000);
	expect_chain("mg", "\r\n");

	chain_clear(&own.pool, &own.chain);
	lay_hit("a", 300000, 65536);
	ck_assert(!mc_answer(&own.pool, &own.chain, row_of("mg"), span_of("mg a s"), false));
	expect_chain("mg", "HD s300000\r\n");
}
END_TEST

/* Not copied: in one segment, the same bytes. */
START_TEST(a_long_value_is_moved)
{
	lay_hit("a", 300000, 1 << 20);
	const struct chunk *chunk = own.chain.head->chunk;

	ck_assert(!mc_answer(&own.pool, &own.chain, row_of("get"), span_of(""), false));
	ck_assert_ptr_eq(own.chain.head->next->chunk, chunk);
	ck_assert_uint_eq(own.chain.head->next->len, 300000);
}
END_TEST

/* No node has such items, but what says so is not to be believed with lengths. */
START_TEST(keys_and_extras_too_long_are_cut)
{
	static char bytes[255 + 65535 + 5];
	char line[2 * 256 + 100];

	memset(bytes, 'k', sizeof(bytes));
	for (int i = 0; i < 2; i++) {
		chain_clear(&own.pool, &own.chain);
		mcb_packet(&own.pool, &own.chain,
			   (struct mcb_header){.magic = MCB_RESPONSE, .opcode = MCB_GETK},
			   span_make(bytes, 255), span_make(bytes, i == 0 ? 257 : 65535),
			   span_of("value"));
		ck_assert(!mc_answer(&own.pool, &own.chain, row_of("get"), span_of(""), false));
		snprintf(line, sizeof(line), "VALUE %.256s %u 5\r\nvalue\r\nEND\r\n", bytes,
			 0x6b6b6b6bU);
		expect_chain("get", line);
	}
}
END_TEST

Suite *mc_answer_suite(void)
{
	Suite *suite = suite_create("mc_answer");
	TCase *tc = tcase_create("text");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, is_what_a_text_node_says, 0, ARRAY_LEN(answers));
	tcase_add_loop_test(tc, many_values_are_one_reply, 0, ARRAY_LEN(barred));
	tcase_add_loop_test(tc, an_error_amid_values_ends_them, 0, ARRAY_LEN(bad_barred));
	tcase_add_loop_test(tc, errors_are_those_of_the_text_protocol, 0, ARRAY_LEN(errors));
	tcase_add_test(tc, statistics_that_are_not_there_are_an_error);
	tcase_add_loop_test(tc, long_values_over_segments_are_whole, 0, 4);
	tcase_add_test(tc, a_long_meta_value_is_whole_or_dropped);
	tcase_add_test(tc, a_long_value_is_moved);
	tcase_add_test(tc, keys_and_extras_too_long_are_cut);
	suite_add_tcase(suite, tc);
	return suite;
}
