#include <check.h>
#include <stdio.h>

#include "proto/resp_request.h"
#include "suites.h"

#define SYNTAX	"-ERR syntax error"
#define INTEGER "-ERR value is not an integer or out of range"
#define BALANCE                                                                                    \
	"-ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "         \
	"specified."

/* Commands by words, and the indices of their keys or the error. */
static const struct {
	const char *line, *keys;
} cases[] = {
	{"get k", "1"},
	{"set k v px 100", "1"},
	{"mget a b c", "1 2 3"},
	{"mset a 1 b 2", "1 3"},
	{"msetnx a 1", "1"},
	{"del a", "1"},
	{"bitop and d a b", "2 3 4"},
	{"copy a b db 1", "1 2"},
	{"lcs a b len", "1 2"},
	{"blpop a b 0", "1 2"},
	{"sdiffstore d a b", "1 2 3"},
	{"geosearchstore d s fromlonlat 1 1 byradius 1 m", "1 2"},
	{"object freq k", "2"},
	{"memory usage k samples 5", "2"},
	{"xgroup create k g $", "2"},
	{"ping", ""},
	{"publish c m", "1"},
	{"spublish c m", "1"},
	{"ssubscribe a b", "1 2"},
	{"subscribe a b", ""},
	{"watch a b", "1 2"},
	{"scan 0 match a", ""},
	{"client kill a", ""},
	/* counted keys */
	{"eval s 0", ""},
	{"eval s 0 x", ""},
	{"eval s 2 a b c", "3 4"},
	{"evalsha_ro s 1 a", "3"},
	{"eval s x a", INTEGER},
	{"eval s 01 a", INTEGER},
	{"eval s -0 a", INTEGER},
	{"eval s 9223372036854775808 a", INTEGER},
	{"eval s -1 a", "-ERR Number of keys can't be negative"},
	{"eval s 2 a", "-ERR Number of keys can't be greater than number of args"},
	{"eval s 4294967297 a", "-ERR Number of keys can't be greater than number of args"},
	{"fcall f 1 a", "3"},
	{"zunion 2 a b weights 1 2", "2 3"},
	{"zunion 2 a", SYNTAX},
	{"zunion 0 a", "-ERR numkeys should be greater than 0"},
	{"zunionstore d 2 a b", "1 3 4"},
	{"zunionstore d x a b", INTEGER},
	{"sintercard 1 a limit 1", "2"},
	{"lmpop 1 a left", "2"},
	{"blmpop 0 2 a b left", "3 4"},
	/* streams */
	{"xread streams a 0", "2"},
	{"xread count 1 streams a b 0 0", "4 5"},
	{"xread block 0 count 1 STREAMS a $", "6"},
	{"xread count streams streams a 0", "4"},
	{"xread streams streams 0", "2"},
	{"xread streams a b 0", BALANCE},
	{"xread count 1 streams", SYNTAX},
	{"xread count 1 a", SYNTAX},
	{"xread a b c d", SYNTAX},
	{"xread count", SYNTAX},
	{"xreadgroup group g c streams a >", "5"},
	{"xreadgroup count 1 group streams c noack streams a >", "8"},
	/* destinations */
	{"sort k", "1"},
	{"sort k limit 0 1 desc store d", "1 7"},
	{"sort k by store", "1"},
	{"sort k by store get store store d", "1 7"},
	{"sort k store d store e", "1 5"},
	{"sort k store", "1"},
	{"sort_ro k by store", "1"},
	{"georadius k 1 1 1 km", "1"},
	{"georadius k 1 1 1 km store d", "1 7"},
	{"georadius k 1 1 1 km count 1 any STOREDIST d", "1 10"},
	{"georadius k 1 1 1 km store d storedist e", "1 9"},
	{"georadiusbymember k store 1 km storedist d", "1 6"},
	{"georadius_ro k 1 1 1 km", "1"},
};

static void parse_line(const char *line, struct arg_list *args, struct parsed *parsed, char *out)
{
	const struct parse_limits limits = {.request = 1 << 20};
	struct parse_state state = {0};

	sprintf(out, "%s\r\n", line);
	ck_assert_int_eq(resp_request_parse(&state, span_of(out), &limits, args, parsed),
			 PARSE_DONE);
	ck_assert_ptr_nonnull(parsed->command);
}

