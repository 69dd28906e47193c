#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "data_path.h"
#include "fake_inside.h"
#include "suites.h"

/*
 * One counter at one node, which clients raise and read over two connections that the node reads
 * as it likes. Whatever is shared: a read says no less than any INCR that was answered before the
 * read was sent, and no less than its client's own INCRs before it.
 */

#define CLIENTS 6
#define STEPS	3000
#define ASKED	STEPS
#define LINKS	2

/* A client, and for each of its commands what its reply must at least be. */
struct player {
	struct fake_peer *peer;
	bool is_read[ASKED];
	uint64_t floor[ASKED];
	size_t n_asked, n_told;
	uint64_t own; /* the last INCR that was answered */
};

static struct data_path dp;
static struct rng rng;
static struct player players[CLIENTS];
static struct fake_peer *links[LINKS];
static struct text ran[LINKS];	   /* replies of the node that are still on their way */
static uint64_t counter, answered; /* at the node; the most that any client was told by INCR */
static int seed;

/* Both connections to shard a, each with its first question answered. */
static void connect_links(void)
{
	struct fake_peer *peer;
	size_t n = 0;

	data_path_begin(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS,
						      .connections = LINKS,
						      .coalesce = true,
						      .request_ms = 3600000});
	TAILQ_FOREACH (peer, &dp.loop->peers, link) {
		if (peer->port != DATA_PATH_PORT)
			continue;
		fake_connect(peer, 0);
		links[n++] = peer;
	}
	ck_assert_uint_eq(n, LINKS);
	fake_settle(dp.loop);
	for (size_t i = 0; i < LINKS; i++) {
		expect_first(links[i], "*1\r\n$4\r\nPING\r\n");
		say(links[i], "+PONG\r\n");
	}
}

static void ask(struct player *player, bool is_read)
{
	if (player->n_asked == ASKED)
		return;
	player->is_read[player->n_asked] = is_read;
	player->floor[player->n_asked++] = answered;
	fake_send(player->peer, span_of(is_read ? "GET a\r\n" : "INCR a\r\n"));
}

/* The node runs the next command of a connection; its answer comes later. */
static bool run_one(size_t number)
{
	static const char get[] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
			  incr[] = "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n";
	struct fake_peer *link = links[number];
	struct span got = fake_got(link);
	bool is_get = span_starts_with(got, span_of(get));

	if (!is_get && !span_starts_with(got, span_of(incr)))
		return false;
	fake_take(link, strlen(is_get ? get : incr));
	counter += !is_get;
	text_printf(&ran[number], ":%llu\r\n", (unsigned long long)counter);
	return true;
}

static void answer(size_t number)
{
	if (ran[number].len > 0)
		fake_send(links[number], span_make(ran[number].p, ran[number].len));
	text_reset(&ran[number]);
}

static void check_reply(struct player *player, uint64_t value)
{
	size_t i = player->n_told++;

	ck_assert_uint_lt(i, player->n_asked);
	ck_assert_msg(value >= player->floor[i] && value >= player->own && value <= counter,
		      "seed %d: reply %zu is %d, after %d and own %d", seed, i, (int)value,
		      (int)player->floor[i], (int)player->own);
	if (player->is_read[i])
		return;
	player->own = value;
	answered = value > answered ? value : answered;
}

static void listen(struct player *player)
{
	struct span got;
	const char *newline;

	while ((got = fake_got(player->peer)).len > 0 &&
	       (newline = memchr(got.p, '\n', got.len)) != NULL) {
		ck_assert_int_eq(got.p[0], ':');
		check_reply(player, strtoull(got.p + 1, NULL, 10));
		fake_take(player->peer, (size_t)(newline + 1 - got.p));
	}
}

static void step(void)
{
	struct player *player = &players[rng_below(&rng, CLIENTS)];
	uint64_t what = rng_below(&rng, 20);

	if (what < 9)
		ask(player, true);
	else if (what < 10)
		ask(player, false);
	else if (what < 14)
		(void)run_one(rng_below(&rng, LINKS));
	else if (what < 15)
		answer(rng_below(&rng, LINKS));
	else
		fake_turn(dp.loop);
	for (size_t i = 0; i < CLIENTS; i++)
		listen(&players[i]);
}

START_TEST(reads_are_never_older_than_writes_that_were_answered)
{
	seed = _i;
	rng_init(&rng, (uint64_t)_i);
	counter = answered = 0;
	connect_links();
	for (size_t i = 0; i < CLIENTS; i++)
		players[i] = (struct player){.peer = data_path_client(&dp)};
	for (int i = 0; i < STEPS; i++)
		step();
	for (bool any = true; any;) {
		fake_settle(dp.loop);
		any = false;
		for (size_t i = 0; i < LINKS; i++)
			for (; run_one(i) || ran[i].len > 0; any = true)
				answer(i);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		listen(&players[i]);
		ck_assert_uint_eq(players[i].n_told, players[i].n_asked);
	}
	ck_assert_uint_gt(data_path_count(&dp, STAT_COALESCED), 100);
	data_path_fini(&dp);
	for (size_t i = 0; i < LINKS; i++)
		text_free(&ran[i]);
}
END_TEST

Suite *client_coalesce_random_suite(void)
{
	Suite *suite = suite_create("client_coalesce_random");
	TCase *tc = tcase_create("client_coalesce_random");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, reads_are_never_older_than_writes_that_were_answered, 0, 20);
	suite_add_tcase(suite, tc);
	return suite;
}
