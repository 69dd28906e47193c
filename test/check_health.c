#include "control/health.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_node.h"
#include "suites.h"

#define PORT	   7000 /* of the first endpoint; the next ones follow */
#define EVERY_MS   100
#define TIMEOUT_MS 50
#define FALL	   3
#define RISE	   2
#define SEEDS	   5

#define PING "*1\r\n$4\r\nPING\r\n"
#define ROLE "*1\r\n$4\r\nROLE\r\n"

#define MASTER	  "*3\r\n$6\r\nmaster\r\n:77\r\n*0\r\n"
#define SLAVE(of) "*5\r\n$5\r\nslave\r\n$1\r\n" of "\r\n:7001\r\n$9\r\nconnected\r\n:76\r\n"
#define ERROR	  "-ERR broken\r\n"

static struct fake_fleet fleet;
static struct topology *topology;
static struct health *health;
static size_t n_changes;
static uint16_t changed; /* the endpoint of the last one */

static void on_change(void *arg, const struct endpoint *endpoint)
{
	ck_assert_ptr_eq(arg, &fleet);
	ck_assert_ptr_eq(topology_endpoint(topology, endpoint->id), endpoint);
	n_changes++;
	changed = endpoint->id;
}

/* Redis nodes of a shard each at ports from `port` on; ids count from 0. */
static struct topology *build(size_t n, uint16_t port, const char *password)
{
	struct error error = {0};
	struct shard_spec *shards = calloc(n, sizeof(*shards));
	char(*addresses)[32] = calloc(n, sizeof(*addresses));
	struct pool_spec spec = {
		.name = (char[]){"p"},
		.protocol = PROTOCOL_REDIS,
		.distribution = DIST_JUMP,
		.hash = HASH_DEFAULT,
		.shards = shards,
		.n_shards = n,
		.credentials.password.text = (char *)(uintptr_t)password,
		.settings.health_every_ms = EVERY_MS,
		.settings.health_timeout_ms = TIMEOUT_MS,
		.settings.health_fall = FALL,
		.settings.health_rise = RISE,
	};

	for (size_t i = 0; i < n; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "n:%zu", port + i);
		shards[i] = (struct shard_spec){.primary = addresses[i], .weight = 1};
	}
	struct topology *built = topology_build(&spec, 1, 1, &error);
	ck_assert_msg(built != NULL, "%s", error.text);
	free(addresses);
	free(shards);
	return built;
}

static void begin_with(size_t n, uint64_t seed)
{
	fake_fleet_init(&fleet, PROTOCOL_REDIS);
	topology = build(n, PORT, NULL);
	health = health_new(&(struct health_setup){fleet.loop, seed, on_change, &fleet});
	n_changes = 0;
}

/* One node, which answers. */
static void begin(void)
{
	begin_with(1, 1);
	fake_node_answer(PORT, PING, "+PONG\r\n");
	fake_node_answer(PORT, ROLE, MASTER);
}

static void end(void)
{
	health_free(health);
	fake_fleet_end(&fleet);
	topology_unref(topology);
}

static const struct health_of *of(uint16_t id)
{
	const struct health_of *found = health_get(health, id);

	ck_assert_ptr_nonnull(found);
	return found;
}

static void watch_again(struct topology *next)
{
	struct topology *before = topology;

	topology = next;
	health_watch(health, next);
	topology_unref(before);
}

/* Let time pass until n more probes have come to their end, a millisecond at a time. */
static void wait_probes(uint64_t n)
{
	uint64_t until = health_counts(health)->probes + n;

	for (int ms = 0; health_counts(health)->probes < until; ms++) {
		ck_assert_int_lt(ms, 100000);
		fake_fleet_advance_ms(&fleet, 1);
	}
	fake_fleet_settle(&fleet);
}

static void answer_role(const char *answer)
{
	fake_node_answer(PORT, ROLE, answer);
}

static void expect_state(enum health_state state)
{
	ck_assert_str_eq(health_state_names[of(0)->state], health_state_names[state]);
}

