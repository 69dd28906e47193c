/*
 * members.h - the shards of pools that find theirs: a discovery a pool, and what it found last.
 *
 * What was found stays until something else is, whatever becomes of the source. The control thread's.
 * Layer: control. Includes: config, discovery.
 */
#ifndef CONTROL_MEMBERS_H
#define CONTROL_MEMBERS_H

#include "control/config.h"
#include "control/discovery.h"

struct members;

/* on_change(arg): some pool has other shards; not from within a call of these functions. */
NODISCARD struct members *members_new(struct loop *loop, void (*on_change)(void *arg), void *arg);
void members_free(struct members *members); /* NULL is fine */

/* Look for the shards of the pools of `config` that list none; a source that stays goes on. Another
 * resolver than before begins all of them anew. */
void members_follow(struct members *members, const struct config *config,
		    struct resolver *resolver);

/* What was found for a pool, or NULL: nothing yet, or its shards are listed. */
const struct found *members_found(const struct members *members, const char *pool);

/* Why the last look for a pool's shards came to nothing; NULL: it was well, or there is none. */
const char *members_trouble(const struct members *members, const char *pool);

/* Look again now: for one pool, or for all (NULL). */
void members_refresh(struct members *members, const char *pool);

#endif
