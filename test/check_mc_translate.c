#include <check.h>

#include "mc_transcript.h"
#include "own_chain.h"
#include "proto/mc_translate.h"
#include "suites.h"

#define LIMIT (1 << 20)

static const char not_exact[] =
	"CLIENT_ERROR slipring: the nodes speak binary alone, which has nothing for this";

static struct own_chain own;
static struct arg_list args;
static struct parsed parsed;
static struct chunk *chunk;

static void begin(void)
{
	own_chain_init(&own);
	chunk = NULL;
}

static void end(void)
{
	if (chunk != NULL)
		chunk_unref(chunk);
	own_chain_fini(&own);
	arg_list_fini(&args);
}

/* Parse a command, which has to be one, and lay it in a chunk of its own. */
static struct mc_text read_text(const char *command)
{
	const struct parse_limits limits = {.request = LIMIT};
	struct parse_state state = {0};
	size_t len = strlen(command);

	if (chunk != NULL)
		chunk_unref(chunk);
	chunk = chunk_new(&own.pool, (uint32_t)len);
	memcpy(chunk->data, command, len);
	chunk->used = (uint32_t)len;
	ck_assert_int_eq(mc_request_parse(&state, span_make(chunk->data, len), &limits, &args,
					  &parsed),
			 PARSE_DONE);
	ck_assert_msg(parsed.error == NULL, "%.60s: %s", command, parsed.error);
	ck_assert_uint_eq(parsed.len, len);
	return (struct mc_text){&parsed, chunk, chunk->data};
}

static const char *translate(const char *command)
{
	struct mc_text text = read_text(command);

	chain_clear(&own.pool, &own.chain);
	return mc_translate(&own.pool, &own.chain, &text);
}

/* All packets of the chain as "opcode cas extras [key] value", each read as a node reads it. */
static char *shown(void)
{
	const struct parse_limits limits = {.request = LIMIT};
	size_t len = (size_t)own.chain.bytes, size, at = 0;
	char *bytes = malloc(len + 1), *text = NULL;
	struct arg_list parts = {0};
	FILE *to = open_memstream(&text, &size);

	chain_peek(&own.chain, bytes, len);
	while (at < len) {
		struct parse_state state = {0};
		struct parsed packet;

		ck_assert_int_eq(mcb_request_parse(&state, span_make(bytes + at, len - at), &limits,
						   &parts, &packet),
				 PARSE_DONE);
		ck_assert_ptr_null(packet.error);
		ck_assert_uint_eq(mcb_header_read(bytes + at).opaque, 0);
		fprintf(to, "%llx ", (unsigned long long)mcb_header_read(bytes + at).cas);
		print_packet(to, &packet, bytes + at);
		at += packet.len;
	}
	arg_list_fini(&parts);
	free(bytes);
	return end_transcript(to, &text, &size);
}

static void expect_shown(const char *command, const char *packets)
{
	char *text = shown();

	ck_assert_msg(strcmp(text, packets) == 0, "%.60s: %s", command, text);
	free(text);
}

#define PLAIN "0000000000000001"
#define ZERO  "0000000000000000"
#define STAYS "ffffffff" /* an exptime that creates nothing */

