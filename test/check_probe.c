#include "control/probe.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake_io.h"
#include "fake_resolver.h"
#include "suites.h"

#define PORT	   7000
#define CONNECT_MS 250
#define ANSWER_MS  100

/* What became of the questions of a test, in order: "result reply why". */
static struct {
	enum probe_result result;
	char reply[128];
	size_t reply_len;
	char why[128];
} told[8];
static size_t n_told;

static struct chunk_pool chunks;
static struct loop *loop;
static struct probe *probe;
static char pushed[256];

static void on_push(void *arg, struct span message)
{
	ck_assert_ptr_eq(arg, &told);
	snprintf(pushed + strlen(pushed), sizeof(pushed) - strlen(pushed), "%.*s", (int)message.len,
		 message.p);
}

static void begin(struct probe_setup setup)
{
	n_told = 0;
	pushed[0] = '\0';
	chunk_pool_init(&chunks, 1 << 20);
	loop = loop_new(&chunks);
	setup.address = (struct address){.host = "node", .port = PORT};
	setup.connect_ms = CONNECT_MS;
	setup.arg = &told;
	probe = probe_new(loop, &setup);
}

static void begin_redis(void)
{
	begin((struct probe_setup){.protocol = PROTOCOL_REDIS});
}

static void end(void)
{
	probe_free(probe);
	fake_settle(loop);
	loop_run_out(loop);
	chunk_pool_fini(&chunks);
	loop_free(loop);
}

static void on_answer(void *arg, const struct probe_answer *answer)
{
	ck_assert_ptr_eq(arg, &told);
	ck_assert_uint_lt(n_told, ARRAY_LEN(told));
	told[n_told].result = answer->result;
	told[n_told].reply_len = answer->reply.len;
	snprintf(told[n_told].reply, sizeof(told[0].reply), "%.*s", (int)answer->reply.len,
		 answer->reply.len > 0 ? answer->reply.p : "");
	snprintf(told[n_told].why, sizeof(told[0].why), "%s", answer->why);
	n_told++;
}

static void ask(const char *question)
{
	probe_ask(probe, span_of(question), ANSWER_MS, on_answer, &told);
	fake_settle(loop);
}

static void expect(const char *bytes)
{
	struct span got = fake_got(fake_server(loop, PORT));

	ck_assert_msg(span_equal_str(got, bytes), "got %.*s", (int)got.len, got.p);
	fake_take(fake_server(loop, PORT), got.len);
}

static void say(const char *bytes)
{
	fake_send(fake_server(loop, PORT), span_of(bytes));
	fake_settle(loop);
}

static void let_connect(int err)
{
	fake_connect(fake_server(loop, PORT), err);
	fake_settle(loop);
}

static void expect_told(size_t i, enum probe_result result, const char *reply, const char *why)
{
	ck_assert_uint_gt(n_told, i);
	ck_assert_int_eq(told[i].result, result);
	ck_assert_str_eq(told[i].reply, reply);
	ck_assert_str_eq(told[i].why, why);
}

START_TEST(connects_for_the_first_question_and_keeps_the_connection)
{
	begin_redis();
	fake_settle(loop);
	ck_assert_ptr_null(fake_server(loop, PORT));
	ask("PING\r\n");
	ck_assert_str_eq(fake_server(loop, PORT)->host, "node");
	let_connect(0);
	expect("PING\r\n");
	ck_assert_uint_eq(n_told, 0);
	say("+PONG\r\n");
	expect_told(0, PROBE_REPLY, "+PONG\r\n", "");
	ask("ROLE\r\n");
	expect("ROLE\r\n");
	say("*1\r\n$6\r\nmaster\r\n");
	expect_told(1, PROBE_REPLY, "*1\r\n$6\r\nmaster\r\n", "");
	ck_assert_uint_eq(fake_connects(loop, PORT), 1);
	/* A connection that has nothing to say is not closed. */
	fake_advance_ms(loop, 3600000);
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_OPEN);
	end();
	ck_assert_uint_eq(n_told, 2);
}
END_TEST

