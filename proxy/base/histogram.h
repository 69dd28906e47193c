/*
 * histogram.h - log-linear latency histogram: 16 steps an octave (two digits), mergeable.
 *
 * One thread writes (relaxed atomic stores), any may read or merge. Values are microseconds.
 * Layer: base. Includes: attr.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/attr.h"

#define HISTOGRAM_BUCKETS 448 /* 1 us to 2^31 us; greater values count in the last */

struct histogram {
	_Atomic uint64_t count, sum_us;
	_Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value_us);

/* Add all of `from` to `to`. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* The value at or below which the share q (0..1) of the values lies, as its bucket's upper
 * bound in us; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

/* How many values lie at or below `bound_us`, to the precision of a bucket. */
uint64_t histogram_at_most(const struct histogram *histogram, uint64_t bound_us);

#endif
