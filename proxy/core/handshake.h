/*
 * handshake.h - what a new connection to a server is asked first, by its kind.
 * Layer: core. Includes: engine, base/chain.
 */
#ifndef CORE_HANDSHAKE_H
#define CORE_HANDSHAKE_H

#include "base/chain.h"
#include "core/engine.h"

/* Who the proxy is on a connection of some kind. */
struct handshake_login {
	enum pool_protocol protocol;
	struct conn_kind kind;
	const char *user, *password; /* NULL: none */
};

/* Append what says it, and the RESP version; `bytes` get copies. Returns how many replies come. */
uint32_t handshake_write_login(struct chunk_pool *chunks, const struct handshake_login *login,
			       struct chain *bytes);

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
