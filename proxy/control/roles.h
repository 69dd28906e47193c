/*
 * roles.h - which of a shard's nodes is its primary now, where it is not the one that is configured.
 *
 * The node in use stays for as long as it says that it is a primary, whoever else says so too: a node that
 * comes back with old data says it as well. When it says that it is a replica, or is down, the one other
 * node of the shard that says it is a primary takes over; at its first failed probe only one that was
 * seen to be promoted. The configured name decides again as soon as it stands for another address.
 * Pools whose shards are found by Sentinel or in a cluster have their roles from there.
 * The control thread's. Layer: control. Includes: health, route/topology.
 */
#ifndef CONTROL_ROLES_H
#define CONTROL_ROLES_H

#include "control/health.h"
#include "route/topology.h"

struct roles;
NODISCARD struct roles *roles_new(void);
void roles_free(struct roles *roles); /* NULL is fine */

/* The address of the node that took over, as endpoint->text has it; NULL: it is as configured. */
const char *roles_primary(const struct roles *roles, const char *pool, const char *shard);

/* Look at what the nodes say of themselves. True if some shard has another primary than `topology`. */
NODISCARD bool roles_judge(struct roles *roles, const struct topology *topology,
			   const struct health *health);

/* Must the shard be watched more closely: has it no primary that is known to be one? */
bool roles_is_urgent(const struct shard *shard, const struct health *health);

#endif