START_TEST(the_first_answer_decides)
{
	begin();
	ck_assert_ptr_null(health_get(health, 0));
	health_watch(health, topology);
	expect_state(HEALTH_UNKNOWN);
	ck_assert(!of(0)->is_fresh);
	ck_assert_str_eq(of(0)->why, "");
	ck_assert_uint_eq(n_changes, 0);
	wait_probes(1);
	expect_state(HEALTH_UP);
	ck_assert(of(0)->is_fresh);
	ck_assert_int_eq(of(0)->role, HEALTH_PRIMARY);
	ck_assert_uint_eq(of(0)->offset, 77);
	ck_assert_uint_eq(of(0)->since_us, loop_now_us(fleet.loop));
	ck_assert_uint_eq(n_changes, 1);
	wait_probes(5);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_uint_eq(health_counts(health)->probes, 6);
	ck_assert_uint_eq(health_counts(health)->failures, 0);
	end();
}
END_TEST

START_TEST(a_node_falls_by_failures_in_a_row)
{
	begin();
	answer_role(ERROR);
	health_watch(health, topology);
	wait_probes(FALL - 1);
	expect_state(HEALTH_UNKNOWN);
	ck_assert_uint_eq(n_changes, 0);
	ck_assert_str_eq(of(0)->why, "n:7000 answers with an error: -ERR broken");
	wait_probes(1);
	expect_state(HEALTH_DOWN);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_uint_eq(of(0)->since_us, loop_now_us(fleet.loop));
	ck_assert_uint_eq(health_counts(health)->failures, FALL);
	wait_probes(2);
	ck_assert_uint_eq(n_changes, 1);
	end();
}
END_TEST

START_TEST(failures_that_are_not_in_a_row_are_borne)
{
	begin();
	health_watch(health, topology);
	for (int i = 0; i < 5; i++) {
		answer_role(MASTER);
		wait_probes(1);
		ck_assert(of(0)->is_fresh);
		answer_role(ERROR);
		wait_probes(FALL - 1);
		ck_assert(!of(0)->is_fresh);
		expect_state(HEALTH_UP);
	}
	wait_probes(1);
	expect_state(HEALTH_DOWN);
	/* What it said last stays known. */
	ck_assert_int_eq(of(0)->role, HEALTH_PRIMARY);
	ck_assert_uint_eq(n_changes, 2);
	end();
}
END_TEST

START_TEST(a_node_rises_by_answers_in_a_row)
{
	begin();
	health_watch(health, topology);
	answer_role(ERROR);
	wait_probes(FALL);
	for (int i = 0; i < 5; i++) {
		answer_role(MASTER);
		wait_probes(RISE - 1);
		expect_state(HEALTH_DOWN);
		answer_role(ERROR);
		wait_probes(1);
	}
	answer_role(MASTER);
	wait_probes(RISE - 1);
	expect_state(HEALTH_DOWN);
	wait_probes(1);
	expect_state(HEALTH_UP);
	ck_assert_uint_eq(n_changes, 3); /* down, a role, up */
	end();
}
END_TEST

START_TEST(a_change_of_role_or_leader_is_told)
{
	begin();
	health_watch(health, topology);
	wait_probes(1);
	ck_assert_uint_eq(n_changes, 1);
	answer_role(SLAVE("b"));
	wait_probes(3);
	ck_assert_uint_eq(n_changes, 2);
	ck_assert_int_eq(of(0)->role, HEALTH_REPLICA);
	ck_assert_str_eq(of(0)->leader, "b:7001");
	ck_assert_uint_eq(of(0)->offset, 76);
	answer_role(SLAVE("c"));
	wait_probes(3);
	ck_assert_uint_eq(n_changes, 3);
	ck_assert_str_eq(of(0)->leader, "c:7001");
	answer_role(MASTER);
	wait_probes(3);
	ck_assert_uint_eq(n_changes, 4);
	ck_assert_int_eq(of(0)->role, HEALTH_PRIMARY);
	ck_assert_str_eq(of(0)->leader, "");
	expect_state(HEALTH_UP);
	end();
}
END_TEST

/* ------------------------------------------------------------------ when */

/* The time until the next probe begins, in ms. */
static uint64_t gap_ms(void)
{
	uint64_t from = loop_now_us(fleet.loop);

	wait_probes(1);
	return (loop_now_us(fleet.loop) - from) / 1000;
}

