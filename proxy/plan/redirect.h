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

#endif
