/*
 * view.h - what a running proxy knows of itself, for metrics and status: borrowed pointers.
 * Layer: control. Includes: core/stats, route/topology.
 */
#ifndef CONTROL_VIEW_H
#define CONTROL_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/text.h"
#include "core/stats.h"
#include "route/topology.h"

struct view {
	const struct topology *topology;
	struct stats *const *stats; /* by worker; others write them while they are read */
	uint16_t n_workers;
	time_t started;
	bool draining;
};

/*
 * Can every pool serve? A pool can while at least one of its shards' endpoints is up on at least
 * one worker, and it does not drain. The reasons why not are appended to `why`, a line each.
 */
bool view_is_ready(const struct view *view, struct text *why);

/* The state of an endpoint over all workers: the best that any of them sees. */
enum endpoint_state view_endpoint_state(const struct view *view, uint16_t endpoint_id);

#endif
