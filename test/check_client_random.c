#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "data_path.h"
#include "proto/resp_frame.h"
#include "proto/resp_request.h"
#include "suites.h"

#define CLIENTS	 5
#define KEYS	 100
#define FEW_KEYS 8 /* so that clients often read the same, the long one among them */
#define STEPS	 600
#define ASKED	 4096 /* commands of one client at most */
#define LONG_KEY 7    /* the one with a value that goes in pieces */

/* A client, and what it must be told for each command that it has sent, in order. */
struct player {
	struct fake_peer *peer;
	char *expected[ASKED];
	size_t n_asked, n_told;
};

static struct data_path dp;
static struct rng rng;
static struct player players[CLIENTS];
static uint64_t seed;
static uint64_t n_keys;
static bool faults; /* servers go: a reply may be an error of the proxy's instead */

static uint64_t pick(uint64_t n)
{
	return rng_below(&rng, n);
}

/* ---------------------------------------------------------------- what servers say */

/* The value of a key follows from its number. */
static void append_value(struct text *to, unsigned long key)
{
	int len = key == LONG_KEY ? 100000 : (int)(key * key % 900 + 4);

	text_printf(to, "$%d\r\n%0*lu\r\n", len, len, key);
}

static void append_values(struct text *to, const struct parsed *p, const char *start)
{
	text_printf(to, "*%u\r\n", p->args->n - 1);
	for (uint32_t i = 1; i < p->args->n; i++)
		append_value(to, strtoul(parsed_arg(p, start, i).p + 1, NULL, 10));
}

/* What a server, or all of them together, answer to a command. */
static void append_answer(struct text *to, const struct parsed *p, const char *start)
{
	char first = parsed_arg(p, start, 0).p[0];

	if (first == 'G' || first == 'g')
		append_value(to, strtoul(parsed_arg(p, start, 1).p + 1, NULL, 10));
	else if (first == 'M' || first == 'm')
		append_values(to, p, start);
	else if (first == 'D' || first == 'd')
		text_printf(to, ":%u\r\n", p->args->n - 1);
	else if (p->args->n == 2)
		text_printf(to, "$5\r\nhello\r\n");
	else
		text_puts(to, "+PONG\r\n");
}

/* Parse the command at the start of `in` and append its answer: its length, or 0. */
static size_t answer_one(struct text *to, struct span in)
{
	const struct parse_limits limits = {.request = 1 << 24};
	struct arg_list args = {0};
	struct parse_state state = {0};
	struct parsed parsed = {0};
	size_t len = 0;

	if (resp_request_parse(&state, in, &limits, &args, &parsed) == PARSE_DONE) {
		append_answer(to, &parsed, in.p);
		len = parsed.len;
	}
	arg_list_fini(&args);
	return len;
}

/* Answer up to `most` of what a server was asked. */
static void answer(struct fake_peer *server, uint64_t most)
{
	struct text reply = {0};
	size_t len;

	if (server->state != FAKE_OPEN || server->end_is_due)
		return;
	for (; most > 0 && (len = answer_one(&reply, fake_got(server))) > 0; most--)
		fake_take(server, len);
	if (reply.len > 0)
		fake_send(server, span_make(reply.p, reply.len));
	text_free(&reply);
}

/* ---------------------------------------------------------------- what clients ask */

static void random_words(char *words, size_t cap)
{
	static const char *const names[] = {"GET", "GET", "GET", "MGET", "DEL", "PING", "PING"};
	const char *name = names[pick(ARRAY_LEN(names))];
	size_t n = name[0] == 'G' ? 1 : 1 + pick(8);
	int len = snprintf(words, cap, "%s", name);

	if (name[0] == 'P') {
		snprintf(words + len, cap - (size_t)len, "%s", n % 2 == 0 ? " hello" : "");
		return;
	}
	while (n-- > 0)
		len += snprintf(words + len, cap - (size_t)len, " k%d", (int)pick(n_keys));
}

static void ask(struct player *player)
{
	char words[200];
	struct text reply = {0};

	if (player->peer->state != FAKE_OPEN || player->peer->end_is_due ||
	    player->n_asked == ASKED)
		return;
	random_words(words, sizeof(words));
	const char *array = array_of(words);
	ck_assert_uint_gt(answer_one(&reply, span_of(array)), 0);
	player->expected[player->n_asked++] = reply.p;
	fake_send(player->peer, span_of(array));
}

/* A reply is what was expected, or where servers go has an error of the proxy's in it. */
static void check_reply(const struct player *player, struct span reply)
{
	ck_assert_uint_lt(player->n_told, player->n_asked);
	struct span expected = span_of(player->expected[player->n_told]);
	if (span_equal(reply, expected))
		return;
	ck_assert_msg(faults && memmem(reply.p, reply.len, "-ERR slipring: shard ", 21) != NULL,
		      "seed %d reply %zu: %.*s instead of %.60s", (int)seed, player->n_told,
		      (int)(reply.len < 200 ? reply.len : 200), reply.p, expected.p);
}