START_TEST(probes_come_every_so_often_give_or_take_an_eighth)
{
	uint64_t shortest = UINT64_MAX, longest = 0, sum = 0;

	begin_with(1, (uint64_t)_i);
	fake_node_answer(PORT, PING, "+PONG\r\n");
	answer_role(MASTER);
	health_watch(health, topology);
	wait_probes(1);
	for (int i = 0; i < 200; i++) {
		uint64_t gap = gap_ms();

		shortest = gap < shortest ? gap : shortest;
		longest = gap > longest ? gap : longest;
		sum += gap;
	}
	ck_assert_uint_ge(shortest, EVERY_MS - EVERY_MS / 8 - 1);
	ck_assert_uint_le(longest, EVERY_MS + EVERY_MS / 8 + 1);
	ck_assert_uint_gt(longest - shortest, EVERY_MS / 8);
	ck_assert_uint_ge(sum / 200, EVERY_MS - 3);
	ck_assert_uint_le(sum / 200, EVERY_MS + 3);
	ck_assert_uint_eq(fake_connects(fleet.loop, PORT), 1);
	end();
}
END_TEST

/* Refused at once each time. */
START_TEST(a_node_that_is_down_is_probed_ever_more_seldom)
{
	uint64_t longest = 0;

	begin_with(1, (uint64_t)_i);
	health_watch(health, topology);
	wait_probes(1);
	for (uint32_t i = 1; i < FALL; i++)
		ck_assert_uint_le(gap_ms(), EVERY_MS + EVERY_MS / 8 + 1);
	expect_state(HEALTH_DOWN);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t gap = gap_ms(), most = i < 3 ? 2 + i : 5;

		ck_assert_uint_ge(gap, EVERY_MS);
		ck_assert_uint_le(gap, most * EVERY_MS + 1);
		longest = gap > longest ? gap : longest;
	}
	ck_assert_uint_gt(longest, 4 * EVERY_MS);
	/* Once it answers, as usual again. */
	fake_node_answer(PORT, PING, "+PONG\r\n");
	answer_role(MASTER);
	wait_probes(1);
	expect_state(HEALTH_DOWN);
	ck_assert_uint_le(gap_ms(), EVERY_MS + EVERY_MS / 8 + 1);
	expect_state(HEALTH_UP);
	end();
}
END_TEST

static size_t open_connections(void)
{
	struct fake_peer *peer = fake_server(fleet.loop, PORT);

	return peer != NULL && (peer->state == FAKE_OPEN || peer->state == FAKE_CONNECTING);
}

/* One that accepts and stalls costs one connection at a time, each for no longer than the timeout. */
START_TEST(a_stalled_node_has_one_probe_at_a_time)
{
	begin();
	fake_node_answer(PORT, PING, NULL);
	health_watch(health, topology);
	for (int ms = 0; ms < 5000; ms++) {
		uint32_t before = fake_connects(fleet.loop, PORT);
		size_t open = open_connections();

		fake_fleet_advance_ms(&fleet, 1);
		uint32_t made = fake_connects(fleet.loop, PORT) - before;
		ck_assert_uint_le(made, 1);
		ck_assert(made == 0 || open == 0);
	}
	expect_state(HEALTH_DOWN);
	ck_assert_str_eq(of(0)->why, "n:7000 did not answer in time");
	ck_assert_uint_ge(health_counts(health)->failures, 5000 / (5 * EVERY_MS + TIMEOUT_MS) - 1);
	end();
}
END_TEST

/* A node that does not answer is found to be down in `fall` timeouts, or intervals where they are longer. */
START_TEST(a_stall_is_found_in_time)
{
	begin();
	health_watch(health, topology);
	wait_probes(1);
	answer_role(NULL);
	uint64_t from = loop_now_us(fleet.loop);
	while (of(0)->state != HEALTH_DOWN)
		fake_fleet_advance_ms(&fleet, 1);
	ck_assert_uint_le((loop_now_us(fleet.loop) - from) / 1000,
			  FALL * (EVERY_MS + EVERY_MS / 8) + TIMEOUT_MS + FALL);
	end();
}
END_TEST

