/*
 * checkup.h - rounds of questions to one endpoint, over a connection of their own that is kept between
 * them: does it serve, and what does it say it is.
 *
 *   Redis:      [PING, while it may be loading] -> ROLE -> [INFO replication, if ROLE is refused]
 *   memcached:  version, or NOOP of the binary protocol
 *
 * ROLE is answered even by a node that is still loading its data, and so PING goes before it on a new
 * connection, and of a replica until it has its primary's data.
 * The control thread's. Layer: control. Includes: role_reply, io/loop, route/topology.
 */
#ifndef CONTROL_CHECKUP_H
#define CONTROL_CHECKUP_H

#include <stdbool.h>

#include "base/attr.h"
#include "control/role_reply.h"
#include "io/loop.h"
#include "route/topology.h"

/* Valid in the callback alone. */
struct checkup_result {
	const char *why; /* it does not serve, for people, the node named; NULL: it does */
	bool has_role;	 /* of Redis, unless its user may ask for none; never a Sentinel's */
	struct role_reply role;
};

struct checkup;

/* fn(arg, result) comes once for each round, never before checkup_begin() returns. It may call any of
 * these. */
NODISCARD struct checkup *checkup_new(struct loop *loop,
				      void (*fn)(void *arg, const struct checkup_result *result),
				      void *arg);

/*
 * The endpoint as the newest topology has it; borrowed. True if it is to be probed in another way than
 * before (its IPs, login, protocol or health.every and .timeout), or is the first: then the connection is
 * closed, and a round under way has no result.
 */
bool checkup_adopt(struct checkup *checkup, const struct endpoint *endpoint);

/* Begin a round; none may be under way. Each question has health.timeout of the pool for its answer, and
 * so has the connection. */
void checkup_begin(struct checkup *checkup);

bool checkup_is_under_way(const struct checkup *checkup);

/* No callback comes any more. NULL is fine. */
void checkup_free(struct checkup *checkup);

#endif