/* What a command is in binary: CAS, opcode, key, extras and value. */
static const struct {
	const char *command, *packet;
} told[] = {
	{"get k\r\n", "0 0c [k]  \n"},
	{"gets k\r\n", "0 0c [k]  \n"},
	{"get k l\r\n", "0 0c [k]  \n"},
	{"gat 0 k\r\n", "0 23 [k] 00000000 \n"},
	{"gats 100 k\r\n", "0 23 [k] 00000064 \n"},
	{"gat -1 k\r\n", "0 23 [k] ffffffff \n"},
	{"gat 2147483647 k\r\n", "0 23 [k] 7fffffff \n"},
	{"gat -2147483648 k\r\n", "0 23 [k] 80000000 \n"},
	{"set k 1 2 3\r\nabc\r\n", "0 01 [k] 0000000100000002 abc\n"},
	{"add k 1 2 3\r\nabc\r\n", "0 02 [k] 0000000100000002 abc\n"},
	{"replace k 1 2 3\r\nabc\r\n", "0 03 [k] 0000000100000002 abc\n"},
	{"append k 1 2 3\r\nabc\r\n", "0 0e [k]  abc\n"},
	{"prepend k 1 2 3\r\nabc\r\n", "0 0f [k]  abc\n"},
	{"append k 4294967296 2147483648 1\r\na\r\n", "0 0e [k]  a\n"}, /* they count for nothing */
	{"cas k 1 2 3 258\r\nabc\r\n", "102 01 [k] 0000000100000002 abc\n"},
	{"cas k 0 0 0 18446744073709551615\r\n\r\n", "ffffffffffffffff 01 [k] " ZERO " \n"},
	{"set k 0 0 0\r\n\r\n", "0 01 [k] " ZERO " \n"},
	{"set k 0 0 2\r\n\r\n\r\n", "0 01 [k] " ZERO " \r\n\n"},
	{"set k 4294967295 0 1\r\na\r\n", "0 01 [k] ffffffff00000000 a\n"},
	{"set k 0 2147483647 1\r\na\r\n", "0 01 [k] 000000007fffffff a\n"},
	{"set k 0 -2147483648 1\r\na\r\n", "0 01 [k] 0000000080000000 a\n"},
	{"set k 0 -1 1\r\na\r\n", "0 01 [k] 00000000ffffffff a\n"},
	{"set k 0 0 1 noreply\r\na\r\n", "0 01 [k] " ZERO " a\n"},
	{"set  k  0  0  1  \na\r\n", "0 01 [k] " ZERO " a\n"},
	{"cas k 0 0 1 7 noreply\r\na\r\n", "7 01 [k] " ZERO " a\n"},
	{"incr k 1\r\n", "0 05 [k] " PLAIN ZERO STAYS " \n"},
	{"decr k 1\r\n", "0 06 [k] " PLAIN ZERO STAYS " \n"},
	{"incr k 0 noreply\r\n", "0 05 [k] " ZERO ZERO STAYS " \n"},
	{"incr k 18446744073709551615\r\n", "0 05 [k] ffffffffffffffff" ZERO STAYS " \n"},
	{"touch k 0\r\n", "0 1c [k] 00000000 \n"},
	{"touch k -1\r\n", "0 1c [k] ffffffff \n"},
	{"touch k 2147483647 noreply\r\n", "0 1c [k] 7fffffff \n"},
	{"delete k\r\n", "0 04 [k]  \n"},
	{"delete k 0\r\n", "0 04 [k]  \n"},
	{"delete k 0 noreply\r\n", "0 04 [k]  \n"},
	{"flush_all\r\n", "0 08 [] 00000000 \n"},
	{"flush_all noreply\r\n", "0 08 [] 00000000 \n"},
	{"flush_all 10\r\n", "0 08 [] 0000000a \n"},
	{"flush_all 4294967295 noreply\r\n", "0 08 [] ffffffff \n"},
	{"stats\r\n", "0 10 []  \n"},
	{"stats items\r\n", "0 10 [items]  \n"},
	{"stats cachedump 1 100\r\n", "0 10 [cachedump 1 100]  \n"},
	{"  stats  detail  on  \r\n", "0 10 [detail  on]  \n"},
	{"mg k\r\n", "0 0c [k]  \n"},
	{"mg a2V5 b\r\n", "0 0c [key]  \n"},
	{"mg AAEg b k\r\n", "0 0c [\1\1 ]  \n"},
	{"mg k c f k q s v L P O1\r\n", "0 0c [k]  \n"},
	{"mg k T0 v\r\n", "0 23 [k] 00000000 \n"},
	{"mg k v T-1\r\n", "0 23 [k] ffffffff \n"},
	{"mg k T2147483647\r\n", "0 23 [k] 7fffffff \n"},
	{"ms k 3\r\nabc\r\n", "0 01 [k] " ZERO " abc\n"},
	{"ms k 0\r\n\r\n", "0 01 [k] " ZERO " \n"},
	{"ms k 3 c k q L P O1\r\nabc\r\n", "0 01 [k] " ZERO " abc\n"},
	{"ms k 1 F1 T2 C3\r\na\r\n", "3 01 [k] 0000000100000002 a\n"},
	{"ms k 1 F4294967295 T-2147483648\r\na\r\n", "0 01 [k] ffffffff80000000 a\n"},
	{"ms a2V5 1 b\r\na\r\n", "0 01 [key] " ZERO " a\n"},
	{"ms k 1 MS\r\na\r\n", "0 01 [k] " ZERO " a\n"},
	{"ms k 1 Ms\r\na\r\n", "0 01 [k] " ZERO " a\n"},
	{"ms k 1 ME F1\r\na\r\n", "0 02 [k] 0000000100000000 a\n"},
	{"ms k 1 Me\r\na\r\n", "0 02 [k] " ZERO " a\n"},
	{"ms k 1 MR\r\na\r\n", "0 03 [k] " ZERO " a\n"},
	{"ms k 1 Mr\r\na\r\n", "0 03 [k] " ZERO " a\n"},
	{"ms k 1 MA F1 T2 C5\r\na\r\n", "5 0e [k]  a\n"},
	{"ms k 1 Ma\r\na\r\n", "0 0e [k]  a\n"},
	{"ms k 1 MP C18446744073709551615\r\na\r\n", "ffffffffffffffff 0f [k]  a\n"},
	{"ms k 1 Mp\r\na\r\n", "0 0f [k]  a\n"},
	{"md k\r\n", "0 04 [k]  \n"},
	{"md k q k L P O1\r\n", "0 04 [k]  \n"},
	{"md a2V5 b C9\r\n", "9 04 [key]  \n"},
	{"ma k\r\n", "0 05 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k c k q v L P O1\r\n", "0 05 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k MI\r\n", "0 05 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k Mi\r\n", "0 05 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k M+\r\n", "0 05 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k MD\r\n", "0 06 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k Md\r\n", "0 06 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k M-\r\n", "0 06 [k] " PLAIN ZERO STAYS " \n"},
	{"ma k N0 J5 D258 C2\r\n", "2 05 [k] 0000000000000102000000000000000500000000 \n"},
	{"ma k D18446744073709551615 J18446744073709551615 N2147483647\r\n",
	 "0 05 [k] ffffffffffffffffffffffffffffffff7fffffff \n"},
	{"ma k N-2\r\n", "0 05 [k] " PLAIN ZERO "fffffffe \n"},
	{"ma a2V5 b\r\n", "0 05 [key] " PLAIN ZERO STAYS " \n"},
};

