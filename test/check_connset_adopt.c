/* Connections of a node that is down, and is not used or not yet used again. */
#include <check.h>
#include <errno.h>

#include "core/connset.h"
#include "probe.h"
#include "suites.h"

#define A_IS_DOWN 1

static struct data_path dp;
static struct data_path_setup usual;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void begin(struct failover_settings failover)
{
	usual = (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED, .failover = failover};
	data_path_init(&dp, usual);
}

static void change(uint32_t down)
{
	struct data_path_setup setup = usual;

	setup.down = down;
	data_path_change(&dp, setup);
}

static void ask(struct probe *probe)
{
	probe_init(probe, &dp, NULL, span_of("get a\r\n"), true);
	probe_send(probe, 1);
	fake_settle(dp.loop);
}

static int state(void)
{
	return atomic_load(&data_path_endpoint(&dp, 0)->state);
}

/* The next attempt is refused. */
static void refuse(void)
{
	while (data_path_server(&dp, 0)->state != FAKE_CONNECTING)
		fake_advance_ms(dp.loop, 1);
	fake_connect(data_path_server(&dp, 0), -ECONNREFUSED);
	fake_settle(dp.loop);
}

/* A connection that had lasted, and so is made again at once. */
static void lose(void)
{
	fake_advance_ms(dp.loop, 2000);
	hang_up(dp.a, STREAM_EOF);
}

static const struct failover_settings barring = {.on_return = ON_RETURN_FLUSH};

START_TEST(what_is_barred_has_no_connection_and_takes_no_call)
{
	char text[CONNSET_WHY_MAX];
	struct probe before, during;

	begin(barring);
	ask(&before);
	change(A_IS_DOWN);
	ck_assert_int_eq(before.result, CALL_LOST);
	ck_assert_int_eq(dp.a->state, FAKE_CLOSED);
	ck_assert_int_eq(state(), ENDPOINT_DOWN);
	ask(&during);
	ck_assert_int_eq(during.result, CALL_DOWN);
	ck_assert_str_eq(connset_why(&dp.engine, dp.pool->shards[0].primary, text),
			 "a:7000 is down, or not flushed yet since it was");
	fake_advance_ms(dp.loop, 60000);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 1);
}
END_TEST

START_TEST(one_that_is_barred_while_it_is_away_stays_so)
{
	begin(barring);
	lose();
	refuse();
	uint32_t n = fake_connects(dp.loop, DATA_PATH_PORT);
	change(A_IS_DOWN);
	fake_advance_ms(dp.loop, 60000);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), n);
	change(A_IS_DOWN); /* nothing new */
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), n);
}
END_TEST

START_TEST(what_is_barred_no_longer_is_connected_to_at_once)
{
	struct probe probe;

	begin(barring);
	change(A_IS_DOWN);
	change(0);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 2);
	ask(&probe);
	ck_assert(!probe.done);
	data_path_connect(&dp, 0);
	answer_to(data_path_server(&dp, 0), "get a\r\n", "END\r\n");
	ck_assert_int_eq(probe.result, CALL_REPLY);
}
END_TEST

/* It is tried as ever while it is away, but nobody waits for the last back-off when it is back. */
START_TEST(what_was_ejected_is_connected_to_at_once_when_it_is_back)
{
	struct probe probe;

	begin((struct failover_settings){.mode = FAILOVER_EJECT});
	lose();
	change(A_IS_DOWN);
	for (int i = 0; i < 10; i++)
		refuse();
	uint32_t n = fake_connects(dp.loop, DATA_PATH_PORT);
	ask(&probe);
	ck_assert_int_eq(probe.result, CALL_DOWN);
	change(0);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), n + 1);
	ask(&probe);
	ck_assert(!probe.done);
	data_path_connect(&dp, 0);
	say(data_path_server(&dp, 0), "END\r\n");
	ck_assert_int_eq(probe.result, CALL_REPLY);
}
END_TEST

/* A connection that stands is kept: the node may not have noticed anything. */
START_TEST(a_connection_that_stands_is_kept_while_its_shard_is_ejected)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT});
	change(A_IS_DOWN);
	change(0);
	ck_assert_uint_eq(fake_connects(dp.loop, DATA_PATH_PORT), 1);
	ck_assert_int_eq(state(), ENDPOINT_UP);
}
END_TEST

Suite *connset_adopt_suite(void)
{
	Suite *suite = suite_create("connset_adopt");
	TCase *tcase = tcase_create("connset_adopt");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, what_is_barred_has_no_connection_and_takes_no_call);
	tcase_add_test(tcase, one_that_is_barred_while_it_is_away_stays_so);
	tcase_add_test(tcase, what_is_barred_no_longer_is_connected_to_at_once);
	tcase_add_test(tcase, what_was_ejected_is_connected_to_at_once_when_it_is_back);
	tcase_add_test(tcase, a_connection_that_stands_is_kept_while_its_shard_is_ejected);
	suite_add_tcase(suite, tcase);
	return suite;
}
