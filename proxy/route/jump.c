#include "route/jump.h"

uint32_t jump_slot(uint64_t hash, uint32_t slots)
{
	uint64_t slot = 0, next = 0;

	/* The hash seeds a generator; each number says at which count of slots the key moves on. */
	while (next < slots) {
		slot = next;
		hash = hash * 2862933555777941757 + 1;
		next = (uint64_t)((double)(slot + 1) *
				  ((double)(1LL << 31) / (double)((hash >> 33) + 1)));
	}
	return (uint32_t)slot;
}