START_TEST(asks_one_thing_at_a_time)
{
	begin_redis();
	ask("A\r\n");
	ask("B\r\n");
	let_connect(0);
	expect("A\r\n");
	say("-ERR no A\r\n");
	expect_told(0, PROBE_ERROR, "-ERR no A\r\n", "node:7000 answers with an error: -ERR no A");
	expect("B\r\n");
	say(":1\r\n");
	expect_told(1, PROBE_REPLY, ":1\r\n", "");
	end();
}
END_TEST

static const struct {
	enum pool_protocol protocol;
	bool is_binary;
	const char *user, *password, *login;
	size_t login_len;
	struct span welcome;
} logins[] = {
	{PROTOCOL_REDIS, false, NULL, "pw", "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n", 0, {"+OK\r\n", 5}},
	{PROTOCOL_REDIS,
	 false,
	 "me",
	 "pw",
	 "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n",
	 0,
	 {"+OK\r\n", 5}},
	{PROTOCOL_MEMCACHED,
	 false,
	 "me",
	 "pw",
	 "set slipring-login 0 -1 5\r\nme pw\r\n",
	 0,
	 {"STORED\r\n", 8}},
	{PROTOCOL_MEMCACHED,
	 true,
	 "me",
	 "pw",
	 "\x80\x21\0\x05\0\0\0\0\0\0\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0PLAIN\0me\0pw",
	 35,
	 {"\x81\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24}},
};

START_TEST(logs_in_before_it_asks)
{
	begin((struct probe_setup){.protocol = logins[_i].protocol,
				   .is_binary = logins[_i].is_binary,
				   .user = logins[_i].user,
				   .password = logins[_i].password});
	probe_ask(probe, span_of("Q\r\n"), ANSWER_MS, on_answer, &told);
	let_connect(0);
	struct span got = fake_got(fake_server(loop, PORT));
	size_t len = logins[_i].login_len > 0 ? logins[_i].login_len : strlen(logins[_i].login);
	ck_assert(span_equal(got, span_make(logins[_i].login, len)));
	fake_take(fake_server(loop, PORT), got.len);
	for (size_t i = 0; i < logins[_i].welcome.len; i++) {
		fake_send(fake_server(loop, PORT), span_make(logins[_i].welcome.p + i, 1));
		fake_settle(loop);
	}
	expect("Q\r\n");
	end();
}
END_TEST

START_TEST(a_refused_login_ends_all_questions)
{
	begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .password = "pw"});
	ask("A\r\n");
	ask("B\r\n");
	let_connect(0);
	say("-WRONGPASS invalid\r\n");
	for (size_t i = 0; i < 2; i++)
		expect_told(i, PROBE_ERROR, "",
			    "node:7000 refuses the user or password (set 'credentials')");
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_CLOSED);
	end();
}
END_TEST

START_TEST(an_optional_login_may_be_refused)
{
	begin((struct probe_setup){.protocol = PROTOCOL_REDIS,
				   .password = "pw",
				   .is_login_optional = true});
	ask("A\r\n");
	let_connect(0);
	expect("*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n");
	say("-ERR AUTH <password> called without any password configured\r\n");
	expect("A\r\n");
	say("+a\r\n");
	expect_told(0, PROBE_REPLY, "+a\r\n", "");
	end();
}
END_TEST

START_TEST(says_why_it_could_not_connect)
{
	begin_redis();
	ask("A\r\n");
	ask("B\r\n");
	let_connect(-ECONNREFUSED);
	expect_told(0, PROBE_REFUSED, "", "connect to node:7000: connection refused");
	expect_told(1, PROBE_REFUSED, "", "connect to node:7000: connection refused");
	ask("C\r\n");
	ck_assert_uint_eq(fake_connects(loop, PORT), 2);
	let_connect(0);
	say("+c\r\n");
	expect_told(2, PROBE_REPLY, "+c\r\n", "");
	end();
}
END_TEST

