#include "io_script.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_MS	    1
#define DEADLINE_MS 10000

static struct {
	struct loop *loop;
	struct chunk_pool pool;
	const struct io_step *steps;
	size_t n, at;
	struct timer *poll;
	uint32_t polls;
	void (*close_all)(void);
} script;

struct loop *script_begin(void)
{
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	chunk_pool_init(&script.pool, 1 << 30);
	return script.loop = loop_new(&script.pool);
}

struct chunk_pool *script_pool(void)
{
	return &script.pool;
}

static void on_poll(void *arg)
{
	(void)arg;
	while (script.at < script.n && script.steps[script.at].is_done()) {
		script.at++;
		script.polls = 0;
	}
	if (script.at == script.n || ++script.polls == DEADLINE_MS / POLL_MS) {
		script.close_all();
		timer_free(script.poll);
		loop_stop(script.loop);
		return;
	}
	timer_start(script.poll, POLL_MS);
}

void script_run(const struct io_step *steps, size_t n, void (*close_all)(void))
{
	script.steps = steps;
	script.n = n;
	script.at = 0;
	script.polls = 0;
	script.close_all = close_all;
	script.poll = timer_new(script.loop, on_poll, NULL);
	timer_start(script.poll, 0);
	loop_run(script.loop);
	loop_run_out(script.loop);
	loop_free(script.loop);
	chunk_pool_fini(&script.pool);
	if (script.at < n)
		ck_abort_msg("step %s did not end", steps[script.at].name);
}

int script_listen(uint16_t *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

uint16_t script_free_port(void)
{
	uint16_t port;

	close(script_listen(&port));
	return port;
}

static void make_nonblocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

void script_pair(bool is_unix, int fds[2])
{
	if (is_unix) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	} else {
		struct sockaddr_in in = {.sin_family = AF_INET};
		uint16_t port;
		int listening = script_listen(&port);

		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in.sin_port = htons(port);
		fds[0] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&in, sizeof(in)), 0);
		fds[1] = accept(listening, NULL, NULL);
		ck_assert_int_ge(fds[1], 0);
		close(listening);
	}
	make_nonblocking(fds[0]);
	make_nonblocking(fds[1]);
}

void script_send(int fd, struct span bytes)
{
	ck_assert_int_eq(send(fd, bytes.p, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
}

/* ------------------------------------------------------------------ ends */

static size_t on_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	struct io_end *end = owner;

	ck_assert_int_eq(end->n_ends, 0);
	ck_assert(bytes.len > 0 && bytes.p >= chunk->data &&
		  bytes.p + bytes.len <= chunk->data + chunk->used);
	size_t took = end->take(bytes);
	if (took > 0)
		text_append(&end->got, span_make(bytes.p, took));
	if (took < bytes.len && end->stream != NULL)
		stream_expect(end->stream, end->expect);
	return took;
}

static void on_connected(void *owner, int err)
{
	struct io_end *end = owner;

	end->n_connected++;
	end->connect_err = err;
}

static void on_written(void *owner)
{
	((struct io_end *)owner)->n_written++;
}

static void on_end(void *owner, int err)
{
	struct io_end *end = owner;

	end->n_ends++;
	end->end_err = err;
}

const struct stream_events io_end_events = {
	.on_connected = on_connected,
	.on_bytes = on_bytes,
	.on_written = on_written,
	.on_end = on_end,
};

size_t take_all(struct span bytes)
{
	return bytes.len;
}

size_t take_lines(struct span bytes)
{
	size_t len = bytes.len;

	while (len > 0 && bytes.p[len - 1] != '\n')
		len--;
	return len;
}

struct loop *script_accept(struct io_end *end, bool is_unix, size_t (*take)(struct span bytes))
{
	struct loop *loop = script_begin();
	int fds[2];

	*end = (struct io_end){.take = take};
	script_pair(is_unix, fds);
	end->peer = fds[1];
	end->stream = stream_accept(loop, fds[0], is_unix, &io_end_events, end);
	ck_assert_ptr_nonnull(end->stream);
	return loop;
}

void script_close(struct io_end *end)
{
	if (end->stream != NULL)
		stream_close(end->stream);
	end->stream = NULL;
}

void script_forget(struct io_end *end)
{
	if (end->peer >= 0)
		close(end->peer);
	text_free(&end->got);
	text_free(&end->at_peer);
}

void script_write(struct io_end *end, struct span bytes)
{
	struct chain chain = {0};

	chain_copy(&script.pool, &chain, bytes);
	stream_write(end->stream, &chain);
	ck_assert(chain_is_empty(&chain));
}

void script_read_peer(struct io_end *end)
{
	static char buf[65536];
	ssize_t n;

	while ((n = recv(end->peer, buf, sizeof(buf), 0)) > 0)
		text_append(&end->at_peer, span_make(buf, (size_t)n));
	ck_assert(n == 0 || errno == EAGAIN);
	end->peer_ended = n == 0;
}
