/*
 * shard_spec.h - a pool's shards as plain data, a part of what a snapshot is built from.
 * Strings are owned by the spec. Layer: route. Includes: nothing of the project's.
 */
#ifndef ROUTE_SHARD_SPEC_H
#define ROUTE_SHARD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replica_spec {
	char *address;
	char *zone; /* or NULL */
};

/* Slots first..last of Redis Cluster, both included. */
struct slot_range {
	uint16_t first, last;
};

struct shard_spec {
	char *name;    /* NULL: its address is its name, and its ring label follows the dialect */
	char *primary; /* HOST:PORT or unix:PATH */
	uint32_t weight;
	struct replica_spec *replicas;
	size_t n_replicas;
	char *place;	 /* the address that name and label follow; NULL: the primary's */
	bool is_unknown; /* there is no primary: the address only says who should name it */
	bool is_down;	 /* no setting: its node is down, or not yet trusted again */
	bool is_damped;	 /* of one that is: it came back too short a time before */
	struct slot_range *slots; /* of Redis Cluster alone */
	size_t n_slots;
};

#endif
