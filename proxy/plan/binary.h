/*
 * binary.h - a command of memcached's binary protocol: sent to its shard, and its reply told.
 *
 * What is sent always answers: quiet commands go in their loud form, and what they would not have
 * said is dropped here, so that a connection's replies cannot slip. A reply has the opcode and the
 * opaque of what its client sent.
 * Layer: plan. Includes: plan, proto/mc_binary.
 */
#ifndef PLAN_BINARY_H
#define PLAN_BINARY_H

#include "plan/plan.h"
#include "proto/mc_binary.h"

/* Note what a request's replies begin with; `header` has MCB_HEADER bytes. From here on a reply that
 * it is given as lines of text becomes packets when it is finished. */
void binary_begin(struct request *request, const char *header);

/* Send a command with a key to the shard that has it. */
void binary_start(struct request *request, const struct command_bytes *command,
		  const struct shard *shard);

/* Send a command without a key to every shard. */
void binary_start_all(struct request *request, const struct command_bytes *command);

/* The bytes of a read that several clients may share: without what is each one's own, which a reply
 * gets back when it is finished. */
void binary_take_shared(struct request *request, const struct command_bytes *command);

/* Append a packet to its reply, which is then one of packets. */
void binary_reply(struct request *request, enum mcb_status status, struct span value);

#endif
