#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop_uv.h"

#define FLUSH_IOV   64	  /* entries of one write */
#define FLUSH_EARLY 16384 /* bytes to a client that do not wait for the end of the turn */
#define LINGER_MS   500	  /* how long unread input of a finished stream is dropped */
#define KEEPALIVE_S 60

static void on_writable(uv_write_t *req, int status);

/* ------------------------------------------------------------------ writing */

static void took(struct stream *s, size_t n)
{
	chain_consume(s->loop->pool, &s->out, n);
	s->written += n;
}

/* Let libuv write the rest once the socket has room. */
static int block(struct stream *s)
{
	uv_buf_t bufs[FLUSH_IOV];
	unsigned n = 0;

	for (struct segment *seg = s->out.head; seg != NULL && n < FLUSH_IOV; seg = seg->next)
		bufs[n++] = uv_buf_init((char *)(uintptr_t)seg->p, seg->len);
	s->blocked = malloc(sizeof(*s->blocked));
	if (s->blocked == NULL)
		return UV_ENOMEM;
	/* How much it will have written, for on_writable: the segments stay as they are. */
	uintptr_t total = 0;
	for (unsigned i = 0; i < n; i++)
		total += bufs[i].len;
	s->blocked->data = (void *)total;
	int err = uv_write(s->blocked, &s->uv.stream, bufs, n, on_writable);
	if (err != 0) {
		free(s->blocked);
		s->blocked = NULL;
	}
	return err;
}

