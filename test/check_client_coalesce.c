#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "core/limits.h"
#include "data_path.h"
#include "serve/clients.h"
#include "suites.h"

/* Reads that clients share: keys a, d and h are on shard a, b is on shard b. */

static struct data_path dp;
static struct fake_peer *other, *third;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void serve_with(struct data_path_setup setup)
{
	setup.coalesce = true;
	data_path_serve(&dp, setup);
	other = data_path_client(&dp);
	third = data_path_client(&dp);
}

static void serve_redis(void)
{
	serve_with((struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

static void serve_memcached(void)
{
	serve_with((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

static void coalesced(uint64_t n)
{
	ck_assert_uint_eq(data_path_count(&dp, STAT_COALESCED), n);
}

static void leave(struct fake_peer *client)
{
	hang_up(client, -ECONNRESET);
}

/* ---------------------------------------------------------------- what is shared */

START_TEST(each_has_its_reply_in_its_order)
{
	serve_memcached();
	say(dp.client, "get b\r\nget a\r\n");
	say(other, "get a\r\nget a\r\nversion\r\n");
	say(third, "get a\r\nget d\r\n");
	expect(dp.a, "get a\r\nget d\r\n");
	coalesced(3);
	say(dp.a, "VALUE a 0 1\r\n1\r\nEND\r\n");
	expect(dp.client, "");
	expect(other, "VALUE a 0 1\r\n1\r\nEND\r\nVALUE a 0 1\r\n1\r\nEND\r\nVERSION 1.6.18\r\n");
	expect(third, "VALUE a 0 1\r\n1\r\nEND\r\n");
	say(dp.b, "END\r\n");
	expect(dp.client, "END\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
	say(dp.a, "END\r\n");
	expect(third, "END\r\n");
	/* Found or not is counted for each. */
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->hits), 4);
	ck_assert_uint_eq(stat_get(&dp.stats->pools[0]->misses), 2);
}
END_TEST

static const struct {
	const char *first, *second; /* NULL: the same */
	bool is_shared;
} pairs[] = {
	{"GET a", NULL, true},
	{"HGET a f", NULL, true},
	{"HGETALL a", NULL, true},
	{"LRANGE a 0 -1", NULL, true},
	{"OBJECT FREQ a", NULL, true},
	{"MGET a", NULL, true},
	{"SMEMBERS a", NULL, true},
	{"SUNION a", NULL, true},
	{"GET a", "get a", false},
	{"GET a", "GET d", false},
	{"HGET a f", "HGET a g", false},
	{"GET a", "STRLEN a", false},
	{"MGET a d", NULL, false},
	{"SUNION a d", NULL, false},
	{"SRANDMEMBER a", NULL, false},
	{"HRANDFIELD a", NULL, false},
	{"EVAL_RO x 1 a", NULL, false},
	{"SORT_RO a", NULL, false},
	{"XREAD STREAMS a 0", NULL, false},
	{"INCR a", NULL, false},
	{"GETEX a", NULL, false},
	{"GETDEL a", NULL, false},
};

START_TEST(equal_reads_of_one_key_share_a_call)
{
	const char *second = pairs[_i].second != NULL ? pairs[_i].second : pairs[_i].first;

	serve_redis();
	say_words(dp.client, pairs[_i].first);
	say_words(other, second);
	expect_first(dp.a, array_of(pairs[_i].first));
	expect(dp.a, pairs[_i].is_shared ? "" : array_of(second));
	coalesced(pairs[_i].is_shared);
	say(dp.a, ":1\r\n");
	expect(dp.client, ":1\r\n");
	say(dp.a, pairs[_i].is_shared ? "" : ":2\r\n");
	expect(other, pairs[_i].is_shared ? ":1\r\n" : ":2\r\n");
}
END_TEST

START_TEST(what_comes_after_the_reply_is_another_call)
{
	serve_redis();
	for (int i = 0; i < 3; i++) {
		say_words(dp.client, "GET a");
		say_words(other, "GET a");
		data_path_pass_words(&dp, dp.a, "GET a", "$1\r\nx\r\n");
		expect(other, "$1\r\nx\r\n");
	}
}
END_TEST

START_TEST(a_long_command_goes_alone)
{
	struct text words = {0};

	serve_redis();
	text_puts(&words, "HGET a ");
	for (int i = 0; i < 1100; i++)
		text_puts(&words, "f");
	say_words(dp.client, words.p);
	say_words(other, words.p);
	expect_first(dp.a, array_of(words.p));
	answer_words(dp.a, words.p, "$-1\r\n$-1\r\n");
	data_path_end(&dp);
	text_free(&words);
}
END_TEST

/* Up to one byte below the limit, and whatever its blanks: what is sent is one line. */
START_TEST(lines_that_end_otherwise_are_sent_alike)
{
	serve_memcached();
	say(dp.client, "get a\n");
	say(other, "  get a \r\n");
	say(third, "get a\r\n");
	expect(dp.a, "get a\r\n");
	coalesced(2);
	say(dp.a, "END\r\n");
	expect(dp.client, "END\r\n");
	expect(other, "END\r\n");
	expect(third, "END\r\n");
}
END_TEST

START_TEST(nothing_is_shared_in_a_transaction)
{
	serve_redis();
	say_words(other, "GET a");
	say(dp.client, "MULTI\r\nGET a\r\n");
	expect_words(dp.a, "GET a");
	struct fake_peer *own = data_path_connect(&dp, 0);
	expect_first(own, array_of("MULTI"));
	answer_words(own, "GET a", "+OK\r\n+QUEUED\r\n");
	say(dp.a, "$1\r\nx\r\n");
	expect(other, "$1\r\nx\r\n");
	expect(dp.client, "+OK\r\n+QUEUED\r\n");
	leave(dp.client);
}
END_TEST

START_TEST(versions_of_the_protocol_are_kept_apart)
{
	serve_redis();
	say(other, "HELLO 3\r\n");
	fake_take(other, fake_got(other).len);
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	expect_words(dp.a, "GET a");
	coalesced(0);
	say(dp.a, "$-1\r\n");
	expect(dp.client, "$-1\r\n");
	data_path_fini(&dp);
}
END_TEST

/* ---------------------------------------------------------------- prefixes */

static struct prefix_spec prefixes[] = {
	{.match = (char *)(uintptr_t) "a", .reads = READS_UNSET, .coalesce = 1},
	{.match = (char *)(uintptr_t) "d", .reads = READS_UNSET, .coalesce = 0},
	{.match = (char *)(uintptr_t) "h", .reads = READS_UNSET, .coalesce = -1},
};

START_TEST(a_prefix_says_for_itself)
{
	bool pools = _i == 1;

	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .coalesce = pools,
						      .prefixes = prefixes,
						      .n_prefixes = ARRAY_LEN(prefixes)});
	other = data_path_client(&dp);
	say(dp.client, "get a\r\nget d\r\nget h\r\nget b\r\n");
	say(other, "get a\r\nget d\r\nget h\r\nget b\r\n");
	expect(dp.a, pools ? "get a\r\nget d\r\nget h\r\nget d\r\n"
			   : "get a\r\nget d\r\nget h\r\nget d\r\nget h\r\n");
	expect(dp.b, pools ? "get b\r\n" : "get b\r\nget b\r\n");
	say(dp.a, "END\r\nEND\r\nEND\r\nEND\r\n");
	say(dp.a, pools ? "" : "END\r\n");
	say(dp.b, pools ? "END\r\n" : "END\r\nEND\r\n");
	expect(dp.client, "END\r\nEND\r\nEND\r\nEND\r\n");
	expect(other, "END\r\nEND\r\nEND\r\nEND\r\n");
}
END_TEST

START_TEST(without_the_setting_nothing_is_shared)
{
	data_path_serve_redis(&dp);
	other = data_path_client(&dp);
	ck_assert_ptr_null(dp.engine.herds);
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	expect_first(dp.a, array_of("GET a"));
	answer_words(dp.a, "GET a", "$-1\r\n$-1\r\n");
}
END_TEST

/* ---------------------------------------------------------------- writes between */

static const struct {
	const char *write, *reply;
	bool splits;
} redis_writes[] = {
	{"SET a x", "+OK\r\n", true},	   {"DEL a", ":1\r\n", true},
	{"MSET d x a x", "+OK\r\n", true}, {"DEL d a", ":2\r\n", true},
	{"RENAME d a", "+OK\r\n", true},   {"EVAL x 1 a", ":1\r\n", true},
	{"EVAL x 0", ":1\r\n", true},	   {"GETDEL a", "$-1\r\n", true},
	{"SET d x", "+OK\r\n", false},	   {"GET d", "$-1\r\n", false},
};

START_TEST(a_write_parts_those_before_from_those_after)
{
	bool splits = redis_writes[_i].splits;

	serve_redis();
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	say_words(third, redis_writes[_i].write);
	say_words(other, "GET a");
	say_words(dp.client, "GET a");
	expect_first(dp.a, array_of("GET a"));
	expect_first(dp.a, array_of(redis_writes[_i].write));
	answer_to(dp.a, splits ? array_of("GET a") : "", "$1\r\n1\r\n");
	say(dp.a, redis_writes[_i].reply);
	say(dp.a, splits ? "$1\r\n2\r\n" : "");
	expect(third, redis_writes[_i].reply);
	expect(other, splits ? "$1\r\n1\r\n$1\r\n2\r\n" : "$1\r\n1\r\n$1\r\n1\r\n");
	expect(dp.client, splits ? "$1\r\n1\r\n$1\r\n2\r\n" : "$1\r\n1\r\n$1\r\n1\r\n");
}
END_TEST

static const struct {
	const char *write, *sent, *reply, *told;
} mc_writes[] = {
	{"set a 0 0 1\r\n2\r\n", "set a 0 0 1\r\n2\r\n", "STORED\r\n", "STORED\r\n"},
	{"delete a noreply\r\n", "delete a\r\n", "DELETED\r\n", ""},
	{"gat 10 d a\r\n", "gat 10 d a\r\n", "END\r\n", "END\r\n"},
	{"incr a 1\r\n", "incr a 1\r\n", "2\r\n", "2\r\n"},
	{"flush_all\r\n", "flush_all\r\n", "OK\r\n", "OK\r\n"},
};

START_TEST(a_client_sees_its_own_write)
{
	char told[200];

	serve_memcached();
	say(other, "get a\r\n");
	say(dp.client, "get a\r\n");
	say(dp.client, mc_writes[_i].write);
	say(dp.client, "get a\r\n");
	say(other, "get a\r\n");
	expect_first(dp.a, "get a\r\n");
	expect_first(dp.a, mc_writes[_i].sent);
	answer_to(dp.a, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
	say(dp.a, mc_writes[_i].reply);
	if (mc_writes[_i].write[0] == 'f') {
		say(dp.b, "OK\r\n");
		say(dp.c, "OK\r\n");
	}
	say(dp.a, "VALUE a 0 1\r\n2\r\nEND\r\n");
	snprintf(told, sizeof(told), "VALUE a 0 1\r\n1\r\nEND\r\n%sVALUE a 0 1\r\n2\r\nEND\r\n",
		 mc_writes[_i].told);
	expect(dp.client, told);
	expect(other, "VALUE a 0 1\r\n1\r\nEND\r\nVALUE a 0 1\r\n2\r\nEND\r\n");
}
END_TEST

/* Meta: base64 names the same key, what is quiet is shared with its like, and T makes a write. */
START_TEST(meta_reads_are_shared)
{
	serve_memcached();
	say(dp.client, "mg a v q\r\nmn\r\n");
	say(other, "mg a v q\r\nmn\r\n");
	say(third, "mg a v\r\n");
	expect(dp.a, "mg a v q\r\nmn\r\nmg a v\r\n");
	coalesced(1);
	say(dp.a, _i == 0 ? "MN\r\n" : "VA 1\r\nx\r\nMN\r\n");
	expect(dp.client, _i == 0 ? "MN\r\n" : "VA 1\r\nx\r\nMN\r\n");
	expect(other, _i == 0 ? "MN\r\n" : "VA 1\r\nx\r\nMN\r\n");
	say(dp.a, "EN\r\n");
	expect(third, "EN\r\n");
}
END_TEST

START_TEST(meta_writes_part_them)
{
	static const char *const writes[] = {"mg YQ== v T30 b\r\n", "ms YQ== 0 b\r\n\r\n",
					     "md a\r\n", "ma YQ== b\r\n"};

	serve_memcached();
	say(dp.client, "mg a v\r\n");
	say(other, writes[_i]);
	say(dp.client, "mg a v\r\n");
	say(third, "mg a v\r\n");
	expect_first(dp.a, "mg a v\r\n");
	expect_first(dp.a, writes[_i]);
	expect(dp.a, "mg a v\r\n");
	coalesced(1);
	say(dp.a, "EN\r\nHD\r\nVA 1\r\nx\r\n");
	expect(dp.client, "EN\r\nVA 1\r\nx\r\n");
	expect(other, "HD\r\n");
	expect(third, "VA 1\r\nx\r\n");
}
END_TEST

/* Over a connection of its own; what it says of the node meanwhile is no matter. */
START_TEST(a_binary_write_parts_them)
{
	static const char del[] = "\x80\x04\0\x01\0\0\0\0\0\0\0\x01"
				  "\0\0\0\0\0\0\0\0\0\0\0\0a";
	static const char flush[] = "\x80\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

	serve_memcached();
	say(dp.client, "get a\r\n");
	if (_i == 0)
		say_bytes(other, span_make(del, sizeof(del) - 1));
	else
		say_bytes(other, span_make(flush, sizeof(flush) - 1));
	say(third, "get a\r\n");
	coalesced(0);
	expect_first(dp.a, "get a\r\n");
	expect(dp.a, "get a\r\n");
	data_path_fini(&dp);
}
END_TEST

/* Where nodes speak binary alone, a text write parts the reads that binary clients share; a text
 * read shares with nobody. */
START_TEST(a_write_that_is_translated_parts_them)
{
	static const char get[] = "\x80\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0a";
	static const char *const words[] = {"get b\r\n", "set a 0 0 1\r\nx\r\n", "get a\r\n"};

	data_path_begin(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .node_protocol = NODE_PROTOCOL_BINARY,
						      .coalesce = true});
	dp.client = data_path_client(&dp);
	other = data_path_client(&dp);
	third = data_path_client(&dp);
	say_bytes(dp.client, span_make(get, sizeof(get) - 1));
	say(other, words[_i]);
	say_bytes(third, span_make(get, sizeof(get) - 1));
	coalesced(_i != 1);
	data_path_fini(&dp);
}
END_TEST

/* A set that is too large deletes the key. */
START_TEST(a_refused_set_parts_them)
{
	serve_with((struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .request = 10});
	say(dp.client, "get a\r\n");
	say(other, "set a 0 0 11\r\n01234567890\r\n");
	say(third, "get a\r\n");
	answer_to(dp.a, "get a\r\ndelete a\r\nget a\r\n",
		  "VALUE a 0 1\r\nx\r\nEND\r\nDELETED\r\nEND\r\n");
	expect(third, "END\r\n");
	coalesced(0);
}
END_TEST

START_TEST(exec_parts_them_too)
{
	serve_redis();
	say(third, "MULTI\r\nSET a x\r\n");
	struct fake_peer *own = data_path_connect(&dp, 0);
	fake_take(own, fake_got(own).len);
	say(own, "+OK\r\n+QUEUED\r\n");
	expect(third, "+OK\r\n+QUEUED\r\n");
	say_words(dp.client, "GET a");
	expect_words(dp.a, "GET a");
	say(third, "EXEC\r\n");
	expect_words(own, "EXEC");
	say_words(other, "GET a");
	expect_words(dp.a, "GET a");
	/* The second may have run before EXEC: whoever asks when that is answered may not have it. */
	say(own, "*1\r\n+OK\r\n");
	expect(third, "*1\r\n+OK\r\n");
	say_words(third, "GET a");
	expect_words(dp.a, "GET a");
	coalesced(0);
	say(dp.a, "$1\r\n1\r\n$1\r\n1\r\n$1\r\nx\r\n");
	expect(third, "$1\r\nx\r\n");
}
END_TEST

/* Who has just written reads at the primary, and not what others may have from a replica. */
START_TEST(who_has_just_written_goes_alone)
{
	serve_with((struct data_path_setup){.protocol = PROTOCOL_REDIS,
					    .replicas = 1,
					    .reads = READS_PREFER_REPLICA,
					    .read_your_writes_ms = 500});
	fake_take(dp.a, fake_got(dp.a).len);
	say_words(dp.client, "SET a x");
	say(dp.a, "+OK\r\n"); /* of a probe or of SET: one is the other's junk here */
	fake_take(dp.a, fake_got(dp.a).len);
	say_words(other, "GET a");
	say_words(third, "GET a");
	coalesced(1);
	say_words(dp.client, "GET a");
	say_words(dp.client, "GET a");
	coalesced(1);
	data_path_fini(&dp);
}
END_TEST

/* ---------------------------------------------------------------- leaving and failing */

START_TEST(the_first_may_leave)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	leave(dp.client);
	say_words(third, "GET a");
	answer_words(dp.a, "GET a", "$1\r\nx\r\n");
	expect(other, "$1\r\nx\r\n");
	expect(third, "$1\r\nx\r\n");
}
END_TEST

START_TEST(all_may_leave)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	leave(dp.client);
	leave(other);
	if (_i == 1) {
		say_words(third, "GET a");
		say(dp.a, "$1\r\nx\r\n");
		expect(third, "$1\r\nx\r\n");
	} else {
		say(dp.a, "$1\r\nx\r\n");
	}
	expect_words(dp.a, "GET a");
}
END_TEST

/* Who joins late has as little time as the first. */
START_TEST(all_share_the_time_limit)
{
	static const char error[] = "-ERR slipring: shard a: no reply from a:7000 in time\r\n";

	serve_redis();
	say_words(dp.client, "GET a");
	fake_advance_ms(dp.loop, 900);
	say_words(other, "GET a");
	expect(other, "");
	fake_advance_ms(dp.loop, 101);
	expect(dp.client, error);
	expect(other, error);
	ck_assert_uint_eq(stat_get(&data_path_endpoint(&dp, 0)->requests), 1);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_lost_call_is_sent_again_for_all)
{
	serve_redis();
	fake_advance_ms(dp.loop, 3600000);
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	leave(dp.client);
	hang_up(dp.a, STREAM_EOF);
	data_path_connect(&dp, 0);
	say_words(third, "GET a");
	answer_words(data_path_server(&dp, 0), "GET a", "$1\r\nx\r\n");
	expect(other, "$1\r\nx\r\n");
	expect(third, "$1\r\nx\r\n");
}
END_TEST

START_TEST(a_node_that_is_down_is_told_at_once)
{
	static const char error[] =
		"-ERR slipring: shard a: connect to a:7000: connection refused\r\n";

	serve_redis();
	hang_up(dp.a, STREAM_EOF);
	fake_advance_ms(dp.loop, 1000);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
	say(dp.client, "GET a\r\nGET a\r\n");
	expect_first(dp.client, error);
	expect(dp.client, error);
	coalesced(0);
	data_path_fini(&dp);
}
END_TEST

START_TEST(an_error_is_for_all)
{
	serve_redis();
	say_words(dp.client, "HGET a f");
	say_words(other, "HGET a f");
	say(dp.a, "-WRONGTYPE no\r\n");
	expect(dp.client, "-WRONGTYPE no\r\n");
	expect(other, "-WRONGTYPE no\r\n");
	const struct command_stats *stats =
		dp.stats->pools[0]->commands[resp_command_find(span_of("hget"))->id];
	ck_assert_uint_eq(stat_get(&stats->requests), 2);
	ck_assert_uint_eq(stat_get(&stats->errors), 2);
}
END_TEST

/* ---------------------------------------------------------------- long replies */

#define LONG (REPLY_STREAM_MIN * 3)

/* The node's reply up to `to`, from `from`. */
static struct span part_of(size_t from, size_t to)
{
	static char reply[LONG + 64];
	size_t head = (size_t)snprintf(reply, sizeof(reply), "$%d\r\n", LONG);

	memset(reply + head, 'v', LONG);
	memcpy(reply + head + LONG, "\r\n", 2);
	size_t len = head + LONG + 2;
	return span_make(reply + from, (to < len ? to : len) - from);
}

START_TEST(a_long_reply_to_one_goes_out_as_it_comes)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_bytes(dp.a, part_of(0, LONG / 2));
	expect_bytes(dp.client, part_of(0, LONG / 2));
	/* Its beginning is gone: who comes now has a call of its own. */
	say_words(other, "GET a");
	expect_first(dp.a, array_of("GET a"));
	expect_words(dp.a, "GET a");
	say_bytes(dp.a, part_of(LONG / 2, SIZE_MAX));
	expect_bytes(dp.client, part_of(LONG / 2, SIZE_MAX));
	say(dp.a, "$-1\r\n");
	expect(other, "$-1\r\n");
}
END_TEST

