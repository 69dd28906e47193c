#include <check.h>
#include <limits.h>

#include "mc_transcript.h"
#include "suites.h"

#define KEY 5 /* bytes */

static const char large[] = "SERVER_ERROR object too large for cache";
static const char invalid[] = "CLIENT_ERROR Invalid arguments";
static const char unknown[] = "ERROR";

/* What has a value: opcode and bytes of extras. */
static const struct {
	uint8_t opcode, extras;
} stores[] = {
	{MCB_SET, 8},  {MCB_ADD, 8},  {MCB_REPLACE, 8},	 {MCB_APPEND, 0},  {MCB_PREPEND, 0},
	{MCB_SETQ, 8}, {MCB_ADDQ, 8}, {MCB_REPLACEQ, 8}, {MCB_APPENDQ, 0}, {MCB_PREPENDQ, 0},
};

/* As near to the end of 32 bits as limits and lengths can come. */
static const uint32_t limits[] = {
	0,	     1,		  1000,	   (1 << 30) - 1,	  1 << 30,
	INT_MAX - 2, INT_MAX - 1, INT_MAX, (uint32_t)INT_MAX + 1, UINT32_MAX - 24,
	UINT32_MAX};
static const uint32_t bodies[] = {0x3fffffff, 0x40000000, 0x7ffffffe, 0x7fffffff, 0x80000000,
				  0xffff0000, 0xffffffe8, 0xfffffffe, 0xffffffff};

static struct arg_list args;
static struct parsed parsed;

static void forget(void)
{
	arg_list_fini(&args);
}

/* Parse a command of which `have` bytes behind the header are there. */
static enum parse_result parse(struct mcb_header header, size_t have, uint32_t limit)
{
	const struct parse_limits pool = {.request = limit};
	struct parse_state state = {0};
	char *bytes = calloc(1, MCB_HEADER + have);

	header.magic = MCB_REQUEST;
	mcb_header_write(bytes, &header);
	enum parse_result result = mcb_request_parse(&state, span_make(bytes, MCB_HEADER + have),
						     &pool, &args, &parsed);
	free(bytes);
	return result;
}

static struct mcb_header store(int i, uint32_t body)
{
	return (struct mcb_header){
		.opcode = stores[i].opcode,
		.extras = stores[i].extras,
		.key = KEY,
		.body = body,
	};
}

START_TEST(a_value_may_be_as_long_as_the_limit)
{
	uint32_t before = stores[_i].extras + KEY;

	for (uint32_t limit = 0; limit < 3; limit++) {
		struct mcb_header header = store(_i, before + limit);

		ck_assert_int_eq(parse(header, before + limit, limit), PARSE_DONE);
		ck_assert_ptr_null(parsed.error);
		ck_assert_uint_eq(parsed.len, MCB_HEADER + before + limit);
		ck_assert_uint_eq(parsed.swallow, 0);
		header.body++;
		ck_assert_int_eq(parse(header, before, limit), PARSE_DONE);
		ck_assert_str_eq(parsed.error, large);
		ck_assert_uint_eq(parsed.len, MCB_HEADER + before);
		ck_assert_uint_eq(parsed.swallow, limit + 1);
	}
}
END_TEST

/* Whose old value is stale then. */
START_TEST(of_a_value_that_is_refused_the_key_is_awaited)
{
	uint32_t before = stores[_i].extras + KEY;

	for (uint32_t have = 0; have < before; have++) {
		ck_assert_int_eq(parse(store(_i, UINT32_MAX), have, 1000), PARSE_MORE);
		ck_assert_uint_eq(parsed.need, MCB_HEADER + before);
	}
	for (uint32_t have = before; have < before + 3; have++) {
		ck_assert_int_eq(parse(store(_i, UINT32_MAX), have, 1000), PARSE_DONE);
		ck_assert_uint_eq(parsed.args->v[MCB_ARG_KEY].at, MCB_HEADER + stores[_i].extras);
		ck_assert_uint_eq(parsed.args->v[MCB_ARG_KEY].len, KEY);
		ck_assert_uint_eq(parsed.key_count, 1);
	}
}
END_TEST

/* No length wraps: what is taken, dropped or awaited is the whole command, to the byte. */
static void expect_whole(int i, uint32_t body, uint32_t limit)
{
	uint32_t before = stores[i].extras + KEY, value = body - before;
	bool fits = value <= limit && value <= INT_MAX - 2; /* as in text */

	ck_assert_int_eq(parse(store(i, body), before, limit), fits ? PARSE_MORE : PARSE_DONE);
	if (fits) {
		ck_assert_uint_eq(parsed.need, MCB_HEADER + (uint64_t)body);
		return;
	}
	ck_assert_str_eq(parsed.error, large);
	ck_assert_uint_eq(parsed.len, MCB_HEADER + before);
	ck_assert_uint_eq(parsed.len + parsed.swallow, MCB_HEADER + (uint64_t)body);
}

