/*
 * plan.h - how a command becomes calls, and their replies its reply.
 *
 * A plan is started once, with a request at its client's order list; it ends by request_finish().
 * Layer: plan. Includes: core/request, proto/parsed.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "core/request.h"
#include "proto/parsed.h"

/* A parsed command where it lies. */
struct command_bytes {
	const struct parsed *parsed;
	struct chunk *chunk;
	const char *start; /* its first byte, in chunk */
};

/* Where its keys are among its arguments: `count` of them from `first` by `step`. */
struct key_range {
	uint32_t first, count, step;
};

/* A client is leaving: give up what it holds at servers. Its requests are without it already. */
void plan_client_left(struct engine *engine, struct session *session);

/* Send the whole command, as request->first.bytes has it, to one shard. */
void single_start(struct request *request, const struct shard *shard, uint32_t n_keys);

/* Split it by key over the shards (SPLIT_KEYS, SPLIT_PAIRS), a call a shard. */
void fanout_start(struct request *request, const struct command_bytes *command,
		  const struct key_range *keys);

/* Send the same bytes, as request->first.bytes has them, to every shard (SPLIT_ALL). */
void fanout_all_start(struct request *request);

/*
 * coalesce.c: a command of a pool with `coalesces`, before it is started: a write is noted, a read
 * joins its like or is sent for others to join. True if that was all, and the request may be gone;
 * false if it is still to be started.
 */
NODISCARD bool coalesce(struct request *request, const struct command_bytes *command);

/* The part of it for a command that cannot share. */
void coalesce_note(struct request *request, const struct command_bytes *command);

/* The command's own bytes, as they are to be sent, to request->first.bytes. */
void plan_take_bytes(struct request *request, const struct command_bytes *command);

/* What the call came to is what the request does: the server's reply as it is, or an error. */
void plan_answer(struct call *call, enum call_result result);

/* Count the items that a call's reply has, and those that it has not. */
void plan_count_hits(struct request *request, const struct call *call);

/* Append some of a command's bytes: a few are copied, to lie side by side, many are referred to. */
void plan_append(struct request *request, struct chain *to, const struct command_bytes *command,
		 struct span piece);

/* Set call->endpoint to that of the shard's nodes which a request's part for it goes to, and count what
 * goes to a gutter. */
void plan_choose(struct call *call, const struct shard *shard);

/* A read came back from a replica with nothing that its client should see: true if it was sent to
 * another node. */
NODISCARD bool plan_send_elsewhere(struct call *call, enum call_result result);

NODISCARD static inline bool plan_elsewhere(struct call *call, enum call_result result)
{
	return unlikely(call->endpoint->is_replica) && plan_send_elsewhere(call, result);
}

/* The connection that the request's client holds to a shard, or NULL: then it takes a shared one. */
struct upstream *plan_lease(const struct request *request, const struct shard *shard);

/*
 * Send a failed call again if the rule allows it: true if it was. Used by all plans. A call that
 * has passed pieces of its reply on is not.
 */
NODISCARD bool plan_retry(struct call *call, enum call_result result);

/* The node refused the command, unrun, as one that is no primary does, or sends it elsewhere: true if it
 * waits for one, or is under way there. */
NODISCARD bool plan_refused(struct call *call);

/* The same of a read that was answered while an earlier command waits for its node's successor. */
NODISCARD bool plan_is_behind(struct call *call);

/* Give a call to its endpoint, behind those that wait for it. It may be done before this returns. */
void plan_send(struct call *call);

#endif
