#include "serve/dispatch_mc.h"

#include <check.h>
#include <errno.h>

#include "base/text.h"
#include "data_path.h"
#include "mc_packet.h"
#include "suites.h"

#define LONG 300000
#define REFUSAL                                                                                    \
	"CLIENT_ERROR slipring: the nodes speak binary alone, which has nothing for this\r\n"

/* Text clients of nodes that speak binary alone. */
static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

/* The first packet that a node got is this; it is taken. */
static void expect_packet(struct fake_peer *peer, struct span packet)
{
	struct span got = fake_got(peer);

	ck_assert_uint_ge(got.len, packet.len);
	ck_assert_mem_eq(got.p, packet.p, packet.len);
	fake_take(peer, packet.len);
}

static void say_value(struct fake_peer *peer, uint8_t opcode, const char *key, const char *value)
{
	say_bytes(peer, ANSWER(.opcode = opcode, .cas = 258, .key = key, .value = value,
			       .extras = "\0\0\0\7", .n_extras = 4));
}

static void say_noop(struct fake_peer *peer)
{
	say_bytes(peer, ANSWER(.opcode = MCB_NOOP));
}

/* Commands of one key, on shard a: what the node is asked, and what its answer is in text. */
static const struct {
	const char *text;
	struct packet_parts asked, answered;
	const char *told;
} commands[] = {
	{"get a\r\n",
	 {.opcode = MCB_GETK, .key = "a"},
	 {.opcode = MCB_GETK, .key = "a", .value = "xy", .extras = ZEROS, .n_extras = 4},
	 "VALUE a 0 2\r\nxy\r\nEND\r\n"},
	{"gets a\r\n",
	 {.opcode = MCB_GETK, .key = "a"},
	 {.opcode = MCB_GETK, .cas = 3, .key = "a", .extras = ZEROS, .n_extras = 4},
	 "VALUE a 0 0 3\r\n\r\nEND\r\n"},
	{"gat 0 a\r\n",
	 {.opcode = MCB_GATK, .key = "a", .extras = ZEROS, .n_extras = 4},
	 {.opcode = MCB_GATK, NOT_FOUND},
	 "END\r\n"},
	{"set a 0 0 1\r\nx\r\n",
	 {.opcode = MCB_SET, .key = "a", .value = "x", .extras = ZEROS, .n_extras = 8},
	 {.opcode = MCB_SET},
	 "STORED\r\n"},
	{"cas a 0 0 1 5\r\nx\r\n",
	 {.opcode = MCB_SET, .cas = 5, .key = "a", .value = "x", .extras = ZEROS, .n_extras = 8},
	 {.opcode = MCB_SET, .status = MCB_EXISTS},
	 "EXISTS\r\n"},
	{"add a 0 0 1 noreply\r\nx\r\n",
	 {.opcode = MCB_ADD, .key = "a", .value = "x", .extras = ZEROS, .n_extras = 8},
	 {.opcode = MCB_ADD, .status = MCB_EXISTS},
	 ""},
	{"append a 0 0 1\r\nx\r\n",
	 {.opcode = MCB_APPEND, .key = "a", .value = "x"},
	 {.opcode = MCB_APPEND, .status = MCB_OUT_OF_MEMORY},
	 "SERVER_ERROR out of memory storing object\r\n"},
	{"delete a\r\n",
	 {.opcode = MCB_DELETE, .key = "a"},
	 {.opcode = MCB_DELETE, NOT_FOUND},
	 "NOT_FOUND\r\n"},
	{"mg YQ== b k v q\r\n",
	 {.opcode = MCB_GETK, .key = "a"},
	 {.opcode = MCB_GETK, .key = "a", .value = "xy", .extras = ZEROS, .n_extras = 4},
	 "VA 2 kYQ== b\r\nxy\r\n"},
	{"mg a v q\r\n", {.opcode = MCB_GETK, .key = "a"}, {.opcode = MCB_GETK, NOT_FOUND}, ""},
	{"ms a 1 k O1\r\nx\r\n",
	 {.opcode = MCB_SET, .key = "a", .value = "x", .extras = ZEROS, .n_extras = 8},
	 {.opcode = MCB_SET},
	 "HD ka O1\r\n"},
	{"ms a 1 q\r\nx\r\n",
	 {.opcode = MCB_SET, .key = "a", .value = "x", .extras = ZEROS, .n_extras = 8},
	 {.opcode = MCB_SET},
	 ""},
	{"md a q\r\n",
	 {.opcode = MCB_DELETE, .key = "a"},
	 {.opcode = MCB_DELETE, NOT_FOUND},
	 "NF\r\n"},
};

