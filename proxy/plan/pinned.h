/*
 * pinned.h - commands on a connection that their client has for itself: blocking ones, SELECT.
 * Layer: plan. Includes: plan, core/session.
 */
#ifndef PLAN_PINNED_H
#define PLAN_PINNED_H

#include "core/session.h"
#include "plan/plan.h"

/*
 * Send a command that may wait at the server: it has no time limit but its own, and the client's
 * next command waits for it. A client that leaves ends it.
 */
void blocking_start(struct request *request, const struct command_bytes *command,
		    const struct shard *shard);

/* Let the pool's first node say whether there is a database `db`; if so it is the client's. */
void select_start(struct request *request, const struct command_bytes *command, uint16_t db);

/* The client leaves: close what it waits on. */
void pinned_abandon(struct session *session);

#endif
