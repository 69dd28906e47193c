#include <check.h>

#include "mc_transcript.h"
#include "suites.h"

#define LIMIT	  1000
#define BYTES_MAX (MCB_HEADER + 255 + 256 + 3)

static const char unknown[] = "ERROR";
static const char invalid[] = "CLIENT_ERROR Invalid arguments";

static struct arg_list args;
static struct parsed parsed;
static char bytes[BYTES_MAX];

static void forget(void)
{
	arg_list_fini(&args);
}

static enum parse_result parse(size_t len, uint32_t limit)
{
	const struct parse_limits limits = {.request = limit};
	struct parse_state state = {0};
	char *copy = exact_copy(span_make(bytes, len));
	enum parse_result result =
		mcb_request_parse(&state, span_make(copy, len), &limits, &args, &parsed);

	ck_assert_uint_eq(state.scanned, 0);
	ck_assert(parsed.is_binary);
	free(copy);
	return result;
}

/* Put a command together in `bytes`; returns its length. */
static size_t build(int opcode, uint8_t extras, uint16_t key, uint32_t value)
{
	const struct mcb_header header = {
		.magic = MCB_REQUEST,
		.opcode = (uint8_t)opcode,
		.extras = extras,
		.key = key,
		.body = extras + key + value,
	};

	mcb_header_write(bytes, &header);
	memset(bytes + MCB_HEADER, 'e', extras);
	memset(bytes + MCB_HEADER + extras, 'k', key);
	memset(bytes + MCB_HEADER + extras + key, 'v', value);
	return MCB_HEADER + (size_t)header.body;
}

enum { NO_KEY, KEY, ANY_KEY };
enum { NO_VALUE, VALUE };

/*
 * What memcached 1.6.18 takes; to all else of these opcodes it says "Invalid arguments" and hangs
 * up. Of what has a value where none belongs it does so with GET and the like; behind TOUCH, GAT
 * and STAT it takes the value for the next command, and we hang up there too.
 */
static const struct {
	uint8_t opcode, loud;
	const char *command; /* whose row counts it */
	uint8_t extras, key, value;
	enum mcb_action action;
} opcodes[] = {
	{0x00, 0x00, "get", 0, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x01, 0x01, "set", 8, KEY, VALUE, MCB_ACT_KEYED},
	{0x02, 0x02, "add", 8, KEY, VALUE, MCB_ACT_KEYED},
	{0x03, 0x03, "replace", 8, KEY, VALUE, MCB_ACT_KEYED},
	{0x04, 0x04, "delete", 0, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x05, 0x05, "incr", 20, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x06, 0x06, "decr", 20, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x07, 0x07, "quit", 0, NO_KEY, NO_VALUE, MCB_ACT_QUIT},
	{0x08, 0x08, "flush_all", 4, NO_KEY, NO_VALUE, MCB_ACT_FLUSH},
	{0x09, 0x00, "get", 0, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x0a, 0x0a, "mn", 0, NO_KEY, NO_VALUE, MCB_ACT_NOOP},
	{0x0b, 0x0b, "version", 0, NO_KEY, NO_VALUE, MCB_ACT_VERSION},
	{0x0c, 0x0c, "get", 0, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x0d, 0x0c, "get", 0, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x0e, 0x0e, "append", 0, KEY, VALUE, MCB_ACT_KEYED},
	{0x0f, 0x0f, "prepend", 0, KEY, VALUE, MCB_ACT_KEYED},
	{0x10, 0x10, "stats", 0, ANY_KEY, NO_VALUE, MCB_ACT_STAT},
	{0x11, 0x01, "set", 8, KEY, VALUE, MCB_ACT_KEYED},
	{0x12, 0x02, "add", 8, KEY, VALUE, MCB_ACT_KEYED},
	{0x13, 0x03, "replace", 8, KEY, VALUE, MCB_ACT_KEYED},
	{0x14, 0x04, "delete", 0, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x15, 0x05, "incr", 20, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x16, 0x06, "decr", 20, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x17, 0x07, "quit", 0, NO_KEY, NO_VALUE, MCB_ACT_QUIT},
	{0x18, 0x08, "flush_all", 4, NO_KEY, NO_VALUE, MCB_ACT_FLUSH},
	{0x19, 0x0e, "append", 0, KEY, VALUE, MCB_ACT_KEYED},
	{0x1a, 0x0f, "prepend", 0, KEY, VALUE, MCB_ACT_KEYED},
	{0x1c, 0x1c, "touch", 4, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x1d, 0x1d, "gat", 4, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x1e, 0x1d, "gat", 4, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x20, 0x20, NULL, 0, NO_KEY, NO_VALUE, MCB_ACT_SASL},
	{0x21, 0x21, NULL, 0, KEY, VALUE, MCB_ACT_SASL},
	{0x22, 0x22, NULL, 0, KEY, VALUE, MCB_ACT_SASL},
	{0x23, 0x23, "gat", 4, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x24, 0x23, "gat", 4, KEY, NO_VALUE, MCB_ACT_KEYED},
	{0x60, 0x60, "get", 0, KEY, NO_VALUE,
	 MCB_ACT_CONFIG}, /* not memcached's, but ElastiCache's */
};

