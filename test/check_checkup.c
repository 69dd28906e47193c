#include "control/checkup.h"

#include <check.h>
#include <stdio.h>

#include "fake_node.h"
#include "suites.h"

#define PORT	   7000
#define TIMEOUT_MS 100

#define PING "*1\r\n$4\r\nPING\r\n"
#define ROLE "*1\r\n$4\r\nROLE\r\n"
#define INFO "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"
#define AUTH "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n"

#define MASTER	   "*3\r\n$6\r\nmaster\r\n:77\r\n*0\r\n"
#define SLAVE	   "*5\r\n$5\r\nslave\r\n$1\r\nb\r\n:7001\r\n$9\r\nconnected\r\n:76\r\n"
#define LOST	   "*5\r\n$5\r\nslave\r\n$1\r\nb\r\n:7001\r\n$4\r\nsync\r\n:-1\r\n"
#define SENTINEL   "*2\r\n$8\r\nsentinel\r\n*1\r\n$1\r\nm\r\n"
#define INFO_SLAVE "$52\r\nrole:slave\r\nmaster_host:b\r\nmaster_port:7001\r\nx:y\r\n\r\n\r\n"
#define LOADING	   "-LOADING Redis is loading the dataset in memory\r\n"
#define NOPERM	   "-NOPERM this user has no permissions to run the 'role' command\r\n"
#define UNKNOWN	   "-ERR unknown command 'ROLE', with args beginning with: \r\n"

/* A header of a binary reply without a body, by its status. */
#define PACKET(opcode, status) "\x81" opcode "\0\0\0\0" status "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define NOOP		       "\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static struct fake_fleet fleet;
static struct topology *topology;
static struct checkup *checkup;

/* The last result, as "port kind leader offset", "port serves", or why. */
static char result_text[512];
static size_t n_results;

static void on_checked(void *arg, const struct checkup_result *result)
{
	static const char *const kinds[] = {"primary", "replica", "sentinel"};

	ck_assert_ptr_eq(arg, &fleet);
	n_results++;
	if (result->why != NULL)
		snprintf(result_text, sizeof(result_text), "%s", result->why);
	else if (result->has_role)
		snprintf(result_text, sizeof(result_text), "%s %s %d", kinds[result->role.kind],
			 result->role.leader, (int)result->role.offset);
	else
		snprintf(result_text, sizeof(result_text), "serves");
}

static struct topology *build(struct pool_spec spec)
{
	struct error error = {0};
	struct shard_spec shard = {.primary = (char[]){"a:7000"}, .weight = 1};

	spec.name = (char[]){"p"};
	spec.distribution = DIST_KETAMA;
	spec.hash = HASH_DEFAULT;
	spec.shards = &shard;
	spec.n_shards = 1;
	spec.settings.health_timeout_ms = TIMEOUT_MS;
	spec.settings.health_every_ms = 250;
	struct topology *built = topology_build(&spec, 1, 1, &error);
	ck_assert_msg(built != NULL, "%s", error.text);
	return built;
}

static void begin(struct pool_spec spec)
{
	fake_fleet_init(&fleet, (enum pool_protocol)spec.protocol);
	topology = build(spec);
	checkup = checkup_new(fleet.loop, on_checked, &fleet);
	ck_assert(checkup_adopt(checkup, &topology->endpoints[0]));
	n_results = 0;
}

static void begin_redis(void)
{
	begin((struct pool_spec){.protocol = PROTOCOL_REDIS});
}

static void end(void)
{
	checkup_free(checkup);
	fake_fleet_end(&fleet);
	topology_unref(topology);
}

/* One round, to its end. */
static const char *look(void)
{
	size_t before = n_results;

	checkup_begin(checkup);
	ck_assert_uint_eq(n_results, before);
	ck_assert(checkup_is_under_way(checkup));
	fake_fleet_advance_ms(&fleet, 4 * TIMEOUT_MS);
	ck_assert_uint_eq(n_results, before + 1);
	ck_assert(!checkup_is_under_way(checkup));
	return result_text;
}

