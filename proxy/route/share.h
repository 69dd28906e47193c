/*
 * share.h - the exact share of the hash space that two distributions place differently.
 * Pure. Layer: route. Includes: arcs.
 */
#ifndef ROUTE_SHARE_H
#define ROUTE_SHARE_H

#include "route/arcs.h"

/* How a distribution maps a 32-bit hash to a node. */
struct share_side {
	const struct arcs *arcs;
	uint32_t slots; /* the arcs are of hash % slots; 0: of the hash */
	size_t nodes;
};

/*
 * share[i * to->nodes + j] becomes the part of all 32-bit hashes that node i of `from` and node j
 * of `to` own; the parts add up to 1. Cost: the product of both sides' arcs at most; nothing
 * is sampled.
 */
void share_exact(const struct share_side *from, const struct share_side *to, double *share);

#endif
