#include "route/share.h"

#include <stdbool.h>
#include <string.h>

#define HASHES ((uint64_t)1 << 32)

/* Where the shares are added up, whichever side is walked first. */
struct sums {
	double *share;
	size_t columns;
	bool swapped;
};

static void add(const struct sums *sums, size_t a, size_t b, uint64_t hashes)
{
	size_t row = sums->swapped ? b : a, column = sums->swapped ? a : b;

	sums->share[row * sums->columns + column] += (double)hashes / (double)HASHES;
}

/* The greatest hash that the side maps to the same node as it does all from `hash` to it. */
static uint64_t run_end(const struct share_side *side, uint64_t hash, size_t *owner)
{
	uint32_t at = side->slots > 0 ? (uint32_t)(hash % side->slots) : (uint32_t)hash;
	size_t arc = arcs_find(side->arcs, at);

	*owner = side->arcs->owner[arc];
	return hash + (side->arcs->last[arc] - at);
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b > 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* After how many hashes both sides begin again together, at most all of them. */
static uint64_t period_of(const struct share_side *a, const struct share_side *b)
{
	if (a->slots == 0 || b->slots == 0)
		return HASHES;

	uint64_t period = a->slots / common_divisor(a->slots, b->slots) * (uint64_t)b->slots;

	return period < HASHES ? period : HASHES;
}

/* Both alike, rings or slots: walk the runs of one period, each as often as the period fits. */
static void walk_runs(const struct share_side *a, const struct share_side *b,
		      const struct sums *sums)
{
	uint64_t period = period_of(a, b);
	uint64_t times = HASHES / period, rest = HASHES % period;

	for (uint64_t hash = 0; hash < period;) {
		size_t x, y;
		uint64_t end_a = run_end(a, hash, &x), end_b = run_end(b, hash, &y);
		uint64_t next = (end_a < end_b ? end_a : end_b) + 1;

		if (next > period)
			next = period;
		add(sums, x, y, (next - hash) * times);
		if (hash < rest)
			add(sums, x, y, (next < rest ? next : rest) - hash);
		hash = next;
	}
}

/* How many numbers below `hash` leave a rest up to `last` when divided by slots. */
static uint64_t count_below(uint64_t hash, uint32_t slots, uint32_t last)
{
	uint64_t rest = hash % slots, width = (uint64_t)last + 1;

	return hash / slots * width + (rest < width ? rest : width);
}

/* A ring and slots have no short common period, but each pair of arcs has a closed form. */
static void cross(const struct share_side *ring, const struct share_side *slots,
		  const struct sums *sums)
{
	const struct arcs *outer = ring->arcs, *inner = slots->arcs;
	uint64_t begin = 0;

	for (size_t i = 0; i < outer->n; i++) {
		uint64_t end = (uint64_t)outer->last[i] + 1, before = 0;

		for (size_t j = 0; j < inner->n; j++) {
			uint64_t upto = count_below(end, slots->slots, inner->last[j]) -
					count_below(begin, slots->slots, inner->last[j]);

			add(sums, outer->owner[i], inner->owner[j], upto - before);
			before = upto;
		}
		begin = end;
	}
}

void share_exact(const struct share_side *from, const struct share_side *to, double *share)
{
	struct sums sums = {share, to->nodes, false};

	memset(share, 0, from->nodes * to->nodes * sizeof(*share));
	if ((from->slots == 0) == (to->slots == 0)) {
		walk_runs(from, to, &sums);
	} else if (from->slots == 0) {
		cross(from, to, &sums);
	} else {
		sums.swapped = true;
		cross(to, from, &sums);
	}
}