static const struct {
	const char *ping, *role, *info; /* NULL: no answer */
	const char *is;
} redis[] = {
	{"+PONG\r\n", MASTER, NULL, "primary  77"},
	{"+PONG\r\n", SLAVE, NULL, "replica b:7001 76"},
	{"+PONG\r\n", LOST, NULL, "replica b:7001 0"},
	{"+PONG\r\n", SENTINEL, NULL, "a:7000 is a Sentinel, which keeps no data"},
	{"+PONG\r\n", NOPERM, INFO_SLAVE, "replica b:7001 0"},
	{"+PONG\r\n", UNKNOWN, INFO_SLAVE, "replica b:7001 0"},
	{"+PONG\r\n", NOPERM, NOPERM, "serves"},
	{"+PONG\r\n", NOPERM, "$0\r\n\r\n", "a:7000 does not say which role it has"},
	{"+PONG\r\n", NOPERM, "-ERR no\r\n", "a:7000 answers with an error: -ERR no"},
	{"+PONG\r\n", NOPERM, NULL, "a:7000 did not answer in time"},
	{"+PONG\r\n", "+OK\r\n", NULL, "a:7000 does not say which role it has"},
	{"+PONG\r\n", "-BUSY Redis is busy\r\n", NULL,
	 "a:7000 answers with an error: -BUSY Redis is busy"},
	{"+PONG\r\n", LOADING, NULL, "a:7000 is loading its data"},
	{"+PONG\r\n", NULL, NULL, "a:7000 did not answer in time"},
	{LOADING, MASTER, NULL, "a:7000 is loading its data"},
	{"-MASTERDOWN Link with MASTER is down\r\n", LOST, NULL, "replica b:7001 0"},
	{"-NOAUTH Authentication required.\r\n", MASTER, NULL,
	 "a:7000 refuses the user or password (set 'credentials')"},
	{"-NOPERM this user has no permissions to run the 'ping' command\r\n", MASTER, NULL,
	 "a:7000 refuses the user or password (set 'credentials')"},
	{"-DENIED Redis is running in protected mode\r\n", MASTER, NULL,
	 "a:7000 answers with an error: -DENIED Redis is running in protected mode"},
	{"-ERR max number of clients reached\r\n", MASTER, NULL,
	 "a:7000 answers with an error: -ERR max number of clients reached"},
	{"HTTP/1.1 400 Bad Request\r\n", MASTER, NULL, "a:7000 answers out of protocol"},
	{NULL, MASTER, NULL, "a:7000 did not answer in time"},
};

static void script_redis(size_t i)
{
	fake_node_answer(PORT, PING, redis[i].ping);
	fake_node_answer(PORT, ROLE, redis[i].role);
	fake_node_answer(PORT, INFO, redis[i].info);
}

START_TEST(a_redis_node_says_how_it_is)
{
	begin_redis();
	script_redis((size_t)_i);
	ck_assert_str_eq(look(), redis[_i].is);
	/* And again, over the same connection or another one. */
	ck_assert_str_eq(look(), redis[_i].is);
	end();
}
END_TEST

static void send_bytes(struct span bytes)
{
	if (bytes.len > 0 && n_results == 0)
		fake_send(fake_server(fleet.loop, PORT), bytes);
	fake_settle(fleet.loop);
}

/* Answer one question after the other, pausing before byte `cut` of all that is said. */
static void answer_cut(const char *const *replies, size_t n, size_t cut)
{
	for (size_t i = 0; i < n && replies[i] != NULL; i++) {
		struct span reply = span_of(replies[i]);
		size_t at = cut < reply.len ? cut : reply.len;

		send_bytes(span_make(reply.p, at));
		send_bytes(span_skip(reply, at));
		cut -= at;
	}
	fake_advance_ms(fleet.loop, TIMEOUT_MS);
}

START_TEST(every_split_of_the_replies_gives_the_same)
{
	const char *const replies[] = {redis[_i].ping, redis[_i].role, redis[_i].info};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(replies) && replies[i] != NULL; i++)
		len += strlen(replies[i]);
	for (size_t cut = 0; cut <= len; cut++) {
		begin_redis();
		checkup_begin(checkup);
		fake_settle(fleet.loop);
		fake_connect(fake_server(fleet.loop, PORT), 0);
		fake_settle(fleet.loop);
		answer_cut(replies, ARRAY_LEN(replies), cut);
		ck_assert_uint_eq(n_results, 1);
		ck_assert_str_eq(result_text, redis[_i].is);
		end();
	}
}
END_TEST