START_TEST(no_length_wraps)
{
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		uint32_t before = stores[_i].extras + KEY;

		for (size_t j = 0; j < ARRAY_LEN(bodies); j++)
			expect_whole(_i, bodies[j], limits[i]);
		/* A pool's limit is 1 GiB at most, a value's INT_MAX - 2. */
		for (uint32_t j = 0; j < 3; j++) {
			expect_whole(_i, before + (1 << 30) - 1 + j, limits[i]);
			expect_whole(_i, before + INT_MAX - 3 + j, limits[i]);
		}
	}
}
END_TEST

START_TEST(an_unknown_command_is_dropped_however_long)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		const struct mcb_header header = {.opcode = 0x55, .key = KEY, .body = bodies[i]};

		ck_assert_int_eq(parse(header, 0, UINT32_MAX), PARSE_DONE);
		ck_assert_str_eq(parsed.error, unknown);
		ck_assert_uint_eq(parsed.len, MCB_HEADER);
		ck_assert_uint_eq(parsed.swallow, bodies[i]);
	}
}
END_TEST

START_TEST(what_has_no_value_has_no_long_body)
{
	static const uint8_t extras[] = {[MCB_INCREMENT] = 20, [MCB_FLUSH] = 4, [MCB_GAT] = 4};

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		for (uint8_t opcode = 0; opcode < ARRAY_LEN(extras); opcode++) {
			const struct mcb_header header = {
				.opcode = opcode,
				.extras = extras[opcode],
				.key = opcode == MCB_FLUSH ? 0 : KEY,
				.body = bodies[i],
			};

			if (opcode == MCB_GET || extras[opcode] > 0) {
				ck_assert_int_eq(parse(header, 0, UINT32_MAX), PARSE_BAD);
				ck_assert_str_eq(parsed.error, invalid);
			}
		}
}
END_TEST

START_TEST(a_key_has_250_bytes_at_most)
{
	struct mcb_header header = {.opcode = MCB_GET, .key = 250, .body = 250};

	ck_assert_int_eq(parse(header, 250, 0), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	header.key = 251;
	header.body = 251;
	ck_assert_int_eq(parse(header, 251, 0), PARSE_BAD);
	ck_assert_str_eq(parsed.error, invalid);
	header.key = 65535;
	header.body = UINT32_MAX;
	ck_assert_int_eq(parse(header, 0, UINT32_MAX), PARSE_BAD);
	ck_assert_str_eq(parsed.error, invalid);
}
END_TEST

/* A pool's limit is not for those who have yet to say who they are. */
START_TEST(who_says_who_he_is_has_64_kib)
{
	struct mcb_header header = {.opcode = (uint8_t)_i, .key = KEY, .body = KEY + MCB_SASL_MAX};

	ck_assert_int_eq(parse(header, header.body, 1), PARSE_DONE);
	ck_assert_ptr_null(parsed.error);
	ck_assert_uint_eq(parsed.args->v[MCB_ARG_VALUE].len, MCB_SASL_MAX);
	header.body++;
	ck_assert_int_eq(parse(header, KEY, UINT32_MAX), PARSE_BAD);
	ck_assert_str_eq(parsed.error, invalid);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		header.body = bodies[i];
		ck_assert_int_eq(parse(header, KEY, UINT32_MAX), PARSE_BAD);
		ck_assert_str_eq(parsed.error, invalid);
	}
}
END_TEST

Suite *mc_binary_limits_suite(void)
{
	Suite *suite = suite_create("mc_binary_limits");
	TCase *tc = tcase_create("limits");

	tcase_add_checked_fixture(tc, NULL, forget);
	tcase_add_loop_test(tc, a_value_may_be_as_long_as_the_limit, 0, ARRAY_LEN(stores));
	tcase_add_loop_test(tc, of_a_value_that_is_refused_the_key_is_awaited, 0,
			    ARRAY_LEN(stores));
	tcase_add_loop_test(tc, no_length_wraps, 0, ARRAY_LEN(stores));
	tcase_add_test(tc, an_unknown_command_is_dropped_however_long);
	tcase_add_test(tc, what_has_no_value_has_no_long_body);
	tcase_add_test(tc, a_key_has_250_bytes_at_most);
	tcase_add_loop_test(tc, who_says_who_he_is_has_64_kib, MCB_SASL_AUTH, MCB_SASL_STEP + 1);
	suite_add_tcase(suite, tc);
	return suite;
}