/* Two hundred, which is one in 2 ms: in the sixteenths of the 400 ms that they take together. */
START_TEST(many_are_not_probed_in_step)
{
	enum { N = 200, SLICES = 16 };
	uint64_t slices[SLICES] = {0}, before = 0;

	begin_with(N, (uint64_t)_i);
	health_watch(health, topology);
	for (int i = 0; i < SLICES; i++) {
		fake_advance_ms(fleet.loop, N * 1000 / HEALTH_PROBES_A_SECOND / SLICES);
		slices[i] = health_counts(health)->probes - before;
		before = health_counts(health)->probes;
	}
	/* Each once, and the first of them for the second time. */
	ck_assert_uint_ge(before, N);
	ck_assert_uint_le(before, N + N / 8);
	for (int i = 0; i < SLICES; i++)
		ck_assert_msg(slices[i] >= 1 && slices[i] <= 3 * N / SLICES,
			      "%d probes in slice %d, seed %d", (int)slices[i], i, _i);
	end();
}
END_TEST

/* Each waking up costs as much as several probes. */
START_TEST(probes_begin_together)
{
	enum { N = 200, MS = N * 1000 / HEALTH_PROBES_A_SECOND };
	uint64_t before = 0;
	int n_times = 0;

	begin_with(N, (uint64_t)_i);
	health_watch(health, topology);
	for (int ms = 0; ms < MS; ms++) {
		fake_advance_ms(fleet.loop, 1);
		n_times += health_counts(health)->probes > before;
		before = health_counts(health)->probes;
	}
	ck_assert_uint_ge(before, N);
	ck_assert_msg(n_times <= 16, "%d times, seed %d", n_times, _i);
	end();
}
END_TEST

/* With more nodes than HEALTH_PROBES_A_SECOND lets be probed as often as they should. */
START_TEST(probes_in_all_have_a_limit)
{
	enum { N = 300, SECONDS = 10 };
	begin_with(N, 7);
	for (uint16_t i = 0; i < 128; i++) { /* as many as the fake nodes have answers for */
		fake_node_answer((uint16_t)(PORT + i), PING, "+PONG\r\n");
		fake_node_answer((uint16_t)(PORT + i), ROLE, MASTER);
	}
	health_watch(health, topology);
	fake_fleet_advance_ms(&fleet, 1000);
	uint64_t before = health_counts(health)->probes;
	fake_fleet_advance_ms(&fleet, (uint64_t)SECONDS * 1000);
	ck_assert_uint_le(health_counts(health)->probes - before,
			  SECONDS * HEALTH_PROBES_A_SECOND * 103 / 100);
	for (uint16_t i = 0; i < 128; i++)
		ck_assert_uint_ge(fake_node_asked((uint16_t)(PORT + i), ROLE), 14);
	end();
}
END_TEST

/* ------------------------------------------------------------------ when asked to */

START_TEST(asks_at_once_when_asked_to)
{
	begin();
	health_watch(health, topology);
	wait_probes(1);
	fake_fleet_advance_ms(&fleet, HEALTH_ASK_MS + 5);
	health_ask(health, 0);
	ck_assert_uint_eq(health_counts(health)->probes, 1);
	fake_fleet_advance_ms(&fleet, 1);
	ck_assert_uint_eq(health_counts(health)->probes, 2);
	/* But not more often than that. */
	for (int ms = 0; ms < HEALTH_ASK_MS - 2; ms++) {
		health_ask(health, 0);
		fake_fleet_advance_ms(&fleet, 1);
	}
	ck_assert_uint_eq(health_counts(health)->probes, 2);
	fake_fleet_advance_ms(&fleet, 2);
	ck_assert_uint_eq(health_counts(health)->probes, 3);
	/* And then as usual. */
	ck_assert_uint_ge(gap_ms(), EVERY_MS - EVERY_MS / 8 - 2);
	end();
}
END_TEST

/* The one under way may have been answered before whatever was seen. */
START_TEST(another_probe_follows_the_one_under_way)
{
	begin();
	answer_role(NULL);
	health_watch(health, topology);
	wait_probes(1);
	health_ask(health, 0);
	health_ask(health, 0);
	fake_fleet_advance_ms(&fleet, TIMEOUT_MS - 5);
	ck_assert_uint_eq(health_counts(health)->probes, 1);
	answer_role(MASTER);
	fake_fleet_advance_ms(&fleet, 10);
	ck_assert_uint_eq(health_counts(health)->probes, 2);
	expect_state(HEALTH_UP);
	ck_assert_uint_ge(gap_ms(), EVERY_MS - EVERY_MS / 8 - 10);
	end();
}
END_TEST

