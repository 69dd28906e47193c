/*
 * dispatch.h - admit one parsed command: check it, then the proxy itself or the plan its row names.
 * Layer: serve. Includes: client, plan/plan.
 */
#ifndef SERVE_DISPATCH_H
#define SERVE_DISPATCH_H

#include "plan/plan.h"
#include "serve/client.h"

/* A new request at the end of the client's order list. */
struct request *dispatch_request(struct client *client, const struct command *command,
				 const struct request_events *events);

/* Carry out a line of the memcached text protocol for a request that there is already. */
void dispatch_line(struct client *client, struct request *request,
		   const struct command_bytes *command);

/*
 * Carry out one parsed command; an empty one has no effect. False: it has to wait until all before
 * it are answered, and is to be given again then.
 */
NODISCARD bool dispatch(struct client *client, const struct command_bytes *command,
			const struct request_events *events);

#endif
