#include "own_chain.h"

#include <check.h>
#include <string.h>

void own_chain_init(struct own_chain *own)
{
	*own = (struct own_chain){0};
	chunk_pool_init(&own->pool, 1 << 30);
}

void own_chain_fini(struct own_chain *own)
{
	chain_clear(&own->pool, &own->chain);
	ck_assert_uint_eq(own->pool.segments.used, 0);
	chunk_pool_fini(&own->pool);
}

void own_chain_lay(struct own_chain *own, struct span bytes, size_t step)
{
	while (bytes.len > 0) {
		uint32_t len = (uint32_t)(step < bytes.len ? step : bytes.len);
		struct chunk *chunk = chunk_new(&own->pool, len);

		memcpy(chunk->data, bytes.p, len);
		chunk->used = len;
		chain_append(&own->pool, &own->chain, chunk, span_make(chunk->data, len));
		chunk_unref(chunk);
		bytes = span_skip(bytes, len);
	}
}
