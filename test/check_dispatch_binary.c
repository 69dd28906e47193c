#include "serve/dispatch_binary.h"

#include <check.h>
#include <errno.h>

#include "base/text.h"
#include "data_path.h"
#include "mc_packet.h"
#include "suites.h"

#define OPAQUE 0x01020304
#define LONG   300000

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

/* Several packets in one go. */
static struct span join(struct text *text, const struct span *packets, size_t n)
{
	text_reset(text);
	for (size_t i = 0; i < n; i++)
		text_append(text, packets[i]);
	return span_make(text->p, text->len);
}

/* What has a key, its quiet form, and what that keeps back. */
static const struct {
	uint8_t quiet, loud, extras;
	bool has_value;
	uint16_t unsaid;
} quiet[] = {
	{MCB_GETQ, MCB_GET, 0, false, MCB_NOT_FOUND},
	{MCB_GETKQ, MCB_GETK, 0, false, MCB_NOT_FOUND},
	{MCB_GATQ, MCB_GAT, 4, false, MCB_NOT_FOUND},
	{MCB_GATKQ, MCB_GATK, 4, false, MCB_NOT_FOUND},
	{MCB_SETQ, MCB_SET, 8, true, MCB_OK},
	{MCB_ADDQ, MCB_ADD, 8, true, MCB_OK},
	{MCB_REPLACEQ, MCB_REPLACE, 8, true, MCB_OK},
	{MCB_APPENDQ, MCB_APPEND, 0, true, MCB_OK},
	{MCB_PREPENDQ, MCB_PREPEND, 0, true, MCB_OK},
	{MCB_DELETEQ, MCB_DELETE, 0, false, MCB_OK},
	{MCB_INCREMENTQ, MCB_INCREMENT, 20, false, MCB_OK},
	{MCB_DECREMENTQ, MCB_DECREMENT, 20, false, MCB_OK},
};

static struct span quiet_ask(int i, uint8_t opcode)
{
	return ASK(.opcode = opcode, .opaque = OPAQUE, .cas = 7, .key = "a",
		   .value = quiet[i].has_value ? "v" : NULL, .extras = ZEROS,
		   .n_extras = quiet[i].extras);
}

START_TEST(quiet_commands_are_sent_loud_and_told_back)
{
	static const uint16_t statuses[] = {0, 1, 2, 3, 4, 5, 6, 0x20, 0x81, 0x82, 0x86};
	uint8_t opcodes[] = {quiet[_i].quiet, quiet[_i].loud};

	data_path_serve_binary(&dp);
	for (size_t i = 0; i < 2 * ARRAY_LEN(statuses); i++) {
		uint16_t status = statuses[i / 2];
		uint8_t opcode = opcodes[i % 2];
		bool is_kept = opcode == quiet[_i].quiet && status == quiet[_i].unsaid;

		say_bytes(dp.client, quiet_ask(_i, opcode));
		expect_bytes(dp.a, quiet_ask(_i, quiet[_i].loud));
		say_bytes(dp.a, ANSWER(.opcode = quiet[_i].loud, .status = status, .opaque = OPAQUE,
				       .cas = 9, .value = "text"));
		if (!is_kept)
			expect_bytes(dp.client,
				     ANSWER(.opcode = opcode, .status = status, .opaque = OPAQUE,
					    .cas = 9, .value = "text"));
		expect(dp.client, "");
	}
}
END_TEST

START_TEST(noop_is_answered_after_all_shards)
{
	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_GETKQ, .opaque = 1, .key = "a"));
	say_bytes(dp.client, ASK(.opcode = MCB_GETKQ, .opaque = 2, .key = "b"));
	say_bytes(dp.client, ASK(.opcode = MCB_GETKQ, .opaque = 3, .key = "c"));
	say_bytes(dp.client, ASK(.opcode = MCB_NOOP, .opaque = 4));
	expect_bytes(dp.a, ASK(.opcode = MCB_GETK, .opaque = 1, .key = "a"));
	expect_bytes(dp.b, ASK(.opcode = MCB_GETK, .opaque = 2, .key = "b"));
	expect_bytes(dp.c, ASK(.opcode = MCB_GETK, .opaque = 3, .key = "c"));
	say_bytes(dp.c, ANSWER(.opcode = MCB_GETK, .opaque = 3, .key = "c", .value = "x",
			       .extras = ZEROS, .n_extras = 4));
	say_bytes(dp.b, ANSWER(.opcode = MCB_GETK, .opaque = 2, NOT_FOUND));
	expect(dp.client, "");
	say_bytes(dp.a, ANSWER(.opcode = MCB_GETK, .opaque = 1, NOT_FOUND));
	struct text text = {0};
	expect_bytes(dp.client,
		     join(&text,
			  (struct span[]){ANSWER(.opcode = MCB_GETKQ, .opaque = 3, .key = "c",
						 .value = "x", .extras = ZEROS, .n_extras = 4),
					  ANSWER(.opcode = MCB_NOOP, .opaque = 4)},
			  2));
	text_free(&text);
}
END_TEST

