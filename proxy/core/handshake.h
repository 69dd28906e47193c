/*
 * handshake.h - what a new connection to a server is asked first, by its kind.
 * Layer: core. Includes: engine, base/chain.
 */
#ifndef CORE_HANDSHAKE_H
#define CORE_HANDSHAKE_H

#include "base/chain.h"
#include "core/engine.h"

/*
 * Append to `bytes` what makes a fresh connection one of that kind: who we are, the RESP version,
 * the database, and a question that only a node that can serve answers well. Returns how many
 * replies come, 1 or more; the first that is an error says what is wrong.
 */
uint32_t handshake_write(struct engine *engine, const struct pool *pool, struct conn_kind kind,
			 struct chain *bytes);

/* The enum connset_fault that an error reply to it means; of a packet it is the whole header. */
int handshake_fault(struct span error);

#endif