/* The index of an opcode's row, or -1. */
static int find(int opcode)
{
	for (int i = 0; i < (int)ARRAY_LEN(opcodes); i++)
		if (opcodes[i].opcode == opcode)
			return i;
	return -1;
}

static bool is_taken(int i, uint32_t extras, uint32_t key, uint32_t value)
{
	bool no_extras = opcodes[i].action == MCB_ACT_FLUSH && extras == 0;

	if ((extras != opcodes[i].extras && !no_extras) || key > 250)
		return false;
	if (value > 0 && opcodes[i].value == NO_VALUE)
		return false;
	return opcodes[i].key == ANY_KEY || (opcodes[i].key == KEY) == (key > 0);
}

static void expect_parts(uint32_t extras, uint32_t key, uint32_t value)
{
	const uint32_t lens[] = {MCB_HEADER, extras, key, value};
	uint32_t at = 0;

	ck_assert_uint_eq(parsed.args->n, MCB_ARGS);
	for (size_t i = 0; i < MCB_ARGS; i++) {
		ck_assert_uint_eq(parsed.args->v[i].at, at);
		ck_assert_uint_eq(parsed.args->v[i].len, lens[i]);
		at += lens[i];
	}
	ck_assert_uint_eq(parsed.len, at);
	ck_assert_uint_eq(parsed.line_len, at - value);
	ck_assert_uint_eq(parsed.swallow, 0);
	ck_assert_uint_eq(parsed.key_count, key > 0);
	ck_assert(key == 0 || parsed.key_first == MCB_ARG_KEY);
}

