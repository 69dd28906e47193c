/*
 * reconnect.h - how a connection to a server is made, watched and made again: connset's own.
 * Layer: core. Includes: upstream.
 */
#ifndef CORE_RECONNECT_H
#define CORE_RECONNECT_H

#include "core/upstream.h"

/* Begin to connect, with the first questions queued. */
void reconnect_begin(struct upstream *up);

/* Change the state; what is shown of the endpoint follows. */
void reconnect_set_state(struct upstream *up, enum upstream_state state);

/* For its timer: the next attempt is due, or time has run out. */
void reconnect_on_timer(void *arg);

/* A node that does not answer: close the connection, and wait before the next. */
void reconnect_stalled(struct upstream *up);

/* It may be used again: calls queue from now on, for an attempt that is made at once. */
void reconnect_hurry(struct upstream *up);

/* It is not to be used until reconnect_hurry(): close the connection. */
void reconnect_bar(struct upstream *up);

/* How long to wait after so many failed attempts in a row, jittered. */
uint64_t reconnect_backoff_ms(struct engine *engine, uint32_t failures);

/* What to say of a connection that stood and broke: an enum connset_fault or a negative errno. */
int reconnect_fault(enum call_result result, int err);

/* connset.c: take a leased connection off its set; it is freed once the turn is over. */
void connset_unlist(struct upstream *up);

/* connset.c: is it of the kind that most calls take? */
struct connset;
bool connset_is_usual(const struct connset *set);

#endif
