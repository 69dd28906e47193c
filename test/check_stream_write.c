#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io_script.h"
#include "suites.h"

#define KINDS 2		/* each test runs with TCP and with a unix socket */
#define LONG  (8 << 20) /* more than a socket has room for */

static struct io_end end;
static char *long_text;

static void begin(int kind)
{
	script_accept(&end, kind == 1, take_all);
}

static void close_end(void)
{
	script_close(&end);
}

static void make_long_text(void)
{
	long_text = alloc_zeroed(LONG, 1);
	for (size_t i = 0; i < LONG; i++)
		long_text[i] = (char)('a' + i % 23);
}

static bool write_three_times(void)
{
	for (int i = 0; i < 3; i++)
		script_write(&end, span_of("abc"));
	ck_assert_uint_eq(stream_unsent(end.stream), 9);
	ck_assert_uint_eq(stream_written(end.stream), 0);
	return true;
}

static bool peer_has_nine(void)
{
	script_read_peer(&end);
	return end.at_peer.len == 9;
}

START_TEST(what_is_written_in_a_turn_leaves_at_its_end)
{
	const struct io_step steps[] = {{"write_three_times", write_three_times},
					{"peer_has_nine", peer_has_nine}};

	begin(_i);
	script_run(steps, 2, close_end);
	ck_assert_mem_eq(end.at_peer.p, "abcabcabc", 9);
	ck_assert_int_eq(end.n_written, 1);
	script_forget(&end);
}
END_TEST

/* In segments of every size, so that both sides of gathering are used. */
static bool write_long_text(void)
{
	for (size_t at = 0, n = 1; at < LONG; at += n, n = n * 7 % 30011 + 1) {
		n = n < LONG - at ? n : LONG - at;
		script_write(&end, span_make(long_text + at, n));
	}
	return true;
}

static bool is_blocked(void)
{
	uint64_t unsent = stream_unsent(end.stream);

	/* What the kernel may have of a write that it has not finished counts as both. */
	ck_assert_uint_ge(unsent + stream_written(end.stream), LONG);
	return unsent < LONG;
}

static bool peer_has_all(void)
{
	script_read_peer(&end);
	return end.at_peer.len == LONG;
}

static bool all_is_written(void)
{
	return stream_written(end.stream) == LONG && stream_unsent(end.stream) == 0;
}

START_TEST(more_than_the_socket_takes_is_sent_as_there_is_room)
{
	const struct io_step steps[] = {{"write_long_text", write_long_text},
					{"is_blocked", is_blocked},
					{"peer_has_all", peer_has_all},
					{"all_is_written", all_is_written}};

	make_long_text();
	begin(_i);
	script_run(steps, 4, close_end);
	ck_assert_mem_eq(end.at_peer.p, long_text, LONG);
	ck_assert_int_ge(end.n_written, 1);
	script_forget(&end);
	free(long_text);
}
END_TEST

/* Whoever waits for an answer must know that its question was written when the answer is there:
 * the peer reads a little at a time, and what it has read counts as written. */
static bool written_covers_what_the_peer_read(void)
{
	static char buf[30000];
	ssize_t n = recv(end.peer, buf, sizeof(buf), 0);

	if (n > 0)
		text_append(&end.at_peer, span_make(buf, (size_t)n));
	ck_assert_uint_ge(stream_written(end.stream), end.at_peer.len);
	return end.at_peer.len == LONG;
}

START_TEST(what_the_peer_has_read_counts_as_written)
{
	const struct io_step steps[] = {{"write_long_text", write_long_text},
					{"written_covers_what_the_peer_read",
					 written_covers_what_the_peer_read}};

	make_long_text();
	begin(_i);
	script_run(steps, 2, close_end);
	script_forget(&end);
	free(long_text);
}
END_TEST

static bool write_and_finish(void)
{
	write_long_text();
	stream_finish(end.stream);
	return true;
}

static bool peer_has_all_and_the_end(void)
{
	script_read_peer(&end);
	return end.peer_ended;
}

static bool send_what_nobody_reads(void)
{
	script_send(end.peer, span_of("not read any more"));
	return true;
}

static bool close_peer(void)
{
	close(end.peer);
	end.peer = -1;
	return true;
}

static bool has_ended(void)
{
	return end.n_ends > 0;
}

/* Also where the peer still sends: its bytes must not make the close a reset. */
START_TEST(a_finished_stream_sends_all_and_ends_when_the_peer_has_closed)
{
	const struct io_step steps[] = {{"write_and_finish", write_and_finish},
					{"send_what_nobody_reads", send_what_nobody_reads},
					{"peer_has_all_and_the_end", peer_has_all_and_the_end},
					{"close_peer", close_peer},
					{"has_ended", has_ended}};

	make_long_text();
	begin(_i);
	script_run(steps, ARRAY_LEN(steps), close_end);
	ck_assert_uint_eq(end.at_peer.len, LONG);
	ck_assert_mem_eq(end.at_peer.p, long_text, LONG);
	ck_assert_uint_eq(end.got.len, 0);
	ck_assert_int_eq(end.n_ends, 1);
	script_forget(&end);
	free(long_text);
}
END_TEST

