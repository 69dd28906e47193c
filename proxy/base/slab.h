/*
 * slab.h - a pool of objects of one size: one thread's, no lock, freed objects are reused first.
 *
 * Memory comes in blocks and stays with the pool until slab_fini(). Under AddressSanitizer each
 * object is its own malloc, so that a use after free is seen.
 * Layer: base. Includes: attr.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct slab {
	size_t size;   /* bytes of one object, rounded up to 16 */
	uint32_t used; /* objects out now */
	uint32_t max;  /* objects out at most */
	void *free;    /* private: list of returned objects */
	void *blocks;  /* private: list of all blocks */
	char *fresh;   /* private: never used objects of the newest block */
	uint32_t n_fresh;
};

/* An empty pool of objects of `size` bytes, at most `max` out at a time. Allocates nothing. */
void slab_init(struct slab *slab, size_t size, uint32_t max);

/* Give all memory back; every object must have been returned. */
void slab_fini(struct slab *slab);

/* An object with undefined contents, or NULL when `max` are out or there is no memory. */
NODISCARD void *slab_get(struct slab *slab);

void slab_put(struct slab *slab, void *object);

#endif