/* One packet of this opcode, status and opaque, whatever it says. */
static void expect_status(uint8_t opcode, uint16_t status, uint32_t opaque)
{
	struct span got = fake_got(dp.client);

	ck_assert_uint_ge(got.len, MCB_HEADER);
	struct mcb_header header = mcb_header_read(got.p);
	ck_assert_uint_eq(header.magic, MCB_RESPONSE);
	ck_assert_uint_eq(header.opcode, opcode);
	ck_assert_uint_eq(header.status, status);
	ck_assert_uint_eq(header.opaque, opaque);
	ck_assert_uint_eq(got.len, MCB_HEADER + header.body);
	fake_take(dp.client, got.len);
}

START_TEST(a_dead_shard_is_a_temporary_failure)
{
	static const uint8_t opcodes[] = {MCB_GET, MCB_GETQ, MCB_GETKQ, MCB_DELETE, MCB_DELETEQ};

	data_path_serve_binary(&dp);
	hang_up(dp.a, STREAM_EOF);
	for (uint32_t i = 0; i < ARRAY_LEN(opcodes); i++) {
		say_bytes(dp.client, ASK(.opcode = opcodes[i], .opaque = i, .key = "a"));
		expect_status(opcodes[i], MCB_TEMPORARY, i);
	}
	say_bytes(dp.client, ASK(.opcode = MCB_GET, .opaque = 5, .key = "b"));
	say_bytes(dp.b, ANSWER(.opcode = MCB_GET, .opaque = 5, NOT_FOUND));
	expect_status(MCB_GET, MCB_NOT_FOUND, 5);
}
END_TEST

START_TEST(a_shard_that_dies_amid_is_a_temporary_failure)
{
	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_SETQ, .opaque = 8, .key = "a", .value = "v",
				 .extras = ZEROS, .n_extras = 8));
	hang_up(dp.a, -ECONNRESET);
	expect_status(MCB_SETQ, MCB_TEMPORARY, 8);
}
END_TEST

START_TEST(misses_may_stand_for_dead_shards)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .node_protocol = NODE_PROTOCOL_BINARY,
						      .miss_when_down = true});
	hang_up(dp.a, STREAM_EOF);
	say_bytes(dp.client, ASK(.opcode = MCB_GETQ, .opaque = 1, .key = "a"));
	expect(dp.client, "");
	say_bytes(dp.client, ASK(.opcode = MCB_GETK, .opaque = 2, .key = "a"));
	expect_status(MCB_GETK, MCB_NOT_FOUND, 2);
	say_bytes(dp.client, ASK(.opcode = MCB_DELETE, .opaque = 3, .key = "a"));
	expect_status(MCB_DELETE, MCB_TEMPORARY, 3);
}
END_TEST

static void say_statistic(struct fake_peer *server, const char *name, const char *value)
{
	say_bytes(server, ANSWER(.opcode = MCB_STAT, .key = name, .value = value));
	say_bytes(server, ANSWER(.opcode = MCB_STAT));
}

START_TEST(statistics_of_all_shards_are_added_up)
{
	struct text text = {0};

	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_STAT, .opaque = OPAQUE));
	expect_bytes(dp.a, ASK(.opcode = MCB_STAT));
	expect_bytes(dp.b, ASK(.opcode = MCB_STAT));
	expect_bytes(dp.c, ASK(.opcode = MCB_STAT));
	say_statistic(dp.b, "cmd_get", "20");
	say_statistic(dp.a, "cmd_get", "100");
	expect(dp.client, "");
	say_statistic(dp.c, "cmd_get", "3");
	expect_bytes(dp.client, join(&text,
				     (struct span[]){ANSWER(.opcode = MCB_STAT, .opaque = OPAQUE,
							    .key = "cmd_get", .value = "123"),
						     ANSWER(.opcode = MCB_STAT, .opaque = OPAQUE)},
				     2));
	text_free(&text);
}
END_TEST