static void expect_known(int i, uint32_t extras, uint32_t key, uint32_t value)
{
	size_t len = build(opcodes[i].opcode, (uint8_t)extras, (uint16_t)key, value);

	if (!is_taken(i, extras, key, value)) {
		/* Seen as soon as there is a header. */
		ck_assert_int_eq(parse(MCB_HEADER, LIMIT), PARSE_BAD);
		ck_assert_int_eq(parse(len, LIMIT), PARSE_BAD);
		ck_assert_str_eq(parsed.error, invalid);
		return;
	}
	ck_assert_int_eq(parse(len, LIMIT), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	expect_parts(extras, key, value);
	if (opcodes[i].command == NULL)
		ck_assert_ptr_null(parsed.command);
	else
		ck_assert_str_eq(parsed.command->name, opcodes[i].command);
	if (len > MCB_HEADER) {
		ck_assert_int_eq(parse(len - 1, LIMIT), PARSE_MORE);
		ck_assert_uint_eq(parsed.need, len);
	}
}

static void expect_unknown(int opcode, uint32_t extras, uint32_t key, uint32_t value)
{
	size_t len = build(opcode, (uint8_t)extras, (uint16_t)key, value);

	if (key > 250) {
		ck_assert_int_eq(parse(len, LIMIT), PARSE_BAD);
		ck_assert_str_eq(parsed.error, invalid);
		return;
	}
	ck_assert_int_eq(parse(MCB_HEADER, LIMIT), PARSE_DONE);
	ck_assert_str_eq(parsed.error, unknown);
	ck_assert_ptr_null(parsed.command);
	ck_assert_uint_eq(parsed.len, MCB_HEADER);
	ck_assert_uint_eq(parsed.swallow, len - MCB_HEADER);
}

START_TEST(takes_the_lengths_that_memcached_takes)
{
	static const uint8_t extras[] = {0, 1, 3, 4, 5, 7, 8, 9, 19, 20, 21, 24, 255};
	static const uint16_t keys[] = {0, 1, 249, 250, 251, 256};
	int row = find(_i);

	for (size_t i = 0; i < ARRAY_LEN(extras); i++)
		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			for (uint32_t value = 0; value < 3; value++) {
				if (row >= 0)
					expect_known(row, extras[i], keys[j], value);
				else
					expect_unknown(_i, extras[i], keys[j], value);
			}
}
END_TEST

START_TEST(knows_what_becomes_of_an_opcode)
{
	const struct mcb_opcode *row = mcb_opcode((uint8_t)_i);
	int i = find(_i);

	if (i < 0) {
		ck_assert_int_eq(row->action, MCB_ACT_NONE);
		return;
	}
	ck_assert_int_eq(row->action, opcodes[i].action);
	ck_assert_uint_eq(row->loud, opcodes[i].loud);
	ck_assert(row->is_quiet == (opcodes[i].loud != _i));
	ck_assert(!mcb_opcode(row->loud)->is_quiet);
	ck_assert_int_eq(row->row < 0, opcodes[i].command == NULL);
}
END_TEST

/* Of any opcode: memcached looks at this first. */
START_TEST(a_body_has_its_key_and_extras)
{
	static const struct {
		uint32_t extras, key, body;
	} cases[] = {{1, 0, 0},	    {0, 1, 0},	     {8, 1, 8},		  {255, 65535, 0},
		     {4, 250, 253}, {255, 250, 504}, {255, 65535, 65789}, {20, 65535, 65535}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct mcb_header header = {
			.magic = MCB_REQUEST,
			.opcode = (uint8_t)_i,
			.extras = (uint8_t)cases[i].extras,
			.key = (uint16_t)cases[i].key,
			.body = cases[i].body,
		};

		mcb_header_write(bytes, &header);
		ck_assert_int_eq(parse(MCB_HEADER, LIMIT), PARSE_BAD);
		ck_assert_str_eq(parsed.error, unknown);
	}
}
END_TEST

START_TEST(begins_with_its_magic)
{
	size_t len = build(MCB_NOOP, 0, 0, 0);
	enum parse_result result = _i == MCB_REQUEST ? PARSE_DONE : PARSE_BAD;

	bytes[0] = (char)_i;
	ck_assert_int_eq(parse(len, LIMIT), result);
	ck_assert_int_eq(parse(1, LIMIT), _i == MCB_REQUEST ? PARSE_MORE : PARSE_BAD);
	if (result == PARSE_BAD)
		ck_assert_str_eq(parsed.error, "");
}
END_TEST

/* Data type, status, opaque and CAS are the node's to look at. */
START_TEST(passes_what_it_does_not_read)
{
	size_t len = build(MCB_GET, 0, 1, 0);

	memset(bytes + 5, 0xff, 3);
	memset(bytes + 12, 0xff, 12);
	ck_assert_int_eq(parse(len, LIMIT), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	expect_parts(0, 1, 0);
}
END_TEST

START_TEST(awaits_a_header)
{
	build(MCB_GET, 0, 1, 0);
	for (size_t len = 0; len < MCB_HEADER; len++) {
		ck_assert_int_eq(parse(len, LIMIT), PARSE_MORE);
		ck_assert_uint_eq(parsed.need, MCB_HEADER);
		ck_assert_ptr_null(parsed.command);
	}
	ck_assert_int_eq(parse(MCB_HEADER, LIMIT), PARSE_MORE);
	ck_assert_uint_eq(parsed.need, MCB_HEADER + 1);
	ck_assert_uint_eq(parsed.command->id, MC_GET);
}
END_TEST

START_TEST(nothing_is_no_command)
{
	const struct parse_limits limits = {.request = LIMIT};
	struct parse_state state = {0};

	ck_assert_int_eq(mcb_request_parse(&state, (struct span){NULL, 0}, &limits, &args, &parsed),
			 PARSE_MORE);
}
END_TEST

Suite *mc_binary_suite(void)
{
	Suite *suite = suite_create("mc_binary");
	TCase *tc = tcase_create("requests");

	tcase_add_checked_fixture(tc, NULL, forget);
	tcase_add_loop_test(tc, takes_the_lengths_that_memcached_takes, 0, 256);
	tcase_add_loop_test(tc, knows_what_becomes_of_an_opcode, 0, 256);
	tcase_add_loop_test(tc, a_body_has_its_key_and_extras, 0, 256);
	tcase_add_loop_test(tc, begins_with_its_magic, 0, 256);
	tcase_add_test(tc, passes_what_it_does_not_read);
	tcase_add_test(tc, awaits_a_header);
	tcase_add_test(tc, nothing_is_no_command);
	suite_add_tcase(suite, tc);
	return suite;
}
