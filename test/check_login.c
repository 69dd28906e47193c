#include <check.h>

#include "data_path.h"
#include "proto/mc_binary.h"
#include "serve/login.h"
#include "suites.h"

static struct data_path dp;
static char ann[] = "ann", bob[] = "bob", eve[] = "eve", anns[] = "a:1", bobs[] = "b2";
static struct user_spec users[] = {
	{.name = ann, .password = {.text = anns}},
	{.name = bob, .password = {.text = bobs}},
	{.name = eve},
};

static void tear_down(void)
{
	data_path_end(&dp);
}

static void serve(enum pool_protocol protocol, size_t n_users)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = protocol,
						      .users = users,
						      .n_users = n_users});
}

static struct client *client(void)
{
	return TAILQ_FIRST(&dp.clients.list);
}

/* ------------------------------------------------------------------ names and passwords */

static const struct {
	const char *name, *password;
	bool is_right;
} logins[] = {
	{"ann", "a:1", true},  {"bob", "b2", true},    {"eve", "anything", true},
	{"eve", "", true},     {"ann", "b2", false},   {"bob", "a:1", false},
	{"ann", "a:", false},  {"ann", "a:12", false}, {"ann", "", false},
	{"ANN", "a:1", false}, {"an", "a:1", false},   {"", "a:1", false},
	{"dan", "a:1", false},
};

START_TEST(a_user_has_one_password)
{
	serve(PROTOCOL_REDIS, ARRAY_LEN(users));
	bool is_in = login_as(client(), span_of(logins[_i].name), span_of(logins[_i].password));
	ck_assert_int_eq(is_in, logins[_i].is_right);
	ck_assert_int_eq(client()->session.needs_auth, !is_in);
	if (is_in)
		ck_assert_str_eq(client()->session.user->name, logins[_i].name);
}
END_TEST

START_TEST(without_users_anybody_is_the_default_user)
{
	serve(PROTOCOL_REDIS, 0);
	ck_assert(login_as(client(), span_of("default"), span_of("x")));
	ck_assert(!login_as(client(), span_of("ann"), span_of("a:1")));
}
END_TEST

/* ------------------------------------------------------------------ text */

#define STRANGE "CLIENT_ERROR unauthenticated\r\n"
#define FAILURE "CLIENT_ERROR authentication failure\r\n"
#define FORMAT	"CLIENT_ERROR bad authentication token format\r\n"

static const struct {
	const char *sent, *answers;
} texts[] = {
	{"set auth 0 0 7\r\nann a:1\r\nmn\r\n", "STORED\r\nMN\r\n"},
	{"set k 1 2 6 noreply\r\nbob b2\r\nmn\r\n", "STORED\r\nMN\r\n"},
	{"set auth 0 0 5\r\neve x\r\nmn\r\n", "STORED\r\nMN\r\n"},
	{"set auth 0 0 7\r\nann a:2\r\nmn\r\n", FAILURE STRANGE},
	{"set auth 0 0 7\r\nann a:2\r\nset auth 0 0 7\r\nann a:1\r\nmn\r\n",
	 FAILURE "STORED\r\nMN\r\n"},
	{"set auth 0 0 3\r\neve\r\nmn\r\n", FORMAT STRANGE},
	{"set auth 0 0 7\r\nann a:1xxmn\r\n",
	 "CLIENT_ERROR bad command line termination\r\n" STRANGE},
	{"version\r\nmn\r\nquit\r\nset a\r\n", STRANGE STRANGE STRANGE STRANGE},
	{"add a 0 0 1\r\nx\r\n", STRANGE STRANGE},
	{"delete a noreply\r\nmg a q\r\n", STRANGE STRANGE},
};

START_TEST(a_text_client_logs_in_first)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	say(dp.client, texts[_i].sent);
	expect(dp.client, texts[_i].answers);
	expect(dp.a, "");
	ck_assert_int_eq(dp.client->state, FAKE_OPEN);
}
END_TEST

START_TEST(a_text_client_that_says_too_much_is_closed)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	say(dp.client, "mn\r\nset auth 0 0 16385\r\n");
	expect(dp.client, STRANGE);
	ck_assert_int_ne(dp.client->state, FAKE_OPEN);
	data_path_fini(&dp);
}
END_TEST

START_TEST(a_set_after_the_login_is_a_set)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	say(dp.client, "set auth 0 0 7\r\nann a:1\r\nset a 0 0 7\r\nann a:2\r\n");
	answer_to(dp.a, "set a 0 0 7\r\nann a:2\r\n", "STORED\r\n");
	expect(dp.client, "STORED\r\nSTORED\r\n");
	struct fake_peer *other = data_path_client(&dp);
	say(other, "get a\r\n");
	expect(other, STRANGE);
}
END_TEST