static bool finish(void)
{
	stream_finish(end.stream);
	stream_finish(end.stream);
	return true;
}

START_TEST(a_finished_stream_ends_though_the_peer_stays)
{
	const struct io_step steps[] = {{"finish", finish},
					{"peer_has_all_and_the_end", peer_has_all_and_the_end},
					{"has_ended", has_ended}};

	begin(_i);
	script_run(steps, 3, close_end);
	ck_assert_int_eq(end.end_err, STREAM_EOF);
	script_forget(&end);
}
END_TEST

START_TEST(a_finished_stream_that_cannot_send_may_be_closed)
{
	const struct io_step steps[] = {{"write_and_finish", write_and_finish}};

	make_long_text();
	begin(_i);
	script_run(steps, 1, close_end);
	ck_assert_int_eq(end.n_ends, 0);
	script_forget(&end);
	free(long_text);
}
END_TEST

START_TEST(a_finished_stream_that_breaks_ends_once)
{
	const struct io_step steps[] = {{"write_and_finish", write_and_finish},
					{"close_peer", close_peer},
					{"has_ended", has_ended}};

	make_long_text();
	begin(_i);
	script_run(steps, 3, close_end);
	ck_assert_int_eq(end.n_ends, 1);
	ck_assert_int_lt(end.end_err, 0);
	script_forget(&end);
	free(long_text);
}
END_TEST

static bool reset_by_peer(void)
{
	const struct linger now = {1, 0};

	setsockopt(end.peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(end.peer);
	end.peer = -1;
	return true;
}

START_TEST(a_peer_that_goes_while_it_is_written_to_is_told_once)
{
	const struct io_step steps[] = {{"write_long_text", write_long_text},
					{"is_blocked", is_blocked},
					{"reset_by_peer", reset_by_peer},
					{"has_ended", has_ended}};

	make_long_text();
	begin(_i);
	script_run(steps, 4, close_end);
	ck_assert_int_eq(end.n_ends, 1);
	ck_assert_int_lt(end.end_err, 0);
	script_forget(&end);
	free(long_text);
}
END_TEST

static bool peer_half_closes(void)
{
	shutdown(end.peer, SHUT_WR);
	return true;
}

static bool has_ended_twice(void)
{
	return end.n_ends == 2;
}

START_TEST(what_breaks_after_its_end_of_file_is_told_of_again)
{
	const struct io_step steps[] = {{"peer_half_closes", peer_half_closes},
					{"has_ended", has_ended},
					{"write_long_text", write_long_text},
					{"reset_by_peer", reset_by_peer},
					{"has_ended_twice", has_ended_twice}};

	make_long_text();
	begin(_i);
	script_run(steps, ARRAY_LEN(steps), close_end);
	ck_assert_int_lt(end.end_err, 0);
	ck_assert_int_ne(end.end_err, STREAM_EOF);
	script_forget(&end);
	free(long_text);
}
END_TEST

START_TEST(closing_drops_what_was_not_sent)
{
	const struct io_step steps[] = {{"write_long_text", write_long_text},
					{"is_blocked", is_blocked}};

	make_long_text();
	begin(_i);
	script_run(steps, 2, close_end); /* its end checks that no chunk is out */
	script_read_peer(&end);
	ck_assert_uint_lt(end.at_peer.len, LONG);
	script_forget(&end);
	free(long_text);
}
END_TEST

Suite *stream_write_suite(void)
{
	Suite *suite = suite_create("stream_write");
	TCase *tcase = tcase_create("stream_write");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, what_is_written_in_a_turn_leaves_at_its_end, 0, KINDS);
	tcase_add_loop_test(tcase, more_than_the_socket_takes_is_sent_as_there_is_room, 0, KINDS);
	tcase_add_loop_test(tcase, what_the_peer_has_read_counts_as_written, 0, KINDS);
	tcase_add_loop_test(tcase, a_finished_stream_sends_all_and_ends_when_the_peer_has_closed, 0,
			    KINDS);
	tcase_add_loop_test(tcase, a_finished_stream_ends_though_the_peer_stays, 0, KINDS);
	tcase_add_loop_test(tcase, a_finished_stream_that_cannot_send_may_be_closed, 0, KINDS);
	tcase_add_loop_test(tcase, a_finished_stream_that_breaks_ends_once, 0, KINDS);
	tcase_add_loop_test(tcase, a_peer_that_goes_while_it_is_written_to_is_told_once, 0, KINDS);
	tcase_add_loop_test(tcase, what_breaks_after_its_end_of_file_is_told_of_again, 0, KINDS);
	tcase_add_loop_test(tcase, closing_drops_what_was_not_sent, 0, KINDS);
	suite_add_tcase(suite, tcase);
	return suite;
}
