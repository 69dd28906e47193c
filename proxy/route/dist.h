/*
 * dist.h - one distribution: from a key to the index of its shard, whatever the ring's dialect.
 *
 * Never changes once built; any number of threads may look keys up in it, each with its own
 * digest and rng. Layer: route. Includes: hash, base/error, base/rng.
 */
#ifndef ROUTE_DIST_H
#define ROUTE_DIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/rng.h"
#include "route/hash.h"

#define DIST_NODES_MAX 4096
#define DIST_LABEL_MAX 512 /* bytes */

enum dist_kind {
	DIST_KETAMA,
	DIST_LIBMEMCACHED_CONSISTENT,
	DIST_LASTFM,
	DIST_DALLI,
	DIST_SPYMEMCACHED,
	DIST_MODULA,
	DIST_PYMEMCACHE,
	DIST_JUMP,
	DIST_RENDEZVOUS,
	DIST_RANDOM,
	DIST_COUNT
};

/* One shard, as the ring sees it. */
struct dist_node {
	const char *label; /* what its points are made of, 1..DIST_LABEL_MAX bytes */
	uint32_t weight;   /* 1 or more */
};

struct dist;

const char *dist_name(enum dist_kind kind);	       /* as configuration has it */
enum hash_kind dist_default_hash(enum dist_kind kind); /* HASH_COUNT: it has its own */

/*
 * Why `hash` must not be used with `kind`, as a sentence for a warning (crc32 with ketama sends
 * every key to one shard), or NULL.
 */
const char *dist_hash_trouble(enum dist_kind kind, enum hash_kind hash);

/*
 * The ring label of an unnamed shard at host:port, as `kind`'s clients write it, to
 * out[0..DIST_LABEL_MAX]. port 0 is a unix socket, host its path; its label is libmemcached's
 * PATH:0, or the path alone outside libmemcached's dialects. `node_string` is spymemcached's
 * template ("{host}/{ip}:{port}"), NULL for the default; others ignore it. 0, or -1 with `error`.
 */
NODISCARD int dist_label(enum dist_kind kind, const char *node_string, const char *host,
			 uint16_t port, char out[DIST_LABEL_MAX + 1], struct error *error);

/*
 * Build the distribution of nodes[0..n); nothing of them is kept. NULL with `error` set for n
 * out of 1..DIST_NODES_MAX, a zero weight or a label out of range. `hash` HASH_DEFAULT takes the
 * kind's. Control thread only.
 */
NODISCARD struct dist *dist_build(enum dist_kind kind, enum hash_kind hash,
				  const struct dist_node *nodes, size_t n, struct error *error);
/* The distribution of Redis Cluster's slots over n nodes: owner[slot] is the node's number. */
#define CLUSTER_SLOTS 16384U
NODISCARD struct dist *dist_build_slots(const uint16_t owner[CLUSTER_SLOTS], size_t n);

void dist_free(struct dist *dist); /* NULL is fine */

/* The index into nodes[] of the owner of `key` (already cut by hash_tag). O(1) but for
 * rendezvous and pymemcache, which are O(n). */
size_t dist_lookup(const struct dist *dist, struct span key, struct digest *digest,
		   struct rng *rng);

/* How many points (for others: how much weight) node i got; 0 means that it owns no key. */
size_t dist_points(const struct dist *dist, size_t i);

/*
 * The share of the key space that goes from each node of `from` to each of `to`: share[i * m + j],
 * n and m the node counts, adding up to 1. Exact where both hash keys alike to 32 bits
 * (rings and modula); else counted over a fixed sample of n_keys keys, and *exact is false.
 */
#define DIST_SAMPLE (1U << 20) /* keys: takes a second or more */
void dist_shares(const struct dist *from, const struct dist *to, uint32_t n_keys, double *share,
		 bool *exact);

size_t dist_nodes(const struct dist *dist);

#endif
