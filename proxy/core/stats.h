/*
 * stats.h - a worker's counters: only its worker writes them, the control thread reads.
 *
 * Writes are relaxed atomic stores, so a reader sees each counter whole and a moment old.
 * Layer: core. Includes: base/histogram, route/topology, proto/command.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/histogram.h"
#include "route/topology.h"

/* Rows of stats.def. */
enum stat_id {
#define STAT(id, name, help) STAT_##id,
#include "core/stats.def"
#undef STAT
	STAT_COUNT
};

struct stat_row {
	const char *name, *help;
};

extern const struct stat_row stat_rows[STAT_COUNT];

/* What can become of a call; core/call.h says what each means. */
enum call_result {
	CALL_REPLY,
	CALL_NOT_SENT,
	CALL_LOST,
	CALL_TIMEOUT,
	CALL_DOWN,
	CALL_GARBAGE,
	CALL_NO_LEASE,
	CALL_NO_PRIMARY,
	CALL_RESULTS
};

extern const char *const call_result_names[CALL_RESULTS];

/* One command of one pool. */
struct command_stats {
	_Atomic uint64_t requests;
	_Atomic uint64_t errors;   /* answered with an error, the node's or the proxy's */
	struct histogram total_us; /* from parsed to handed to the client's socket */
};

struct pool_stats {
	_Atomic uint64_t clients; /* open now */
	_Atomic uint64_t opened;  /* sockets handed to the worker: the control thread writes it */
	_Atomic uint64_t closed;  /* closed or refused since the start */
	_Atomic uint64_t bytes_in, bytes_out;
	_Atomic uint64_t hits, misses; /* memcached get and its kin, by key */
	size_t n_commands;
	struct command_stats *_Atomic *commands; /* by command id; NULL until first used */
};

enum endpoint_state { ENDPOINT_CONNECTING, ENDPOINT_UP, ENDPOINT_DOWN, ENDPOINT_STATES };

extern const char *const endpoint_state_names[ENDPOINT_STATES];

struct endpoint_stats {
	_Atomic uint64_t requests;
	_Atomic uint64_t results[CALL_RESULTS];
	_Atomic uint64_t error_replies;	      /* the node's own errors */
	_Atomic uint64_t bytes_in, bytes_out; /* from and to the node */
	_Atomic uint64_t in_flight;
	_Atomic uint64_t connects, connect_failures;
	_Atomic int state;	      /* enum endpoint_state */
	_Atomic int last_error;	      /* negative errno, or an enum connset_fault; 0: none yet */
	_Atomic uint64_t lag_bytes;   /* of a replica: behind its primary, when last judged */
	_Atomic int fitness;	      /* of a replica: enum replica_fault */
	struct histogram queue_us;    /* from given to the connection to written */
	struct histogram upstream_us; /* from written to the whole reply */
};

/* Blocks are found by a pool's index and an endpoint's id. A worker looks only at those of topologies
 * that it was given, which the control thread has made before. */
struct stats {
	_Atomic uint64_t counter[STAT_COUNT];
	_Atomic uint64_t memory;   /* bytes of chunks in use */
	_Atomic uint64_t topology; /* the version that the worker goes by */
	struct pool_stats **pools;
	struct endpoint_stats **endpoints;
};

/* Counters for the pools and endpoints of a topology. Aborts with no memory. */
NODISCARD struct stats *stats_new(const struct topology *topology);

/* Counters for those of a further topology too, before anybody is given it. What has an id that no
 * topology in use has (`is_new`) counts from zero. */
void stats_prepare(struct stats *stats, const struct topology *topology,
		   bool (*is_new)(void *arg, uint16_t id), void *arg);
void stats_free(struct stats *stats);

/* The counters of a command, made at its first use. */
struct command_stats *stats_command(struct pool_stats *pool, uint16_t command_id);

/* Only the owner writes, so a plain add is enough; the store keeps readers from torn values. */
static inline void stat_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline uint64_t stat_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
