/*
 * systemd.h - what a service manager is told, and the sockets that it passes.
 *
 * The only file that knows libsystemd. Where no manager listens (NOTIFY_SOCKET is not set) and
 * none passed a socket (LISTEN_FDS is not) nothing of this does anything. The control thread's.
 * Layer: control. Includes: io/inherited.
 */
#ifndef CONTROL_SYSTEMD_H
#define CONTROL_SYSTEMD_H

#include "base/attr.h"
#include "io/inherited.h"

/*
 * Give the sockets of socket activation to `into`, as INHERITED_FOREIGN; one that does not listen
 * for streams is closed with a warning. Once, and before other threads: the variables of the
 * environment are removed, so that no child takes the sockets for its own.
 */
void systemd_take_sockets(struct inherited *into);

/* The process serves: what waits for it may start. `status` is a line for people. */
void systemd_ready(const char *status);

/* A reload has begun; systemd_ready() says that it is over, whether it changed anything or not. */
void systemd_reloading(void);

/* The process is about to leave, and how. */
void systemd_stopping(const char *status);

/* What the process does just now, for people, in one line. */
void systemd_status(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
