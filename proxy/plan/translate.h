/*
 * translate.h - text and meta commands of a pool whose nodes speak binary alone (node_protocol).
 *
 * What is sent for them is packets, and what comes back is made text before anything else looks at
 * it, so that merging, misses and clients see what a text node would have said.
 * Layer: plan. Includes: plan.
 */
#ifndef PLAN_TRANSLATE_H
#define PLAN_TRANSLATE_H

#include "plan/plan.h"

/* Does a text command of this request have to be told in binary? */
static inline bool translate_is_due(const struct request *request,
				    const struct command_bytes *command)
{
	return unlikely(request->kind.binary) && !command->parsed->is_binary;
}

/* Make the bytes that are sent of a command that goes to nodes. False after answering what binary has
 * nothing for. */
NODISCARD bool translate_begin(struct request *request, const struct command_bytes *command);

/* The bytes of a call for these keys of a get, by their number: order[0..n). */
void translate_keys(struct call *call, const struct command_bytes *command, uint32_t first,
		    const uint32_t *order, uint32_t n);

/* A translated call has its reply: make text of it. */
void translate_reply(struct call *call);

#endif