START_TEST(statistics_of_a_kind_are_listed)
{
	struct text text = {0};

	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_STAT, .opaque = 1, .key = "sizes"));
	struct fake_peer *servers[] = {dp.a, dp.b, dp.c};
	for (size_t i = 0; i < DATA_PATH_SHARDS; i++) {
		expect_bytes(servers[i], ASK(.opcode = MCB_STAT, .key = "sizes"));
		say_statistic(servers[i], "96", "1");
	}
	expect_bytes(dp.client, join(&text,
				     (struct span[]){ANSWER(.opcode = MCB_STAT, .opaque = 1,
							    .key = "a:96", .value = "1"),
						     ANSWER(.opcode = MCB_STAT, .opaque = 1,
							    .key = "b:96", .value = "1"),
						     ANSWER(.opcode = MCB_STAT, .opaque = 1,
							    .key = "c:96", .value = "1"),
						     ANSWER(.opcode = MCB_STAT, .opaque = 1)},
				     4));
	text_free(&text);
	/* what no node knows, and what is no word */
	say_bytes(dp.client, ASK(.opcode = MCB_STAT, .opaque = 2, .key = "x"));
	for (size_t i = 0; i < DATA_PATH_SHARDS; i++)
		say_bytes(servers[i], ANSWER(.opcode = MCB_STAT, NOT_FOUND));
	expect_status(MCB_STAT, MCB_NOT_FOUND, 2);
	say_bytes(dp.client, ASK(.opcode = MCB_STAT, .opaque = 3, .key = "a\r\nflush_all"));
	expect_status(MCB_STAT, MCB_NOT_FOUND, 3);
	data_path_fini(&dp);
}
END_TEST

START_TEST(flush_goes_to_all_shards)
{
	const char *extras[] = {NULL, "\0\0\0\x0a"};

	data_path_serve_binary(&dp);
	for (uint8_t i = 0; i < 4; i++) {
		uint8_t opcode = i & 1 ? MCB_FLUSHQ : MCB_FLUSH, n = i & 2 ? 4 : 0;
		struct fake_peer *servers[] = {dp.a, dp.b, dp.c};

		say_bytes(dp.client, ASK(.opcode = opcode, .opaque = i, .extras = extras[n / 4],
					 .n_extras = n));
		for (size_t j = 0; j < DATA_PATH_SHARDS; j++) {
			expect(dp.client, "");
			expect_bytes(servers[j], ASK(.opcode = MCB_FLUSH, .opaque = i,
						     .extras = extras[n / 4], .n_extras = n));
			say_bytes(servers[j], ANSWER(.opcode = MCB_FLUSH, .opaque = i));
		}
		if (opcode == MCB_FLUSH)
			expect_status(MCB_FLUSH, MCB_OK, i);
		expect(dp.client, "");
	}
}
END_TEST

START_TEST(flush_fails_if_one_shard_does)
{
	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_FLUSHQ, .opaque = 1));
	say_bytes(dp.a, ANSWER(.opcode = MCB_FLUSH, .opaque = 1));
	say_bytes(dp.c, ANSWER(.opcode = MCB_FLUSH, .opaque = 1));
	say_bytes(dp.b, ANSWER(.opcode = MCB_FLUSH, .opaque = 1, .status = MCB_OUT_OF_MEMORY));
	expect_status(MCB_FLUSHQ, MCB_OUT_OF_MEMORY, 1);
}
END_TEST