START_TEST(a_long_reply_to_several_is_collected)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	say_bytes(dp.a, part_of(0, LONG / 2));
	expect(dp.client, "");
	say_words(third, "GET a");
	if (_i == 1)
		leave(dp.client);
	say_bytes(dp.a, part_of(LONG / 2, SIZE_MAX));
	if (_i == 0)
		expect_bytes(dp.client, part_of(0, SIZE_MAX));
	expect_bytes(other, part_of(0, SIZE_MAX));
	expect_bytes(third, part_of(0, SIZE_MAX));
	coalesced(2);
}
END_TEST

START_TEST(a_long_reply_to_nobody_is_dropped)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	say_bytes(dp.a, part_of(0, LONG / 2));
	leave(dp.client);
	leave(other);
	say_bytes(dp.a, part_of(LONG / 2, LONG / 2 + REPLY_STREAM_MIN));
	ck_assert_uint_eq(dp.engine.chunks.segments.used, 1); /* the command and nothing else */
	say_words(third, "GET a");
	say_bytes(dp.a, part_of(LONG / 2 + REPLY_STREAM_MIN, SIZE_MAX));
	say(dp.a, "$-1\r\n");
	expect(third, "$-1\r\n");
}
END_TEST

START_TEST(a_client_that_leaves_in_a_long_reply_is_forgotten)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_bytes(dp.a, part_of(0, LONG / 2));
	leave(dp.client);
	say_bytes(dp.a, part_of(LONG / 2, SIZE_MAX));
}
END_TEST