START_TEST(a_command_and_its_reply_are_told)
{
	data_path_serve_binary(&dp);
	say(dp.client, commands[_i].text);
	expect_bytes(dp.a, packet_make(MCB_REQUEST, commands[_i].asked));
	expect(dp.b, "");
	say_bytes(dp.a, packet_make(MCB_RESPONSE, commands[_i].answered));
	expect(dp.client, commands[_i].told);
	say(dp.client, "version\r\nmn\r\n");
	expect(dp.client, "VERSION 1.6.18\r\nMN\r\n");
}
END_TEST

/* The command in two pieces, cut at each place. */
START_TEST(any_split_of_a_command_is_the_same)
{
	size_t len = strlen(commands[_i].text);

	data_path_serve_binary(&dp);
	for (size_t cut = 0; cut <= len; cut++) {
		say_bytes(dp.client, span_make(commands[_i].text, cut));
		say(dp.client, commands[_i].text + cut);
		expect_bytes(dp.a, packet_make(MCB_REQUEST, commands[_i].asked));
		struct span answer = packet_make(MCB_RESPONSE, commands[_i].answered);
		size_t half = cut < answer.len ? cut : answer.len;
		say_bytes(dp.a, span_make(answer.p, half));
		say_bytes(dp.a, span_skip(answer, half));
		expect(dp.client, commands[_i].told);
	}
}
END_TEST

START_TEST(a_multi_get_over_all_shards_is_one_reply)
{
	data_path_serve_binary(&dp);
	say(dp.client, "gets a b c d\r\n");
	expect_packet(dp.a, ASK(.opcode = MCB_GETKQ, .key = "a"));
	expect_packet(dp.a, ASK(.opcode = MCB_GETKQ, .key = "d"));
	expect_bytes(dp.a, ASK(.opcode = MCB_NOOP));
	expect_packet(dp.b, ASK(.opcode = MCB_GETKQ, .key = "b"));
	expect_bytes(dp.b, ASK(.opcode = MCB_NOOP));
	expect_packet(dp.c, ASK(.opcode = MCB_GETKQ, .key = "c"));
	expect_bytes(dp.c, ASK(.opcode = MCB_NOOP));
	say_value(dp.c, MCB_GETKQ, "c", "3");
	say_noop(dp.c);
	say_noop(dp.b);
	say_value(dp.a, MCB_GETKQ, "a", "");
	say_value(dp.a, MCB_GETKQ, "d", "4");
	expect(dp.client, "");
	say_noop(dp.a);
	expect(dp.client, "VALUE a 7 0 258\r\n\r\nVALUE d 7 1 258\r\n4\r\nVALUE c 7 1 258\r\n3\r\n"
			  "END\r\n");
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 3);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 1);
}
END_TEST

