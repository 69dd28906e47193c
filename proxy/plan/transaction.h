/*
 * transaction.h - MULTI, EXEC, DISCARD, WATCH and UNWATCH on one shard.
 *
 *      none --WATCH--> watching --MULTI--> queueing --EXEC, DISCARD--> none
 *        \----------------MULTI------------^    \--server lost--> lost --EXEC--> none
 *
 * The first key fixes the shard and takes a connection of the client's own there; commands before
 * it are answered QUEUED here and sent with it. A transaction without any touches no server. What the
 * server refuses because it is not the shard's primary, or not its keys' node, goes to the one that is.
 * One worker's. Layer: plan. Includes: plan, core/session.
 */
#ifndef PLAN_TRANSACTION_H
#define PLAN_TRANSACTION_H

#include "core/session.h"
#include "plan/plan.h"

/* Is the client between MULTI and EXEC? */
bool transaction_is_open(const struct session *session);

/* A SPLIT_SESSION command; `shard` is that of WATCH's keys. */
void transaction_run(struct request *request, const struct command_bytes *command,
		     const struct shard *shard);

/* Queue a command between MULTI and EXEC; `shard` is its keys' or NULL where it has none. */
void transaction_queue(struct request *request, const struct command_bytes *command,
		       const struct shard *shard);

/* A command was refused between MULTI and EXEC: EXEC will be too. Else no effect. */
void transaction_spoil(struct session *session);

/* The connection that the client holds to this shard, or NULL. */
struct upstream *transaction_lease(const struct session *session, const struct shard *shard);

/* A call that is no part of it goes over that connection. */
void transaction_prepare(struct call *call);

/* What the client watches is at another node: EXEC will run nothing. */
void transaction_void(struct session *session);

/* The client leaves or starts afresh: close what it holds. */
void transaction_abandon(struct engine *engine, struct session *session);

/* Where a client is in it, for CLIENT LIST: commands queued, or -1. */
int transaction_length(const struct session *session);

#endif
