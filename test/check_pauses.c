#include "control/pauses.h"

#include <check.h>

#include "fake_io.h"
#include "suites.h"

static struct chunk_pool chunks;
static struct loop *loop;
static struct pauses *pauses;
static int n_ends;
static enum pause at_end; /* of "p", when a pause ended */

static void on_end(void *arg)
{
	ck_assert_ptr_eq(arg, &n_ends);
	n_ends++;
	at_end = pauses_of(pauses, "p");
}

static void set_up(void)
{
	chunk_pool_init(&chunks, 1 << 20);
	loop = loop_new(&chunks);
	pauses = pauses_new(loop, on_end, &n_ends);
	n_ends = 0;
}

static void tear_down(void)
{
	pauses_free(pauses);
	loop_run_out(loop);
	loop_free(loop);
	chunk_pool_fini(&chunks);
}

START_TEST(a_pause_ends_by_itself)
{
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_NONE);
	pauses_set(pauses, "p", PAUSE_ALL, 100);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_ALL);
	ck_assert_int_eq(pauses_of(pauses, "q"), PAUSE_NONE);
	fake_advance_ms(loop, 99);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_ALL);
	ck_assert_int_eq(n_ends, 0);
	at_end = PAUSE_ALL;
	fake_advance_ms(loop, 1);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_NONE);
	ck_assert_int_eq(n_ends, 1);
	ck_assert_int_eq(at_end, PAUSE_NONE);
	fake_advance_ms(loop, PAUSE_MAX_MS);
	ck_assert_int_eq(n_ends, 1);
}
END_TEST

/* Who ends it knows of it. */
START_TEST(one_that_is_ended_tells_nothing)
{
	pauses_set(pauses, "p", PAUSE_WRITES, 100);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_WRITES);
	pauses_set(pauses, "p", PAUSE_NONE, 0);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_NONE);
	pauses_set(pauses, "p", PAUSE_NONE, 0);
	fake_advance_ms(loop, 200);
	ck_assert_int_eq(n_ends, 0);
}
END_TEST

START_TEST(the_later_one_takes_the_place_of_the_earlier)
{
	pauses_set(pauses, "p", PAUSE_ALL, 100);
	fake_advance_ms(loop, 50);
	pauses_set(pauses, "p", PAUSE_WRITES, 1000);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_WRITES);
	fake_advance_ms(loop, 999);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_WRITES);
	/* A shorter one, too. */
	pauses_set(pauses, "p", PAUSE_ALL, 10);
	fake_advance_ms(loop, 10);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_NONE);
	ck_assert_int_eq(n_ends, 1);
}
END_TEST

START_TEST(pools_are_paused_each_by_itself)
{
	pauses_set(pauses, "p", PAUSE_ALL, 100);
	pauses_set(pauses, "q", PAUSE_WRITES, 200);
	pauses_set(pauses, "r", PAUSE_ALL, 300);
	fake_advance_ms(loop, 100);
	ck_assert_int_eq(pauses_of(pauses, "p"), PAUSE_NONE);
	ck_assert_int_eq(pauses_of(pauses, "q"), PAUSE_WRITES);
	pauses_set(pauses, "q", PAUSE_NONE, 0);
	ck_assert_int_eq(pauses_of(pauses, "r"), PAUSE_ALL);
	fake_advance_ms(loop, 200);
	ck_assert_int_eq(pauses_of(pauses, "r"), PAUSE_NONE);
	ck_assert_int_eq(n_ends, 2);
}
END_TEST

/* tear_down() frees them, and loop_free() finds a timer that is left. */
START_TEST(they_may_be_freed_while_they_last)
{
	pauses_set(pauses, "p", PAUSE_ALL, 100);
	pauses_set(pauses, "q", PAUSE_ALL, PAUSE_MAX_MS);
	pauses_free(NULL);
}
END_TEST

Suite *pauses_suite(void)
{
	Suite *suite = suite_create("pauses");
	TCase *tcase = tcase_create("pauses");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_pause_ends_by_itself);
	tcase_add_test(tcase, one_that_is_ended_tells_nothing);
	tcase_add_test(tcase, the_later_one_takes_the_place_of_the_earlier);
	tcase_add_test(tcase, pools_are_paused_each_by_itself);
	tcase_add_test(tcase, they_may_be_freed_while_they_last);
	suite_add_tcase(suite, tcase);
	return suite;
}
