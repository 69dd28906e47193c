/*
 * listener.h - TCP and unix listeners; accepted descriptors go to a callback.
 * Layer: io. Includes: inherited, loop, base/error.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "io/inherited.h"
#include "io/loop.h"

struct listener;

struct listener_setup {
	struct loop *loop;
	const char *host;	     /* a name or an IP, "*" for all; or a unix socket's path */
	uint16_t port;		     /* 0 for a unix socket */
	struct inherited *inherited; /* sockets to use where they fit, or NULL */
	void (*on_accept)(void *arg, int fd);
	void *arg;
};

/*
 * Listen at host:port (every address that a name has), or at the unix socket `host` when port is 0
 * (a stale socket file, that nobody answers at, is replaced). on_accept(arg, fd) owns the
 * non-blocking descriptor. An inherited socket that is bound to the address is used in place of
 * a new one. NULL with `error` saying which address cannot be had and why.
 */
NODISCARD struct listener *listener_open(const struct listener_setup *setup, struct error *error);

/* Its sockets, which stay its own: the i-th, or -1 past the last; *owner as inherited_add() takes. */
int listener_descriptor(const struct listener *listener, size_t i, enum inherited_owner *owner);

/* Accept nothing while it is held: connections wait in its sockets. */
void listener_hold(struct listener *listener, bool is_held);

/*
 * Is the unix socket's file another process's too, which listener_close() must then leave? So it
 * is for a socket that came from a process until that has let go of it, until this is told.
 */
void listener_share(struct listener *listener, bool is_shared);

/* Stop listening; a unix socket's file that is ours alone is removed. NULL is fine. */
void listener_close(struct listener *listener);

#endif
