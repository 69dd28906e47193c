/*
 * pace.h - when a question to DNS is asked again: after an answer, a failure, and on demand.
 * Pure. Layer: control. Includes: base/rng.
 */
#ifndef CONTROL_PACE_H
#define CONTROL_PACE_H

#include <stdint.h>

#include "base/rng.h"

#define PACE_REFRESH_MS	      100  /* a question is not asked more often on demand */
#define PACE_BACKOFF_FIRST_MS 250  /* after a failure; doubled after each further one ... */
#define PACE_BACKOFF_LAST_MS  5000 /* ... up to this, or min_ms if that is more */

struct pace {
	uint32_t min_ms, max_ms; /* bounds of a time to live */
	struct rng rng;		 /* private */
};

void pace_init(struct pace *pace, uint32_t min_ms, uint32_t max_ms, uint64_t seed);

/*
 * Milliseconds to wait: after an answer that lives for ttl_s, and after so many failures in a row (1 or
 * more). Up to a 20th longer by chance, so that what was asked together does not stay together.
 */
uint64_t pace_after_answer(struct pace *pace, uint32_t ttl_s);
uint64_t pace_after_failure(struct pace *pace, uint32_t failures);

/* Milliseconds until a question that was last asked at asked_us may be asked again on demand. */
uint64_t pace_until_refresh(uint64_t asked_us, uint64_t now_us);

#endif
