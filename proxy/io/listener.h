/*
 * listener.h - TCP and unix listeners; accepted descriptors go to a callback.
 * Layer: io. Includes: loop, base/error.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "io/loop.h"

struct listener;

/*
 * Listen at host:port (a name or an IP; every address it has), or at the unix socket `host` when
 * port is 0 (a stale socket file, that nobody answers at, is replaced). on_accept(arg, fd) owns
 * the non-blocking descriptor. NULL with `error` saying which address cannot be had and why.
 */
NODISCARD struct listener *listener_open(struct loop *loop, const char *host, uint16_t port,
					 void (*on_accept)(void *arg, int fd), void *arg,
					 struct error *error);

/* Stop listening; a unix socket's file is removed. NULL is fine. */
void listener_close(struct listener *listener);

#endif
