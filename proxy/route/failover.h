/*
 * failover.h - what a memcached node that is down means, as settings say it.
 * Layer: route. Includes: nothing of the project.
 */
#ifndef ROUTE_FAILOVER_H
#define ROUTE_FAILOVER_H

#include <stdint.h>

/* Where the keys of its shard go: nowhere else, to spare nodes, to the other shards. */
enum failover_mode { FAILOVER_KEEP, FAILOVER_GUTTER, FAILOVER_EJECT };

/* What a client is told of a key whose node gives no answer. */
enum on_down { ON_DOWN_ERROR, ON_DOWN_MISS };

/* What becomes of what a node has that comes back. */
enum on_return { ON_RETURN_KEEP, ON_RETURN_FLUSH };

struct failover_settings {
	int mode;	       /* enum failover_mode */
	int on_down;	       /* enum on_down */
	int on_return;	       /* enum on_return */
	uint32_t gutter_ttl_s; /* the longest life of what is stored at a gutter node */
	uint32_t eject_ttl_s;  /* the same at the shards that stand in; 0: any */
};

/* The longest life of what is stored elsewhere while a node is down; 0: any. */
static inline uint32_t failover_ttl_s(const struct failover_settings *failover)
{
	if (failover->mode == FAILOVER_GUTTER)
		return failover->gutter_ttl_s;
	return failover->mode == FAILOVER_EJECT ? failover->eject_ttl_s : 0;
}

#endif
