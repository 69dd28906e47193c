#include <check.h>

#include "base/chain.h"
#include "mc_transcript.h"
#include "own_chain.h"
#include "suites.h"

static struct own_chain own;

static void begin(void)
{
	own_chain_init(&own);
}

static void end(void)
{
	own_chain_fini(&own);
}

/* Bytes of no special kind, NULs among them. */
static struct span filled(char *to, size_t len, char first)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(first + (char)(i % 251));
	return span_make(to, len);
}

START_TEST(a_header_has_the_high_byte_first)
{
	const char bytes[MCB_HEADER + 1] = "\x81\x1d\x01\x02\x03\0\x04\x05\x06\x07\x08\x09"
					   "\x0a\x0b\x0c\x0d\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7";
	struct mcb_header header = mcb_header_read(bytes);
	char again[MCB_HEADER];

	ck_assert_uint_eq(header.magic, 0x81);
	ck_assert_uint_eq(header.opcode, 0x1d);
	ck_assert_uint_eq(header.key, 0x0102);
	ck_assert_uint_eq(header.extras, 3);
	ck_assert_uint_eq(header.status, 0x0405);
	ck_assert_uint_eq(header.body, 0x06070809);
	ck_assert_uint_eq(header.opaque, 0x0a0b0c0d);
	ck_assert_uint_eq(header.cas, 0xf0f1f2f3f4f5f6f7);
	memset(again, 0xff, sizeof(again));
	mcb_header_write(again, &header);
	ck_assert_mem_eq(again, bytes, MCB_HEADER);
}
END_TEST

START_TEST(the_greatest_numbers_come_back)
{
	const struct mcb_header header = {.magic = 0xff,
					  .opcode = 0xff,
					  .extras = 0xff,
					  .key = 0xffff,
					  .status = 0xffff,
					  .body = UINT32_MAX,
					  .opaque = UINT32_MAX,
					  .cas = UINT64_MAX};
	char bytes[MCB_HEADER];

	mcb_header_write(bytes, &header);
	struct mcb_header again = mcb_header_read(bytes);
	ck_assert_uint_eq(again.magic, 0xff);
	ck_assert_uint_eq(again.opcode, 0xff);
	ck_assert_uint_eq(again.extras, 0xff);
	ck_assert_uint_eq(again.key, 0xffff);
	ck_assert_uint_eq(again.status, 0xffff);
	ck_assert_uint_eq(again.body, UINT32_MAX);
	ck_assert_uint_eq(again.opaque, UINT32_MAX);
	ck_assert_uint_eq(again.cas, UINT64_MAX);
}
END_TEST

/* Bytes of extras, key and value. */
static const struct {
	size_t extras, key, value;
} sizes[] = {
	{0, 0, 0},	{4, 0, 5},    {4, 1, 0},       {0, 250, 1},
	{8, 1, 0},	{20, 250, 0}, {255, 65535, 0}, {255, 65535, 300000},
	{0, 0, 200000},
};

/* Append one of these and look at what it has become. */
static void expect_packet(int i, uint8_t magic)
{
	static char extras_bytes[255], key_bytes[65535], value_bytes[300000];
	static char bytes[MCB_HEADER + 255 + 65535 + 300000];
	struct span extras = filled(extras_bytes, sizes[i].extras, 'e');
	struct span key = filled(key_bytes, sizes[i].key, 'k');
	struct span value = filled(value_bytes, sizes[i].value, 'v');
	size_t body = extras.len + key.len + value.len;

	mcb_packet(&own.pool, &own.chain,
		   (struct mcb_header){.magic = magic,
				       .opcode = MCB_GETK,
				       .status = MCB_DELTA,
				       .key = 7, /* set by their lengths, whatever is given */
				       .extras = 7,
				       .body = 7,
				       .opaque = 0x12345678,
				       .cas = 0x123456789abcdef0},
		   extras, key, value);
	ck_assert_uint_eq(own.chain.bytes, MCB_HEADER + body);
	ck_assert_uint_eq(chain_peek(&own.chain, bytes, sizeof(bytes)), MCB_HEADER + body);
	struct mcb_header header = mcb_header_read(bytes);
	ck_assert_uint_eq(header.magic, magic);
	ck_assert_uint_eq(header.opcode, MCB_GETK);
	ck_assert_uint_eq(header.status, MCB_DELTA);
	ck_assert_uint_eq(header.extras, extras.len);
	ck_assert_uint_eq(header.key, key.len);
	ck_assert_uint_eq(header.body, body);
	ck_assert_uint_eq(header.opaque, 0x12345678);
	ck_assert_uint_eq(header.cas, 0x123456789abcdef0);
	const char *at = bytes + MCB_HEADER;
	ck_assert(memcmp(at, extras.p, extras.len) == 0);
	ck_assert(memcmp(at + extras.len, key.p, key.len) == 0);
	ck_assert(memcmp(at + extras.len + key.len, value.p, value.len) == 0);

	struct frame frame = {0};
	size_t took;
	ck_assert_int_eq(mcb_reply_scan(&frame, span_make(bytes, MCB_HEADER + body), &took),
			 magic == MCB_RESPONSE ? FRAME_DONE : FRAME_BAD);
	ck_assert_uint_eq(took, magic == MCB_RESPONSE ? MCB_HEADER + body : 0);
}