START_TEST(finds_the_keys)
{
	struct arg_list args = {0}, keys = {0};
	struct parsed parsed;
	char in[256], found[256] = "";
	const char *error;
	size_t at = 0;

	parse_line(cases[_i].line, &args, &parsed, in);
	error = resp_request_keys(&parsed, in, &keys);
	for (uint32_t i = 0; error == NULL && i < keys.n; i++)
		at += (size_t)sprintf(found + at, "%s%u", i > 0 ? " " : "", keys.v[i].at);
	ck_assert_str_eq(error == NULL ? found : error, cases[_i].keys);
	arg_list_fini(&args);
	arg_list_fini(&keys);
}
END_TEST

static const struct {
	const char *line, *found;
} patterns[] = {
	{"sort k", ""},
	{"sort k by w_* get # get v_*", "3 7"},
	{"sort k by nosort get v_*->f", "5"},
	{"sort k store by get v_*", "5"},
	{"sort k limit by get* store d", ""},
	{"sort_ro k BY w_* GET", "3"},
};

START_TEST(finds_the_patterns)
{
	struct arg_list args = {0}, list = {0};
	struct parsed parsed;
	char in[256], found[256] = "";
	size_t at = 0;

	parse_line(patterns[_i].line, &args, &parsed, in);
	ck_assert(resp_request_patterns(&parsed, in, &list));
	for (uint32_t i = 0; i < list.n; i++)
		at += (size_t)sprintf(found + at, "%s%u", i > 0 ? " " : "", (unsigned)list.v[i].at);
	ck_assert_str_eq(found, patterns[_i].found);
	arg_list_fini(&args);
	arg_list_fini(&list);
}
END_TEST

/* Whatever arguments are missing, every index is one of an argument. */
START_TEST(a_cut_command_gives_no_key_that_is_not_there)
{
	struct arg_list args = {0}, keys = {0};
	struct parsed parsed;
	char in[256];

	parse_line(cases[_i].line, &args, &parsed, in);
	for (; args.n > 0; args.n--) {
		if (resp_request_keys(&parsed, in, &keys) != NULL)
			continue;
		for (uint32_t i = 0; i < keys.n; i++)
			ck_assert_uint_lt(keys.v[i].at, args.n);
		(void)resp_request_blocks(&parsed, in);
	}
	arg_list_fini(&args);
	arg_list_fini(&keys);
}
END_TEST

static const struct {
	const char *line;
	bool blocks;
} waits[] = {
	{"blpop a 0", true},
	{"blmove a b left left 0", true},
	{"bzmpop 0 1 a min", true},
	{"xread block 0 streams a $", true},
	{"xread count 1 BLOCK 0 streams a $", true},
	{"xread streams block 0", false},
	{"xread count block streams a 0", false},
	{"xreadgroup group block c streams a >", false},
	{"xreadgroup group g c block 1 streams a >", true},
	{"get block", false},
	{"lpop a", false},
};

START_TEST(knows_what_waits_at_the_server)
{
	struct arg_list args = {0};
	struct parsed parsed;
	char in[256];

	parse_line(waits[_i].line, &args, &parsed, in);
	ck_assert(resp_request_blocks(&parsed, in) == waits[_i].blocks);
	arg_list_fini(&args);
}
END_TEST

static const struct {
	const char *name;
	uint32_t n;
	bool fits;
} arities[] = {
	{"get", 1, false},    {"get", 2, true},	    {"get", 3, false},	  {"set", 2, false},
	{"set", 3, true},     {"set", 100, true},   {"mset", 3, true},	  {"mset", 4, false},
	{"mset", 5, true},    {"msetnx", 2, false}, {"msetnx", 6, false}, {"mget", 2, true},
	{"mget", 3, true},    {"ping", 1, true},    {"ping", 0, false},	  {"command", 1, true},
	{"client", 1, false}, {"object", 1, false},
};

START_TEST(arity_is_the_servers)
{
	const struct command *command = resp_command_find(span_of(arities[_i].name));

	ck_assert(resp_request_arity_fits(command, arities[_i].n) == arities[_i].fits);
}
END_TEST

Suite *resp_request_keys_suite(void)
{
	Suite *suite = suite_create("resp_request_keys");
	TCase *tc = tcase_create("resp_request_keys");

	tcase_add_loop_test(tc, finds_the_keys, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, finds_the_patterns, 0, ARRAY_LEN(patterns));
	tcase_add_loop_test(tc, a_cut_command_gives_no_key_that_is_not_there, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, knows_what_waits_at_the_server, 0, ARRAY_LEN(waits));
	tcase_add_loop_test(tc, arity_is_the_servers, 0, ARRAY_LEN(arities));
	suite_add_tcase(suite, tc);
	return suite;
}
