#include "fake_io.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fake_inside.h"

#define EARLY_MIN 16384 /* bytes to a client that do not wait for the end of the turn */

/* ------------------------------------------------------------------ reading */

static void drop_kept(struct stream *s)
{
	if (s->kept != NULL)
		chunk_unref(s->kept);
	s->kept = NULL;
	s->kept_len = 0;
}

/* Have a chunk of the stream's own hold `bytes`, with `room` behind them. */
static void keep(struct stream *s, struct span bytes, size_t room)
{
	struct chunk *chunk = chunk_new(s->loop->pool, (uint32_t)(bytes.len + room));

	if (bytes.len > 0)
		memcpy(chunk->data, bytes.p, bytes.len);
	chunk->used = (uint32_t)bytes.len;
	drop_kept(s);
	s->kept = chunk;
	s->kept_at = 0;
	s->kept_len = (uint32_t)bytes.len;
}

static void deliver(struct stream *s, struct chunk *chunk, struct span bytes)
{
	chunk_ref(chunk);
	s->expect = 0;
	size_t took = s->events->on_bytes(s->owner, chunk, bytes);
	struct span rest = span_skip(bytes, took);
	if (s->closing || s->finishing) {
		/* Its kept bytes are gone. */
	} else if (rest.len == 0 && s->expect <= CHUNK_READ_MIN) {
		drop_kept(s);
	} else if (rest.len == 0) {
		/* The rest of a long body goes on in its chunk. */
		s->kept_at = s->kept == NULL ? 0 : s->kept->used;
		s->kept_len = 0;
	} else if (chunk == s->kept) {
		s->kept_at = (uint32_t)(rest.p - chunk->data);
		s->kept_len = (uint32_t)rest.len;
	} else {
		keep(s, rest, s->expect > CHUNK_READ_MIN ? CHUNK_READ_MIN : 0);
	}
	chunk_unref(chunk);
}

/* Is the message long enough to be read on in a chunk of its own? */
static bool has_own_chunk(const struct stream *s)
{
	return s->kept_len > CHUNK_READ_MIN / 2 || s->expect > CHUNK_READ_MIN;
}

static void read_to_own_chunk(struct stream *s, size_t max)
{
	struct fake_bytes *given = &s->peer->given;

	if (s->kept == NULL || s->kept->used == s->kept->cap)
		keep(s, span_make(s->kept == NULL ? NULL : s->kept->data + s->kept_at, s->kept_len),
		     s->kept_len < CHUNK_BODY / 2 ? CHUNK_BODY - s->kept_len : s->kept_len);
	struct chunk *chunk = s->kept;
	uint32_t n = chunk->cap - chunk->used < max ? chunk->cap - chunk->used : (uint32_t)max;
	memcpy(chunk->data + chunk->used, given->p + given->at, n);
	given->at += n;
	chunk->used += n;
	s->kept_len += n;
	deliver(s, chunk, span_make(chunk->data + s->kept_at, s->kept_len));
}

/* Into the chunk that the pool lends, behind the few bytes that were kept. */
static void read_to_lent_chunk(struct stream *s, size_t max)
{
	struct fake_bytes *given = &s->peer->given;
	struct chunk *chunk = chunk_pool_reading(s->loop->pool);
	char *to = chunk->data + chunk->used;
	uint32_t room = chunk->cap - chunk->used - s->kept_len;
	uint32_t n = room < max ? room : (uint32_t)max;
	uint32_t len = s->kept_len + n;

	if (s->kept_len > 0)
		memcpy(to, s->kept->data + s->kept_at, s->kept_len);
	memcpy(to + s->kept_len, given->p + given->at, n);
	given->at += n;
	chunk->used += len;
	drop_kept(s);
	deliver(s, chunk, span_make(to, len));
}

