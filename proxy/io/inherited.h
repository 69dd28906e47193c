/*
 * inherited.h - listening sockets that another process opened, for listeners to take.
 *
 * Each is known by the address that it is bound to, as the kernel tells it: whoever passed it
 * need not be believed. Connections that wait in such a socket wait for whoever accepts next.
 * The set owns its descriptors until they are taken. One thread's.
 * Layer: io. Includes: base/error.
 */
#ifndef IO_INHERITED_H
#define IO_INHERITED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/error.h"

#define INHERITED_TEXT_MAX 128 /* bytes of an address as text, with its NUL */

/* Whose the file of a unix socket is; of TCP, who opened the port. */
enum inherited_owner {
	INHERITED_OURS, /* the process before us, and then ours: the file is removed at the end */
	INHERITED_FOREIGN, /* the service manager's, which goes on with it */
};

struct inherited;

NODISCARD struct inherited *inherited_new(void);

/*
 * Take in a descriptor; it is closed where it is none that listens to a TCP or unix stream:
 * -1 with `error` saying what it is.
 */
NODISCARD int inherited_add(struct inherited *in, int fd, enum inherited_owner owner,
			    struct error *error);

/* How many have not been taken. */
size_t inherited_count(const struct inherited *in);

/*
 * The descriptor bound to that address, which is the caller's then, with *owner; -1 if there is
 * none. 0.0.0.0 finds a [::] that takes IPv4 too. Further ones of the same address are closed.
 */
NODISCARD int inherited_take(struct inherited *in, const struct sockaddr *address,
			     enum inherited_owner *owner);

/* Is the socket bound to [::] and takes IPv4 connections too? */
bool inherited_is_dual(int fd);

/* HOST:PORT, [IPV6]:PORT or unix:PATH that a socket is bound to; out has INHERITED_TEXT_MAX. */
void inherited_describe(int fd, char *out);

/*
 * Close what nobody took, with a line of log each: a warning where the service manager passed
 * it. The file of a unix socket that is ours is removed.
 */
void inherited_close_rest(struct inherited *in);

/* Close what is left, files stay; free. NULL is fine. */
void inherited_free(struct inherited *in);

#endif