static const struct {
	bool is_binary;
	struct span reply; /* p is NULL: none */
	const char *is;
} memcached[] = {
	{false, {"VERSION 1.6.18\r\n", 16}, "serves"},
	{false, {"ERROR\r\n", 7}, "a:7000 answers with an error: ERROR"},
	{false,
	 {"CLIENT_ERROR unauthenticated\r\n", 30},
	 "a:7000 refuses the user or password (set 'credentials')"},
	{false, {"END\r\n", 5}, "a:7000 answers 'version' as no memcached does"},
	{false, {NULL, 0}, "a:7000 did not answer in time"},
	{true, {PACKET("\x0a", "\0\0"), 24}, "serves"},
	{true,
	 {PACKET("\x0a", "\0\x20"), 24},
	 "a:7000 refuses the user or password (set 'credentials')"},
	{true, {PACKET("\x0a", "\0\x81"), 24}, "a:7000 answers with an error"},
	{true, {"ERROR\r\n-----------------", 24}, "a:7000 answers out of protocol"},
};

START_TEST(a_memcached_node_says_how_it_is)
{
	begin((struct pool_spec){.protocol = PROTOCOL_MEMCACHED,
				 .settings.node_protocol = memcached[_i].is_binary});
	checkup_begin(checkup);
	fake_settle(fleet.loop);
	fake_connect(fake_server(fleet.loop, PORT), 0);
	fake_settle(fleet.loop);
	struct span asked = fake_got(fake_server(fleet.loop, PORT));
	ck_assert(span_equal(asked, memcached[_i].is_binary ? span_make(NOOP, 24)
							    : span_of("version\r\n")));
	for (size_t i = 0; i < memcached[_i].reply.len; i++)
		send_bytes(span_make(memcached[_i].reply.p + i, 1));
	fake_advance_ms(fleet.loop, TIMEOUT_MS);
	ck_assert_uint_eq(n_results, 1);
	ck_assert_str_eq(result_text, memcached[_i].is);
	end();
}
END_TEST

/* ROLE alone, as long as nothing says that the node may load. */
START_TEST(asks_no_more_than_it_has_to)
{
	begin_redis();
	script_redis(0);
	for (int i = 0; i < 5; i++)
		look();
	ck_assert_uint_eq(fake_node_asked(PORT, PING), 1);
	ck_assert_uint_eq(fake_node_asked(PORT, ROLE), 5);
	ck_assert_uint_eq(fake_connects(fleet.loop, PORT), 1);
	/* A replica without its primary's data may be about to load it. */
	fake_node_answer(PORT, ROLE, LOST);
	look();
	ck_assert_uint_eq(fake_node_asked(PORT, PING), 1);
	fake_node_answer(PORT, PING, LOADING);
	ck_assert_str_eq(look(), "a:7000 is loading its data");
	fake_node_answer(PORT, PING, "+PONG\r\n");
	fake_node_answer(PORT, ROLE, SLAVE);
	ck_assert_str_eq(look(), "replica b:7001 76");
	ck_assert_str_eq(look(), "replica b:7001 76");
	ck_assert_uint_eq(fake_node_asked(PORT, PING), 3);
	/* One that comes back has been away. */
	fake_node_away(&fleet, PORT);
	ck_assert_str_eq(look(), "connect to a:7000: connection refused");
	fake_node_back(PORT);
	fake_node_answer(PORT, PING, LOADING);
	ck_assert_str_eq(look(), "a:7000 is loading its data");
	end();
}
END_TEST

START_TEST(a_stalled_node_gets_another_connection)
{
	begin_redis();
	script_redis(0);
	look();
	fake_node_answer(PORT, ROLE, NULL);
	ck_assert_str_eq(look(), "a:7000 did not answer in time");
	ck_assert_uint_eq(fake_connects(fleet.loop, PORT), 1);
	ck_assert_int_eq(fake_server(fleet.loop, PORT)->state, FAKE_CLOSED);
	fake_node_answer(PORT, ROLE, MASTER);
	ck_assert_str_eq(look(), "primary  77");
	ck_assert_uint_eq(fake_connects(fleet.loop, PORT), 2);
	end();
}
END_TEST

START_TEST(logs_in_and_says_where_that_fails)
{
	struct pool_spec spec = {.protocol = PROTOCOL_REDIS};

	spec.credentials.name = (char[]){"me"};
	spec.credentials.password.text = (char[]){"pw"};
	begin(spec);
	script_redis(0);
	fake_node_answer(PORT, AUTH, "-WRONGPASS invalid username-password pair\r\n");
	ck_assert_str_eq(look(), "a:7000 refuses the user or password (set 'credentials')");
	fake_node_answer(PORT, AUTH, "+OK\r\n");
	ck_assert_str_eq(look(), "primary  77");
	end();
}
END_TEST

