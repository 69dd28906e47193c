#include <string.h>

#include "io/loop_uv.h"

#define CARRY_MAX  4096		       /* bytes of an incomplete message that are copied to go on */
#define KEPT_ROUND 256		       /* bytes: sizes of kept chunks are multiples of it */
#define KEPT_MAX   (UINT32_C(3) << 30) /* bytes; messages are bounded far below */

void stream_drop_kept(struct stream *s)
{
	if (s->kept != NULL)
		chunk_unref(s->kept);
	s->kept = NULL;
	s->kept_len = 0;
}

/* A capacity for `rest` bytes and what is known or likely to follow them. It grows with what has
 * come, not with what is announced: a length costs its sender nothing. */
static uint32_t capacity_for(const struct stream *s, size_t rest)
{
	uint64_t cap = rest;

	if (rest > CARRY_MAX && !s->paused) {
		cap = 4 * (uint64_t)rest < KEPT_MAX ? 4 * (uint64_t)rest : KEPT_MAX;
		if (s->expect > rest && s->expect < cap)
			cap = s->expect;
	}
	return (uint32_t)((cap + KEPT_ROUND - 1) / KEPT_ROUND * KEPT_ROUND);
}

/* Keep the bytes that on_bytes left, for the next read to go on with. */
static void keep(struct stream *s, struct span rest)
{
	if (rest.len == 0 && s->kept != NULL && s->expect > 0 &&
	    s->kept->cap - s->kept->used >= CHUNK_READ_MIN) {
		s->kept_len = 0; /* the body goes on: so does its chunk */
		return;
	}
	if (rest.len == 0) {
		stream_drop_kept(s);
		return;
	}
	if (s->kept != NULL && rest.p >= s->kept->data && rest.p <= s->kept->data + s->kept->cap) {
		s->kept_at = (uint32_t)(rest.p - s->kept->data);
		s->kept_len = (uint32_t)rest.len;
		if (s->kept->used < s->kept->cap || rest.len <= CARRY_MAX)
			return;
	}
	struct chunk *chunk = chunk_new(s->loop->pool, capacity_for(s, rest.len));

	memcpy(chunk->data, rest.p, rest.len);
	chunk->used = (uint32_t)rest.len;
	stream_drop_kept(s);
	s->kept = chunk;
	s->kept_at = 0;
	s->kept_len = (uint32_t)rest.len;
}

static void deliver(struct stream *s, struct chunk *chunk, struct span bytes)
{
	chunk_ref(chunk); /* the owner may close the stream, and with it its kept chunk */
	s->expect = 0;
	size_t took = s->events->on_bytes(s->owner, chunk, bytes);
	if (!s->closing && !s->finishing)
		keep(s, span_skip(bytes, took));
	chunk_unref(chunk);
}

/* Is the kept chunk the place to read on into? Otherwise its few bytes are carried over. */
static bool reads_into_kept(const struct stream *s)
{
	return s->kept != NULL && s->kept_len > CARRY_MAX && s->kept->cap > s->kept->used;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct stream *s = handle->data;
	struct chunk *chunk;

	(void)suggested;
	if (s->finishing) {
		*buf = uv_buf_init(s->loop->scratch, LOOP_SCRATCH);
	} else if (reads_into_kept(s)) {
		chunk = s->kept;
		*buf = uv_buf_init(chunk->data + chunk->used, chunk->cap - chunk->used);
	} else if (s->kept == NULL && s->expect > CHUNK_SIZE) {
		/* A long body that is passed on as it comes. */
		s->kept = chunk = chunk_new(s->loop->pool, CHUNK_BODY);
		s->kept_at = s->kept_len = 0;
		*buf = uv_buf_init(chunk->data, chunk->cap);
	} else if (s->kept != NULL && s->kept_len == 0) {
		chunk = s->kept;
		*buf = uv_buf_init(chunk->data + chunk->used, chunk->cap - chunk->used);
	} else {
		chunk = chunk_pool_reading(s->loop->pool);
		uint32_t at = chunk->used + s->kept_len;
		*buf = uv_buf_init(chunk->data + at, chunk->cap - at);
	}
}

/* n bytes have come to where on_alloc pointed. */
static void take_in(struct stream *s, uint32_t n)
{
	struct chunk *chunk = s->kept;

	if (chunk != NULL && (s->kept_len == 0 || reads_into_kept(s))) {
		uint32_t len = s->kept_len + n;

		chunk->used += n;
		s->kept_at = chunk->used - len;
		s->kept_len = len;
		deliver(s, chunk, span_make(chunk->data + s->kept_at, len));
		return;
	}
	chunk = s->loop->pool->reading;
	char *to = chunk->data + chunk->used;
	uint32_t len = s->kept_len + n;
	if (s->kept != NULL)
		memcpy(to, s->kept->data + s->kept_at, s->kept_len);
	stream_drop_kept(s);
	chunk->used += len;
	deliver(s, chunk, span_make(to, len));
}

void stream_end(struct stream *s, int err)
{
	if (s->closing || !s->connected || (err == UV_EOF && s->ended))
		return;
	s->ended = true;
	if (err != UV_EOF)
		s->connected = false;
	uv_read_stop(&s->uv.stream);
	/* A finished stream that still sends ends when that is done. */
	if (!s->finishing || err != UV_EOF || chain_is_empty(&s->out))
		s->events->on_end(s->owner, err);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = uv->data;

	(void)buf;
	if (n < 0)
		stream_end(s, (int)n);
	else if (n > 0 && !s->finishing)
		take_in(s, (uint32_t)n);
}

int stream_start_reading(struct stream *s)
{
	return uv_read_start(&s->uv.stream, on_alloc, on_read);
}

void stream_deliver_again(struct stream *s)
{
	if (s->finishing || s->paused)
		return;
	deliver(s, s->kept, span_make(s->kept->data + s->kept_at, s->kept_len));
	/* Only now is anything read that comes behind, be it the end. */
	if (!s->closing && !s->finishing && !s->paused && s->connected && !s->ended)
		stream_start_reading(s);
}

void stream_expect(struct stream *s, uint64_t n)
{
	s->expect = n;
}

void stream_pause(struct stream *s)
{
	if (!s->paused && s->connected && !s->ended)
		uv_read_stop(&s->uv.stream);
	s->paused = true;
}

void stream_resume(struct stream *s)
{
	if (!s->paused || s->closing)
		return;
	s->paused = false;
	if (s->kept_len == 0) {
		if (s->connected && !s->ended)
			stream_start_reading(s);
	} else if (!s->is_again) {
		s->is_again = true;
		s->loop->n_again++;
		TAILQ_INSERT_TAIL(&s->loop->again, s, again_link);
	}
}
