/*
 * dispatch_binary.h - a command of memcached's binary protocol: to its shard, to all, or answered.
 * Layer: serve. Includes: dispatch.
 */
#ifndef SERVE_DISPATCH_BINARY_H
#define SERVE_DISPATCH_BINARY_H

#include "serve/dispatch.h"

/* As dispatch(), for a client that speaks binary. */
void dispatch_binary(struct client *client, const struct command_bytes *command,
		     const struct request_events *events);

/* From its first bytes on a client of a memcached pool speaks binary. */
void dispatch_binary_begin(struct client *client);

#endif
