/*
 * slab.h - a pool of objects of one size: one thread's, no lock, freed objects are reused first.
 *
 * Memory comes in blocks and stays with the pool until slab_fini(). Under AddressSanitizer each
 * object is its own malloc, so that a use after free is seen.
 * Layer: base. Includes: attr.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/attr.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_PLAIN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_PLAIN_MALLOC 1
#endif
#endif
#ifndef SLAB_PLAIN_MALLOC
#define SLAB_PLAIN_MALLOC 0
#endif

struct slab_link {
	struct slab_link *next;
};

struct slab {
	size_t size;		  /* bytes of one object, rounded up to 16 */
	uint32_t used;		  /* objects out now */
	uint32_t max;		  /* objects out at most */
	struct slab_link *free;	  /* private: list of returned objects */
	struct slab_link *blocks; /* private: list of all blocks */
	char *fresh;		  /* private: never used objects of the newest block */
	uint32_t n_fresh;
};

/* An empty pool of objects of `size` bytes, at most `max` out at a time. Allocates nothing. */
void slab_init(struct slab *slab, size_t size, uint32_t max);

/* Give all memory back; every object must have been returned. */
void slab_fini(struct slab *slab);

/* An object from the memory allocator, or from the newest block; NULL: none is left. */
NODISCARD void *slab_get_fresh(struct slab *slab);

/* An object with undefined contents, or NULL when `max` are out or there is no memory. */
NODISCARD static inline void *slab_get(struct slab *slab)
{
	struct slab_link *head = slab->free;

	if (unlikely(head == NULL || slab->used == slab->max))
		return slab_get_fresh(slab);
	slab->free = head->next;
	slab->used++;
	return head;
}

static inline void slab_put(struct slab *slab, void *object)
{
	struct slab_link *head = object;

	assert(slab->used > 0);
	slab->used--;
	if (SLAB_PLAIN_MALLOC) {
		free(object);
		return;
	}
	head->next = slab->free;
	slab->free = head;
}

#endif