START_TEST(is_told_in_binary)
{
	ck_assert_ptr_null(translate(told[_i].command));
	expect_shown(told[_i].command, told[_i].packet);
}
END_TEST

#define OPAQUE_31 "O1234567890123456789012345678901"

/* What binary has no packet for, and numbers that its fields cannot hold. */
static const char *const untold[] = {
	"version\r\n",
	"verbosity 1\r\n",
	"quit\r\n",
	"me k\r\n",
	"mn\r\n",
	"config get cluster\r\n",
	"set k 4294967296 0 1\r\na\r\n",
	"set k 0 2147483648 1\r\na\r\n",
	"set k 0 -2147483649 1\r\na\r\n",
	"set k +1 0 1\r\na\r\n",
	"set k 1\t 0 1\r\na\r\n",
	"add k 0 9223372036854775807 1\r\na\r\n",
	"replace k 18446744073709551615 0 1\r\na\r\n",
	"cas k 0 0 1 0\r\na\r\n",
	"cas k 0 0 1 +1\r\na\r\n",
	"cas k 0 2147483648 1 1\r\na\r\n",
	"incr k +1\r\n",
	"decr k 1\t\r\n",
	"touch k 2147483648\r\n",
	"touch k -2147483649\r\n",
	"gat 2147483648 k\r\n",
	"gats -2147483649 k\r\n",
	"flush_all -1\r\n",
	"flush_all 4294967296\r\n",
	"flush_all +1 noreply\r\n",
	/* flags of which binary says nothing, or that are another command's */
	"mg k t\r\n",
	"mg k h\r\n",
	"mg k l\r\n",
	"mg k E1\r\n",
	"mg k N0\r\n",
	"mg k R30\r\n",
	"mg k C1\r\n",
	"mg k F1\r\n",
	"mg k I\r\n",
	"mg k \x80\r\n",
	"ms k 1 I\r\na\r\n",
	"ms k 1 E5\r\na\r\n",
	"ms k 1 N0\r\na\r\n",
	"ms k 1 s\r\na\r\n",
	"ms k 1 v\r\na\r\n",
	"md k I\r\n",
	"md k T0\r\n",
	"md k x\r\n",
	"md k c\r\n",
	"md k MS\r\n",
	"ma k t\r\n",
	"ma k T0\r\n",
	"ma k E1\r\n",
	"ma k F1\r\n",
	"ma k s\r\n",
	/* modes */
	"ms k 1 M\r\na\r\n",
	"ms k 1 MX\r\na\r\n",
	"ms k 1 MI\r\na\r\n",
	"ms k 1 MSS\r\na\r\n",
	"ma k M\r\n",
	"ma k MS\r\n",
	"ma k MIx\r\n",
	/* numbers */
	"mg k T\r\n",
	"mg k Tx\r\n",
	"mg k T2147483648\r\n",
	"mg k T-2147483649\r\n",
	"ms k 1 T2147483648\r\na\r\n",
	"ms k 1 F4294967296\r\na\r\n",
	"ms k 1 F-1\r\na\r\n",
	"ms k 1 F\r\na\r\n",
	"ms k 1 C0\r\na\r\n",
	"ms k 1 C\r\na\r\n",
	"ms k 1 C-1\r\na\r\n",
	"ms k 1 C18446744073709551616\r\na\r\n",
	"md k C0\r\n",
	"ma k C0\r\n",
	"ma k D-1\r\n",
	"ma k D\r\n",
	"ma k D18446744073709551616\r\n",
	"ma k J-1\r\n",
	"ma k J\r\n",
	"ma k N\r\n",
	"ma k N-1\r\n", /* in binary: creates nothing */
	"ma k N2147483648\r\n",
	/* flags twice, and opaques longer than memcached's */
	"mg k v v\r\n",
	"mg k T0 v T0\r\n",
	"mg k O1 O2\r\n",
	"ms k 1 F1 F1\r\na\r\n",
	"ms k 1 MS MS\r\na\r\n",
	"md k q q\r\n",
	"ma k D1 D1\r\n",
	"mg k " OPAQUE_31 "2\r\n",
	"ms k 1 " OPAQUE_31 "2\r\na\r\n",
	"md k " OPAQUE_31 "2\r\n",
	"ma k " OPAQUE_31 "2\r\n",
};