START_TEST(quit_ends_it_with_a_word_or_without)
{
	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_GET, .opaque = 1, .key = "a"));
	say_bytes(dp.client, ASK(.opcode = _i ? MCB_QUITQ : MCB_QUIT, .opaque = 2));
	say_bytes(dp.client, ASK(.opcode = MCB_GET, .opaque = 3, .key = "b"));
	expect(dp.b, "");
	expect(dp.client, "");
	struct span miss = ANSWER(.opcode = MCB_GET, .opaque = 1, NOT_FOUND);
	say_bytes(dp.a, miss);
	ck_assert_uint_ge(fake_got(dp.client).len, miss.len);
	ck_assert_mem_eq(fake_got(dp.client).p, miss.p, miss.len);
	fake_take(dp.client, miss.len);
	if (_i == 0)
		expect_status(MCB_QUIT, MCB_OK, 2);
	expect(dp.client, "");
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(what_the_proxy_answers_itself)
{
	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_VERSION, .opaque = 1));
	expect_bytes(dp.client,
		     ANSWER(.opcode = MCB_VERSION, .opaque = 1, .value = MCB_VERSION_TEXT));
	say_bytes(dp.client, ASK(.opcode = 0x55, .opaque = 2, .key = "k", .value = "swallowed"));
	expect_status(0x55, MCB_UNKNOWN, 2);
	say_bytes(dp.client, ASK(.opcode = MCB_CONFIG_GET, .opaque = 3, .key = "other"));
	expect_status(MCB_CONFIG_GET, MCB_NOT_FOUND, 3);
	say_bytes(dp.client, ASK(.opcode = MCB_GET, .opaque = 4)); /* no key */
	expect_status(MCB_GET, MCB_INVALID, 4);
	ck_assert_int_eq(dp.client->state, FAKE_FINISHED);
}
END_TEST

START_TEST(a_set_that_is_too_large_drops_what_was_there)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .node_protocol = NODE_PROTOCOL_BINARY,
						      .request = 100});
	for (int i = 0; i < 2; i++) {
		char value[102];
		uint8_t opcode = i == 0 ? MCB_SET : MCB_SETQ;

		memset(value, 'v', 101);
		value[101] = '\0';
		say_bytes(dp.client, ASK(.opcode = opcode, .opaque = 1, .key = "a", .value = value,
					 .extras = ZEROS, .n_extras = 8));
		expect_bytes(dp.a, ASK(.opcode = MCB_DELETE, .key = "a"));
		say_bytes(dp.a, ANSWER(.opcode = MCB_DELETE));
		expect_status(opcode, MCB_TOO_LARGE, 1);
	}
}
END_TEST

/* The first part of a value of LONG bytes, which is told before the rest is there. */
START_TEST(long_values_are_streamed)
{
	static const uint8_t opcodes[][2] = {{MCB_GET, MCB_GET},
					     {MCB_GETQ, MCB_GET},
					     {MCB_GETK, MCB_GETK},
					     {MCB_GETKQ, MCB_GETK}};
	static char value[LONG];
	char header[MCB_HEADER];
	struct mcb_header its = {.magic = MCB_RESPONSE,
				 .opcode = opcodes[_i][1],
				 .extras = 4,
				 .body = 4 + LONG,
				 .opaque = OPAQUE};

	data_path_serve_binary(&dp);
	say_bytes(dp.client, ASK(.opcode = opcodes[_i][0], .opaque = OPAQUE, .key = "a"));
	mcb_header_write(header, &its);
	say_bytes(dp.a, span_make(header, MCB_HEADER));
	say_bytes(dp.a, span_make(ZEROS, 4));
	memset(value, 'v', LONG);
	say_bytes(dp.a, span_make(value, LONG - 1));
	ck_assert_uint_gt(fake_got(dp.client).len, LONG / 2);
	say_bytes(dp.a, span_make("w", 1));
	struct span got = fake_got(dp.client);
	its.opcode = opcodes[_i][0];
	mcb_header_write(header, &its);
	ck_assert_uint_eq(got.len, MCB_HEADER + 4 + LONG);
	ck_assert_mem_eq(got.p, header, MCB_HEADER);
	ck_assert_mem_eq(got.p + MCB_HEADER + 4, value, LONG - 1);
	ck_assert_int_eq(got.p[got.len - 1], 'w');
	fake_take(dp.client, got.len);
}
END_TEST

/* A client that speaks binary to a pool whose nodes speak both has connections of that kind. */
START_TEST(text_nodes_are_asked_in_binary_too)
{
	struct text text = {0};

	data_path_serve_memcached(&dp);
	say_bytes(dp.client, ASK(.opcode = MCB_SETQ, .opaque = 1, .key = "a", .value = "v",
				 .extras = ZEROS, .n_extras = 8));
	expect(dp.a, "");
	struct fake_peer *a = data_path_connect(&dp, 0);
	expect_bytes(a, ASK(.opcode = MCB_SET, .opaque = 1, .key = "a", .value = "v",
			    .extras = ZEROS, .n_extras = 8));
	say_bytes(a, ANSWER(.opcode = MCB_SET, .opaque = 1));
	say_bytes(dp.client, ASK(.opcode = MCB_STAT, .opaque = 2));
	answer_to(dp.a, "stats\r\n", "STAT cmd_get 1\r\nEND\r\n");
	say(dp.b, "STAT cmd_get 2\r\nEND\r\n");
	say(dp.c, "STAT cmd_get 3\r\nEND\r\n");
	expect_bytes(dp.client, join(&text,
				     (struct span[]){ANSWER(.opcode = MCB_STAT, .opaque = 2,
							    .key = "cmd_get", .value = "6"),
						     ANSWER(.opcode = MCB_STAT, .opaque = 2)},
				     2));
	text_free(&text);
}
END_TEST