/* An IP that cannot be connected to is not the only one. */
START_TEST(takes_the_ips_in_turn)
{
	static const char *const ips[] = {"10.0.0.1", "10.0.0.2"};

	begin_redis();
	endpoint_resolve(&topology->endpoints[0], ips, 2);
	ck_assert(checkup_adopt(checkup, &topology->endpoints[0]));
	fake_node_answer(PORT, PING, "+PONG\r\n");
	fake_node_answer(PORT, ROLE, MASTER);
	ck_assert_str_eq(look(), "primary  77");
	ck_assert_str_eq(fake_server(fleet.loop, PORT)->host, "10.0.0.1");
	fake_node_away(&fleet, PORT);
	ck_assert_str_eq(look(), "connect to a:7000: connection refused");
	ck_assert_str_eq(fake_server(fleet.loop, PORT)->host, "10.0.0.1");
	fake_node_back(PORT);
	ck_assert_str_eq(look(), "primary  77");
	ck_assert_str_eq(fake_server(fleet.loop, PORT)->host, "10.0.0.2");
	end();
}
END_TEST

START_TEST(a_new_topology_keeps_the_connection)
{
	begin_redis();
	script_redis(0);
	look();
	struct topology *next = build((struct pool_spec){.protocol = PROTOCOL_REDIS});
	ck_assert(!checkup_adopt(checkup, &next->endpoints[0]));
	topology_unref(topology);
	topology = next;
	look();
	ck_assert_uint_eq(fake_connects(fleet.loop, PORT), 1);
	end();
}
END_TEST

/* Even in the middle of a round, which then has no result. */
START_TEST(another_login_is_another_connection)
{
	struct pool_spec spec = {.protocol = PROTOCOL_REDIS};

	spec.credentials.name = (char[]){"me"};
	spec.credentials.password.text = (char[]){"pw"};
	begin_redis();
	script_redis(0);
	fake_node_answer(PORT, AUTH, "+OK\r\n");
	look();
	checkup_begin(checkup);
	struct topology *next = build(spec);
	ck_assert(checkup_adopt(checkup, &next->endpoints[0]));
	ck_assert(!checkup_is_under_way(checkup));
	topology_unref(topology);
	topology = next;
	fake_fleet_advance_ms(&fleet, 1000);
	ck_assert_uint_eq(n_results, 1);
	ck_assert_str_eq(look(), "primary  77");
	ck_assert_uint_eq(fake_node_asked(PORT, AUTH), 1);
	end();
}
END_TEST

static void free_it(void *arg, const struct checkup_result *result)
{
	on_checked(arg, result);
	checkup_free(checkup);
	checkup = NULL;
}

START_TEST(a_callback_may_free_it)
{
	for (size_t i = 0; i < ARRAY_LEN(redis); i++) {
		begin_redis();
		checkup_free(checkup);
		checkup = checkup_new(fleet.loop, free_it, &fleet);
		ck_assert(checkup_adopt(checkup, &topology->endpoints[0]));
		script_redis(i);
		checkup_begin(checkup);
		fake_fleet_advance_ms(&fleet, 1000);
		ck_assert_ptr_null(checkup);
		ck_assert_uint_eq(n_results, 1);
		end();
	}
}
END_TEST

START_TEST(nothing_is_told_after_it_was_freed)
{
	begin_redis();
	checkup_begin(checkup);
	end();
	ck_assert_uint_eq(n_results, 0);
	checkup_free(NULL);
}
END_TEST

Suite *checkup_suite(void)
{
	Suite *suite = suite_create("checkup");
	TCase *tcase = tcase_create("checkup");

	tcase_add_loop_test(tcase, a_redis_node_says_how_it_is, 0, (int)ARRAY_LEN(redis));
	tcase_add_loop_test(tcase, every_split_of_the_replies_gives_the_same, 0,
			    (int)ARRAY_LEN(redis));
	tcase_add_loop_test(tcase, a_memcached_node_says_how_it_is, 0, (int)ARRAY_LEN(memcached));
	tcase_add_test(tcase, asks_no_more_than_it_has_to);
	tcase_add_test(tcase, a_stalled_node_gets_another_connection);
	tcase_add_test(tcase, logs_in_and_says_where_that_fails);
	tcase_add_test(tcase, takes_the_ips_in_turn);
	tcase_add_test(tcase, a_new_topology_keeps_the_connection);
	tcase_add_test(tcase, another_login_is_another_connection);
	tcase_add_test(tcase, a_callback_may_free_it);
	tcase_add_test(tcase, nothing_is_told_after_it_was_freed);
	suite_add_tcase(suite, tcase);
	return suite;
}