START_TEST(is_refused_with_nothing_appended)
{
	const char *refusal = translate(untold[_i]);

	ck_assert_msg(refusal != NULL, "%s", untold[_i]);
	ck_assert_str_eq(refusal, not_exact);
	ck_assert(chain_is_empty(&own.chain));
}
END_TEST

START_TEST(an_opaque_has_as_many_bytes_as_memcacheds)
{
	ck_assert_ptr_null(translate("mg k " OPAQUE_31 "\r\n"));
	ck_assert_ptr_null(translate("ms k 1 " OPAQUE_31 "\r\na\r\n"));
	ck_assert_ptr_null(translate("md k " OPAQUE_31 "\r\n"));
	ck_assert_ptr_null(translate("ma k O\r\n"));
}
END_TEST

START_TEST(what_is_no_base64_is_no_key)
{
	static const char *const commands[] = {"mg k b\r\n", "ms a2V5x 1 b\r\na\r\n",
					       "md k=== b\r\n", "ma !! b\r\n"};

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const char *refusal = translate(commands[i]);

		ck_assert_msg(refusal != NULL, "%s", commands[i]);
		ck_assert_str_eq(refusal, "CLIENT_ERROR error decoding key");
		ck_assert(chain_is_empty(&own.chain));
	}
}
END_TEST

/* No row of the table is forgotten: what goes to nodes is in the table of what is told. */
START_TEST(every_command_of_nodes_is_told)
{
	const struct command *row = &mc_command_table(&(size_t){0})[_i];
	size_t len = strlen(row->name);
	bool is_told = false;

	for (size_t i = 0; i < ARRAY_LEN(told) && !is_told; i++)
		is_told = strncmp(told[i].command, row->name, len) == 0 &&
			  (told[i].command[len] == ' ' || told[i].command[len] == '\r');
	ck_assert_msg(is_told == (row->split != SPLIT_LOCAL && row->id != MC_META_DEBUG), "%s",
		      row->name);
}
END_TEST

static const char header_of_set[] =
	"\x80\x01\0\1\x08\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\2\0\0\0\3k";

START_TEST(a_packet_byte_by_byte)
{
	size_t len = sizeof(header_of_set) - 1;
	char bytes[sizeof(header_of_set) + 3];

	ck_assert_ptr_null(translate("set k 258 3 3\r\nabc\r\n"));
	ck_assert_uint_eq(chain_peek(&own.chain, bytes, sizeof(bytes)), len + 3);
	ck_assert_mem_eq(bytes, header_of_set, len);
	ck_assert_mem_eq(bytes + len, "abc", 3);
}
END_TEST