START_TEST(a_multi_get_on_one_shard_is_a_sequence_too)
{
	data_path_serve_binary(&dp);
	say(dp.client, "gat 0 d a d\r\nget a\r\n");
	for (const char *key = "dad"; *key != '\0'; key++)
		expect_packet(dp.a, ASK(.opcode = MCB_GATKQ, .key = *key == 'a' ? "a" : "d",
					.extras = ZEROS, .n_extras = 4));
	expect_packet(dp.a, ASK(.opcode = MCB_NOOP));
	expect_bytes(dp.a, ASK(.opcode = MCB_GETK, .key = "a"));
	say_value(dp.a, MCB_GATKQ, "d", "1");
	say_value(dp.a, MCB_GATKQ, "d", "1");
	say_noop(dp.a);
	expect(dp.client, "VALUE d 7 1\r\n1\r\nVALUE d 7 1\r\n1\r\nEND\r\n");
	say_bytes(dp.a, ANSWER(.opcode = MCB_GETK, NOT_FOUND));
	expect(dp.client, "END\r\n");
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 2);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 2);
}
END_TEST

START_TEST(a_dead_shard_of_a_multi_get_is_left_out)
{
	data_path_serve_binary(&dp);
	hang_up(dp.b, STREAM_EOF);
	say(dp.client, "get a b\r\n");
	say_value(dp.a, MCB_GETKQ, "a", "1");
	say_noop(dp.a);
	expect(dp.client, "VALUE a 7 1\r\n1\r\nEND\r\n");
	say(dp.client, "delete b\r\n");
	expect_first(dp.client, "SERVER_ERROR slipring: shard b: ");
	fake_take(dp.client, fake_got(dp.client).len);
}
END_TEST

START_TEST(an_error_amid_values_is_the_nodes)
{
	data_path_serve_binary(&dp);
	say(dp.client, "get a d\r\n");
	say_value(dp.a, MCB_GETKQ, "a", "1");
	say_bytes(dp.a, ANSWER(.opcode = MCB_GETKQ, .status = MCB_INTERNAL, .value = "broken"));
	say_noop(dp.a);
	expect(dp.client, "VALUE a 7 1\r\n1\r\nSERVER_ERROR broken\r\n");
	say(dp.client, "get a\r\n");
	say_bytes(dp.a, ANSWER(.opcode = MCB_GETK, NOT_FOUND));
	expect(dp.client, "END\r\n");
}
END_TEST

START_TEST(what_binary_has_nothing_for_is_refused_in_order)
{
	data_path_serve_binary(&dp);
	say(dp.client, "get a\r\nmg a t\r\nset a 4294967296 0 1\r\nx\r\nme a\r\n"
		       "gat 2147483648 a b\r\ncas a 0 0 1 0 noreply\r\nx\r\nms a 1 b\r\nx\r\n");
	expect_bytes(dp.a, ASK(.opcode = MCB_GETK, .key = "a"));
	expect(dp.b, "");
	expect(dp.client, "");
	say_bytes(dp.a, ANSWER(.opcode = MCB_GETK, NOT_FOUND));
	expect(dp.client,
	       "END\r\n" REFUSAL REFUSAL REFUSAL REFUSAL "CLIENT_ERROR error decoding key\r\n");
}
END_TEST

START_TEST(statistics_are_merged_as_of_text_nodes)
{
	static const struct {
		const char *text, *key, *name, *told;
	} cases[] = {
		{"stats\r\n", NULL, "cmd_get", "STAT cmd_get 6\r\nEND\r\n"},
		{"stats sizes\r\n", "sizes", "96",
		 "STAT a:96 1\r\nSTAT b:96 2\r\nSTAT c:96 3\r\nEND\r\n"},
		{"stats reset\r\n", "reset", NULL, "RESET\r\n"},
	};

	data_path_serve_binary(&dp);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake_peer *servers[] = {dp.a, dp.b, dp.c};

		say(dp.client, cases[i].text);
		for (size_t j = 0; j < DATA_PATH_SHARDS; j++) {
			const char value[] = {(char)('1' + j), '\0'};

			expect_bytes(servers[j], ASK(.opcode = MCB_STAT, .key = cases[i].key));
			if (cases[i].name != NULL)
				say_bytes(servers[j], ANSWER(.opcode = MCB_STAT, .value = value,
							     .key = cases[i].name));
			say_bytes(servers[j], ANSWER(.opcode = MCB_STAT));
		}
		expect(dp.client, cases[i].told);
	}
}
END_TEST