START_TEST(shows_the_name_that_people_know)
{
	begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .shown = "db.internal:6379"});
	ask("A\r\n");
	let_connect(-ECONNREFUSED);
	expect_told(0, PROBE_REFUSED, "", "connect to db.internal:6379: connection refused");
	end();
}
END_TEST

/* At what point a node stalls. */
static const struct {
	const char *password;
	bool connects;
	const char *says;
	uint32_t ms;
	const char *why;
} stalls[] = {
	{NULL, false, "", CONNECT_MS, "connect to node:7000: timed out"},
	{"pw", true, "", CONNECT_MS, "node:7000 accepts connections but does not answer"},
	{"pw", true, "+OK\r\n", ANSWER_MS, "node:7000 did not answer in time"},
	{NULL, true, "", ANSWER_MS, "node:7000 did not answer in time"},
	{NULL, true, "$5\r\nhal", ANSWER_MS, "node:7000 did not answer in time"},
};

START_TEST(a_node_that_stalls_is_not_waited_for)
{
	begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .password = stalls[_i].password});
	ask("A\r\n");
	if (stalls[_i].connects)
		let_connect(0);
	say(stalls[_i].says);
	fake_advance_ms(loop, stalls[_i].ms - 1);
	ck_assert_uint_eq(n_told, 0);
	fake_advance_ms(loop, 1);
	expect_told(0, PROBE_TIMED_OUT, "", stalls[_i].why);
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_CLOSED);
	fake_advance_ms(loop, 60000);
	ck_assert_uint_eq(n_told, 1);
	/* The late answer to A is not taken for that to B: it was on the other connection. */
	ask("B\r\n");
	ck_assert_uint_eq(fake_connects(loop, PORT), 2);
	end();
}
END_TEST

static const struct {
	const char *says;
	int end; /* of the connection, if not 0 */
	enum probe_result result;
	const char *why;
} failures[] = {
	{"", STREAM_EOF, PROBE_BROKEN, "node:7000 closed the connection"},
	{"$5\r\nhal", STREAM_EOF, PROBE_BROKEN, "node:7000 closed the connection"},
	{"", -ECONNRESET, PROBE_BROKEN, "node:7000 reset the connection"},
	{"HTTP/1.1 400 Bad Request\r\n", 0, PROBE_GARBAGE, "node:7000 answers out of protocol"},
	{"*1\r\n$1\r\nab\r\n", 0, PROBE_GARBAGE, "node:7000 answers out of protocol"},
};

START_TEST(says_how_a_connection_failed)
{
	begin_redis();
	ask("A\r\n");
	ask("B\r\n");
	let_connect(0);
	if (failures[_i].end != 0)
		fake_end(fake_server(loop, PORT), failures[_i].end);
	else
		fake_send(fake_server(loop, PORT), span_of(failures[_i].says));
	fake_settle(loop);
	expect_told(0, failures[_i].result, "", failures[_i].why);
	expect_told(1, failures[_i].result, "", failures[_i].why);
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_CLOSED);
	end();
}
END_TEST

/* A bulk string that makes a reply of PROBE_REPLY_MAX + over bytes. */
static void say_long(size_t over)
{
	size_t len = PROBE_REPLY_MAX + over - strlen("$1048564\r\n\r\n");
	char *bytes = calloc(1, len + 32);
	int n = sprintf(bytes, "$%zu\r\n", len);

	memset(bytes + n, 'x', len);
	memcpy(bytes + (size_t)n + len, "\r\n", 2);
	fake_send(fake_server(loop, PORT), span_make(bytes, (size_t)n + len + 2));
	fake_settle(loop);
	free(bytes);
}

