/*
 * own_chain.h - a chain of a test's own, with the pool of its chunks.
 * Includes: base/chain.
 */
#ifndef TEST_OWN_CHAIN_H
#define TEST_OWN_CHAIN_H

#include "base/chain.h"

struct own_chain {
	struct chunk_pool pool; /* of 1 GiB at most */
	struct chain chain;
};

void own_chain_init(struct own_chain *own);

/* Free it; nothing of its pool may be left. */
void own_chain_fini(struct own_chain *own);

/* Append bytes in segments of `step`, each of a chunk of its own. */
void own_chain_lay(struct own_chain *own, struct span bytes, size_t step);

#endif
