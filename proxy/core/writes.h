/*
 * writes.h - who has written which key a moment ago, for read_your_writes.
 *
 * One table for all workers, without a lock: a slot holds until when reads of any key that falls
 * into it go to the primary. Keys that share a slot only send more reads there; a mark is never lost.
 * Any thread. Layer: core. Includes: base/span.
 */
#ifndef CORE_WRITES_H
#define CORE_WRITES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct writes;

/* Slots to be marked again when what wrote them has its answer. */
#define WRITTEN_MAX 8

struct written {
	uint16_t slots[WRITTEN_MAX];
	uint8_t n;
};

NODISCARD struct writes *writes_new(void);
void writes_free(struct writes *writes); /* NULL is fine */

/* The slot of a key that `whose` writes or reads. */
uint16_t writes_slot(uint64_t whose, struct span key);

/* The slot that stands for all of their keys: of FLUSHALL, and of writes with too many to note. */
uint16_t writes_slot_of_all(uint64_t whose);

/* Reads of a slot's keys go to the primary until until_ms (monotonic). */
void writes_mark(struct writes *writes, uint16_t slot, uint64_t until_ms);
bool writes_have(struct writes *writes, uint16_t slot, uint64_t now_ms);

/* A hash for what tells clients apart: addresses and names. */
uint64_t writes_hash(uint64_t seed, struct span bytes);

#endif