START_TEST(a_reply_has_a_limit)
{
	for (size_t over = 0; over <= 1; over++) {
		begin_redis();
		ask("A\r\n");
		let_connect(0);
		say_long(over);
		ck_assert_uint_eq(n_told, 1);
		ck_assert_int_eq(told[0].result, over == 0 ? PROBE_REPLY : PROBE_GARBAGE);
		ck_assert_uint_eq(told[0].reply_len, over == 0 ? PROBE_REPLY_MAX : 0);
		end();
	}
}
END_TEST

/* So that nobody can have it hold what was only announced. */
START_TEST(a_length_that_is_too_long_is_not_waited_for)
{
	begin_redis();
	ask("A\r\n");
	let_connect(0);
	say("$1048576\r\n");
	expect_told(0, PROBE_GARBAGE, "", "node:7000 answers out of protocol");
	end();
}
END_TEST

START_TEST(a_connection_that_ends_in_between_is_made_again)
{
	begin_redis();
	ask("A\r\n");
	let_connect(0);
	say("+a\r\n");
	fake_end(fake_server(loop, PORT), STREAM_EOF);
	fake_settle(loop);
	ck_assert_uint_eq(n_told, 1);
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_CLOSED);
	ask("B\r\n");
	let_connect(0);
	expect("B\r\n");
	say("+b\r\n");
	expect_told(1, PROBE_REPLY, "+b\r\n", "");
	end();
}
END_TEST

START_TEST(bytes_that_nobody_asked_for_end_the_connection)
{
	begin_redis();
	ask("A\r\n");
	let_connect(0);
	say("+a\r\n+b\r\n");
	ck_assert_uint_eq(n_told, 1);
	expect_told(0, PROBE_REPLY, "+a\r\n", "");
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_CLOSED);
	end();
}
END_TEST

#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
#define MESSAGE	   "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
#define PMESSAGE   "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\nhi\r\n"
#define PUSH	   ">2\r\n+invalidate\r\n+k\r\n"

START_TEST(messages_are_told_apart_from_answers)
{
	begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .on_push = on_push});
	ask("SUBSCRIBE c\r\n");
	let_connect(0);
	say(SUBSCRIBED MESSAGE);
	expect_told(0, PROBE_REPLY, SUBSCRIBED, "");
	ck_assert_str_eq(pushed, MESSAGE);
	ask("PING\r\n");
	say(PMESSAGE "*2\r\n$4\r\npong\r\n$0\r\n\r\n" PUSH);
	expect_told(1, PROBE_REPLY, "*2\r\n$4\r\npong\r\n$0\r\n\r\n", "");
	ck_assert_str_eq(pushed, MESSAGE PMESSAGE PUSH);
	ck_assert_int_eq(fake_server(loop, PORT)->state, FAKE_OPEN);
	end();
}
END_TEST

static const struct {
	enum pool_protocol protocol;
	const char *bytes;
	size_t parts[3]; /* bytes of each reply; 0: none */
} splits[] = {
	{PROTOCOL_REDIS, "+OK\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n", {5, 19}},
	{PROTOCOL_REDIS, SUBSCRIBED MESSAGE "+PONG\r\n", {30, 7}},
	{PROTOCOL_MEMCACHED, "VERSION 1.6\r\nERROR\r\n", {13, 7}},
	{PROTOCOL_MEMCACHED,
	 "CONFIG cluster 0 7\r\n1\na|b|c\r\nEND\r\nVALUE k 0 1\r\nx\r\nEND\r\n",
	 {34, 21}},
};

/* Each reply comes in two pieces, or with a piece of the next. */
START_TEST(every_split_of_the_replies_gives_the_same)
{
	size_t len = strlen(splits[_i].bytes);

	for (size_t cut = 0; cut <= len; cut++) {
		const char *at = splits[_i].bytes;

		begin((struct probe_setup){.protocol = splits[_i].protocol, .on_push = on_push});
		ask("A\r\n");
		let_connect(0);
		probe_ask(probe, span_of("B\r\n"), ANSWER_MS, on_answer, &told);
		fake_send(fake_server(loop, PORT), span_make(at, cut));
		fake_settle(loop);
		fake_send(fake_server(loop, PORT), span_make(at + cut, len - cut));
		fake_settle(loop);
		ck_assert_uint_eq(n_told, 2);
		ck_assert_uint_eq(told[0].reply_len, splits[_i].parts[0]);
		ck_assert_uint_eq(told[1].reply_len, splits[_i].parts[1]);
		ck_assert_int_eq(memcmp(told[0].reply, at, told[0].reply_len), 0);
		ck_assert_int_eq(memcmp(told[1].reply, at + len - told[1].reply_len,
					told[1].reply_len),
				 0);
		end();
	}
}
END_TEST

