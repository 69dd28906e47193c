#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io_script.h"
#include "suites.h"

#define KINDS 2 /* each test runs with TCP and with a unix socket */
#define LONG  (1 << 20)

static struct io_end end;
static size_t n_sent;
static char *long_line; /* LONG bytes and a line end */

static void begin(int kind, size_t (*take)(struct span bytes))
{
	script_accept(&end, kind == 1, take);
	n_sent = 0;
}

static void close_end(void)
{
	script_close(&end);
}

static void run(const struct io_step *steps, size_t n)
{
	script_run(steps, n, close_end);
	script_forget(&end);
}

static bool got_text(const char *text)
{
	return end.got.len == strlen(text) && memcmp(end.got.p, text, end.got.len) == 0;
}

static bool has_ended(void)
{
	return end.n_ends > 0;
}

static const char lines[] = "a\nbc\n\ndef\n";

/* The next byte, once the lines before it are there. */
static bool send_byte_by_byte(void)
{
	if (end.got.len != take_lines(span_make(lines, n_sent)))
		return false;
	if (n_sent == sizeof(lines) - 1)
		return true;
	script_send(end.peer, span_make(lines + n_sent, 1));
	n_sent++;
	return false;
}

START_TEST(what_was_left_comes_again_with_what_follows)
{
	const struct io_step steps[] = {{"send_byte_by_byte", send_byte_by_byte}};

	begin(_i, take_lines);
	run(steps, 1);
}
END_TEST

static bool is_nothing_held(void)
{
	return got_text("a\n") && stream_held(end.stream) == 0;
}

static bool send_half_a_line(void)
{
	script_send(end.peer, span_of("half"));
	return true;
}

static bool is_little_held(void)
{
	return stream_held(end.stream) > 0 && stream_held(end.stream) <= 1024;
}

START_TEST(only_half_a_message_holds_a_buffer)
{
	const struct io_step steps[] = {{"is_nothing_held", is_nothing_held},
					{"send_half_a_line", send_half_a_line},
					{"is_little_held", is_little_held}};

	begin(_i, take_lines);
	script_send(end.peer, span_of("a\n"));
	run(steps, 3);
}
END_TEST

