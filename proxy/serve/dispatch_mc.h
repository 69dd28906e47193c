/*
 * dispatch_mc.h - a command of a memcached client: text and meta here, binary in dispatch_binary.
 * Layer: serve. Includes: dispatch.
 */
#ifndef SERVE_DISPATCH_MC_H
#define SERVE_DISPATCH_MC_H

#include "serve/dispatch.h"

/* As dispatch(), for a client of a memcached pool; none of its commands has to wait. */
void dispatch_mc(struct client *client, const struct command_bytes *command,
		 const struct request_events *events);

#endif