static void ask_again(void *arg, const struct probe_answer *answer)
{
	on_answer(arg, answer);
	probe_ask(probe, span_of("AGAIN\r\n"), ANSWER_MS, on_answer, &told);
}

START_TEST(a_callback_may_ask_again)
{
	begin_redis();
	probe_ask(probe, span_of("A\r\n"), ANSWER_MS, ask_again, &told);
	let_connect(0);
	expect("A\r\n");
	say("+a\r\n");
	expect("AGAIN\r\n");
	say("+b\r\n");
	expect_told(1, PROBE_REPLY, "+b\r\n", "");
	probe_ask(probe, span_of("C\r\n"), ANSWER_MS, ask_again, &told);
	fake_end(fake_server(loop, PORT), STREAM_EOF);
	fake_settle(loop);
	expect_told(2, PROBE_BROKEN, "", "node:7000 closed the connection");
	ck_assert_uint_eq(n_told, 3);
	let_connect(0);
	expect("AGAIN\r\n");
	end();
}
END_TEST

static void free_it(void *arg, const struct probe_answer *answer)
{
	on_answer(arg, answer);
	probe_free(probe);
	probe = NULL;
}

static void free_at_push(void *arg, struct span message)
{
	on_push(arg, message);
	probe_free(probe);
	probe = NULL;
}

START_TEST(a_callback_may_free_the_probe)
{
	for (int way = 0; way < 4; way++) {
		begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .on_push = free_at_push});
		probe_ask(probe, span_of("A\r\n"), ANSWER_MS, free_it, &told);
		probe_ask(probe, span_of("B\r\n"), ANSWER_MS, free_it, &told);
		fake_settle(loop);
		let_connect(way == 1 ? -ECONNREFUSED : 0);
		if (way == 0)
			say("+a\r\n+b\r\n");
		else if (way == 2)
			fake_advance_ms(loop, ANSWER_MS);
		else if (way == 3)
			say(MESSAGE "+a\r\n");
		ck_assert_ptr_null(probe);
		ck_assert_uint_eq(n_told, way == 3 ? 0 : 1);
		end();
	}
}
END_TEST

START_TEST(nothing_is_told_after_it_was_freed)
{
	for (int is_connected = 0; is_connected <= 1; is_connected++) {
		begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .password = "pw"});
		ask("A\r\n");
		if (is_connected)
			let_connect(0);
		end();
		ck_assert_uint_eq(n_told, 0);
	}
	probe_free(NULL);
}
END_TEST

static const char *const two_ips[] = {"10.0.0.1", "10.0.0.2"};

START_TEST(a_resolver_is_asked_for_each_connection)
{
	struct resolver *resolver = fake_resolver_new();

	begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .resolver = resolver});
	ask("A\r\n");
	ask("B\r\n");
	ck_assert_uint_eq(fake_resolver_open(resolver), 1);
	/* It may take longer than a connection may. */
	fake_advance_ms(loop, CONNECT_MS * 10);
	ck_assert_ptr_null(fake_server(loop, PORT));
	fake_resolver_answer(resolver, "node", two_ips, 2);
	ck_assert_str_eq(fake_server(loop, PORT)->host, "10.0.0.1");
	let_connect(-ECONNREFUSED);
	expect_told(0, PROBE_REFUSED, "", "connect to node:7000: connection refused");
	expect_told(1, PROBE_REFUSED, "", "connect to node:7000: connection refused");
	/* The next address after one that failed. */
	ask("C\r\n");
	fake_resolver_answer(resolver, "node", two_ips, 2);
	ck_assert_str_eq(fake_server(loop, PORT)->host, "10.0.0.2");
	let_connect(0);
	expect("C\r\n");
	say(":1\r\n");
	expect_told(2, PROBE_REPLY, ":1\r\n", "");
	ask("D\r\n");
	expect("D\r\n");
	end();
	fake_resolver_free(resolver);
}
END_TEST

