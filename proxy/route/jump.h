/*
 * jump.h - jump consistent hash: slots in an order; only the tail may grow or shrink.
 * Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
 * Pure. Layer: route. Includes: nothing of the project's.
 */
#ifndef ROUTE_JUMP_H
#define ROUTE_JUMP_H

#include <stdint.h>

/* The slot, 0 to slots - 1, of a 64-bit hash; slots is 1 to 2^31. Cost: O(log slots). */
uint32_t jump_slot(uint64_t hash, uint32_t slots);

#endif