/* Write until all is taken or the socket is full; 0 or a negative errno. */
static int write_out(struct stream *s)
{
	struct iovec iov[FLUSH_IOV];
	size_t bytes;

	while (!chain_is_empty(&s->out)) {
		int n = chain_gather(&s->out, iov, FLUSH_IOV, s->loop->scratch, LOOP_SCRATCH,
				     &bytes);
		int r = uv_try_write(&s->uv.stream, (uv_buf_t *)iov, (unsigned)n);

		if (r > 0)
			took(s, (size_t)r);
		if (r == UV_EAGAIN || (r >= 0 && (size_t)r < bytes))
			return block(s);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The owner of a finished stream is told of its end once, as of any other. */
static void on_linger_over(void *arg)
{
	struct stream *s = arg;

	if (!s->ended)
		stream_end(s, STREAM_EOF);
}

/* Everything of a finished stream is sent: say so, and drop what the peer still sends, because
 * closing over unread input resets the connection and the peer may lose our last words. */
static void begin_linger(struct stream *s)
{
	uv_os_fd_t fd;

	if (s->linger != NULL)
		return;
	if (s->ended || uv_fileno(&s->uv.handle, &fd) != 0) {
		s->events->on_end(s->owner, STREAM_EOF);
		return;
	}
	shutdown(fd, SHUT_WR);
	s->linger = timer_new(s->loop, on_linger_over, s);
	timer_start(s->linger, LINGER_MS);
	stream_start_reading(s);
}

static void tell_written(struct stream *s)
{
	if (s->closing || s->told == s->written)
		return;
	s->told = s->written;
	if (s->events->on_written != NULL)
		s->events->on_written(s->owner);
}

void stream_flush(struct stream *s)
{
	if (!s->connected || s->blocked != NULL || s->closing)
		return;
	int err = write_out(s);
	if (err != 0)
		stream_end(s, err);
	tell_written(s);
	if (err == 0 && !s->closing && s->finishing && chain_is_empty(&s->out))
		begin_linger(s);
}

static void on_writable(uv_write_t *req, int status)
{
	struct stream *s = req->handle->data;
	size_t n = (size_t)(uintptr_t)req->data;

	s->blocked = NULL;
	free(req);
	if (s->closing)
		return;
	took(s, n); /* after a failure too: some of it may have gone out */
	if (status != 0) {
		stream_end(s, status);
		return;
	}
	tell_written(s);
	if (!s->closing)
		stream_flush_soon(s);
}

struct chain *stream_out(struct stream *s)
{
	return &s->out;
}

void stream_flush_soon(struct stream *s)
{
	if (s->is_dirty || s->closing)
		return;
	s->is_dirty = true;
	TAILQ_INSERT_TAIL(&s->loop->dirty[s->role], s, dirty_link);
}

/*
 * Long replies leave at once, while the processor still has them in its cache and so that their
 * chunk can take the next read. Anything out of the ordinary, a full socket or a broken one, is
 * left for the flush at the end of the turn, and so is telling the owner.
 */
static void flush_early(struct stream *s)
{
	struct iovec iov[FLUSH_IOV];
	size_t bytes;
	int r = 1;

	while (r > 0 && !chain_is_empty(&s->out)) {
		int n = chain_gather(&s->out, iov, FLUSH_IOV, s->loop->scratch, LOOP_SCRATCH,
				     &bytes);

		r = uv_try_write(&s->uv.stream, (uv_buf_t *)iov, (unsigned)n);
		if (r > 0)
			took(s, (size_t)r);
		if (r >= 0 && (size_t)r < bytes)
			break;
	}
}

void stream_write(struct stream *s, struct chain *bytes)
{
	chain_move(s->loop->pool, &s->out, bytes);
	if (s->out.bytes >= FLUSH_EARLY && s->role == STREAM_CLIENT && s->connected &&
	    s->blocked == NULL && !s->finishing && !s->closing)
		flush_early(s);
	stream_flush_soon(s);
}

uint64_t stream_unsent(const struct stream *s)
{
	return s->out.bytes;
}

uint64_t stream_held(const struct stream *s)
{
	return s->out.bytes + (s->kept == NULL ? 0 : s->kept->cap);
}

uint64_t stream_written(const struct stream *s)
{
	/* How much of a blocked write has gone out, libuv tells only at its end. */
	return s->written + (s->blocked == NULL ? 0 : (uint64_t)(uintptr_t)s->blocked->data);
}

/* ------------------------------------------------------------------ life */

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void stream_close(struct stream *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	if (s->is_dirty)
		TAILQ_REMOVE(&s->loop->dirty[s->role], s, dirty_link);
	if (s->is_again) {
		TAILQ_REMOVE(&s->loop->again, s, again_link);
		s->loop->n_again--;
	}
	stream_drop_kept(s);
	chain_clear(s->loop->pool, &s->out);
	timer_free(s->linger);
	if (s->connecting != NULL)
		connecting_abandon(s->connecting);
	uv_close(&s->uv.handle, on_closed);
}

void stream_finish(struct stream *s)
{
	if (s->closing || s->finishing)
		return;
	s->finishing = true;
	stream_drop_kept(s);
	stream_flush_soon(s);
}

struct stream *stream_new(struct loop *loop, bool is_unix, const struct stream_events *events,
			  void *owner)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->events = events;
	s->owner = owner;
	s->is_unix = is_unix;
	if (is_unix)
		uv_pipe_init(&loop->uv, &s->uv.pipe, 0);
	else
		uv_tcp_init(&loop->uv, &s->uv.tcp);
	s->uv.handle.data = s;
	return s;
}

/* The connection stands, or could not be made. */
void stream_connected(struct stream *s, int err)
{
	s->connected = err == 0;
	if (err == 0 && !s->is_unix) {
		uv_tcp_nodelay(&s->uv.tcp, 1);
		uv_tcp_keepalive(&s->uv.tcp, 1, KEEPALIVE_S);
	}
	if (err == 0 && !s->paused)
		stream_start_reading(s);
	s->events->on_connected(s->owner, err);
	if (!s->closing && s->connected)
		stream_flush_soon(s);
}

struct stream *stream_accept(struct loop *loop, int fd, bool is_unix,
			     const struct stream_events *events, void *owner)
{
	struct stream *s = stream_new(loop, is_unix, events, owner);

	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->role = STREAM_CLIENT;
	int err = is_unix ? uv_pipe_open(&s->uv.pipe, fd) : uv_tcp_open(&s->uv.tcp, fd);
	if (err == 0) {
		s->connected = true;
		if (!is_unix) {
			uv_tcp_nodelay(&s->uv.tcp, 1);
			uv_tcp_keepalive(&s->uv.tcp, 1, KEEPALIVE_S);
		}
		err = stream_start_reading(s);
	}
	if (err != 0) {
		if (!s->connected)
			close(fd);
		stream_close(s);
		errno = -err;
		return NULL;
	}
	return s;
}

static void name_address(const struct stream *s,
			 int (*get)(const uv_tcp_t *, struct sockaddr *, int *), char *out,
			 size_t cap)
{
	struct sockaddr_storage address;
	int len = sizeof(address);
	char ip[64] = "?";

	if (s->is_unix || get(&s->uv.tcp, (struct sockaddr *)&address, &len) != 0) {
		snprintf(out, cap, "unix");
		return;
	}
	if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 =
			(const struct sockaddr_in6 *)(const void *)&address;

		uv_ip6_name(in6, ip, sizeof(ip));
		snprintf(out, cap, "[%s]:%u", ip, (unsigned)ntohs(in6->sin6_port));
	} else {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)&address;

		uv_ip4_name(in4, ip, sizeof(ip));
		snprintf(out, cap, "%s:%u", ip, (unsigned)ntohs(in4->sin_port));
	}
}

void stream_peer(const struct stream *s, char *out, size_t cap)
{
	name_address(s, uv_tcp_getpeername, out, cap);
}

void stream_local(const struct stream *s, char *out, size_t cap)
{
	name_address(s, uv_tcp_getsockname, out, cap);
}

const char *stream_error_text(int err)
{
	return uv_strerror(err);
}