START_TEST(a_name_that_is_not_resolved_ends_all_questions)
{
	struct resolver *resolver = fake_resolver_new();

	begin((struct probe_setup){.protocol = PROTOCOL_REDIS, .resolver = resolver});
	ask("A\r\n");
	ask("B\r\n");
	fake_resolver_answer(resolver, "node", NULL, 0);
	for (size_t i = 0; i < 2; i++)
		expect_told(i, PROBE_REFUSED, "",
			    "node:7000: its name is not resolved: there is no such name");
	ask("C\r\n");
	ck_assert_uint_eq(fake_resolver_open(resolver), 1);
	end();
	ck_assert_uint_eq(n_told, 2);
	fake_resolver_free(resolver);
}
END_TEST

START_TEST(no_resolver_is_asked_for_an_address)
{
	struct resolver *resolver = fake_resolver_new();
	struct probe_setup setup = {.address = {.host = "10.0.0.9", .port = PORT},
				    .resolver = resolver,
				    .protocol = PROTOCOL_REDIS,
				    .connect_ms = CONNECT_MS};

	begin_redis();
	probe_free(probe);
	probe = probe_new(loop, &setup);
	ask("A\r\n");
	ck_assert_str_eq(fake_server(loop, PORT)->host, "10.0.0.9");
	end();
	fake_resolver_free(resolver);
}
END_TEST

Suite *probe_suite(void)
{
	Suite *suite = suite_create("probe");
	TCase *tcase = tcase_create("probe");

	tcase_add_test(tcase, connects_for_the_first_question_and_keeps_the_connection);
	tcase_add_test(tcase, asks_one_thing_at_a_time);
	tcase_add_loop_test(tcase, logs_in_before_it_asks, 0, (int)ARRAY_LEN(logins));
	tcase_add_test(tcase, a_refused_login_ends_all_questions);
	tcase_add_test(tcase, an_optional_login_may_be_refused);
	tcase_add_test(tcase, says_why_it_could_not_connect);
	tcase_add_test(tcase, shows_the_name_that_people_know);
	tcase_add_loop_test(tcase, a_node_that_stalls_is_not_waited_for, 0, (int)ARRAY_LEN(stalls));
	tcase_add_loop_test(tcase, says_how_a_connection_failed, 0, (int)ARRAY_LEN(failures));
	tcase_add_test(tcase, a_reply_has_a_limit);
	tcase_add_test(tcase, a_length_that_is_too_long_is_not_waited_for);
	tcase_add_test(tcase, a_connection_that_ends_in_between_is_made_again);
	tcase_add_test(tcase, bytes_that_nobody_asked_for_end_the_connection);
	tcase_add_test(tcase, messages_are_told_apart_from_answers);
	tcase_add_loop_test(tcase, every_split_of_the_replies_gives_the_same, 0,
			    (int)ARRAY_LEN(splits));
	tcase_add_test(tcase, a_callback_may_ask_again);
	tcase_add_test(tcase, a_callback_may_free_the_probe);
	tcase_add_test(tcase, nothing_is_told_after_it_was_freed);
	tcase_add_test(tcase, a_resolver_is_asked_for_each_connection);
	tcase_add_test(tcase, a_name_that_is_not_resolved_ends_all_questions);
	tcase_add_test(tcase, no_resolver_is_asked_for_an_address);
	suite_add_tcase(suite, tcase);
	return suite;
}