START_TEST(statistics_that_no_node_has_are_an_error)
{
	data_path_serve_binary(&dp);
	say(dp.client, "stats nope\r\n");
	say_bytes(dp.a, ANSWER(.opcode = MCB_STAT, NOT_FOUND));
	say_bytes(dp.b, ANSWER(.opcode = MCB_STAT, NOT_FOUND));
	say_bytes(dp.c, ANSWER(.opcode = MCB_STAT, NOT_FOUND));
	expect(dp.client, "ERROR\r\n");
}
END_TEST

START_TEST(flush_all_goes_to_every_shard)
{
	struct fake_peer *servers[DATA_PATH_SHARDS];

	data_path_serve_binary(&dp);
	servers[0] = dp.a;
	servers[1] = dp.b;
	servers[2] = dp.c;
	say(dp.client, "flush_all 10\r\nflush_all noreply\r\nflush_all -1\r\n");
	for (size_t i = 0; i < DATA_PATH_SHARDS; i++) {
		expect_packet(servers[i],
			      ASK(.opcode = MCB_FLUSH, .extras = "\0\0\0\x0a", .n_extras = 4));
		expect_bytes(servers[i], ASK(.opcode = MCB_FLUSH, .extras = ZEROS, .n_extras = 4));
		expect(dp.client, "");
		say_bytes(servers[i], ANSWER(.opcode = MCB_FLUSH));
		say_bytes(servers[i], ANSWER(.opcode = MCB_FLUSH));
	}
	expect(dp.client, "OK\r\n" REFUSAL);
}
END_TEST

/* The header, extras and key of a hit whose value has LONG bytes, and all of them but one. */
static void say_most_of_a_long_value(struct fake_peer *peer, uint8_t opcode, const char *key)
{
	static char value[LONG];
	char header[MCB_HEADER];

	mcb_header_write(header, &(struct mcb_header){.magic = MCB_RESPONSE,
						      .opcode = opcode,
						      .extras = 4,
						      .key = 1,
						      .body = 5 + LONG});
	say_bytes(peer, span_make(header, MCB_HEADER));
	say_bytes(peer, span_make(ZEROS, 4));
	say_bytes(peer, span_make(key, 1));
	memset(value, 'v', LONG);
	say_bytes(peer, span_make(value, LONG - 1));
}

static void expect_long(const char *before, const char *after)
{
	struct span got;

	expect_first(dp.client, before);
	got = fake_got(dp.client);
	ck_assert_uint_eq(got.len, LONG + strlen(after));
	/* Of one byte: each is the next one. */
	ck_assert_int_eq(got.p[0], 'v');
	ck_assert_mem_eq(got.p, got.p + 1, LONG - 1);
	fake_take(dp.client, LONG);
	expect(dp.client, after);
}

static const struct {
	const char *text;
	uint8_t opcode;
	bool has_noop;
	const char *before, *after;
} longs[] = {
	{"get a\r\n", MCB_GETK, false, "VALUE a 0 300000\r\n", "\r\nEND\r\n"},
	{"get a d\r\n", MCB_GETKQ, true, "VALUE a 0 300000\r\n", "\r\nEND\r\n"},
	{"get b a\r\n", MCB_GETKQ, true, "VALUE a 0 300000\r\n", "\r\nEND\r\n"},
	{"mg a v k s\r\n", MCB_GETK, false, "VA 300000 ka s300000\r\n", "\r\n"},
	{"mg a s\r\n", MCB_GETK, false, NULL, "HD s300000\r\n"},
};

