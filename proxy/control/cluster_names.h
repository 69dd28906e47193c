/*
 * cluster_names.h - names for the shards of a Redis Cluster that outlive failovers: a shard is its set of
 * primary and replicas, whichever of them is the primary.
 *
 * A cluster has no names for its shards. A shard that shares its primary's node with a known one
 * keeps that one's name, else one that shares a replica, else one that holds most of the known one's
 * slots; a new one is "shard-FIRSTSLOT", or with "-2" and so on behind it where that is taken.
 * Pure. Layer: control. Includes: cluster_vote.
 */
#ifndef CONTROL_CLUSTER_NAMES_H
#define CONTROL_CLUSTER_NAMES_H

#include "control/cluster_vote.h"

/* Name each shard of `now`, which have none, after those of `last`. */
void cluster_names_give(struct cluster_shards *now, const struct cluster_shards *last);

#endif
