#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "io_script.h"
#include "suites.h"

static struct loop *loop;
static struct timer *timers[3];
static uint64_t fired_us[3];
static int n_fired, n_read;
static char order[8];
static struct deferred deferred[3];

static void begin(void)
{
	n_fired = n_read = 0;
	memset(fired_us, 0, sizeof(fired_us));
	memset(order, 0, sizeof(order));
	loop = script_begin();
}

static void close_nothing(void)
{
}

static void free_timers(void)
{
	for (int i = 0; i < 3; i++)
		timer_free(timers[i]);
}

static void on_fire(void *arg)
{
	size_t i = (size_t)((struct timer **)arg - timers);

	fired_us[i] = loop_now_us(loop);
	n_fired++;
}

static bool one_fired(void)
{
	return n_fired == 1;
}

static bool all_fired(void)
{
	return n_fired == 3;
}

static void make_timers(void)
{
	for (int i = 0; i < 3; i++)
		timers[i] = timer_new(loop, on_fire, &timers[i]);
}

START_TEST(timers_fire_once_each_after_its_time)
{
	const struct io_step steps[] = {{"all_fired", all_fired}};

	begin();
	make_timers();
	uint64_t begun_us = loop_now_us(loop);
	timer_start(timers[0], 30);
	timer_start(timers[1], 10);
	timer_start(timers[2], 20);
	script_run(steps, 1, free_timers);
	ck_assert_int_eq(n_fired, 3);
	ck_assert_uint_ge(fired_us[1], begun_us + 9000);
	ck_assert_uint_ge(fired_us[2], begun_us + 19000);
	ck_assert_uint_ge(fired_us[0], begun_us + 29000);
	ck_assert(fired_us[1] <= fired_us[2] && fired_us[2] <= fired_us[0]);
}
END_TEST

START_TEST(a_stopped_timer_does_not_fire_and_a_restarted_one_fires_later)
{
	const struct io_step steps[] = {{"one_fired", one_fired}};

	begin();
	make_timers();
	uint64_t begun_us = loop_now_us(loop);
	timer_start(timers[0], 1);
	timer_start(timers[1], 1);
	timer_stop(timers[0]);
	timer_start(timers[1], 25);
	script_run(steps, 1, free_timers);
	ck_assert_uint_eq(fired_us[0], 0);
	ck_assert_uint_ge(fired_us[1], begun_us + 24000);
}
END_TEST

static void on_fire_and_free(void *arg)
{
	timer_free(*(struct timer **)arg);
	n_fired++;
}

START_TEST(a_timer_may_be_freed_where_it_fires)
{
	const struct io_step steps[] = {{"one_fired", one_fired}};

	begin();
	timers[0] = timer_new(loop, on_fire_and_free, &timers[0]);
	timer_start(timers[0], 0);
	script_run(steps, 1, close_nothing);
	timer_free(NULL);
}
END_TEST

static void note_order(char c)
{
	order[strlen(order)] = c;
}

static void run_again(struct deferred *d)
{
	note_order(d == &deferred[2] ? 'c' : 'b');
}

static void run_first(struct deferred *d)
{
	(void)d;
	note_order('a');
	deferred[2].run = run_again;
	loop_defer(loop, &deferred[2]);
}

static bool have_deferred(void)
{
	if (order[0] == '\0') {
		deferred[0].run = run_first;
		deferred[1].run = run_again;
		loop_defer(loop, &deferred[0]);
		loop_defer(loop, &deferred[1]);
		note_order('-');
	}
	return strlen(order) == 4;
}

START_TEST(deferred_work_runs_after_the_turn_in_order)
{
	const struct io_step steps[] = {{"have_deferred", have_deferred}};

	begin();
	script_run(steps, 1, close_nothing);
	ck_assert_str_eq(order, "-abc");
}
END_TEST

static uint64_t seen_us;

/* Within a turn time stands still, however long it takes; then it goes on. */
static bool time_stands(void)
{
	seen_us = loop_now_us(loop);
	for (volatile int i = 0; i < 100000; i++)
		;
	return loop_now_us(loop) == seen_us;
}

static bool time_goes(void)
{
	return loop_now_us(loop) > seen_us;
}

START_TEST(the_time_is_read_once_a_turn)
{
	const struct io_step steps[] = {{"time_stands", time_stands}, {"time_goes", time_goes}};

	begin();
	script_run(steps, 2, close_nothing);
}
END_TEST

static void *stop_it(void *arg)
{
	loop_stop(arg);
	return NULL;
}

START_TEST(any_thread_may_stop_it)
{
	pthread_t thread;

	struct loop *idle = loop_new(NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_it, idle), 0);
	loop_run(idle);
	pthread_join(thread, NULL);
	loop_run_out(idle);
	loop_free(idle);
}
END_TEST

static int fds[2];
static struct fd_watch *watch;

static void on_readable(void *arg)
{
	char c;

	(void)arg;
	n_read += read(fds[0], &c, 1) == 1;
}

static bool all_read(void)
{
	return n_read == 3;
}

static void free_watch(void)
{
	fd_watch_free(watch);
	fd_watch_free(NULL);
}

START_TEST(a_watched_descriptor_is_told_as_long_as_it_is_readable)
{
	const struct io_step steps[] = {{"all_read", all_read}};

	begin();
	script_pair(true, fds);
	watch = fd_watch_new(loop, fds[0], on_readable, NULL);
	ck_assert_ptr_nonnull(watch);
	script_send(fds[1], span_of("xyz"));
	script_run(steps, 1, free_watch);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(what_cannot_be_polled_cannot_be_watched)
{
	begin();
	watch = fd_watch_new(loop, -1, on_readable, NULL);
	ck_assert_ptr_null(watch);
	script_run(NULL, 0, close_nothing);
}
END_TEST

static struct signal_watch *signals;
static int got_signum;

static void on_signal(void *arg, int signum)
{
	(void)arg;
	got_signum = signum;
}

static bool have_signal(void)
{
	if (got_signum == 0)
		raise(SIGUSR1);
	return got_signum == SIGUSR1;
}

static void free_signals(void)
{
	signal_watch_free(signals);
	signal_watch_free(NULL);
}

START_TEST(signals_come_in_the_loop)
{
	const struct io_step steps[] = {{"have_signal", have_signal}};

	begin();
	got_signum = 0;
	signals = signal_watch_new(loop, SIGUSR1, on_signal, NULL);
	script_run(steps, 1, free_signals);
}
END_TEST

Suite *loop_suite(void)
{
	Suite *suite = suite_create("loop");
	TCase *tcase = tcase_create("loop");

	tcase_add_test(tcase, timers_fire_once_each_after_its_time);
	tcase_add_test(tcase, a_stopped_timer_does_not_fire_and_a_restarted_one_fires_later);
	tcase_add_test(tcase, a_timer_may_be_freed_where_it_fires);
	tcase_add_test(tcase, deferred_work_runs_after_the_turn_in_order);
	tcase_add_test(tcase, the_time_is_read_once_a_turn);
	tcase_add_test(tcase, any_thread_may_stop_it);
	tcase_add_test(tcase, a_watched_descriptor_is_told_as_long_as_it_is_readable);
	tcase_add_test(tcase, what_cannot_be_polled_cannot_be_watched);
	tcase_add_test(tcase, signals_come_in_the_loop);
	suite_add_tcase(suite, tcase);
	return suite;
}