START_TEST(long_values_are_told_whole)
{
	data_path_serve_binary(&dp);
	say(dp.client, longs[_i].text);
	if (fake_got(dp.b).len > 0)
		say_noop(dp.b);
	say_most_of_a_long_value(dp.a, longs[_i].opcode, "a");
	expect(dp.client, "");
	say(dp.a, "v");
	if (longs[_i].has_noop)
		say_noop(dp.a);
	if (longs[_i].before == NULL)
		expect(dp.client, longs[_i].after);
	else
		expect_long(longs[_i].before, longs[_i].after);
}
END_TEST

/* What comes for it then is dropped as it comes, and what comes behind it is another's. */
START_TEST(a_client_may_leave_amid_a_long_value)
{
	bool leaves_before = _i % 2 == 0;
	int i = _i / 2;

	data_path_serve_binary(&dp);
	struct fake_peer *gone = dp.client;
	say(gone, longs[i].text);
	dp.client = data_path_client(&dp);
	say(dp.client, "get a\r\n");
	if (fake_got(dp.b).len > 0)
		say_noop(dp.b);
	if (leaves_before)
		fake_end(gone, -ECONNRESET);
	say_most_of_a_long_value(dp.a, longs[i].opcode, "a");
	if (!leaves_before)
		hang_up(gone, -ECONNRESET);
	say(dp.a, "v");
	if (longs[i].has_noop)
		say_noop(dp.a);
	say_bytes(dp.a, ANSWER(.opcode = MCB_GETK, NOT_FOUND));
	expect(dp.client, "END\r\n");
}
END_TEST

/* A text node's barrier that comes in two pieces, behind a reply that is long or not. */
START_TEST(a_barrier_may_be_cut)
{
	static char value[LONG];
	bool leaves = _i % 2 == 1, is_long = _i / 2 % 2 == 1;
	size_t cut = (size_t)_i / 4;

	data_path_serve_memcached(&dp);
	say(dp.client, "mg a v q\r\n");
	answer_to(dp.a, "mg a v q\r\nmn\r\n", is_long ? "VA 300000\r\n" : "VA 1\r\n");
	memset(value, 'v', LONG);
	say_bytes(dp.a, span_make(value, is_long ? LONG : 1));
	say(dp.a, "\r\n");
	say_bytes(dp.a, span_make("MN\r\n", cut));
	if (leaves)
		hang_up(dp.client, -ECONNRESET);
	say(dp.a, "MN\r\n" + cut);
	if (!leaves && is_long)
		expect_long("VA 300000\r\n", "\r\n");
	else if (!leaves)
		expect(dp.client, "VA 1\r\nv\r\n");
}
END_TEST

Suite *dispatch_mc_suite(void)
{
	Suite *suite = suite_create("dispatch_mc");
	TCase *tcase = tcase_create("binary nodes");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	int n_long = 2 * (int)ARRAY_LEN(longs);

	tcase_add_loop_test(tcase, a_command_and_its_reply_are_told, 0, ARRAY_LEN(commands));
	tcase_add_loop_test(tcase, any_split_of_a_command_is_the_same, 0, ARRAY_LEN(commands));
	tcase_add_test(tcase, a_multi_get_over_all_shards_is_one_reply);
	tcase_add_test(tcase, a_multi_get_on_one_shard_is_a_sequence_too);
	tcase_add_test(tcase, a_dead_shard_of_a_multi_get_is_left_out);
	tcase_add_test(tcase, an_error_amid_values_is_the_nodes);
	tcase_add_test(tcase, what_binary_has_nothing_for_is_refused_in_order);
	tcase_add_test(tcase, statistics_are_merged_as_of_text_nodes);
	tcase_add_test(tcase, statistics_that_no_node_has_are_an_error);
	tcase_add_test(tcase, flush_all_goes_to_every_shard);
	tcase_add_loop_test(tcase, long_values_are_told_whole, 0, ARRAY_LEN(longs));
	tcase_add_loop_test(tcase, a_client_may_leave_amid_a_long_value, 0, n_long);
	tcase_add_loop_test(tcase, a_barrier_may_be_cut, 0, 4 * 5);
	suite_add_tcase(suite, tcase);
	return suite;
}
