/*
 * ttl.h - the rule that a pool or prefix has for expiry times: default, then jitter, then cap.
 *
 * Pure: the clock and the chance are the caller's. Layer: route. Includes: base/number, base/rng,
 * base/span.
 */
#ifndef ROUTE_TTL_H
#define ROUTE_TTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/span.h"

#define TTL_WHOLE 10000	     /* parts of a whole, in which jitter is given */
#define TTL_UNSET UINT32_MAX /* of a field: the pool's holds */

/* Zero is no rule. */
struct ttl_rule {
	uint32_t jitter;    /* parts of TTL_WHOLE by which a time to live may go up or down */
	uint32_t max_s;	    /* the longest time to live; 0: any */
	uint32_t default_s; /* of what is stored without one; 0: it stays for ever */
};

/* What a number stands for. */
enum ttl_kind {
	TTL_MC,	   /* memcached: 0 for ever, up to 30 days seconds from now, above that a time */
	TTL_S,	   /* seconds from now */
	TTL_MS,	   /* milliseconds from now */
	TTL_AT_S,  /* seconds since 1970 */
	TTL_AT_MS, /* milliseconds since 1970 */
};

bool ttl_is_set(const struct ttl_rule *rule);

/* A prefix's own values, where it has them, and else the pool's. */
struct ttl_rule ttl_resolve(const struct ttl_rule *own, const struct ttl_rule *pools);

/* The rule for keys that share one number: the shorter times, the wider jitter of both. */
struct ttl_rule ttl_strictest(const struct ttl_rule *a, const struct ttl_rule *b);

/*
 * The number to send for `value`. now_ms is the real time since 1970. Left as they are: numbers
 * below 0 and times that are past, which expire at once; 0, but of TTL_MC where there is a default;
 * and those that no node would take. The result of any other is in the future.
 */
int64_t ttl_adjust(const struct ttl_rule *rule, enum ttl_kind kind, int64_t value, uint64_t now_ms,
		   struct rng *rng);

/* The same of 32 bits in a memcached binary header. */
uint32_t ttl_adjust_u32(const struct ttl_rule *rule, uint32_t value, uint64_t now_ms,
			struct rng *rng);

/* The same of a decimal word. Its new length in out, or 0 where the word stays as it is. */
size_t ttl_adjust_word(const struct ttl_rule *rule, enum ttl_kind kind, struct span word,
		       uint64_t now_ms, struct rng *rng, char out[NUMBER_TEXT_MAX]);

/* The milliseconds that what is stored without a time to live is given; 0: none. */
int64_t ttl_given_ms(const struct ttl_rule *rule, struct rng *rng);

#endif
