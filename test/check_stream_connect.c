#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io_script.h"
#include "suites.h"

static struct io_end end;
static struct loop *loop;
static int listening;

static void begin(void)
{
	end = (struct io_end){.take = take_all, .peer = -1};
	loop = script_begin();
}

static void connect_to(const char *host, uint16_t port)
{
	end.stream = stream_connect(loop, host, port, 0, &io_end_events, &end);
	ck_assert_ptr_nonnull(end.stream);
	ck_assert_int_eq(end.n_connected, 0);
}

static void close_end(void)
{
	script_close(&end);
}

static bool is_told(void)
{
	return end.n_connected == 1;
}

static bool is_accepted(void)
{
	end.peer = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	return end.peer >= 0;
}

static bool peer_has_hello(void)
{
	script_read_peer(&end);
	return end.at_peer.len == 5;
}

static bool send_answer(void)
{
	script_send(end.peer, span_of("bye"));
	return true;
}

static bool has_answer(void)
{
	return end.got.len == 3;
}

static const struct io_step exchange[] = {
	{"is_told", is_told},
	{"is_accepted", is_accepted},
	{"peer_has_hello", peer_has_hello},
	{"send_answer", send_answer},
	{"has_answer", has_answer},
};

static void run_exchange(void)
{
	script_write(&end, span_of("hello"));
	script_run(exchange, ARRAY_LEN(exchange), close_end);
	ck_assert_int_eq(end.connect_err, 0);
	close(listening);
	script_forget(&end);
}

static const char *const hosts[] = {"127.0.0.1", "localhost"};

START_TEST(what_was_written_meanwhile_leaves_once_it_is_connected)
{
	uint16_t port;

	begin();
	listening = script_listen(&port);
	connect_to(hosts[_i], port);
	run_exchange();
}
END_TEST

/* A path of this process alone. */
static const char *socket_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/check_stream_%ld.sock", (long)getpid());
	return path;
}

START_TEST(port_0_is_a_unix_socket)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	strcpy(un.sun_path, socket_path());
	begin();
	unlink(un.sun_path);
	listening = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	connect_to(un.sun_path, 0);
	unlink(un.sun_path); /* after the connect has begun */
	run_exchange();
}
END_TEST

START_TEST(a_refusal_is_told_once_and_not_at_once)
{
	const struct io_step steps[] = {{"is_told", is_told}};

	begin();
	connect_to("127.0.0.1", script_free_port());
	script_write(&end, span_of("hello"));
	script_run(steps, 1, close_end);
	ck_assert_int_eq(end.connect_err, -ECONNREFUSED);
	ck_assert_str_eq(stream_error_text(end.connect_err), "connection refused");
	ck_assert_int_eq(end.n_ends, 0);
	script_forget(&end);
}
END_TEST

static const struct {
	const char *host;
	uint16_t port;
} nowhere[] = {
	{"/nonexistent/slipring.sock", 0},
	/* No resolver is asked for a name that none can have. */
	{"a-label-of-more-than-sixty-three-characters-is-no-name-of-anything", 1},
	{"", 1},
};

START_TEST(where_nothing_can_be_has_an_error_with_words)
{
	const struct io_step steps[] = {{"is_told", is_told}};

	begin();
	connect_to(nowhere[_i].host, nowhere[_i].port);
	script_run(steps, 1, close_end);
	ck_assert_int_lt(end.connect_err, 0);
	ck_assert_uint_gt(strlen(stream_error_text(end.connect_err)), 0);
	script_forget(&end);
}
END_TEST

START_TEST(an_attempt_may_be_given_up)
{
	uint16_t port;

	begin();
	listening = script_listen(&port);
	connect_to(hosts[_i], port);
	script_write(&end, span_of("hello"));
	script_run(NULL, 0, close_end);
	ck_assert_int_eq(end.n_connected, 0);
	close(listening);
	script_forget(&end);
}
END_TEST

/* Servers are written to before clients, so that a turn's requests leave before its replies. */
static struct io_end client_end;
static int server_writes_seen;

static void on_client_written(void *owner)
{
	(void)owner;
	server_writes_seen = end.n_written;
}

static size_t on_client_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	(void)owner;
	(void)chunk;
	return bytes.len;
}

static const struct stream_events client_events = {
	.on_bytes = on_client_bytes,
	.on_written = on_client_written,
};

static bool write_to_both(void)
{
	script_write(&client_end, span_of("reply"));
	script_write(&end, span_of("request"));
	return true;
}

static bool client_is_told(void)
{
	return server_writes_seen >= 0;
}

static void close_both(void)
{
	script_close(&client_end);
	script_close(&end);
}

START_TEST(servers_are_flushed_before_clients)
{
	const struct io_step steps[] = {{"is_told", is_told},
					{"write_to_both", write_to_both},
					{"client_is_told", client_is_told}};
	uint16_t port;
	int fds[2];

	begin();
	server_writes_seen = -1;
	listening = script_listen(&port);
	connect_to("127.0.0.1", port);
	script_pair(true, fds);
	client_end = (struct io_end){.peer = fds[1]};
	client_end.stream = stream_accept(loop, fds[0], true, &client_events, &client_end);
	script_run(steps, 3, close_both);
	ck_assert_int_eq(server_writes_seen, 1);
	close(listening);
	script_forget(&end);
	script_forget(&client_end);
}
END_TEST

Suite *stream_connect_suite(void)
{
	Suite *suite = suite_create("stream_connect");
	TCase *tcase = tcase_create("stream_connect");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, what_was_written_meanwhile_leaves_once_it_is_connected, 0,
			    ARRAY_LEN(hosts));
	tcase_add_test(tcase, port_0_is_a_unix_socket);
	tcase_add_test(tcase, a_refusal_is_told_once_and_not_at_once);
	tcase_add_loop_test(tcase, where_nothing_can_be_has_an_error_with_words, 0,
			    ARRAY_LEN(nowhere));
	tcase_add_loop_test(tcase, an_attempt_may_be_given_up, 0, ARRAY_LEN(hosts));
	tcase_add_test(tcase, servers_are_flushed_before_clients);
	suite_add_tcase(suite, tcase);
	return suite;
}