/* Look at the whole replies that a client has got. */
static void listen(struct player *player)
{
	struct span got;
	size_t took;

	while ((got = fake_got(player->peer)).len > 0) {
		struct frame frame = {0};
		enum frame_result result = resp_frame_scan(&frame, got, &took);

		ck_assert_int_ne(result, FRAME_BAD);
		if (result != FRAME_DONE)
			return;
		check_reply(player, span_make(got.p, took));
		player->n_told++;
		fake_take(player->peer, took);
	}
}

/* ---------------------------------------------------------------- a game of them */

static void come(struct player *player)
{
	for (size_t i = 0; i < player->n_asked; i++)
		free(player->expected[i]);
	player->n_asked = player->n_told = 0;
	player->peer = data_path_client(&dp);
}

static void leave(struct player *player)
{
	if (player->peer->state == FAKE_OPEN && !player->peer->end_is_due)
		fake_end(player->peer, pick(2) == 0 ? STREAM_EOF : -ECONNRESET);
	player->peer->flush_max = SIZE_MAX; /* what was said before goes out behind it */
	fake_settle(dp.loop);
	come(player);
}

static void lose(struct fake_peer *server)
{
	if (server->state == FAKE_CONNECTING && !server->connect_is_due)
		fake_connect(server, pick(3) == 0 ? -ECONNREFUSED : 0);
	else if (server->state == FAKE_OPEN && !server->end_is_due)
		fake_end(server, pick(2) == 0 ? STREAM_EOF : -ECONNRESET);
}

static void hamper(struct fake_peer *peer)
{
	static const size_t limits[] = {0, 300, 5000, SIZE_MAX, SIZE_MAX};

	peer->flush_max = limits[pick(ARRAY_LEN(limits))];
	peer->read_max = 1 + pick(pick(4) == 0 ? 50 : 50000);
}

static void step(void)
{
	struct player *player = &players[pick(CLIENTS)];
	struct fake_peer *server = data_path_server(&dp, (uint16_t)pick(DATA_PATH_SHARDS));
	uint64_t what = pick(faults ? 40 : 37);

	if (what < 20)
		ask(player);
	else if (what < 30)
		answer(server, 1 + pick(20));
	else if (what < 33)
		hamper(what == 30 ? server : player->peer);
	else if (what < 36)
		fake_turn(dp.loop);
	else if (what == 36)
		fake_advance_ms(dp.loop, pick(30));
	else if (what < 39)
		lose(server);
	else
		leave(player);
	listen(player);
}

/* Everybody reads, writes and answers until there is nothing left to say. */
static void come_to_rest(void)
{
	for (int round = 0; round < 100; round++) {
		for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++) {
			struct fake_peer *server = data_path_server(&dp, i);

			server->flush_max = server->read_max = SIZE_MAX;
			if (server->state == FAKE_CONNECTING && !server->connect_is_due)
				fake_connect(server, 0);
			answer(server, UINT64_MAX);
		}
		for (size_t i = 0; i < CLIENTS; i++)
			players[i].peer->flush_max = players[i].peer->read_max = SIZE_MAX;
		fake_advance_ms(dp.loop, 30);
	}
	check_engine_is_empty(&dp);
}

static void play(int test, struct data_path_setup setup)
{
	seed = (uint64_t)test;
	rng_init(&rng, seed);
	n_keys = setup.coalesce ? FEW_KEYS : KEYS;
	setup.protocol = PROTOCOL_REDIS;
	setup.request_ms = 3600000;
	data_path_init(&dp, setup);
	for (size_t i = 0; i < CLIENTS; i++)
		come(&players[i]);
	for (int i = 0; i < STEPS; i++)
		step();
	come_to_rest();
	for (size_t i = 0; i < CLIENTS; i++) {
		listen(&players[i]);
		if (players[i].peer->state != FAKE_CLOSED)
			ck_assert_uint_eq(players[i].n_told, players[i].n_asked);
		else
			ck_assert(faults);
		for (size_t j = 0; j < players[i].n_asked; j++)
			free(players[i].expected[j]);
		players[i].n_asked = 0;
	}
	data_path_end(&dp);
}

START_TEST(every_client_is_told_the_right_thing_in_order)
{
	faults = false;
	play(_i, (struct data_path_setup){0});
}
END_TEST

START_TEST(few_in_flight_change_nothing_of_it)
{
	faults = false;
	play(_i, (struct data_path_setup){.in_flight = 3});
}
END_TEST

START_TEST(servers_and_clients_that_go_leave_the_others_in_order)
{
	faults = true;
	play(_i, (struct data_path_setup){0});
}
END_TEST

START_TEST(reads_that_are_shared_are_the_same)
{
	faults = _i % 2 == 1;
	play(_i, (struct data_path_setup){.coalesce = true});
}
END_TEST

Suite *client_random_suite(void)
{
	Suite *suite = suite_create("client_random");
	TCase *tcase = tcase_create("client_random");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, every_client_is_told_the_right_thing_in_order, 0, 30);
	tcase_add_loop_test(tcase, few_in_flight_change_nothing_of_it, 0, 30);
	tcase_add_loop_test(tcase, servers_and_clients_that_go_leave_the_others_in_order, 0, 60);
	tcase_add_loop_test(tcase, reads_that_are_shared_are_the_same, 0, 60);
	suite_add_tcase(suite, tcase);
	return suite;
}
