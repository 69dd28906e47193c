/*
 * admin_http.h - the admin endpoints over HTTP, driven by the control loop.
 * Layer: control. Includes: view, io/listener, route/endpoint, base/error; libmicrohttpd in admin_http.c.
 */
#ifndef CONTROL_ADMIN_HTTP_H
#define CONTROL_ADMIN_HTTP_H

#include "base/attr.h"
#include "base/error.h"
#include "control/view.h"
#include "io/listener.h"
#include "route/endpoint.h"

struct admin;

/* What an operator may ask for by POST. False with the reasons appended to `errors`, a line each. */
struct admin_actions {
	bool (*reload)(void *arg, struct text *errors);
	bool (*drain)(void *arg, struct text *errors);
	bool (*refresh)(void *arg, const char *pool);
	bool (*pause)(void *arg, const char *pool, enum pause pause, uint32_t for_ms);
};

/*
 * Serve the endpoints at `address`, by a socket of `inherited` (or NULL) if it has one; view, actions
 * and arg are borrowed. NULL with `error` saying which address cannot be had and why.
 */
NODISCARD struct admin *admin_open(struct loop *loop, const struct address *address,
				   struct inherited *inherited, const struct view *view,
				   const struct admin_actions *actions, void *arg,
				   struct error *error);

/* What it listens by, its own still; NULL after admin_leave(). */
struct listener *admin_listener(const struct admin *admin);

/* Take no new connection; those that are open are served on. */
void admin_leave(struct admin *admin);

void admin_close(struct admin *admin); /* NULL is fine */

#endif
