/*
 * pauses.h - which pools an operator has paused, and for how much longer.
 *
 * A pause ends by itself. The control thread's. Layer: control. Includes: io/loop, route/spec.
 */
#ifndef CONTROL_PAUSES_H
#define CONTROL_PAUSES_H

#include "io/loop.h"
#include "route/spec.h"

#define PAUSE_MAX_MS (3600U * 1000) /* of one pause */

struct pauses;

/* on_end(arg): a pause has ended by itself. */
NODISCARD struct pauses *pauses_new(struct loop *loop, void (*on_end)(void *arg), void *arg);
void pauses_free(struct pauses *pauses); /* NULL is fine */

/* From now on, in place of what was before: PAUSE_NONE ends it. */
void pauses_set(struct pauses *pauses, const char *pool, enum pause pause, uint32_t for_ms);

enum pause pauses_of(const struct pauses *pauses, const char *pool);

#endif
