/*
 * takeover_wire.h - the messages between a process and the next one, over a unix socket.
 *
 * SOCK_SEQPACKET: a message comes whole or not at all, so neither side has a parser. In order:
 *
 *   next -> old   slipring-takeover 1
 *   old -> next   sockets LETTERS   a descriptor a letter: o the file goes along, x it is another's
 *   old -> next   end N             how many descriptors that were; or busy, refused
 *   next -> old   ready             it accepts
 *   old -> next   yours             it does not any more; or late
 *
 * Layer: control. Includes: base/error.
 */
#ifndef CONTROL_TAKEOVER_WIRE_H
#define CONTROL_TAKEOVER_WIRE_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/attr.h"
#include "base/error.h"

#define TAKEOVER_HELLO	   "slipring-takeover 1"
#define TAKEOVER_SOCKETS   "sockets "
#define TAKEOVER_FDS_MAX   64  /* descriptors in a message; the kernel takes up to 253 */
#define TAKEOVER_BYTES_MAX 128 /* of a message */
#define TAKEOVER_PATH_MAX  96  /* bytes: the socket's path has room for ".PID" behind it */

struct takeover_message {
	char text[TAKEOVER_BYTES_MAX];
	int fds[TAKEOVER_FDS_MAX]; /* the reader's own */
	size_t n_fds;
};

enum takeover_read {
	TAKEOVER_GOT,
	TAKEOVER_NOTHING, /* yet */
	TAKEOVER_GONE,	  /* the other end is closed */
	TAKEOVER_GARBAGE, /* no text, too long, too many descriptors; these are closed */
};

/* A socket that listens, for this user alone, at `path`, where nothing may be; -1 with `error`. */
NODISCARD int takeover_listen(const char *path, struct error *error);

/* A connection to who listens at `path`; -1 with errno. */
NODISCARD int takeover_connect(const char *path);

/* Who is at the other end; -1 with errno. */
NODISCARD int takeover_peer(int fd, pid_t *pid, uid_t *uid);

/* Send a message, with descriptors that stay the caller's. 0, or a negative errno. */
int takeover_send(int fd, const char *text, const int *fds, size_t n_fds);

/* Read the next message, without waiting. */
NODISCARD enum takeover_read takeover_receive(int fd, struct takeover_message *message);

/* Close the descriptors that came with a message, but for those that were set to -1. */
void takeover_discard(struct takeover_message *message);

#endif
