#include "base/slab.h"

#include <assert.h>
#include <stdlib.h>

#define BLOCK_BYTES 16384
#define ALIGN	    16

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

struct link {
	struct link *next;
};

void slab_init(struct slab *slab, size_t size, uint32_t max)
{
	*slab = (struct slab){.size = (size + ALIGN - 1) / ALIGN * ALIGN, .max = max};
}

void slab_fini(struct slab *slab)
{
	assert(slab->used == 0);
	for (struct link *block = slab->blocks; block != NULL;) {
		struct link *next = block->next;

		free(block);
		block = next;
	}
	slab->blocks = slab->free = NULL;
	slab->n_fresh = 0;
}

static void *take_fresh(struct slab *slab)
{
	if (slab->n_fresh == 0) {
		size_t n = BLOCK_BYTES / slab->size;

		n = n < 4 ? 4 : n;
		struct link *block = aligned_alloc(ALIGN, ALIGN + n * slab->size);
		if (block == NULL)
			return NULL;
		block->next = slab->blocks;
		slab->blocks = block;
		slab->fresh = (char *)block + ALIGN;
		slab->n_fresh = (uint32_t)n;
	}
	void *object = slab->fresh;
	slab->fresh += slab->size;
	slab->n_fresh--;
	return object;
}

void *slab_get(struct slab *slab)
{
	void *object;

	if (unlikely(slab->used == slab->max))
		return NULL;
	if (SLAB_PLAIN_MALLOC) {
		object = malloc(slab->size);
	} else if (likely(slab->free != NULL)) {
		struct link *head = slab->free;

		slab->free = head->next;
		object = head;
	} else {
		object = take_fresh(slab);
	}
	if (likely(object != NULL))
		slab->used++;
	return object;
}

void slab_put(struct slab *slab, void *object)
{
	assert(slab->used > 0);
	slab->used--;
	if (SLAB_PLAIN_MALLOC) {
		free(object);
		return;
	}
	struct link *head = object;
	head->next = slab->free;
	slab->free = head;
}
