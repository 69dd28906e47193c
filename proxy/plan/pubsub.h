/*
 * pubsub.h - subscriptions: one upstream subscription a channel and worker, fanned out.
 *
 * A channel belongs to the shard that a key of its name would; a pattern is subscribed to on every
 * shard. Messages go to clients outside the order of replies, in their RESP version.
 * One worker's. Layer: plan. Includes: plan, core/session.
 */
#ifndef PLAN_PUBSUB_H
#define PLAN_PUBSUB_H

#include "core/session.h"
#include "plan/plan.h"

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS };

/* A SPLIT_PUBSUB command, its arity checked. The client's next command waits for its end. */
void pubsub_run(struct request *request, const struct command_bytes *command);

/* The client leaves, or starts afresh. */
void pubsub_abandon(struct engine *engine, struct session *session);

/* How many a client is subscribed to, for CLIENT LIST. */
uint32_t pubsub_count(const struct session *session, enum pubsub_kind kind);

/* The engine has another topology: what is subscribed to moves to where it belongs now. */
void pubsub_adopt(struct engine *engine);

/* A worker's part of it: made at its first use, ended by pubsub_shut() with the engine's other
 * connections. */
void pubsub_shut(struct engine *engine);

#endif
