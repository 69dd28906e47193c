/*
 * role_reply.h - what a Redis node says of its role -> a struct. Pure.
 * Layer: control. Includes: base/span, route/endpoint.
 */
#ifndef CONTROL_ROLE_REPLY_H
#define CONTROL_ROLE_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "route/endpoint.h"

enum role_kind { ROLE_PRIMARY, ROLE_REPLICA, ROLE_SENTINEL };

struct role_reply {
	enum role_kind kind;
	/* Of a replica: */
	bool is_linked;		       /* it has its primary's data and follows it */
	char leader[ADDRESS_TEXT_MAX]; /* host:port of its primary; "" where that is no address */
	uint64_t offset;	       /* of replication, a primary's too; 0 where none is told */
};

/* Read a whole reply to ROLE, or to INFO replication. False if it is another reply. */
NODISCARD bool role_read(struct span reply, struct role_reply *out);
NODISCARD bool role_read_info(struct span reply, struct role_reply *out);

#endif
