#include "base/chunk.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/chain.h"

#define FREE_STANDARD_MAX 64 /* 4 MiB kept for reuse */
#define FREE_BODY_MAX	  32 /* 4 MiB */

void chunk_pool_init(struct chunk_pool *pool, uint64_t bytes_max)
{
	*pool = (struct chunk_pool){.bytes_max = bytes_max};
	slab_init(&pool->segments, sizeof(struct segment), UINT32_MAX);
}

static void free_list(struct chunk *head)
{
	while (head != NULL) {
		struct chunk *next = head->next_free;

		free(head);
		head = next;
	}
}

void chunk_pool_fini(struct chunk_pool *pool)
{
	if (pool->reading != NULL)
		chunk_unref(pool->reading);
	if (pool->writing != NULL)
		chunk_unref(pool->writing);
	assert(pool->bytes_out == 0);
	free_list(pool->free_standard);
	free_list(pool->free_body);
	slab_fini(&pool->segments);
}

static uint64_t in_use(const struct chunk_pool *pool)
{
	return pool->bytes_out + (uint64_t)pool->segments.used * sizeof(struct segment);
}

bool chunk_pool_is_full(const struct chunk_pool *pool)
{
	return in_use(pool) >= pool->bytes_max;
}

bool chunk_pool_is_pressed(const struct chunk_pool *pool)
{
	return in_use(pool) >= pool->bytes_max / 2;
}

static struct chunk *pop(struct chunk **list, uint32_t *n)
{
	struct chunk *chunk = *list;

	if (chunk != NULL) {
		*list = chunk->next_free;
		--*n;
	}
	return chunk;
}

struct chunk *chunk_new(struct chunk_pool *pool, uint32_t cap)
{
	struct chunk *chunk = NULL;

	if (cap == CHUNK_SIZE)
		chunk = pop(&pool->free_standard, &pool->n_free_standard);
	else if (cap == CHUNK_BODY)
		chunk = pop(&pool->free_body, &pool->n_free_body);
	if (chunk == NULL) {
		chunk = malloc(sizeof(*chunk) + cap);
		if (chunk == NULL) {
			fputs("slipring: out of memory\n", stderr);
			abort();
		}
	}
	chunk->refs = 1;
	chunk->cap = cap;
	chunk->used = 0;
	chunk->pool = pool;
	pool->bytes_out += cap;
	return chunk;
}

static void push(struct chunk **list, uint32_t *n, struct chunk *chunk)
{
	chunk->next_free = *list;
	*list = chunk;
	++*n;
}

void chunk_release(struct chunk *chunk)
{
	struct chunk_pool *pool = chunk->pool;

	pool->bytes_out -= chunk->cap;
	if (chunk->cap == CHUNK_SIZE && pool->n_free_standard < FREE_STANDARD_MAX)
		push(&pool->free_standard, &pool->n_free_standard, chunk);
	else if (chunk->cap == CHUNK_BODY && pool->n_free_body < FREE_BODY_MAX)
		push(&pool->free_body, &pool->n_free_body, chunk);
	else
		free(chunk);
}

/* The open chunk in *slot with `room` bytes left, exchanged for another where it has less. */
static struct chunk *open_chunk(struct chunk_pool *pool, struct chunk **slot, uint32_t room)
{
	struct chunk *chunk = *slot;

	if (likely(chunk != NULL)) {
		if (chunk->refs == 1)
			chunk->used = 0;
		if (likely(chunk->cap - chunk->used >= room))
			return chunk;
		chunk_unref(chunk);
	}
	return *slot = chunk_new(pool, CHUNK_SIZE);
}

struct chunk *chunk_pool_reading(struct chunk_pool *pool)
{
	return open_chunk(pool, &pool->reading, CHUNK_READ_MIN);
}

struct chunk *chunk_pool_writing(struct chunk_pool *pool, uint32_t n)
{
	return open_chunk(pool, &pool->writing, n);
}