/* As much as the socket has room for. */
static bool send_long_line(void)
{
	while (n_sent <= LONG) {
		ssize_t n = send(end.peer, long_line + n_sent, LONG + 1 - n_sent, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		n_sent += (size_t)n;
	}
	return true;
}

static bool has_long_line(void)
{
	return end.got.len == LONG + 1;
}

/* Whatever the owner knows of its length, it is handed over once, whole. */
START_TEST(a_long_message_is_put_together)
{
	static const uint64_t expects[] = {0, 1, 20000, 100000, LONG, UINT64_MAX};
	const struct io_step steps[] = {{"send_long_line", send_long_line},
					{"has_long_line", has_long_line}};

	long_line = alloc_zeroed(LONG + 1, 1);
	for (size_t i = 0; i < LONG; i++)
		long_line[i] = (char)('a' + i % 23);
	long_line[LONG] = '\n';
	for (size_t i = 0; i < ARRAY_LEN(expects); i++) {
		begin(_i, take_lines);
		end.expect = expects[i];
		script_run(steps, 2, close_end);
		ck_assert_mem_eq(end.got.p, long_line, LONG + 1);
		script_forget(&end);
	}
	free(long_line);
}
END_TEST

static bool pause_and_send(void)
{
	stream_pause(end.stream);
	script_send(end.peer, span_of("xyz\n"));
	return true;
}

static int n_looks;

/* For some turns. */
static bool nothing_comes(void)
{
	ck_assert_uint_eq(end.got.len, 0);
	return ++n_looks == 5;
}

static bool resume(void)
{
	stream_resume(end.stream);
	return true;
}

static bool has_xyz(void)
{
	return got_text("xyz\n");
}

START_TEST(a_paused_stream_reads_nothing_until_it_is_resumed)
{
	const struct io_step steps[] = {{"pause_and_send", pause_and_send},
					{"nothing_comes", nothing_comes},
					{"resume", resume},
					{"has_xyz", has_xyz}};

	n_looks = 0;
	begin(_i, take_all);
	run(steps, 4);
}
END_TEST

/* One line, and then a pause, as an owner does who has enough to do. */
static size_t take_a_line_and_pause(struct span bytes)
{
	const char *line_end = memchr(bytes.p, '\n', bytes.len);

	if (line_end == NULL)
		return 0;
	stream_pause(end.stream);
	return (size_t)(line_end - bytes.p) + 1;
}

static bool resume_until_all(void)
{
	if (end.got.len == sizeof(lines) - 1)
		return true;
	stream_resume(end.stream);
	return false;
}

START_TEST(kept_bytes_are_delivered_after_a_resume_without_new_ones)
{
	const struct io_step steps[] = {{"resume_until_all", resume_until_all}};

	begin(_i, take_a_line_and_pause);
	script_send(end.peer, span_of(lines));
	run(steps, 1);
}
END_TEST

static struct deferred resuming;

static void run_resume(struct deferred *deferred)
{
	(void)deferred;
	stream_resume(end.stream);
}

static struct loop *loop;

/* Resumed at the end of a turn, as it is by an owner whose output was taken. */
static bool resume_at_turn_end_until_the_end(void)
{
	if (end.n_ends == 0)
		loop_defer(loop, &resuming);
	return end.n_ends > 0;
}

START_TEST(the_end_comes_after_all_kept_bytes)
{
	const struct io_step steps[] = {
		{"resume_at_turn_end_until_the_end", resume_at_turn_end_until_the_end}};

	loop = script_accept(&end, _i == 1, take_a_line_and_pause);
	resuming.run = run_resume;
	script_send(end.peer, span_of(lines));
	shutdown(end.peer, SHUT_WR);
	script_run(steps, 1, close_end);
	ck_assert_uint_eq(end.got.len, sizeof(lines) - 1);
	ck_assert_int_eq(end.end_err, STREAM_EOF);
	script_forget(&end);
}
END_TEST

static bool write_after_the_end(void)
{
	if (end.n_ends == 0)
		return false;
	script_write(&end, span_of("bye"));
	return true;
}

static bool peer_has_bye(void)
{
	script_read_peer(&end);
	return end.at_peer.len == 3;
}

START_TEST(after_the_peers_end_it_can_be_written)
{
	const struct io_step steps[] = {{"write_after_the_end", write_after_the_end},
					{"peer_has_bye", peer_has_bye}};

	begin(_i, take_all);
	script_send(end.peer, span_of("hello"));
	shutdown(end.peer, SHUT_WR);
	script_run(steps, 2, close_end);
	ck_assert(got_text("hello"));
	ck_assert_int_eq(end.n_ends, 1);
	ck_assert_int_eq(end.end_err, STREAM_EOF);
	script_forget(&end);
}
END_TEST

START_TEST(a_reset_is_told_as_an_error)
{
	const struct io_step steps[] = {{"has_ended", has_ended}};
	const struct linger now = {1, 0};

	begin(0, take_all);
	setsockopt(end.peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(end.peer);
	end.peer = -1;
	script_run(steps, 1, close_end);
	ck_assert_int_eq(end.end_err, -ECONNRESET);
	ck_assert_str_eq(stream_error_text(end.end_err), "connection reset by peer");
	script_forget(&end);
}
END_TEST

static size_t close_at_once(struct span bytes)
{
	script_close(&end);
	return bytes.len / 2;
}

static bool is_closed(void)
{
	if (end.stream != NULL)
		return false;
	script_read_peer(&end);
	return end.peer_ended;
}

START_TEST(it_may_be_closed_where_bytes_come)
{
	const struct io_step steps[] = {{"is_closed", is_closed}};

	begin(_i, close_at_once);
	script_send(end.peer, span_of(lines));
	run(steps, 1);
}
END_TEST

START_TEST(closing_lets_go_of_what_was_kept)
{
	const struct io_step steps[] = {{"is_little_held", is_little_held}};

	begin(_i, take_lines);
	script_send(end.peer, span_of("half"));
	run(steps, 1); /* its end checks that no chunk is out */
}
END_TEST

START_TEST(a_descriptor_that_is_none_is_refused)
{
	loop = script_accept(&end, true, take_all);
	ck_assert_ptr_null(stream_accept(loop, -1, false, &io_end_events, &end));
	run(NULL, 0);
}
END_TEST

START_TEST(the_peers_address_is_told)
{
	char text[128];

	begin(_i, take_all);
	stream_peer(end.stream, text, sizeof(text));
	if (_i == 1)
		ck_assert_str_eq(text, "unix");
	else
		ck_assert_int_eq(strncmp(text, "127.0.0.1:", 10), 0);
	run(NULL, 0);
}
END_TEST

Suite *stream_suite(void)
{
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, what_was_left_comes_again_with_what_follows, 0, KINDS);
	tcase_add_loop_test(tcase, only_half_a_message_holds_a_buffer, 0, KINDS);
	tcase_add_loop_test(tcase, a_long_message_is_put_together, 0, KINDS);
	tcase_add_loop_test(tcase, a_paused_stream_reads_nothing_until_it_is_resumed, 0, KINDS);
	tcase_add_loop_test(tcase, kept_bytes_are_delivered_after_a_resume_without_new_ones, 0,
			    KINDS);
	tcase_add_loop_test(tcase, the_end_comes_after_all_kept_bytes, 0, KINDS);
	tcase_add_loop_test(tcase, after_the_peers_end_it_can_be_written, 0, KINDS);
	tcase_add_test(tcase, a_reset_is_told_as_an_error);
	tcase_add_loop_test(tcase, it_may_be_closed_where_bytes_come, 0, KINDS);
	tcase_add_loop_test(tcase, closing_lets_go_of_what_was_kept, 0, KINDS);
	tcase_add_test(tcase, a_descriptor_that_is_none_is_refused);
	tcase_add_loop_test(tcase, the_peers_address_is_told, 0, KINDS);
	suite_add_tcase(suite, tcase);
	return suite;
}
