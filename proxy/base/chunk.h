/*
 * chunk.h - refcounted blocks of bytes, and a worker's pool of them.
 *
 *      struct chunk   +--------- used ---------+------- room -------+
 *      refs, cap ...  | bytes that chains hold | next read or copy  |
 *                     +------------------------+--------------------+
 *
 * Bytes below `used` never change while anyone but the pool holds a reference, so any number of
 * chains may share them. The pool itself keeps two chunks open: `reading` is lent to whichever
 * connection is readable, `writing` takes small copies. When the pool's own reference is the last
 * one, an open chunk starts again at 0, so that a quiet worker stays in one warm block.
 * One thread's; counts are plain integers. Layer: base. Includes: slab, span.
 */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slab.h"

#define CHUNK_SIZE     65536	    /* bytes of a standard chunk's data */
#define CHUNK_BODY     (128 * 1024) /* bytes of a chunk for a long body */
#define CHUNK_READ_MIN 16384	    /* bytes of room below which `reading` is exchanged */

struct chunk_pool;

struct chunk {
	uint32_t refs;
	uint32_t cap;  /* bytes of data[] */
	uint32_t used; /* bytes of data[] that are taken */
	struct chunk_pool *pool;
	struct chunk *next_free; /* private */
	char data[];
};

struct chunk_pool {
	struct chunk *reading, *writing;
	struct chunk *free_standard, *free_body; /* private: kept for reuse */
	uint32_t n_free_standard, n_free_body;
	uint64_t bytes_out;   /* bytes of all chunks in use, the two open ones included */
	uint64_t bytes_max;   /* above it the owner refuses work; see chunk_pool_is_full() */
	struct slab segments; /* for chain.c */
};

/* A pool that should stay below bytes_max. Allocates nothing until used. */
void chunk_pool_init(struct chunk_pool *pool, uint64_t bytes_max);

/* Free everything; all chunks must have been released. */
void chunk_pool_fini(struct chunk_pool *pool);

/*
 * Are bytes_max reached? The data path asks before it takes on work (a command, more of a body)
 * and refuses; what is under way may still allocate, so that no step in the middle can fail.
 */
bool chunk_pool_is_full(const struct chunk_pool *pool);

/* Is more than half of bytes_max in use? Then small pieces should not pin whole chunks. */
bool chunk_pool_is_pressed(const struct chunk_pool *pool);

/* A chunk of at least `cap` bytes with one reference and used 0. Aborts with no memory. */
NODISCARD struct chunk *chunk_new(struct chunk_pool *pool, uint32_t cap);

/* The open chunk to read into: has at least CHUNK_READ_MIN bytes of room. */
struct chunk *chunk_pool_reading(struct chunk_pool *pool);

/* The open chunk to copy n bytes into, n at most CHUNK_SIZE. */
struct chunk *chunk_pool_writing(struct chunk_pool *pool, uint32_t n);

static inline struct chunk *chunk_ref(struct chunk *chunk)
{
	chunk->refs++;
	return chunk;
}

void chunk_release(struct chunk *chunk); /* private: the last reference is gone */

static inline void chunk_unref(struct chunk *chunk)
{
	if (--chunk->refs == 0)
		chunk_release(chunk);
}

#endif
