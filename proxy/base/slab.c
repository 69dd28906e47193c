#include "base/slab.h"

#include <assert.h>
#include <stdlib.h>

#define BLOCK_BYTES 16384
#define ALIGN	    16

void slab_init(struct slab *slab, size_t size, uint32_t max)
{
	*slab = (struct slab){.size = (size + ALIGN - 1) / ALIGN * ALIGN, .max = max};
}

void slab_fini(struct slab *slab)
{
	assert(slab->used == 0);
	for (struct slab_link *block = slab->blocks; block != NULL;) {
		struct slab_link *next = block->next;

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
		struct slab_link *block = aligned_alloc(ALIGN, ALIGN + n * slab->size);
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

void *slab_get_fresh(struct slab *slab)
{
	void *object;

	if (slab->used == slab->max)
		return NULL;
	object = SLAB_PLAIN_MALLOC ? malloc(slab->size) : take_fresh(slab);
	if (likely(object != NULL))
		slab->used++;
	return object;
}
