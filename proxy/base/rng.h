/*
 * rng.h - xoshiro256**: jitter and random picks; one a worker, not for secrets.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (public domain).
 * Layer: base. Includes: nothing of the project's.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4]; /* private */
};

/* Any seed is fine: it is spread by splitmix64. */
void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in 0..n-1; n is 1 or more. */
uint64_t rng_below(struct rng *rng, uint64_t n);

#endif
