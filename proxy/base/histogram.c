#include "base/histogram.h"

/*
 * Values below 16 have a bucket each; from there on each octave [2^e, 2^(e+1)) has 16 buckets of
 * equal width, told apart by the four bits behind the leading one:
 *
 *	bucket   0 .. 15    16 .. 31    32 .. 47        432 .. 447
 *	values   0 .. 15    16 .. 31    32 .. 63   ...  2^30 .. 2^31 - 1
 */
#define STEP_BITS 4
#define STEPS	  (1U << STEP_BITS)

static unsigned bucket_of(uint64_t value)
{
	if (value < STEPS)
		return (unsigned)value;
	unsigned octave = 63 - (unsigned)__builtin_clzll(value);
	unsigned step = (unsigned)(value >> (octave - STEP_BITS)) - STEPS;
	unsigned bucket = (octave - STEP_BITS + 1) * STEPS + step;

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The greatest value that counts in a bucket. */
static uint64_t upper_bound(unsigned bucket)
{
	if (bucket < STEPS)
		return bucket;
	unsigned shift = bucket / STEPS - 1;

	return ((uint64_t)(STEPS + bucket % STEPS + 1) << shift) - 1;
}

/* Only the owner writes, so a load and a store do: no locked instruction on the hot path. */
static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

static uint64_t read_relaxed(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void histogram_add(struct histogram *histogram, uint64_t value_us)
{
	add_relaxed(&histogram->bucket[bucket_of(value_us)], 1);
	add_relaxed(&histogram->sum_us, value_us);
	add_relaxed(&histogram->count, 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t n = read_relaxed(&from->bucket[i]);

		if (n > 0)
			add_relaxed(&to->bucket[i], n);
	}
	add_relaxed(&to->sum_us, read_relaxed(&from->sum_us));
	add_relaxed(&to->count, read_relaxed(&from->count));
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
	/* The buckets' own sum: `count` may be a value ahead or behind while the owner writes. */
	uint64_t total = histogram_at_most(histogram, UINT64_MAX), seen = 0;
	double rank = q * (double)total; /* may lie between two values; then the greater counts */

	if (total == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += read_relaxed(&histogram->bucket[i]);
		if (seen > 0 && (double)seen >= rank)
			return upper_bound(i);
	}
	return upper_bound(HISTOGRAM_BUCKETS - 1);
}

uint64_t histogram_at_most(const struct histogram *histogram, uint64_t bound_us)
{
	unsigned last = bucket_of(bound_us);
	uint64_t n = 0;

	for (unsigned i = 0; i <= last; i++)
		n += read_relaxed(&histogram->bucket[i]);
	return n;
}