/* The login is no command of the pool's: its `set` is another one. */
START_TEST(a_login_is_not_counted_as_a_set)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	say(dp.client, "set auth 0 0 7\r\nann a:2\r\nset auth 0 0 7\r\nann a:1\r\n");
	expect(dp.client, FAILURE "STORED\r\n");
	const struct command *set = mc_command_find(span_of("set"));
	ck_assert_uint_eq(stat_get(&stats_command(dp.stats->pools[0], set->id)->requests), 0);
	ck_assert_uint_eq(data_path_count(&dp, STAT_COMMANDS_INVALID), 1);
}
END_TEST

/* ------------------------------------------------------------------ SASL */

/* A packet of a client's; the caller clears the chain. */
static struct span packet(uint8_t opcode, const char *key, struct span value, char out[256])
{
	struct mcb_header header = {
		.magic = MCB_REQUEST,
		.opcode = opcode,
		.key = (uint16_t)strlen(key),
		.body = (uint32_t)(strlen(key) + value.len),
		.opaque = 0x01020304,
	};

	mcb_header_write(out, &header);
	memcpy(out + MCB_HEADER, key, header.key);
	memcpy(out + MCB_HEADER + header.key, value.p, value.len);
	return span_make(out, MCB_HEADER + header.body);
}

/* Send it, and look at the one packet that answers it. */
static void ask(uint8_t opcode, const char *key, struct span value, enum mcb_status status,
		const char *text)
{
	char bytes[256];

	say_bytes(dp.client, packet(opcode, key, value, bytes));
	struct span got = fake_got(dp.client);
	ck_assert_uint_ge(got.len, MCB_HEADER);
	struct mcb_header header = mcb_header_read(got.p);
	ck_assert_uint_eq(header.magic, MCB_RESPONSE);
	ck_assert_uint_eq(header.opcode, opcode);
	ck_assert_uint_eq(header.opaque, 0x01020304);
	ck_assert_uint_eq(header.status, status);
	ck_assert(span_equal_str(span_skip(got, MCB_HEADER), text));
	fake_take(dp.client, got.len);
}

#define IN     "Authenticated"
#define OUT    "Auth failure."
#define NO_ONE ((struct span){"", 0})

static struct span plain(const char *bytes, size_t n)
{
	return span_make(bytes, n);
}

#define PLAIN(text) plain(text, sizeof(text) - 1)
#define ANN	    PLAIN("\0ann\0a:1")

START_TEST(sasl_is_one_step_of_plain)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	ask(MCB_SASL_LIST, "", NO_ONE, MCB_OK, "PLAIN");
	ask(MCB_SASL_AUTH, "PLAIN", ANN, MCB_OK, IN);
	ck_assert_str_eq(client()->session.user->name, "ann");
	ck_assert(!client()->session.needs_auth);
	ask(MCB_SASL_LIST, "", NO_ONE, MCB_OK, "PLAIN");
	ask(MCB_SASL_AUTH, "plain", PLAIN("bob\0bob\0b2"), MCB_OK, IN);
	ck_assert_str_eq(client()->session.user->name, "bob");
	ask(MCB_SASL_AUTH, "PLAIN", PLAIN("\0eve\0"), MCB_OK, IN);
}
END_TEST

static const struct {
	const char *mechanism;
	struct span value;
} wrong[] = {
	{"PLAIN", {"\0ann\0a:2", 8}},
	{"PLAIN", {"\0ann\0a:1\0", 9}},
	{"PLAIN", {"\0ann\0a:1\0x", 10}},
	{"PLAIN", {"\0eve\0x\0", 7}},
	{"PLAIN", {"bob\0ann\0a:1", 11}},
	{"PLAIN", {"ann\0a:1", 7}},
	{"PLAIN", {"\0ann", 4}},
	{"PLAIN", {"\0", 1}},
	{"PLAIN", {"\0\0", 2}},
	{"PLAIN", {"ann a:1", 7}},
	{"PLAIN", {"\0dan\0a:1", 8}},
	{"CRAM-MD5", {"\0ann\0a:1", 8}},
	{"CRAM-MD5", {"", 0}},
	{"PLAIN2", {"\0ann\0a:1", 8}},
};

START_TEST(what_is_not_right_logs_out)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	ask(MCB_SASL_AUTH, wrong[_i].mechanism, wrong[_i].value, MCB_AUTH_ERROR, OUT);
	ck_assert(client()->session.needs_auth);
	ask(MCB_SASL_AUTH, "PLAIN", ANN, MCB_OK, IN);
	ask(MCB_SASL_AUTH, wrong[_i].mechanism, wrong[_i].value, MCB_AUTH_ERROR, OUT);
	ck_assert(client()->session.needs_auth);
	ck_assert_ptr_null(client()->session.user);
}
END_TEST

