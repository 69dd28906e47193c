#include <check.h>

#include "proto/mc_meta.h"
#include "proto/mc_request.h"
#include "suites.h"

static struct arg_list args;

static void forget(void)
{
	arg_list_fini(&args);
	args = (struct arg_list){0};
}

static struct parsed parse(const char *line)
{
	const struct parse_limits limits = {.request = 1000};
	struct parse_state state = {0};
	struct parsed parsed;

	ck_assert_int_eq(mc_request_parse(&state, span_of(line), &limits, &args, &parsed),
			 PARSE_DONE);
	return parsed;
}

/* What the flags of a line say. */
static const struct {
	const char *line;
	bool barrier, key_encoded, writes;
} flags[] = {
	{"mg k\r\n", false, false, false},	    {"mg k v t\r\n", false, false, false},
	{"mg k v q\r\n", true, false, false},	    {"mg q b v\r\n", false, true, false},
	{"mg k T30\r\n", false, false, true},	    {"mg k R30 v\r\n", false, false, true},
	{"mg k N30\r\n", false, false, true},	    {"md k q\r\n", true, false, false},
	{"md k T30 I\r\n", false, false, false},    {"ma b b\r\n", false, true, false},
	{"ms k 1\r\na\r\n", false, false, false},   {"ms b 1 b q\r\na\r\n", true, true, false},
	{"mg k Oq Pq Lb\r\n", false, false, false},
};

START_TEST(reads_the_flags_behind_the_key)
{
	struct parsed parsed = parse(flags[_i].line);

	ck_assert_ptr_null(parsed.error);
	ck_assert(parsed.barrier == flags[_i].barrier);
	ck_assert(parsed.key_encoded == flags[_i].key_encoded);
	ck_assert(parsed.writes == flags[_i].writes);
	ck_assert_uint_eq(parsed.key_count, 1);
}
END_TEST

/* The key that a line is routed by. What is no base64 is taken as it stands. */
static const struct {
	const char *line, *key;
} keys[] = {
	{"mg Zm9v v\r\n", "Zm9v"},	 {"mg Zm9v b\r\n", "foo"},
	{"mg Zm8= b\r\n", "fo"},	 {"mg Zg== b\r\n", "f"},
	{"mg Zm9vYmFy b\r\n", "foobar"}, {"mg Zm9 b\r\n", "Zm9"},
	{"mg Z=== b\r\n", "Z==="},	 {"mg Zm!9v b\r\n", "foo"},
	{"mg !!!! b\r\n", "!!!!"},	 {"mg +/+/ b\r\n", "\xfb\xff\xbf"},
	{"md Zm9v q b\r\n", "foo"},	 {"ms Zm9v 1 b\r\nx\r\n", "foo"},
};

START_TEST(routes_by_what_base64_stands_for)
{
	struct parsed parsed = parse(keys[_i].line);
	char buf[MC_META_KEY_MAX];
	struct span key = mc_meta_key(&parsed, keys[_i].line, buf);

	ck_assert_msg(span_equal_str(key, keys[_i].key), "%.*s", (int)key.len, key.p);
}
END_TEST

START_TEST(the_longest_key_fits)
{
	char line[400] = "mg ", buf[MC_META_KEY_MAX];

	memset(line + 3, 'A', MC_KEY_MAX);
	strcpy(line + 3 + MC_KEY_MAX, " b\r\n");
	struct parsed parsed = parse(line);
	ck_assert_uint_eq(mc_meta_key(&parsed, line, buf).len,
			  MC_KEY_MAX); /* 250 is no length of it */
	memset(line + 3, 'A', 248);
	strcpy(line + 3 + 248, " b\r\n");
	parsed = parse(line);
	ck_assert_uint_eq(mc_meta_key(&parsed, line, buf).len, 186);
}
END_TEST

Suite *mc_meta_suite(void)
{
	Suite *suite = suite_create("mc_meta");
	TCase *tc = tcase_create("mc_meta");

	tcase_add_checked_fixture(tc, NULL, forget);
	tcase_add_loop_test(tc, reads_the_flags_behind_the_key, 0, ARRAY_LEN(flags));
	tcase_add_loop_test(tc, routes_by_what_base64_stands_for, 0, ARRAY_LEN(keys));
	tcase_add_test(tc, the_longest_key_fits);
	suite_add_tcase(suite, tc);
	return suite;
}
