#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "suites.h"

#define STAMP_LEN 24 /* "2024-05-06T07:08:09.123Z" */

static int pipe_fds[2], saved_stderr;
static char output[1 << 16];

/* Standard error goes to a pipe until stop_capture(). */
static void start_capture(void)
{
	ck_assert_int_eq(pipe(pipe_fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(pipe_fds[1], STDERR_FILENO), 0);
	close(pipe_fds[1]);
}

/* All that was written, which must fit in the pipe. */
static const char *stop_capture(void)
{
	size_t len = 0;
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	while ((n = read(pipe_fds[0], output + len, sizeof(output) - 1 - len)) > 0)
		len += (size_t)n;
	close(pipe_fds[0]);
	output[len] = '\0';
	return output;
}

static size_t count_lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void reset_log(void)
{
	log_init(LOG_LEVEL_INFO, false);
}

START_TEST(a_text_line_has_time_level_and_message)
{
	start_capture();
	log_write(LOG_LEVEL_INFO, "port %d", 7);
	const char *line = stop_capture();
	ck_assert_uint_ge(strlen(line), STAMP_LEN);
	ck_assert_int_eq(line[10], 'T');
	ck_assert_int_eq(line[19], '.');
	ck_assert_int_eq(line[23], 'Z');
	ck_assert_str_eq(line + STAMP_LEN, " info  port 7\n");
}
END_TEST

START_TEST(a_json_line_is_an_object)
{
	log_init(LOG_LEVEL_INFO, true);
	start_capture();
	log_write(LOG_LEVEL_ERROR, "no");
	const char *line = stop_capture();
	ck_assert_int_eq(strncmp(line, "{\"time\":\"20", 11), 0);
	ck_assert_ptr_nonnull(strstr(line, "Z\",\"level\":\"error\",\"message\":\"no\"}\n"));
}
END_TEST

static const struct {
	const char *message, *text, *json;
} escapes[] = {
	{"plain", "plain", "plain"},
	{"a\nb\r\tc", "a\\nb\\r\\tc", "a\\nb\\r\\tc"},
	{"\x1b[31m", "\\x1b[31m", "\\u001b[31m"},
	{"\x7f", "\\x7f", "\\u007f"},
	{"say \"x\\\"", "say \"x\\\"", "say \\\"x\\\\\\\""},
	{"caf\xc3\xa9", "caf\xc3\xa9", "caf\xc3\xa9"},
	{"bad \xff\xc3", "bad \\xff\\xc3", "bad \\ufffd\\ufffd"},
};

START_TEST(what_a_terminal_or_json_obeys_is_escaped)
{
	char want[128];

	start_capture();
	log_write(LOG_LEVEL_WARN, "%s", escapes[_i].message);
	snprintf(want, sizeof(want), " warn  %s\n", escapes[_i].text);
	ck_assert_str_eq(stop_capture() + STAMP_LEN, want);

	log_init(LOG_LEVEL_INFO, true);
	start_capture();
	log_write(LOG_LEVEL_WARN, "%s", escapes[_i].message);
	snprintf(want, sizeof(want), "\"message\":\"%s\"}\n", escapes[_i].json);
	ck_assert_ptr_nonnull(strstr(stop_capture(), want));
}
END_TEST

START_TEST(the_level_decides_what_leaves)
{
	log_init(LOG_LEVEL_WARN, false);
	ck_assert(log_enabled(LOG_LEVEL_ERROR));
	ck_assert(log_enabled(LOG_LEVEL_WARN));
	ck_assert(!log_enabled(LOG_LEVEL_INFO));
	start_capture();
	log_write(LOG_LEVEL_INFO, "not me");
	log_write(LOG_LEVEL_DEBUG, "nor me");
	log_write(LOG_LEVEL_WARN, "me");
	const char *lines = stop_capture();
	ck_assert_uint_eq(count_lines(lines), 1);
	ck_assert_ptr_nonnull(strstr(lines, " me\n"));
}
END_TEST

/* Each byte needs six characters in JSON: the longest line that there is. */
START_TEST(a_long_message_is_cut_and_stays_one_line)
{
	static char big[5000];

	memset(big, '\x01', sizeof(big) - 1);
	log_init(LOG_LEVEL_INFO, true);
	start_capture();
	log_write(LOG_LEVEL_INFO, "%s", big);
	const char *line = stop_capture();
	ck_assert_uint_eq(count_lines(line), 1);
	ck_assert_uint_gt(strlen(line), 6000);
	ck_assert_str_eq(line + strlen(line) - 3, "\"}\n");
}
END_TEST

/* Wait until a second has just begun, so that a burst fits in it. */
static time_t await_second(void)
{
	struct timespec now;

	do {
		clock_gettime(CLOCK_REALTIME, &now);
		if (now.tv_nsec < 500000000)
			return now.tv_sec;
		usleep(20000);
	} while (true);
}

START_TEST(a_site_that_logs_often_is_held_back_and_says_so)
{
	static struct log_site site;

	time_t second = await_second();
	start_capture();
	for (int i = 0; i < 20; i++)
		log_limited(&site, LOG_LEVEL_WARN, "again");
	ck_assert_uint_eq(count_lines(stop_capture()), LOG_SITE_BURST);
	while (time(NULL) <= second) /* which may lag behind clock_gettime() by a tick */
		usleep(10000);
	start_capture();
	log_limited(&site, LOG_LEVEL_WARN, "again");
	log_limited(&site, LOG_LEVEL_WARN, "again");
	const char *lines = stop_capture();
	ck_assert_uint_eq(count_lines(lines), 2);
	ck_assert_ptr_nonnull(strstr(lines, "again (and 15 more like it)\n"));
	ck_assert_ptr_nonnull(strstr(lines, "again\n"));
}
END_TEST

START_TEST(sites_do_not_hold_each_other_back)
{
	static struct log_site one, two;

	await_second();
	start_capture();
	for (int i = 0; i < LOG_SITE_BURST; i++) {
		log_limited(&one, LOG_LEVEL_WARN, "one");
		log_limited(&two, LOG_LEVEL_WARN, "two");
	}
	ck_assert_uint_eq(count_lines(stop_capture()), 2 * LOG_SITE_BURST);
}
END_TEST

static void *write_many(void *argument)
{
	(void)argument;
	for (int i = 0; i < 100; i++)
		log_write(LOG_LEVEL_INFO, "0123456789012345678901234567890123456789");
	return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
	pthread_t threads[4];

	start_capture();
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_create(&threads[i], NULL, write_many, NULL);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	const char *lines = stop_capture();
	size_t line_len = strcspn(lines, "\n") + 1;
	ck_assert_uint_eq(strlen(lines), 400 * line_len);
	for (size_t i = 1; i <= 400; i++)
		ck_assert_int_eq(lines[i * line_len - 1], '\n');
}
END_TEST

Suite *log_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, reset_log, reset_log);
	tcase_add_test(tc, a_text_line_has_time_level_and_message);
	tcase_add_test(tc, a_json_line_is_an_object);
	tcase_add_loop_test(tc, what_a_terminal_or_json_obeys_is_escaped, 0, ARRAY_LEN(escapes));
	tcase_add_test(tc, the_level_decides_what_leaves);
	tcase_add_test(tc, a_long_message_is_cut_and_stays_one_line);
	tcase_add_test(tc, a_site_that_logs_often_is_held_back_and_says_so);
	tcase_add_test(tc, sites_do_not_hold_each_other_back);
	tcase_add_test(tc, lines_of_threads_do_not_mix);
	suite_add_tcase(suite, tc);
	return suite;
}
