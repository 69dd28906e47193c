/*
 * reject.h - refusals of commands, in redis-server's words where it would refuse too.
 *
 * Each finishes the request, and spoils the transaction that its client is in.
 * Layer: serve. Includes: core/request, plan/plan.
 */
#ifndef SERVE_REJECT_H
#define SERVE_REJECT_H

#include "core/request.h"
#include "plan/plan.h"

/* Answer with an error that the client's own command earned; the line has no line end. */
void reject(struct request *request, struct span line);

/* The same for a memcached set or ms whose old value must go first: parsed.drops_key. */
void reject_set(struct request *request, const struct command_bytes *command);

/* The table has no such command; a container has no such subcommand, or got none. */
void reject_unknown(struct request *request, const struct command_bytes *command);
void reject_subcommand(struct request *request, const struct command_bytes *command);

void reject_arity(struct request *request, const char *name);
void reject_unsupported(struct request *request, const char *why);
void reject_crossslot(struct request *request);

#endif
