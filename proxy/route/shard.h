/*
 * shard.h - a place on the ring, or a spare node beside it.
 * Part of a snapshot, which owns it. Layer: route. Includes: dist, endpoint.
 */
#ifndef ROUTE_SHARD_H
#define ROUTE_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "route/dist.h"
#include "route/endpoint.h"

struct shard {
	char *name;  /* what status, errors and `route` call it */
	char *label; /* what its place on the ring is made of */
	uint32_t weight;
	uint16_t index; /* in its pool */
	struct endpoint *primary;
	struct endpoint *replicas; /* those in the proxy's zone first */
	uint16_t n_replicas;
	bool holds;	/* it may get another primary, for which its requests wait */
	bool is_away;	/* its node is down: its keys take the pool's detour */
	bool is_gutter; /* no shard, but a spare node */
};

/* Where the keys of shards that are away go. */
struct detour {
	struct dist *dist;	     /* NULL: nowhere, and no shard is away */
	const struct shard **shards; /* by their places there */
	uint32_t ttl_s;		     /* the longest life of what is stored there; 0: any */
};

#endif
