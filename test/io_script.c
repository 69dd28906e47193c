#include "io_script.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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
