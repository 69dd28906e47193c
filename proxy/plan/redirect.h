/*
 * redirect.h - Redis Cluster: a command that a node sends elsewhere (MOVED, ASK) goes there.
 *
 * What a node redirects it has not run. One worker's. Layer: plan. Includes: core/request.
 */
#ifndef PLAN_REDIRECT_H
#define PLAN_REDIRECT_H

#include "core/request.h"

/* The call's reply is an error: true if it redirects the call, which is under way again or waits. */
NODISCARD bool redirect(struct call *call);

/* Have ASKING go before the call, with a reply of its own that is dropped, or take it off again. */
#define REDIRECT_ASKING "*1\r\n$6\r\nASKING\r\n"
void redirect_ask(struct call *call, bool asks);

#endif
