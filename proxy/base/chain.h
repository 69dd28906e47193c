/*
 * chain.h - a queue of byte segments, each holding a reference to its chunk.
 *
 *      chain: head -> [p,len,chunk] -> [p,len,chunk] -> ... <- tail
 *
 * Appending never copies: it extends the last segment where the bytes follow it in the same
 * chunk, else adds a segment. A whole chain moves to another in O(1). Segments come from the
 * pool's slab, so each call that makes or frees one takes the pool.
 * One thread's. Layer: base. Includes: chunk, span.
 */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/attr.h"
#include "base/chunk.h"
#include "base/span.h"

#define CHAIN_GATHER_MAX 1024 /* bytes: smaller segments are copied side by side for a write */

struct segment {
	struct segment *next;
	const char *p;
	struct chunk *chunk; /* NULL: bytes that live for ever */
	uint32_t len;	     /* never 0 */
};

/* Zero-initialised is empty. */
struct chain {
	struct segment *head, *tail;
	uint64_t bytes;
};

static inline bool chain_is_empty(const struct chain *chain)
{
	return chain->head == NULL;
}

/* The first segment's bytes; chain must not be empty. */
static inline struct span chain_head(const struct chain *chain)
{
	return (struct span){chain->head->p, chain->head->len};
}

/* Append bytes of `chunk` by reference; NULL for bytes that live for ever. */
void chain_append(struct chunk_pool *pool, struct chain *chain, struct chunk *chunk,
		  struct span bytes);

/* Append a copy of `bytes`. */
void chain_copy(struct chunk_pool *pool, struct chain *chain, struct span bytes);

/* Append references to all of `from`, which stays as it is. */
void chain_share(struct chunk_pool *pool, struct chain *to, const struct chain *from);

/* Move all of `from` to the end of `to`; `from` is empty then. O(1). */
void chain_move(struct chunk_pool *pool, struct chain *to, struct chain *from);

/* Move the first n bytes of `from`, which has that many, to the end of `to`. */
void chain_move_head(struct chunk_pool *pool, struct chain *to, struct chain *from, uint64_t n);

/* Drop the first n bytes (chain has that many), or the last n (n at most the last segment's
 * or, in O(segments), more), or all. */
void chain_consume(struct chunk_pool *pool, struct chain *chain, uint64_t n);
void chain_drop_tail(struct chunk_pool *pool, struct chain *chain, uint64_t n);
void chain_clear(struct chunk_pool *pool, struct chain *chain);

/*
 * Copy the chain's bytes to a chunk of just their size, letting go of the chunks they were in: for
 * a few bytes that will wait for long and pin much more than themselves.
 */
void chain_detach(struct chunk_pool *pool, struct chain *chain);

/* Copy the first n bytes (or all, if fewer) to buf; returns how many. Takes nothing. */
size_t chain_peek(const struct chain *chain, char *buf, size_t n);

/*
 * Fill iov[0..max) with the chain's first bytes for a write: segments up to CHAIN_GATHER_MAX are
 * copied side by side into scratch[0..cap), larger ones get an entry of their own. The chain
 * keeps all of it until chain_consume(). Returns the entries used; *bytes is their sum.
 */
int chain_gather(const struct chain *chain, struct iovec *iov, int max, char *scratch, size_t cap,
		 size_t *bytes);

#endif
