/*
 * bits.h - words from bytes and rotations, which the hashes share.
 * Pure. Layer: route. Includes: nothing of the project's.
 */
#ifndef ROUTE_BITS_H
#define ROUTE_BITS_H

#include <stdint.h>

/* p[0..3] as a little-endian word, at any alignment, on any machine. */
static inline uint32_t load_le32(const void *p)
{
	const uint8_t *b = p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* p[0..n-1] as the low bytes of a little-endian word; n is 0 to 3. */
static inline uint32_t load_le_tail(const void *p, uint32_t n)
{
	const uint8_t *b = p;
	uint32_t word = 0;

	for (uint32_t i = 0; i < n; i++)
		word |= (uint32_t)b[i] << (8 * i);
	return word;
}

/* bits is 1 to 31. */
static inline uint32_t rotate_left32(uint32_t x, unsigned bits)
{
	return x << bits | x >> (32 - bits);
}

#endif
