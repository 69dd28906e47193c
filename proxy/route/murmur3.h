/*
 * murmur3.h - MurmurHash3 x86 32, in pieces, so that a fixed beginning is hashed once.
 * Source: Appleby, "MurmurHash3" (public domain). Pure. Layer: route. Includes: base/span.
 */
#ifndef ROUTE_MURMUR3_H
#define ROUTE_MURMUR3_H

#include <stdint.h>

#include "base/span.h"

/* private: a hash under way */
struct murmur3 {
	uint32_t h;
	uint32_t tail; /* bytes that do not fill a block yet, the first in the lowest bits */
	uint32_t len;  /* of all that was added; len % 4 bytes of it are in tail */
};

/* An empty input, with this seed. */
static inline struct murmur3 murmur3_start(uint32_t seed)
{
	return (struct murmur3){seed, 0, 0};
}

/* Append `in`: in pieces or at once gives the same hash. */
void murmur3_add(struct murmur3 *state, struct span in);

/* The hash of all that was added; the state may be copied before and go on. */
uint32_t murmur3_end(struct murmur3 state);

#endif
