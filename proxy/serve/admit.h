/*
 * admit.h - what a session allows its client: who it is, what it is subscribed to, which keys.
 * Layer: serve. Includes: client, plan/plan.
 */
#ifndef SERVE_ADMIT_H
#define SERVE_ADMIT_H

#include "plan/plan.h"
#include "serve/client.h"

/* Keep the reply back where the client does not want it (CLIENT REPLY). */
void admit_reply(struct client *client, struct request *request);

/*
 * Look at a command of a session that is watched: false after answering why it may not be. Sets
 * what its pool's policies and the session say about it: request->quiet, request->reads.
 */
NODISCARD bool admit(struct client *client, struct request *request,
		     const struct command_bytes *command);

/* May a command read the keys that its patterns name? SORT would by those of BY and GET, of which the
 * node of `shard` has only its own. */
bool admit_patterns(struct request *request, const struct command_bytes *command,
		    const struct shard *shard);

#endif
