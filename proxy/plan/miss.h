/*
 * miss.h - what a memcached client is told by `failover.on_down: miss` where a shard gives no
 * answer: that the key is not there, as a cache may say at any time.
 *
 *      get gets gat gats          END, in a multi-get the key is left out
 *      touch incr decr            NOT_FOUND
 *      mg me                      EN
 *      ma                         NF
 *      set add replace append     the error: nobody may think that it was done
 *        prepend cas ms flush_all
 *      delete md                  the error: the value is still there and stale once the node is back
 *
 * Layer: plan. Includes: core/call.
 */
#ifndef PLAN_MISS_H
#define PLAN_MISS_H

#include "core/call.h"

/* The reply of a miss to a command of a memcached pool, whole, or of a meta command the code alone;
 * NULL: it has none, or it must stay an error. Pure. */
const char *miss_reply(const struct command *command);

/* In a pool that wants misses, before a call is sent: keep what its reply is made of. */
void miss_prepare(struct call *call);

/*
 * A call of a memcached pool failed for good. Where the pool wants a miss and the command has one,
 * call->reply becomes it, it is counted, and true: the call is to be taken for answered. Not if its
 * client has some of a reply already.
 */
NODISCARD bool miss_instead(struct call *call);

#endif
