/*
 * takeover.h - how the next process gets the listening sockets of the one before it.
 *
 * The sockets themselves are passed, so both processes share the queues of connections that wait,
 * and none is refused or reset: the old one stops accepting when the next one has said that it
 * accepts, and goes on as before if that never comes. Each may be both in its life, first next
 * and then old. The control thread's. Layer: control. Includes: io/inherited, io/loop, base/error.
 */
#ifndef CONTROL_TAKEOVER_H
#define CONTROL_TAKEOVER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "io/inherited.h"
#include "io/loop.h"

struct takeover;

/* None may close the takeover. */
struct takeover_events {
	/* The next process asks: takeover_offer() each socket, now. */
	void (*on_asked)(void *arg);
	/* The next one accepts: stop accepting, now, and leave when the clients here are done. */
	void (*on_taken)(void *arg);
	/* The old one does not accept any more: what it passed is ours alone. */
	void (*on_settled)(void *arg);
	/* The old one goes on after all, and this process has to give way. */
	void (*on_failed)(void *arg);
};

/*
 * Make ready to be asked at `path` (a unix socket of mode 0600), without taking the path yet.
 * `path` is copied. NULL with `error` where no socket can be made there.
 */
NODISCARD struct takeover *takeover_open(struct loop *loop, const char *path,
					 const struct takeover_events *events, void *arg,
					 struct error *error);

/*
 * Ask the process that answers at the path for its sockets, which `into` gets. 1, or 0 if there
 * is none, or -1 with `error`: it is of another user, gives to another one just now, or does not
 * say what it should. Waits, for 5 seconds at most.
 */
NODISCARD int takeover_ask(struct takeover *takeover, struct inherited *into, struct error *error);

/*
 * This process accepts: tell the old one, or take the path at once where there is none. After
 * that the old one's answer comes as on_settled or on_failed, within 10 seconds.
 */
void takeover_begin(struct takeover *takeover);

/* Within on_asked: pass a listening socket on; it stays the caller's. */
void takeover_offer(struct takeover *takeover, int fd, enum inherited_owner owner);

bool takeover_has_old(const struct takeover *takeover);	   /* its word is waited for, or ours */
bool takeover_is_offered(const struct takeover *takeover); /* the next one may accept any time */
bool takeover_is_over(const struct takeover *takeover);	   /* the next one has the path */

/* End what is under way (an old process that was not told goes on), leave the path and free.
 * NULL is fine. The loop must run out after it. */
void takeover_close(struct takeover *takeover);

#endif
