/*
 * view.h - what a running proxy knows of itself, for metrics and status: borrowed pointers.
 * Layer: control. Includes: health, members, reload, core/replicas, core/stats, route/topology.
 */
#ifndef CONTROL_VIEW_H
#define CONTROL_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/text.h"
#include "control/health.h"
#include "control/members.h"
#include "control/reload.h"
#include "core/replicas.h"
#include "core/stats.h"
#include "route/topology.h"

struct view {
	const struct topology *topology;
	struct stats *const *stats; /* by worker; others write them while they are read */
	uint16_t n_workers;
	const struct stats *own; /* what the control thread counts itself; NULL: nothing */
	time_t started;
	bool draining;
	bool leaving;			   /* and the process ends once it is drained */
	const struct reload_state *reload; /* NULL: the settings never change */
	const struct health *health;	   /* NULL: nothing is probed */
	const struct members *members;	   /* NULL: every pool's shards are listed */
};

/*
 * Can every pool serve? A pool can while at least one of its shards' endpoints, or a gutter node that
 * stands in for one, is up on at least one worker, and it does not drain. The reasons why not are appended to `why`, a line each,
 * unless it is NULL.
 */
bool view_is_ready(const struct view *view, struct text *why);

/* The state of an endpoint over all workers: the best that any of them sees. */
enum endpoint_state view_endpoint_state(const struct view *view, uint16_t endpoint_id);

/*
 * Why a replica is not read, by the worker that knows most against it (REPLICA_FIT: no worker does),
 * and in *lag_bytes how far it is behind, as the worker with the greatest figure saw it.
 */
enum replica_fault view_replica(const struct view *view, uint16_t endpoint_id, uint64_t *lag_bytes);

/* What probes of an endpoint say; NULL where it is not probed. */
const struct health_of *view_health(const struct view *view, uint16_t endpoint_id);

/* Can this one pool serve? As view_is_ready has it. */
bool view_pool_is_ready(const struct view *view, const struct pool *pool);

/* Why an endpoint could not be reached last, in out; NULL if there was no trouble so far. */
#define VIEW_ERROR_MAX 512 /* bytes */
const char *view_endpoint_error(const struct view *view, const struct endpoint *endpoint,
				char out[VIEW_ERROR_MAX]);

#endif