static void end(struct stream *s, int err)
{
	if (s->closing || !s->connected || (err == STREAM_EOF && s->ended))
		return;
	s->ended = true;
	s->loop->progress = true;
	if (err != STREAM_EOF)
		s->connected = false;
	/* A finished stream that still sends ends when that is done. */
	if (!s->finishing || err != STREAM_EOF || chain_is_empty(&s->out))
		s->events->on_end(s->owner, err);
}

static bool is_readable(const struct stream *s)
{
	/* What was kept goes first, at the end of the turn. */
	return s->connected && !s->closing && !s->ended && !s->paused && !s->is_again;
}

static void read_all(struct stream *s)
{
	struct fake_bytes *given = &s->peer->given;

	while (is_readable(s) && given->len > given->at) {
		size_t max = given->len - given->at;

		max = max < s->peer->read_max ? max : s->peer->read_max;
		s->loop->progress = true;
		if (s->finishing)
			given->at = given->len;
		else if (has_own_chunk(s))
			read_to_own_chunk(s, max);
		else
			read_to_lent_chunk(s, max);
	}
	if (is_readable(s) && s->peer->end_is_due)
		end(s, s->peer->end_err);
}

void fake_stream_deliver_again(struct stream *s)
{
	if (s->kept_len > 0 && !s->finishing && !s->paused)
		deliver(s, s->kept, span_make(s->kept->data + s->kept_at, s->kept_len));
}

void stream_expect(struct stream *s, uint64_t n)
{
	s->expect = n;
}

void stream_pause(struct stream *s)
{
	assert(!s->closing);
	s->paused = true;
}

void stream_resume(struct stream *s)
{
	assert(!s->closing);
	if (s->paused)
		s->loop->progress = true;
	if (s->paused && s->kept_len > 0 && !s->is_again) {
		s->is_again = true;
		s->loop->n_again++;
		TAILQ_INSERT_TAIL(&s->loop->again, s, again_link);
	}
	s->paused = false;
}

/* ------------------------------------------------------------------ writing */

static void take_out(struct stream *s, size_t n)
{
	struct fake_bytes *got = &s->peer->got;

	chain_peek(&s->out, fake_reserve(got, n), n);
	got->len += n;
	chain_consume(s->loop->pool, &s->out, n);
	s->written += n;
	s->loop->progress = true;
}

static void on_linger_over(void *arg)
{
	end(arg, STREAM_EOF);
}

/* Everything of a finished stream is sent. */
static void begin_linger(struct stream *s)
{
	if (s->linger != NULL)
		return;
	s->peer->state = FAKE_FINISHED;
	s->loop->progress = true;
	if (s->ended) {
		s->events->on_end(s->owner, STREAM_EOF);
		return;
	}
	s->linger = timer_new(s->loop, on_linger_over, s);
	timer_start(s->linger, FAKE_LINGER_MS);
}

void fake_stream_flush(struct stream *s)
{
	size_t n = s->out.bytes < s->peer->flush_max ? (size_t)s->out.bytes : s->peer->flush_max;
	bool is_broken = s->peer->end_is_due && s->peer->end_err != STREAM_EOF;

	if (!s->connected || s->closing)
		return;
	if (n > 0 && is_broken)
		end(s, s->peer->end_err);
	else if (n > 0)
		take_out(s, n);
	if (s->closing)
		return;
	s->blocked = !chain_is_empty(&s->out);
	if (s->told != s->written && s->events->on_written != NULL) {
		s->told = s->written;
		s->events->on_written(s->owner);
	}
	if (!s->closing && s->connected && s->finishing && chain_is_empty(&s->out))
		begin_linger(s);
}

struct chain *stream_out(struct stream *s)
{
	assert(!s->closing && !s->finishing);
	return &s->out;
}

void stream_flush_soon(struct stream *s)
{
	assert(!s->closing);
	if (s->is_dirty)
		return;
	s->is_dirty = true;
	TAILQ_INSERT_TAIL(&s->loop->dirty[s->role], s, dirty_link);
}