START_TEST(a_node_that_is_down_can_be_asked_for_too)
{
	begin();
	answer_role(ERROR);
	health_watch(health, topology);
	wait_probes(FALL + 5);
	answer_role(MASTER);
	fake_fleet_advance_ms(&fleet, HEALTH_ASK_MS);
	for (int i = 0; i < RISE; i++) {
		health_ask(health, 0);
		fake_fleet_advance_ms(&fleet, HEALTH_ASK_MS + 1);
	}
	expect_state(HEALTH_UP);
	end();
}
END_TEST

START_TEST(asking_for_who_is_not_watched_is_fine)
{
	begin();
	health_ask(health, 0);
	health_watch(health, topology);
	health_ask(health, 1);
	health_ask(health, UINT16_MAX);
	ck_assert_ptr_null(health_get(health, 1));
	ck_assert_ptr_null(health_get(health, UINT16_MAX));
	end();
}
END_TEST

/* ------------------------------------------------------------------ whom */

START_TEST(what_is_known_is_kept_over_topologies)
{
	begin();
	health_watch(health, topology);
	wait_probes(1);
	uint64_t since = of(0)->since_us;
	watch_again(build(1, PORT, NULL));
	expect_state(HEALTH_UP);
	ck_assert_uint_eq(of(0)->since_us, since);
	ck_assert_uint_le(gap_ms(), EVERY_MS + EVERY_MS / 8 + 1);
	ck_assert_uint_eq(fake_connects(fleet.loop, PORT), 1);
	ck_assert_uint_eq(n_changes, 1);
	end();
}
END_TEST

START_TEST(another_password_is_tried_soon)
{
	begin();
	health_watch(health, topology);
	wait_probes(1);
	fake_node_answer(PORT, "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n", "-WRONGPASS no\r\n");
	watch_again(build(1, PORT, "pw"));
	expect_state(HEALTH_UP);
	ck_assert_int_eq(fake_server(fleet.loop, PORT)->state, FAKE_CLOSED);
	fake_fleet_advance_ms(&fleet, EVERY_MS + 2);
	ck_assert(!of(0)->is_fresh);
	ck_assert_str_eq(of(0)->why, "n:7000 refuses the user or password (set 'credentials')");
	end();
}
END_TEST

START_TEST(who_is_gone_is_forgotten)
{
	begin_with(2, 1);
	for (uint16_t i = 0; i < 2; i++) {
		fake_node_answer((uint16_t)(PORT + i), PING, "+PONG\r\n");
		fake_node_answer((uint16_t)(PORT + i), ROLE, MASTER);
	}
	health_watch(health, topology);
	fake_fleet_advance_ms(&fleet, 500);
	ck_assert_int_eq(of(1)->state, HEALTH_UP);
	watch_again(build(1, PORT, NULL));
	ck_assert_int_eq(of(0)->state, HEALTH_UP);
	ck_assert_ptr_null(health_get(health, 1));
	uint32_t asked = fake_node_asked(PORT + 1, ROLE);
	fake_fleet_advance_ms(&fleet, 1000);
	ck_assert_int_eq(fake_server(fleet.loop, PORT + 1)->state, FAKE_CLOSED);
	ck_assert_uint_eq(fake_node_asked(PORT + 1, ROLE), asked);
	watch_again(build(2, PORT, NULL));
	ck_assert_int_eq(of(1)->state, HEALTH_UNKNOWN);
	end();
}
END_TEST

START_TEST(an_id_that_another_address_has_got_is_another)
{
	begin();
	health_watch(health, topology);
	wait_probes(1);
	watch_again(build(1, PORT + 1, NULL));
	expect_state(HEALTH_UNKNOWN);
	ck_assert_int_eq(of(0)->role, HEALTH_ROLE_UNKNOWN);
	ck_assert_int_eq(fake_server(fleet.loop, PORT)->state, FAKE_CLOSED);
	fake_fleet_advance_ms(&fleet, 150);
	ck_assert_str_eq(of(0)->why, "connect to n:7001: connection refused");
	end();
}
END_TEST

