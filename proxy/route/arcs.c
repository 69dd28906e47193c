#include "route/arcs.h"

#include "base/alloc.h"

#define BUCKETS_PER_ARC 4
#define BUCKETS_MAX	((size_t)1 << 18) /* 1 MiB; only fleets of many hundred nodes reach it */

/* How many of the arcs are left when neighbours of one owner are one. */
static size_t count_merged(const struct arc *arcs, size_t n)
{
	size_t merged = 1;

	for (size_t i = 1; i < n; i++)
		merged += arcs[i].owner != arcs[i - 1].owner;
	return merged;
}

/* The shift that gives hashes up to `max` the most buckets that are still worth their memory. */
static unsigned choose_shift(uint32_t max, size_t n)
{
	size_t wanted = BUCKETS_PER_ARC * n < BUCKETS_MAX ? BUCKETS_PER_ARC * n : BUCKETS_MAX;
	unsigned shift = 0;

	while (((size_t)max >> shift) + 1 > 2 * wanted)
		shift++;
	return shift;
}

/* One block: the struct, then the arrays in falling alignment. */
struct arcs *arcs_build(const struct arc *from, size_t n)
{
	size_t merged = count_merged(from, n);
	uint32_t max = from[n - 1].last;
	unsigned shift = choose_shift(max, merged);
	size_t buckets = ((size_t)max >> shift) + 1;
	struct arcs *arcs = alloc_zeroed(1, sizeof(*arcs) + buckets * sizeof(uint32_t) +
						    merged * (sizeof(uint32_t) + sizeof(uint16_t)));
	uint32_t *front = (uint32_t *)(arcs + 1);
	uint32_t *last = front + buckets;
	uint16_t *owner = (uint16_t *)(last + merged);
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && from[i].owner != from[i - 1].owner)
			at++;
		last[at] = from[i].last;
		owner[at] = from[i].owner;
	}
	for (size_t bucket = 0, i = 0; bucket < buckets; bucket++) {
		while (last[i] < (uint64_t)bucket << shift)
			i++;
		front[bucket] = (uint32_t)i;
	}
	*arcs = (struct arcs){shift, front, last, owner, merged};
	return arcs;
}

void arcs_free(struct arcs *arcs)
{
	free(arcs);
}