void stream_write(struct stream *s, struct chain *bytes)
{
	assert(!s->closing && !s->finishing);
	chain_move(s->loop->pool, &s->out, bytes);
	/* Long replies leave at once; a socket that is ever full takes nothing before its flush. */
	if (s->role == STREAM_CLIENT && s->out.bytes >= EARLY_MIN && s->peer->flush_max == SIZE_MAX)
		take_out(s, (size_t)s->out.bytes);
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
	return s->written;
}

/* ------------------------------------------------------------------ life */

static struct stream *stream_new(struct loop *loop, enum stream_role role,
				 const struct stream_events *events, void *owner)
{
	struct stream *s = alloc_zeroed(1, sizeof(*s));

	s->loop = loop;
	s->role = role;
	s->events = events;
	s->owner = owner;
	s->peer = fake_peer_new(loop, s);
	TAILQ_INSERT_TAIL(&loop->streams, s, link);
	return s;
}

struct stream *stream_accept(struct loop *loop, int fd, bool is_unix,
			     const struct stream_events *events, void *owner)
{
	if (fd < 0) {
		errno = EBADF;
		return NULL;
	}
	assert(fake_client(loop, fd) == NULL);
	struct stream *s = stream_new(loop, STREAM_CLIENT, events, owner);
	s->connected = true;
	s->is_unix = is_unix;
	s->peer->fd = fd;
	s->peer->state = FAKE_OPEN;
	return s;
}

struct stream *stream_connect(struct loop *loop, const char *host, uint16_t port, uint32_t attempt,
			      const struct stream_events *events, void *owner)
{
	struct stream *s = stream_new(loop, STREAM_SERVER, events, owner);

	(void)attempt;
	s->is_unix = port == 0;
	s->peer->port = port;
	snprintf(s->peer->host, sizeof(s->peer->host), "%s", host);
	return s;
}

void fake_stream_poll(struct stream *s)
{
	struct fake_peer *peer = s->peer;

	if (s->closing)
		return;
	if (!s->connected && peer->connect_is_due) {
		peer->connect_is_due = false;
		s->loop->progress = true;
		s->connected = peer->connect_err == 0;
		peer->state = s->connected ? FAKE_OPEN : FAKE_CONNECTING;
		s->events->on_connected(s->owner, peer->connect_err);
		if (!s->closing && s->connected)
			stream_flush_soon(s);
	}
	if (!s->closing)
		read_all(s);
	if (!s->closing && s->blocked && peer->flush_max > 0)
		stream_flush_soon(s);
}

void stream_finish(struct stream *s)
{
	if (s->closing || s->finishing)
		return;
	s->finishing = true;
	drop_kept(s);
	stream_flush_soon(s);
}

void stream_close(struct stream *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	s->loop->progress = true;
	if (s->is_dirty)
		TAILQ_REMOVE(&s->loop->dirty[s->role], s, dirty_link);
	if (s->is_again) {
		TAILQ_REMOVE(&s->loop->again, s, again_link);
		s->loop->n_again--;
	}
	drop_kept(s);
	chain_clear(s->loop->pool, &s->out);
	timer_free(s->linger);
	s->peer->stream = NULL;
	if (s->peer->state != FAKE_FINISHED)
		s->peer->state = FAKE_CLOSED;
}

void stream_peer(const struct stream *s, char *out, size_t cap)
{
	if (s->is_unix)
		snprintf(out, cap, "unix");
	else
		snprintf(out, cap, "10.0.0.1:%d", s->peer->fd);
}

void stream_local(const struct stream *s, char *out, size_t cap)
{
	if (s->is_unix)
		snprintf(out, cap, "unix");
	else
		snprintf(out, cap, "10.0.0.1:%d", s->peer->fd);
}

const char *stream_error_text(int err)
{
	return err == -ECONNREFUSED ? "connection refused" : strerror(-err);
}