START_TEST(a_name_without_address_is_not_probed)
{
	static const char *const ips[] = {"10.0.0.1"};

	begin();
	health_watch(health, topology);
	wait_probes(1);
	struct topology *next = build(1, PORT, NULL);
	next->endpoints[0].is_unresolved = true;
	watch_again(next);
	expect_state(HEALTH_UNKNOWN);
	ck_assert_int_eq(of(0)->role, HEALTH_ROLE_UNKNOWN);
	ck_assert_str_eq(of(0)->why, "its name is not resolved");
	health_ask(health, 0);
	fake_fleet_advance_ms(&fleet, 5000);
	ck_assert_uint_eq(health_counts(health)->probes, 1);
	ck_assert_int_eq(fake_server(fleet.loop, PORT)->state, FAKE_CLOSED);
	next = build(1, PORT, NULL);
	endpoint_resolve(&next->endpoints[0], ips, 1);
	watch_again(next);
	wait_probes(1);
	expect_state(HEALTH_UP);
	ck_assert_str_eq(fake_server(fleet.loop, PORT)->host, "10.0.0.1");
	end();
}
END_TEST

/* ------------------------------------------------------------------ callbacks */

/* The news of one is the reason to do without it. */
static void drop_it(void *arg, const struct endpoint *endpoint)
{
	on_change(arg, endpoint);
	health_ask(health, endpoint->id);
	watch_again(build(1, PORT + 1, NULL));
}

START_TEST(on_change_may_watch_others)
{
	static const char *const roles[] = {MASTER, ERROR, NULL};

	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		begin();
		health_free(health);
		health = health_new(&(struct health_setup){fleet.loop, 1, drop_it, &fleet});
		answer_role(roles[i]);
		health_watch(health, topology);
		while (n_changes == 0)
			fake_fleet_advance_ms(&fleet, 1);
		ck_assert_uint_eq(changed, 0);
		fake_fleet_advance_ms(&fleet, 50);
		ck_assert_str_eq(topology->endpoints[0].text, "n:7001");
		ck_assert_int_eq(of(0)->state, HEALTH_UNKNOWN);
		end();
	}
}
END_TEST

START_TEST(nothing_is_told_after_it_was_freed)
{
	begin();
	answer_role(NULL);
	health_watch(health, topology);
	wait_probes(1);
	end();
	ck_assert_uint_eq(n_changes, 0);
	health_free(NULL);
}
END_TEST

Suite *health_suite(void)
{
	Suite *suite = suite_create("health");
	TCase *tcase = tcase_create("health");

	tcase_add_test(tcase, the_first_answer_decides);
	tcase_add_test(tcase, a_node_falls_by_failures_in_a_row);
	tcase_add_test(tcase, failures_that_are_not_in_a_row_are_borne);
	tcase_add_test(tcase, a_node_rises_by_answers_in_a_row);
	tcase_add_test(tcase, a_change_of_role_or_leader_is_told);
	tcase_add_loop_test(tcase, probes_come_every_so_often_give_or_take_an_eighth, 0, SEEDS);
	tcase_add_loop_test(tcase, a_node_that_is_down_is_probed_ever_more_seldom, 0, SEEDS);
	tcase_add_test(tcase, a_stalled_node_has_one_probe_at_a_time);
	tcase_add_test(tcase, a_stall_is_found_in_time);
	tcase_add_loop_test(tcase, many_are_not_probed_in_step, 0, SEEDS);
	tcase_add_loop_test(tcase, probes_begin_together, 0, SEEDS);
	tcase_add_test(tcase, probes_in_all_have_a_limit);
	tcase_add_test(tcase, asks_at_once_when_asked_to);
	tcase_add_test(tcase, another_probe_follows_the_one_under_way);
	tcase_add_test(tcase, a_node_that_is_down_can_be_asked_for_too);
	tcase_add_test(tcase, asking_for_who_is_not_watched_is_fine);
	tcase_add_test(tcase, what_is_known_is_kept_over_topologies);
	tcase_add_test(tcase, another_password_is_tried_soon);
	tcase_add_test(tcase, who_is_gone_is_forgotten);
	tcase_add_test(tcase, an_id_that_another_address_has_got_is_another);
	tcase_add_test(tcase, a_name_without_address_is_not_probed);
	tcase_add_test(tcase, on_change_may_watch_others);
	tcase_add_test(tcase, nothing_is_told_after_it_was_freed);
	suite_add_tcase(suite, tcase);
	return suite;
}