START_TEST(sasl_may_take_two_steps)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	ask(MCB_SASL_STEP, "PLAIN", ANN, MCB_AUTH_ERROR, OUT);
	ask(MCB_SASL_AUTH, "PLAIN", NO_ONE, MCB_AUTH_CONTINUE, "");
	ck_assert(client()->session.needs_auth);
	ask(MCB_SASL_STEP, "PLAIN", NO_ONE, MCB_AUTH_ERROR, OUT);
	ask(MCB_SASL_STEP, "PLAIN", ANN, MCB_OK, IN);
	ask(MCB_SASL_STEP, "PLAIN", ANN, MCB_AUTH_ERROR, OUT);
	ck_assert(client()->session.needs_auth);
	ask(MCB_SASL_AUTH, "PLAIN", NO_ONE, MCB_AUTH_CONTINUE, "");
	ask(MCB_SASL_AUTH, "PLAIN", ANN, MCB_OK, IN);
	ask(MCB_SASL_AUTH, "PLAIN", NO_ONE, MCB_AUTH_CONTINUE, "");
	ask(MCB_SASL_AUTH, "PLAIN", PLAIN("\0ann\0"), MCB_AUTH_ERROR, OUT);
	ask(MCB_SASL_STEP, "PLAIN", ANN, MCB_AUTH_ERROR, OUT);
}
END_TEST

START_TEST(the_name_of_a_mechanism_has_an_end)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	ask(MCB_SASL_AUTH, "PLAINPLAINPLAINPLAINPLAINPLAINPL", ANN, MCB_AUTH_ERROR, OUT);
	ask(MCB_SASL_AUTH, "PLAINPLAINPLAINPLAINPLAINPLAINPLA", ANN, MCB_INVALID,
	    "Invalid arguments");
}
END_TEST

START_TEST(without_users_there_is_no_sasl)
{
	static const uint8_t opcodes[] = {MCB_SASL_LIST, MCB_SASL_AUTH, MCB_SASL_STEP};

	serve(PROTOCOL_MEMCACHED, 0);
	for (size_t i = 0; i < ARRAY_LEN(opcodes); i++)
		ask(opcodes[i], opcodes[i] == MCB_SASL_LIST ? "" : "PLAIN", NO_ONE, MCB_UNKNOWN,
		    "Unknown command");
}
END_TEST

/* Its header alone says that a stranger may not send it: nothing of its body is waited for. */
START_TEST(a_stranger_may_ask_for_the_version_alone)
{
	char bytes[256];

	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	for (int opcode = 0; opcode < 256; opcode++) {
		const struct mcb_header header = {.magic = MCB_REQUEST,
						  .opcode = (uint8_t)opcode,
						  .key = 1,
						  .body = 1000};

		if (mcb_opcode((uint8_t)opcode)->action == MCB_ACT_SASL || opcode == MCB_VERSION)
			continue;
		dp.client = data_path_client(&dp);
		ask(MCB_VERSION, "", NO_ONE, MCB_OK, MCB_VERSION_TEXT);
		mcb_header_write(bytes, &header);
		say_bytes(dp.client, span_make(bytes, MCB_HEADER));
		struct span got = fake_got(dp.client);
		ck_assert_uint_ge(got.len, MCB_HEADER);
		ck_assert_uint_eq(mcb_header_read(got.p).status, MCB_AUTH_ERROR);
		ck_assert(span_equal_str(span_skip(got, MCB_HEADER), OUT));
		ck_assert_int_ne(dp.client->state, FAKE_OPEN);
	}
	expect(dp.a, "");
	data_path_fini(&dp);
}
END_TEST

START_TEST(after_the_login_commands_are_carried_out)
{
	serve(PROTOCOL_MEMCACHED, ARRAY_LEN(users));
	ask(MCB_SASL_AUTH, "PLAIN", ANN, MCB_OK, IN);
	ask(MCB_NOOP, "", NO_ONE, MCB_OK, "");
	ask(MCB_SASL_AUTH, "PLAIN", PLAIN("\0ann\0"), MCB_AUTH_ERROR, OUT);
	ask(MCB_NOOP, "", NO_ONE, MCB_AUTH_ERROR, OUT);
	ck_assert_int_ne(dp.client->state, FAKE_OPEN);
	data_path_fini(&dp);
}
END_TEST

Suite *login_suite(void)
{
	Suite *suite = suite_create("login");
	TCase *tcase = tcase_create("login");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, a_user_has_one_password, 0, ARRAY_LEN(logins));
	tcase_add_test(tcase, without_users_anybody_is_the_default_user);
	tcase_add_loop_test(tcase, a_text_client_logs_in_first, 0, ARRAY_LEN(texts));
	tcase_add_test(tcase, a_text_client_that_says_too_much_is_closed);
	tcase_add_test(tcase, a_set_after_the_login_is_a_set);
	tcase_add_test(tcase, a_login_is_not_counted_as_a_set);
	tcase_add_test(tcase, sasl_is_one_step_of_plain);
	tcase_add_loop_test(tcase, what_is_not_right_logs_out, 0, ARRAY_LEN(wrong));
	tcase_add_test(tcase, sasl_may_take_two_steps);
	tcase_add_test(tcase, the_name_of_a_mechanism_has_an_end);
	tcase_add_test(tcase, without_users_there_is_no_sasl);
	tcase_add_test(tcase, a_stranger_may_ask_for_the_version_alone);
	tcase_add_test(tcase, after_the_login_commands_are_carried_out);
	suite_add_tcase(suite, tcase);
	return suite;
}
