/*
 * ketama.h - the continuum dialects: rings whose points are hashes of the nodes' labels.
 *
 * A dialect is a row of a table: how many points a node gets, what is hashed, which points a
 * digest gives, who wins a collision, and whether a key belongs to the next or the previous
 * point. Pure. Layer: route. Includes: arcs, dist.
 */
#ifndef ROUTE_KETAMA_H
#define ROUTE_KETAMA_H

#include "route/arcs.h"
#include "route/dist.h"

/*
 * The ring of `kind` (one of ketama, libmemcached-consistent, lastfm, dalli, spymemcached) with
 * nodes[0..n) as dist_build() has checked them; `hash` makes the points where a dialect hashes
 * labels as keys. points[i] becomes what node i got before collisions. For arcs_free(); aborts on
 * no memory. Sources: libmemcached 1.1 hosts.cc, twemproxy 0.5 nc_ketama.c, libketama ketama.c,
 * Dalli 3 ring.rb, spymemcached KetamaNodeLocator.java. Cost: up to 160 digests a node, a sort.
 */
NODISCARD struct arcs *ketama_build(enum dist_kind kind, enum hash_kind hash,
				    const struct dist_node *nodes, size_t n, uint32_t *points);

#endif
