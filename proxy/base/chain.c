#include "base/chain.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct segment *segment_new(struct chunk_pool *pool)
{
	struct segment *segment = slab_get(&pool->segments);

	if (unlikely(segment == NULL)) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	return segment;
}

static void segment_free(struct chunk_pool *pool, struct segment *segment)
{
	if (segment->chunk != NULL)
		chunk_unref(segment->chunk);
	slab_put(&pool->segments, segment);
}

static void push(struct chain *chain, struct segment *segment)
{
	segment->next = NULL;
	if (chain->head == NULL)
		chain->head = segment;
	else
		chain->tail->next = segment;
	chain->tail = segment;
}

void chain_append(struct chunk_pool *pool, struct chain *chain, struct chunk *chunk,
		  struct span bytes)
{
	struct segment *tail = chain->tail;

	if (unlikely(bytes.len == 0))
		return;
	chain->bytes += bytes.len;
	if (chain->head != NULL && tail->chunk == chunk && chunk != NULL &&
	    tail->p + tail->len == bytes.p) {
		tail->len += (uint32_t)bytes.len;
		return;
	}
	struct segment *segment = segment_new(pool);
	segment->p = bytes.p;
	segment->len = (uint32_t)bytes.len;
	segment->chunk = chunk == NULL ? NULL : chunk_ref(chunk);
	push(chain, segment);
}

void chain_copy(struct chunk_pool *pool, struct chain *chain, struct span bytes)
{
	while (bytes.len > 0) {
		uint32_t n = bytes.len < CHUNK_SIZE ? (uint32_t)bytes.len : CHUNK_SIZE;
		struct chunk *chunk = chunk_pool_writing(pool, n);
		char *to = chunk->data + chunk->used;

		memcpy(to, bytes.p, n);
		chunk->used += n;
		chain_append(pool, chain, chunk, span_make(to, n));
		bytes = span_skip(bytes, n);
	}
}

void chain_share(struct chunk_pool *pool, struct chain *to, const struct chain *from)
{
	for (const struct segment *s = from->head; s != NULL; s = s->next)
		chain_append(pool, to, s->chunk, span_make(s->p, s->len));
}

void chain_move(struct chunk_pool *pool, struct chain *to, struct chain *from)
{
	struct segment *first = from->head;

	if (first == NULL)
		return;
	if (to->head == NULL) {
		*to = *from;
	} else if (first->chunk != NULL && to->tail->chunk == first->chunk &&
		   to->tail->p + to->tail->len == first->p) {
		to->tail->len += first->len;
		to->tail->next = first->next;
		to->tail = first->next == NULL ? to->tail : from->tail;
		to->bytes += from->bytes;
		segment_free(pool, first);
	} else {
		to->tail->next = first;
		to->tail = from->tail;
		to->bytes += from->bytes;
	}
	*from = (struct chain){0};
}

/* Drop the first segment. */
static void pop(struct chunk_pool *pool, struct chain *chain)
{
	struct segment *head = chain->head;

	chain->bytes -= head->len;
	chain->head = head->next;
	if (chain->head == NULL)
		chain->tail = NULL;
	segment_free(pool, head);
}

/* Drop the first n bytes of the first segment, which has more. */
static void trim_head(struct chain *chain, uint64_t n)
{
	chain->head->p += n;
	chain->head->len -= (uint32_t)n;
	chain->bytes -= n;
}

void chain_move_head(struct chunk_pool *pool, struct chain *to, struct chain *from, uint64_t n)
{
	assert(n <= from->bytes);
	while (n > 0) {
		struct segment *head = from->head;
		uint64_t part = head->len < n ? head->len : n;

		chain_append(pool, to, head->chunk, span_make(head->p, part));
		if (part == head->len)
			pop(pool, from);
		else
			trim_head(from, part);
		n -= part;
	}
}

void chain_consume(struct chunk_pool *pool, struct chain *chain, uint64_t n)
{
	assert(n <= chain->bytes);
	while (n > 0 && n >= chain->head->len) {
		n -= chain->head->len;
		pop(pool, chain);
	}
	if (n > 0)
		trim_head(chain, n);
}

void chain_drop_tail(struct chunk_pool *pool, struct chain *chain, uint64_t n)
{
	struct chain kept = {0};

	assert(n <= chain->bytes);
	if (chain->tail != NULL && n < chain->tail->len) {
		chain->tail->len -= (uint32_t)n;
		chain->bytes -= n;
		return;
	}
	chain_move_head(pool, &kept, chain, chain->bytes - n);
	chain_clear(pool, chain);
	*chain = kept;
}

void chain_clear(struct chunk_pool *pool, struct chain *chain)
{
	while (chain->head != NULL)
		pop(pool, chain);
}

void chain_detach(struct chunk_pool *pool, struct chain *chain)
{
	uint32_t len = (uint32_t)chain->bytes;

	if (len == 0)
		return;
	struct chunk *chunk = chunk_new(pool, len);
	chunk->used = (uint32_t)chain_peek(chain, chunk->data, len);
	chain_clear(pool, chain);
	chain_append(pool, chain, chunk, span_make(chunk->data, len));
	chunk_unref(chunk);
}

size_t chain_peek(const struct chain *chain, char *buf, size_t n)
{
	size_t done = 0;

	for (const struct segment *s = chain->head; s != NULL && done < n; s = s->next) {
		size_t part = s->len < n - done ? s->len : n - done;

		memcpy(buf + done, s->p, part);
		done += part;
	}
	return done;
}

int chain_gather(const struct chain *chain, struct iovec *iov, int max, char *scratch, size_t cap,
		 size_t *bytes)
{
	const struct segment *s = chain->head;
	size_t copied = 0, total = 0;
	char *run_end = NULL; /* where a copy must land to grow the entry before it */
	int n = 0;

	assert(scratch != NULL);
	for (; s != NULL; s = s->next) {
		bool copy = s->len <= CHAIN_GATHER_MAX && s->len <= cap - copied;
		char *to = scratch + copied;

		if (n == max && !(copy && run_end == to))
			break;
		total += s->len;
		if (!copy || (s->next == NULL && n == 0)) {
			iov[n++] = (struct iovec){(void *)(uintptr_t)s->p, s->len};
			run_end = NULL;
			continue;
		}
		memcpy(to, s->p, s->len);
		copied += s->len;
		if (run_end == to)
			iov[n - 1].iov_len += s->len;
		else
			iov[n++] = (struct iovec){to, s->len};
		run_end = scratch + copied;
	}
	*bytes = total;
	return n;
}
