/*
 * rendezvous.h - highest random weight: each node scores the key, and the best owns it.
 *
 * Two kinds: weighted, by xxHash of the node's label and the key's hash; and pymemcache's, by
 * murmur3 of "LABEL-KEY". Never changes once built. Layer: route. Includes: dist.
 */
#ifndef ROUTE_RENDEZVOUS_H
#define ROUTE_RENDEZVOUS_H

#include "route/dist.h"

struct rendezvous;

/* Of nodes[0..n), n 1 or more; labels are copied. Aborts on no memory. */
NODISCARD struct rendezvous *rendezvous_build(const struct dist_node *nodes, size_t n);
void rendezvous_free(struct rendezvous *rendezvous); /* NULL is fine */

/*
 * The weighted kind: the node of the greatest -weight / ln(h), h in (0, 1) from the label and the
 * key's hash. Each node's share is its weight's; a node that leaves moves only its own keys.
 * Source: Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005. Cost: O(n).
 */
size_t rendezvous_owner(const struct rendezvous *rendezvous, uint64_t hash);

/*
 * pymemcache's HashClient, key for key where keys are ASCII: it hashes other text by code point,
 * and bytes objects by their repr(). Ties go to the greater label. Cost: O(n * key length).
 */
size_t rendezvous_owner_pymemcache(const struct rendezvous *rendezvous, struct span key);

#endif
