/*
 * nearest.h - "did you mean": the known word that a misspelt one is closest to.
 * Pure. Layer: control. Includes: base/span.
 */
#ifndef CONTROL_NEAREST_H
#define CONTROL_NEAREST_H

#include "base/span.h"

#define NEAREST_WORD_MAX 64 /* bytes; a longer word is no slip of the pen */

/* The search so far; start with {.word = what was written}. */
struct nearest {
	const char *word;
	char best[NEAREST_WORD_MAX + 1]; /* "" while no candidate is near enough to be meant */
	size_t best_distance;
};

/*
 * Offer a known word. Distances count letters added, dropped, changed or swapped with their
 * neighbour; case does not count. At most a third of the word may differ; the first of equals
 * stays. Cost: the product of the lengths.
 */
void nearest_offer(struct nearest *nearest, struct span candidate);

#endif
