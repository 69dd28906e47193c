/*
 * entrances.h - the addresses at which the pools' clients come in, as the configuration lists them.
 *
 * The list can be changed while they are in use: what stays keeps its sockets. The control
 * thread's. Layer: control. Includes: io/listener, base/error.
 */
#ifndef CONTROL_ENTRANCES_H
#define CONTROL_ENTRANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "io/listener.h"

/* One address of one pool; the texts are read during entrances_apply() alone. */
struct entrance_spec {
	uint16_t pool;	       /* what on_accept is told */
	uint16_t default_port; /* where the text has none */
	const char *name;      /* of the pool, for the log */
	const char *text;      /* HOST:PORT, HOST or unix:PATH */
};

struct entrances;

/* on_accept(arg, pool, fd, is_unix) owns the non-blocking descriptor of a client. No address yet. */
NODISCARD struct entrances *entrances_new(struct loop *loop,
					  void (*on_accept)(void *arg, uint16_t pool, int fd,
							    bool is_unix),
					  void *arg);

/*
 * Listen at specs[0..n) and nowhere else: what is new is opened, what stays keeps its sockets (and
 * the connections that wait in them) whichever pool it is now for, what is gone is closed. 0, or
 * -1 with `error` naming the address that cannot be had; then all is as it was before. An address
 * that overlaps with one that is still open cannot be had (*:6379 in place of 127.0.0.1:6379).
 */
NODISCARD int entrances_apply(struct entrances *entrances, const struct entrance_spec *specs,
			      size_t n, struct error *error);

/*
 * Have what entrances_apply() opens look among these first, until NULL is set. Borrowed. Until then
 * nothing is accepted: whoever passed the sockets may serve by them still.
 */
void entrances_inherit(struct entrances *entrances, struct inherited *inherited);

/* listener_share() of each that is open now: are the files of unix sockets another's too? */
void entrances_share(struct entrances *entrances, bool is_shared);

/* Call each(arg, listener) for all that are open. */
void entrances_each(const struct entrances *entrances,
		    void (*each)(void *arg, const struct listener *listener), void *arg);

/* Stop listening everywhere, as entrances_apply() of nothing; files of unix sockets are removed. */
void entrances_close(struct entrances *entrances);

/* Close and free; the loop must run out after it. NULL is fine. */
void entrances_free(struct entrances *entrances);

#endif
