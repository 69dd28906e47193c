/*
 * drop.h - a set that the proxy refuses must not leave the old value behind.
 *
 * memcached removes the item when it has no room for the new value, so that nobody reads what was
 * to be replaced (proto_parser.c: "Avoid stale data persisting in cache because we failed alloc");
 * a value over limits.request never gets to the node, which is told to delete the key instead.
 * As there, only for set and for ms in all its modes: add, replace, append, prepend and cas change
 * nothing when they fail. The parser says so by parsed.drops_key.
 * Layer: plan. Includes: plan.
 */
#ifndef PLAN_DROP_H
#define PLAN_DROP_H

#include "plan/plan.h"

/*
 * Delete the key of a refused set or ms at its node, and finish the request when that is done or
 * has failed, with what request->reply has by now: the refusal. The request may be gone when this
 * returns.
 */
void drop_start(struct request *request, const struct command_bytes *command);

/* The same for another protocol, whose delete of `key` is in request->first.bytes; it is answered
 * once. */
void drop_send(struct request *request, struct span key);

#endif
