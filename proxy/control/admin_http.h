/*
 * admin_http.h - the admin endpoints over HTTP, driven by the control loop.
 * Layer: control. Includes: view, io/loop, base/error; libmicrohttpd in admin_http.c.
 */
#ifndef CONTROL_ADMIN_HTTP_H
#define CONTROL_ADMIN_HTTP_H

#include "base/attr.h"
#include "base/error.h"
#include "control/view.h"
#include "io/loop.h"

struct admin;

/* Serve the endpoints at host:port (or the unix socket `host` with port 0); `view` is borrowed.
 * NULL with `error` saying which address cannot be had and why. */
NODISCARD struct admin *admin_open(struct loop *loop, const char *host, uint16_t port,
				   const struct view *view, struct error *error);
void admin_close(struct admin *admin); /* NULL is fine */

#endif
