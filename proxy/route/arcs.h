/*
 * arcs.h - a range of hashes cut into arcs, each with its owner; look-up in O(1).
 *
 *   hash      0 . . . . . . . . . . . . . . . . . . . . max
 *   arcs      |--- owner 2 ---|- 0 -|-- 1 --|--- 2 -----|     last[i]: an arc's greatest hash
 *   front     |    |    |    |    |    |    |    |    |       the first arc that ends in or
 *                                                             behind each of 2^k equal buckets
 *
 * There are more buckets than arcs, so a look-up walks less than one arc on average, whatever the
 * arcs' lengths. Never changes once built; any number of threads may look up.
 * Layer: route. Includes: attr.
 */
#ifndef ROUTE_ARCS_H
#define ROUTE_ARCS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* One arc for arcs_build: the hashes behind the arc before it, up to and with `last`. */
struct arc {
	uint32_t last;
	uint16_t owner;
};

struct arcs {
	/* private: */
	unsigned shift; /* hash >> shift is its bucket */
	const uint32_t *front;
	const uint32_t *last;
	const uint16_t *owner;
	/* public, to walk the arcs in order: */
	size_t n;
};

/*
 * Build of arcs[0..n), ascending by `last` without equals, n 1 or more; neighbours of one owner
 * become one. Hashes behind the last arc must not be looked up. For arcs_free(); aborts on no
 * memory.
 */
NODISCARD struct arcs *arcs_build(const struct arc *arcs, size_t n);
void arcs_free(struct arcs *arcs); /* NULL is fine */

/* The arc of a hash, 0 to n - 1. */
static inline size_t arcs_find(const struct arcs *arcs, uint32_t hash)
{
	size_t i = arcs->front[hash >> arcs->shift];

	while (arcs->last[i] < hash)
		i++;
	return i;
}

static inline size_t arcs_owner(const struct arcs *arcs, uint32_t hash)
{
	return arcs->owner[arcs_find(arcs, hash)];
}

#endif
