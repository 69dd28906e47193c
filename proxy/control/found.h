/*
 * found.h - the shards of a pool as a discovery source found them: plain data, owned by whoever made it.
 * Layer: control. Includes: base/span, route/endpoint, route/spec.
 */
#ifndef CONTROL_FOUND_H
#define CONTROL_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "route/endpoint.h"
#include "route/spec.h"

struct found_shard {
	char *name;	 /* stable over changes of its addresses; NULL: its address is its name */
	char *primary;	 /* HOST:PORT; NULL: none is known at the moment */
	char **replicas; /* HOST:PORT each */
	size_t n_replicas;
	struct slot_range *slots; /* of Redis Cluster alone */
	size_t n_slots;
};

struct found {
	uint64_t version; /* of the source's own, where it has one; else 0 */
	struct found_shard *shards;
	size_t n;
};

/* An empty list that a source could not have meant is no answer: callers drop it before. The shard
 * stays where it is until the next one is added; texts are copied. */
struct found_shard *found_add(struct found *found, const char *name, const char *primary);
void found_add_replica(struct found_shard *shard, const char *address);
void found_add_slots(struct found_shard *shard, uint16_t first, uint16_t last);

/* Shards by name, then address; the replicas and slots of each likewise. */
void found_sort(struct found *found);

/* Do both say the same, whatever the order of their shards and replicas? The version is not looked at. */
NODISCARD bool found_equal(const struct found *a, const struct found *b);

void found_copy(struct found *to, const struct found *from);
void found_fini(struct found *found); /* zeroed is fine */

/* Add a copy of a text to a list that owns its texts; free all of them, which leaves it empty. */
void found_list_add(struct string_list *list, const char *text);
void found_list_free(struct string_list *list);

/*
 * The canonical address of a host, an IPv6 one without brackets too, and a port as a source tells
 * them. False if nobody can connect there: no host, "?" or what else is no name, or no port.
 */
NODISCARD bool found_address(struct span host, uint64_t port, char out[ADDRESS_TEXT_MAX]);

#endif
