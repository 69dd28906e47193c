/*
 * elasticache_reply.h - what a configuration endpoint of ElastiCache says -> shards.
 *
 *      CONFIG cluster 0 BYTES\r\n        or VALUE AmazonElastiCache:cluster 0 BYTES\r\n
 *      VERSION\n
 *      HOST|IP|PORT HOST|IP|PORT ...\n
 *      \r\n
 *      END\r\n
 *
 * Source: "Adding Auto Discovery to your client library", docs.aws.amazon.com.
 * Pure but for the list it makes. Layer: control. Includes: base/error, base/span, found.
 */
#ifndef CONTROL_ELASTICACHE_REPLY_H
#define CONTROL_ELASTICACHE_REPLY_H

#include "base/error.h"
#include "base/span.h"
#include "control/found.h"

#define ELASTICACHE_NODES_MAX 4096 /* a ring has no more */

/*
 * Read a whole reply to an empty list. Each node is a shard without a name, at HOST:PORT, or at IP:PORT
 * where it has no host; one that is named twice is taken once. 0, or -1 with `error` saying what is
 * wrong and the list empty: one node that cannot be understood spoils all, as its keys would go elsewhere.
 */
NODISCARD int elasticache_read(struct span reply, struct found *found, struct error *error);

#endif
