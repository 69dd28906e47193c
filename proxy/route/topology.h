/*
 * topology.h - the immutable snapshot that workers route by: pools -> shards -> endpoints.
 *
 * Made by topology_build() on the control thread, shared by all workers, freed with its last
 * reference. Layer: route. Includes: cluster_config, dist, endpoint, shard, spec.
 */
#ifndef ROUTE_TOPOLOGY_H
#define ROUTE_TOPOLOGY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "route/cluster_config.h"
#include "route/dist.h"
#include "route/endpoint.h"
#include "route/shard.h"
#include "route/spec.h"

/* Who a client may say it is, and what it may do then. */
struct user {
	char *name;
	char *password;	   /* NULL: any will do */
	uint64_t *allowed; /* a bit a command id; NULL: all */
	size_t allowed_words;
	struct string_list prefixes; /* of keys; none: all */
};

/* What holds for the keys of a prefix. */
struct policy {
	char *match;
	size_t match_len;
	enum reads reads;  /* never READS_UNSET */
	uint64_t *refused; /* a bit a command id; NULL: none */
	size_t refused_words;
	struct ttl_rule ttl; /* never TTL_UNSET */
	bool coalesce;
};

struct pool {
	char *name;
	uint16_t
		index; /* the same in every topology that has the pool: of each worker's counters */
	enum pool_protocol protocol;
	enum dist_kind distribution;
	enum hash_kind hash; /* resolved: never HASH_DEFAULT */
	struct dist *dist;
	char hash_tag[2];     /* {0, 0}: none */
	char *prefix_ignored; /* "": none */
	size_t prefix_len;
	struct shard *shards;
	uint16_t n_shards;
	struct shard *gutters; /* spare nodes; their indexes count on from the shards' */
	uint16_t n_gutters;
	struct detour detour;
	char *node_user, *node_password; /* towards the nodes, or NULL */
	struct user *users;		 /* "default" first where it has a password; none: anyone */
	size_t n_users;
	struct policy *policies; /* the longest match first */
	size_t n_policies;
	struct command_spec *commands; /* that the table of commands has not */
	size_t n_commands;
	enum pause pause;	       /* what waits at the moment, because an operator says so */
	bool reads_replicas;	       /* some read of it may go to a replica */
	bool coalesces;		       /* some reads of it may share a call */
	bool has_ttl_rules;	       /* some expiry time of it may be changed */
	bool is_cluster;	       /* of Redis Cluster: its slots are the distribution */
	bool has_led_roles;	       /* Sentinel or a cluster says who its primaries are */
	struct cluster_config cluster; /* told to clients that look for its nodes */
	struct pool_settings settings;
};

struct topology {
	uint64_t version; /* greater than that of any before it: clients compare them */
	_Atomic uint32_t refs;
	struct pool *pools;
	uint16_t n_pools;
	struct endpoint *endpoints; /* all, those of a pool and of a shard side by side */
	uint16_t n_endpoints;
	struct endpoint **by_id; /* NULL where there is none */
	uint32_t n_ids;		 /* greater than any id */
};

/*
 * Build the snapshot of specs[0..n), with one reference; ids and indexes count from 0. NULL with `error` naming the pool and
 * shard that cannot be. Nothing of the specs is kept.
 */
NODISCARD struct topology *topology_build(const struct pool_spec *specs, size_t n, uint64_t version,
					  struct error *error);

struct topology *topology_ref(struct topology *topology);
void topology_unref(struct topology *topology);

/* How many references there are now. */
uint32_t topology_refs(const struct topology *topology);

/* Before anybody uses it: the endpoint's host stands for these IPs, of which a copy is made; n 0: for
 * none that is known. */
void endpoint_resolve(struct endpoint *endpoint, const char *const *ips, size_t n);

/* Fill in by_id again, after the endpoints have got other ids. */
void topology_index(struct topology *topology);

/* The endpoint of that id, or NULL. */
static inline const struct endpoint *topology_endpoint(const struct topology *topology, uint16_t id)
{
	return id < topology->n_ids ? topology->by_id[id] : NULL;
}

/* The pool of that index, or NULL. */
const struct pool *topology_pool_at(const struct topology *topology, uint16_t index);

/* The shard of that name, or NULL. */
const struct shard *pool_shard(const struct pool *pool, const char *name);

/* The pool of that name, or NULL. */
const struct pool *topology_pool(const struct topology *topology, const char *name);

/* The user of that name, or NULL. */
const struct user *pool_user(const struct pool *pool, struct span name);

/* Is bit `id` set? Bits past the words are not. */
static inline bool bits_have(const uint64_t *bits, size_t words, uint32_t id)
{
	return id / 64 < words && (bits[id / 64] >> id % 64 & 1) != 0;
}

/* How many places a key can be in: shards and gutter nodes, or slots of a cluster. */
static inline uint32_t pool_places(const struct pool *pool)
{
	return pool->is_cluster ? CLUSTER_SLOTS : (uint32_t)pool->n_shards + pool->n_gutters;
}

/* The slot of a whole key of a cluster's pool. */
uint32_t route_slot(const struct pool *pool, struct span key, struct digest *digest);

/* The shard that owns a whole key, though it may be away: prefix and hash tag are cut here. */
const struct shard *route_own(const struct pool *pool, struct span key, struct digest *digest,
			      struct rng *rng);

/* The shard, or the gutter node, that a whole key is at now. */
const struct shard *route_key(const struct pool *pool, struct span key, struct digest *digest,
			      struct rng *rng);

#endif