/* The longest key, as it is and of base64. */
START_TEST(long_keys_are_told)
{
	char command[300], packets[600], key[251];

	memset(key, 'k', 250);
	key[250] = '\0';
	snprintf(command, sizeof(command), "get %s\r\n", key);
	snprintf(packets, sizeof(packets), "0 0c [%s]  \n", key);
	ck_assert_ptr_null(translate(command));
	expect_shown(command, packets);

	for (int i = 0; i < 248; i += 4)
		memcpy(key + i, "YWJj", 4);
	key[248] = '\0';
	snprintf(command, sizeof(command), "mg %s b\r\n", key);
	ck_assert_ptr_null(translate(command));
	for (int i = 0; i < 186; i += 3)
		memcpy(key + i, "abc", 3);
	key[186] = '\0';
	snprintf(packets, sizeof(packets), "0 0c [%s]  \n", key);
	expect_shown(command, packets);
}
END_TEST

/* As one key, which has a key's limit. */
START_TEST(words_of_stats_have_a_keys_limit)
{
	char command[300], packets[600], words[252];

	for (int len = 250; len <= 251; len++) {
		memset(words, 'w', sizeof(words));
		words[10] = ' ';
		words[len] = '\0';
		snprintf(command, sizeof(command), "stats %s\r\n", words);
		snprintf(packets, sizeof(packets), "0 10 [%s]  \n", words);
		if (len == 251) {
			ck_assert_ptr_nonnull(translate(command));
			ck_assert(chain_is_empty(&own.chain));
			continue;
		}
		ck_assert_ptr_null(translate(command));
		expect_shown(command, packets);
	}
}
END_TEST

/* Chunks may share it: a long value is not copied. */
START_TEST(a_long_value_is_referenced)
{
	const uint32_t len = 300000;
	char *command = malloc(len + 100);
	int at = sprintf(command, "%s %u\r\n", _i == 0 ? "ms k" : "set k 0 0", len);

	memset(command + at, 'v', len);
	memcpy(command + at + len, "\r\n", 3);
	ck_assert_ptr_null(translate(command));
	ck_assert_uint_eq(own.chain.bytes, MCB_HEADER + 8 + 1 + len);
	ck_assert_ptr_eq(own.chain.tail->chunk, chunk);
	ck_assert_ptr_eq(own.chain.tail->p, chunk->data + at);
	ck_assert_uint_eq(own.chain.tail->len, len);
	free(command);
}
END_TEST

START_TEST(keys_of_a_get_are_asked_for_in_silence)
{
	static const struct {
		const char *command, *packets;
		uint32_t first, end;
	} cases[] = {
		{"get a b c\r\n", "0 0d [a]  \n0 0d [b]  \n0 0d [c]  \n0 0a []  \n", 1, 4},
		{"gets a b a\r\n", "0 0d [b]  \n0 0d [a]  \n0 0a []  \n", 2, 4},
		{"gat 7 a b\r\n", "0 24 [a] 00000007 \n0 24 [b] 00000007 \n0 0a []  \n", 2, 4},
		{"gats -1 a b\r\n", "0 24 [b] ffffffff \n0 0a []  \n", 3, 4},
		{"get a\r\n", "0 0a []  \n", 1, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mc_text text = read_text(cases[i].command);

		chain_clear(&own.pool, &own.chain);
		for (uint32_t word = cases[i].first; word < cases[i].end; word++)
			mc_translate_key(&own.pool, &own.chain, &text, word, span_of(""));
		mc_translate_end(&own.pool, &own.chain);
		expect_shown(cases[i].command, cases[i].packets);
	}
}
END_TEST

Suite *mc_translate_suite(void)
{
	Suite *suite = suite_create("mc_translate");
	TCase *tc = tcase_create("packets");
	size_t n_commands;

	(void)mc_command_table(&n_commands);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, is_told_in_binary, 0, ARRAY_LEN(told));
	tcase_add_loop_test(tc, is_refused_with_nothing_appended, 0, ARRAY_LEN(untold));
	tcase_add_test(tc, an_opaque_has_as_many_bytes_as_memcacheds);
	tcase_add_test(tc, what_is_no_base64_is_no_key);
	tcase_add_loop_test(tc, every_command_of_nodes_is_told, 0, (int)n_commands);
	tcase_add_test(tc, a_packet_byte_by_byte);
	tcase_add_test(tc, long_keys_are_told);
	tcase_add_test(tc, words_of_stats_have_a_keys_limit);
	tcase_add_loop_test(tc, a_long_value_is_referenced, 0, 2);
	tcase_add_test(tc, keys_of_a_get_are_asked_for_in_silence);
	suite_add_tcase(suite, tc);
	return suite;
}
