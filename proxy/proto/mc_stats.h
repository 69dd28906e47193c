/*
 * mc_stats.h - the replies of several memcached nodes to one `stats` -> one reply.
 *
 * Pure but for the text it makes. Layer: proto. Includes: base/span, base/text.
 */
#ifndef PROTO_MC_STATS_H
#define PROTO_MC_STATS_H

#include <stdbool.h>

#include "base/span.h"
#include "base/text.h"

/* One node's whole reply; borrowed. */
struct mc_stats_node {
	struct span name, reply;
};

/*
 * Append to `to` the one reply made of the replies of nodes[0..n), in their order.
 *
 * One node alone: its own reply. `general` (stats without a word): counters and sizes are added
 * up, and so are rusage_user and rusage_system; uptime is the least, time the greatest; version
 * and the like are given once, or joined by commas where nodes differ. What no rule is known for
 * (and pid) is given once if all nodes say the same, else node by node as "STAT NODE:name value".
 * Otherwise (items, slabs, settings, sizes, conns, ...) each line is given node by node, in the
 * same form; ITEM and PREFIX lines likewise.
 *
 * A node that answers with a line of another kind is reported as "STAT NODE:error LINE"; if all
 * do (OK, RESET, ERROR), the first such line is the reply, an error before any other.
 * Cost: proportional to the lines of all nodes.
 */
void mc_stats_merge(struct text *to, bool general, const struct mc_stats_node *nodes, size_t n);

#endif