START_TEST(a_node_lost_in_a_long_reply_closes_its_one_client)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_bytes(dp.a, part_of(0, LONG / 2));
	say_words(other, "GET a");
	hang_up(dp.a, STREAM_EOF);
	expect_bytes(dp.client, part_of(0, LONG / 2));
	ck_assert_int_ne(dp.client->state, FAKE_OPEN);
	ck_assert_int_eq(other->state, FAKE_OPEN);
	data_path_fini(&dp);
}
END_TEST

/* What is to come is held by those who wait for it, who are closed for want of memory. */
START_TEST(what_is_collected_is_held_by_those_who_wait)
{
	serve_redis();
	say_words(dp.client, "GET a");
	say_words(other, "GET a");
	say_bytes(dp.a, part_of(0, LONG / 2));
	clients_close_slowest(&dp.clients);
	ck_assert_int_ne(dp.client->state, FAKE_OPEN);
	say_bytes(dp.a, part_of(LONG / 2, SIZE_MAX));
	expect_bytes(other, part_of(0, SIZE_MAX));
}
END_TEST

Suite *client_coalesce_suite(void)
{
	Suite *suite = suite_create("client_coalesce");
	TCase *tc = tcase_create("client_coalesce");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, each_has_its_reply_in_its_order);
	tcase_add_loop_test(tc, equal_reads_of_one_key_share_a_call, 0, ARRAY_LEN(pairs));
	tcase_add_test(tc, what_comes_after_the_reply_is_another_call);
	tcase_add_test(tc, a_long_command_goes_alone);
	tcase_add_test(tc, lines_that_end_otherwise_are_sent_alike);
	tcase_add_test(tc, nothing_is_shared_in_a_transaction);
	tcase_add_test(tc, versions_of_the_protocol_are_kept_apart);
	tcase_add_loop_test(tc, a_prefix_says_for_itself, 0, 2);
	tcase_add_test(tc, without_the_setting_nothing_is_shared);
	tcase_add_loop_test(tc, a_write_parts_those_before_from_those_after, 0,
			    ARRAY_LEN(redis_writes));
	tcase_add_loop_test(tc, a_client_sees_its_own_write, 0, ARRAY_LEN(mc_writes));
	tcase_add_loop_test(tc, meta_reads_are_shared, 0, 2);
	tcase_add_loop_test(tc, meta_writes_part_them, 0, 4);
	tcase_add_loop_test(tc, a_binary_write_parts_them, 0, 2);
	tcase_add_loop_test(tc, a_write_that_is_translated_parts_them, 0, 3);
	tcase_add_test(tc, a_refused_set_parts_them);
	tcase_add_test(tc, exec_parts_them_too);
	tcase_add_test(tc, who_has_just_written_goes_alone);
	tcase_add_test(tc, the_first_may_leave);
	tcase_add_loop_test(tc, all_may_leave, 0, 2);
	tcase_add_test(tc, all_share_the_time_limit);
	tcase_add_test(tc, a_lost_call_is_sent_again_for_all);
	tcase_add_test(tc, a_node_that_is_down_is_told_at_once);
	tcase_add_test(tc, an_error_is_for_all);
	tcase_add_test(tc, a_long_reply_to_one_goes_out_as_it_comes);
	tcase_add_loop_test(tc, a_long_reply_to_several_is_collected, 0, 2);
	tcase_add_test(tc, a_long_reply_to_nobody_is_dropped);
	tcase_add_test(tc, a_client_that_leaves_in_a_long_reply_is_forgotten);
	tcase_add_test(tc, a_node_lost_in_a_long_reply_closes_its_one_client);
	tcase_add_test(tc, what_is_collected_is_held_by_those_who_wait);
	suite_add_tcase(suite, tc);
	return suite;
}