START_TEST(a_packet_has_what_it_is_given)
{
	expect_packet(_i, MCB_RESPONSE);
}
END_TEST

START_TEST(the_magic_is_the_callers)
{
	expect_packet(_i, MCB_REQUEST);
}
END_TEST

START_TEST(a_request_is_parsed_again)
{
	const struct parse_limits limits = {.request = 5};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;
	char bytes[MCB_HEADER + 8 + 3 + 5];

	mcb_packet(&own.pool, &own.chain,
		   (struct mcb_header){.magic = MCB_REQUEST, .opcode = MCB_SETQ},
		   span_of("FLAGTIME"), span_of("key"), span_of("value"));
	size_t len = chain_peek(&own.chain, bytes, sizeof(bytes));
	ck_assert_int_eq(mcb_request_parse(&state, span_make(bytes, len), &limits, &args, &parsed),
			 PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	ck_assert_uint_eq(parsed.len, sizeof(bytes));
	ck_assert(span_equal_str(parsed_arg(&parsed, bytes, MCB_ARG_EXTRAS), "FLAGTIME"));
	ck_assert(span_equal_str(parsed_arg(&parsed, bytes, MCB_ARG_KEY), "key"));
	ck_assert(span_equal_str(parsed_arg(&parsed, bytes, MCB_ARG_VALUE), "value"));
	arg_list_fini(&args);
}
END_TEST

/* Lines, of the proxy's own and of nodes, and what they are in binary. */
static const struct {
	const char *line;
	enum mcb_status status;
	const char *text;
} lines[] = {
	{"OK", MCB_OK, ""},
	{"END", MCB_OK, ""},
	{"RESET", MCB_OK, ""},
	{"NOT_FOUND", MCB_NOT_FOUND, "Not found"},
	{"ERROR", MCB_UNKNOWN, "Unknown command"},
	{"SERVER_ERROR object too large for cache", MCB_TOO_LARGE, "Too large."},
	{"SERVER_ERROR out of memory", MCB_OUT_OF_MEMORY, "Out of memory"},
	{"SERVER_ERROR out of memory reading request", MCB_OUT_OF_MEMORY, "Out of memory"},
	{"SERVER_ERROR slipring: a:1: connection refused", MCB_TEMPORARY,
	 "slipring: a:1: connection refused"},
	{"SERVER_ERROR", MCB_TEMPORARY, ""},
	{"SERVER_ERROR ", MCB_TEMPORARY, ""},
	{"CLIENT_ERROR unauthenticated", MCB_AUTH_ERROR, "Auth failure."},
	{"CLIENT_ERROR Invalid arguments", MCB_INVALID, "Invalid arguments"},
	{"CLIENT_ERROR bad command line format", MCB_INVALID, "bad command line format"},
	{"CLIENT_ERROR", MCB_INVALID, ""},
	{"VALUE k 0 1", MCB_INTERNAL, "VALUE k 0 1"},
	{"E", MCB_INTERNAL, "E"},
	{"", MCB_INTERNAL, ""},
};

START_TEST(a_line_has_a_status_and_a_text)
{
	/* With nothing behind it that could be taken for a part. */
	struct span line = span_of(lines[_i].line), text;
	char *copy = exact_copy(line);

	ck_assert_int_eq(mcb_status_of(span_make(copy, line.len), &text), lines[_i].status);
	ck_assert_msg(span_equal_str(text, lines[_i].text), "%.*s", (int)text.len, text.p);
	free(copy);
}
END_TEST

Suite *mc_binary_packet_suite(void)
{
	Suite *suite = suite_create("mc_binary_packet");
	TCase *tc = tcase_create("packets");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, a_header_has_the_high_byte_first);
	tcase_add_test(tc, the_greatest_numbers_come_back);
	tcase_add_loop_test(tc, a_packet_has_what_it_is_given, 0, ARRAY_LEN(sizes));
	tcase_add_loop_test(tc, the_magic_is_the_callers, 0, ARRAY_LEN(sizes));
	tcase_add_test(tc, a_request_is_parsed_again);
	tcase_add_loop_test(tc, a_line_has_a_status_and_a_text, 0, ARRAY_LEN(lines));
	suite_add_tcase(suite, tc);
	return suite;
}
