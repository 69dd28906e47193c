/*
 * cluster_vote.h - what several nodes of a Redis Cluster say of all -> the word of most of them.
 *
 * The rule. A node has a vote if it says that the cluster is well and sees more than half of its
 * primaries itself; a node has one, at however many addresses it is asked. Then each fact is decided by
 * itself, by more than half of the voters: who owns a slot, who is whose replica and not failing, and
 * where a node is. Slots move one after the other, so that whole views would seldom agree
 * while a cluster is being resharded. A slot without a majority stays with its last owner. In a cluster
 * of three shards or more, two voters at least are needed to change anything: when it is well
 * there are two, and one that lies alone is not believed.
 *
 * Pure. Layer: control. Includes: cluster_view.
 */
#ifndef CONTROL_CLUSTER_VOTE_H
#define CONTROL_CLUSTER_VOTE_H

#include "control/cluster_view.h"

#define CLUSTER_VOTERS_MAX 16

/* A primary that owns slots, and its replicas. */
struct cluster_shard {
	char address[ADDRESS_TEXT_MAX];
	struct string_list replicas; /* addresses of those that do not fail */
	struct string_list members;  /* ids of all of them, the primary's first */
	struct slot_range *slots;
	size_t n_slots;
	char *name; /* cluster_names.c's */
};

/* Zero-initialised is empty. */
struct cluster_shards {
	struct cluster_shard *v;
	size_t n;
	uint64_t epoch;
};

/*
 * Count the votes of views[0..n), of which those without a vote are left out, to an empty list. `last` is
 * the list so far, empty at first. 0, or -1 with `error` where nothing can be said: no or too few
 * voters, or no slots.
 */
NODISCARD int cluster_vote(const struct cluster_view *const *views, size_t n,
			   const struct cluster_shards *last, struct cluster_shards *out,
			   struct error *error);

void cluster_shards_fini(struct cluster_shards *shards);

#endif
