#include "core/writes.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/alloc.h"

#define SLOTS 65536

struct writes {
	_Atomic uint64_t until_ms[SLOTS];
};

struct writes *writes_new(void)
{
	return alloc_zeroed(1, sizeof(struct writes));
}

void writes_free(struct writes *writes)
{
	free(writes);
}

/* FNV-1a, 64 bits. */
uint64_t writes_hash(uint64_t seed, struct span bytes)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (seed * UINT64_C(0x9e3779b97f4a7c15));

	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ (unsigned char)bytes.p[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

uint16_t writes_slot(uint64_t whose, struct span key)
{
	return (uint16_t)(writes_hash(whose, key) % SLOTS);
}

uint16_t writes_slot_of_all(uint64_t whose)
{
	return writes_slot(~whose, span_of(""));
}

void writes_mark(struct writes *writes, uint16_t slot, uint64_t until_ms)
{
	uint64_t seen = atomic_load(&writes->until_ms[slot]);

	while (seen < until_ms &&
	       !atomic_compare_exchange_weak(&writes->until_ms[slot], &seen, until_ms))
		;
}

bool writes_have(struct writes *writes, uint16_t slot, uint64_t now_ms)
{
	return atomic_load(&writes->until_ms[slot]) > now_ms;
}
