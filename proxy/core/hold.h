/*
 * hold.h - requests that wait, in their order, for their shard to have a primary.
 *
 * A call that surely did not run (no connection, or an answer as READONLY that says so) waits for as
 * long as hold.time, if its shard may get another primary; calls that come after it for the same node
 * queue behind it. It is sent when a topology names another primary, or the same one serves again.
 * One worker's. Layer: core. Includes: request.
 */
#ifndef CORE_HOLD_H
#define CORE_HOLD_H

#include "core/request.h"

struct hold;

/*
 * True if the call waits from now on: it came to `result`, or is not sent yet (CALL_DOWN) and others for
 * its node wait. Its done comes with what the node it is sent to says, or CALL_NO_PRIMARY.
 */
NODISCARD bool hold_take(struct call *call, enum call_result result);

/* The same for a call whose slot alone is the matter, with others of the node going on: it is sent again
 * every now and then. */
NODISCARD bool hold_take_alone(struct call *call);

/* Does the reply say that the node refused the command, unrun, for not being a primary that serves? */
bool hold_is_refusal(struct span reply);

/* Do calls wait that this one must not overtake? */
bool hold_is_before(const struct call *call);

/* True if the call may not wait only because as many do as may. */
bool hold_is_full(const struct call *call);

/* How many requests of a pool may wait at one worker. */
uint32_t hold_limit(const struct engine *engine, const struct pool *pool);

/* The engine has another topology: send what waits for a primary that is another one now. */
void hold_adopt(struct engine *engine);

/* Fail all that waits; then free. */
void hold_shut(struct engine *engine);
void hold_fini(struct engine *engine);

#endif
