#include "control/pace.h"

#define JITTER_PART 20

void pace_init(struct pace *pace, uint32_t min_ms, uint32_t max_ms, uint64_t seed)
{
	pace->min_ms = min_ms;
	pace->max_ms = max_ms;
	rng_init(&pace->rng, seed);
}

static uint64_t about(struct pace *pace, uint64_t ms)
{
	return ms + rng_below(&pace->rng, ms / JITTER_PART + 1);
}

uint64_t pace_after_answer(struct pace *pace, uint32_t ttl_s)
{
	uint64_t ms = (uint64_t)ttl_s * 1000;

	if (ms > pace->max_ms)
		ms = pace->max_ms;
	return about(pace, ms > pace->min_ms ? ms : pace->min_ms);
}

uint64_t pace_after_failure(struct pace *pace, uint32_t failures)
{
	uint64_t ms = PACE_BACKOFF_FIRST_MS, last = PACE_BACKOFF_LAST_MS;

	if (pace->min_ms > last)
		last = pace->min_ms;
	for (uint32_t i = 1; i < failures && ms < last; i++)
		ms *= 2;
	return about(pace, ms < last ? ms : last);
}

uint64_t pace_until_refresh(uint64_t asked_us, uint64_t now_us)
{
	uint64_t since_ms = (now_us - asked_us) / 1000;

	return since_ms < PACE_REFRESH_MS ? PACE_REFRESH_MS - since_ms : 0;
}
