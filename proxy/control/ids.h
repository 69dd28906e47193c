/*
 * ids.h - endpoints and pools keep their numbers from one topology to the next.
 *
 * Connections, counters and what is known of a node are found by an endpoint's id. An endpoint is the
 * same while its pool, shard, address, IPs and what its connections are set up with are: any other gets
 * an id of its own, and so connections of its own. An id is given again once no topology in use has
 * it. The control thread's. Layer: control. Includes: route/topology.
 */
#ifndef CONTROL_IDS_H
#define CONTROL_IDS_H

#include "base/error.h"
#include "route/topology.h"

struct ids;
NODISCARD struct ids *ids_new(void);
void ids_free(struct ids *ids); /* NULL is fine */

/*
 * Number the pools and endpoints of a topology that nobody uses yet. -1 with `error` where all ids are
 * in use by topologies that requests still hold.
 */
NODISCARD int ids_assign(struct ids *ids, struct topology *topology, struct error *error);

/* Did the last ids_assign() give this one to an endpoint that no topology in use has? */
bool ids_is_new(void *ids, uint16_t id);

/* The topology is in use by nobody any more. */
void ids_drop(struct ids *ids, const struct topology *topology);

#endif