/* A batch of all kinds, cut at a place: what shards are sent and the client told is the same. */
START_TEST(any_split_of_a_batch_is_the_same)
{
	struct text batch = {0}, to_a = {0}, told = {0};

	data_path_serve_binary(&dp);
	join(&batch,
	     (struct span[]){ASK(.opcode = MCB_SETQ, .opaque = 1, .key = "a", .value = "v",
				 .extras = ZEROS, .n_extras = 8),
			     ASK(.opcode = 0x55, .opaque = 2, .value = "swallowed"),
			     ASK(.opcode = MCB_GETKQ, .opaque = 3, .key = "b"),
			     ASK(.opcode = MCB_GET, .opaque = 4, .key = "a"),
			     ASK(.opcode = MCB_NOOP, .opaque = 5)},
	     5);
	join(&to_a,
	     (struct span[]){ASK(.opcode = MCB_SET, .opaque = 1, .key = "a", .value = "v",
				 .extras = ZEROS, .n_extras = 8),
			     ASK(.opcode = MCB_GET, .opaque = 4, .key = "a")},
	     2);
	join(&told,
	     (struct span[]){ANSWER(.opcode = 0x55, .status = MCB_UNKNOWN, .opaque = 2,
				    .value = "Unknown command"),
			     ANSWER(.opcode = MCB_GETKQ, .opaque = 3, .key = "b", .value = "x"),
			     ANSWER(.opcode = MCB_GET, .opaque = 4, NOT_FOUND),
			     ANSWER(.opcode = MCB_NOOP, .opaque = 5)},
	     4);
	for (size_t cut = 0; cut <= batch.len; cut++) {
		say_bytes(dp.client, span_make(batch.p, cut));
		say_bytes(dp.client, span_make(batch.p + cut, batch.len - cut));
		expect_bytes(dp.a, span_make(to_a.p, to_a.len));
		expect_bytes(dp.b, ASK(.opcode = MCB_GETK, .opaque = 3, .key = "b"));
		say_bytes(dp.a, ANSWER(.opcode = MCB_SET, .opaque = 1));
		say_bytes(dp.a, ANSWER(.opcode = MCB_GET, .opaque = 4, NOT_FOUND));
		say_bytes(dp.b, ANSWER(.opcode = MCB_GETK, .opaque = 3, .key = "b", .value = "x"));
		expect_bytes(dp.client, span_make(told.p, told.len));
	}
	text_free(&batch);
	text_free(&to_a);
	text_free(&told);
}
END_TEST

Suite *dispatch_binary_suite(void)
{
	Suite *suite = suite_create("dispatch_binary");
	TCase *tcase = tcase_create("packets");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, quiet_commands_are_sent_loud_and_told_back, 0, ARRAY_LEN(quiet));
	tcase_add_test(tcase, noop_is_answered_after_all_shards);
	tcase_add_test(tcase, a_dead_shard_is_a_temporary_failure);
	tcase_add_test(tcase, a_shard_that_dies_amid_is_a_temporary_failure);
	tcase_add_test(tcase, misses_may_stand_for_dead_shards);
	tcase_add_test(tcase, statistics_of_all_shards_are_added_up);
	tcase_add_test(tcase, statistics_of_a_kind_are_listed);
	tcase_add_test(tcase, flush_goes_to_all_shards);
	tcase_add_test(tcase, flush_fails_if_one_shard_does);
	tcase_add_loop_test(tcase, quit_ends_it_with_a_word_or_without, 0, 2);
	tcase_add_test(tcase, what_the_proxy_answers_itself);
	tcase_add_test(tcase, a_set_that_is_too_large_drops_what_was_there);
	tcase_add_loop_test(tcase, long_values_are_streamed, 0, 4);
	tcase_add_test(tcase, text_nodes_are_asked_in_binary_too);
	tcase_add_test(tcase, any_split_of_a_batch_is_the_same);
	suite_add_tcase(suite, tcase);
	return suite;
}
