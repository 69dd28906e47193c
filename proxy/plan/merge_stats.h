/*
 * merge_stats.h - the nodes' replies to memcached `stats` -> one reply.
 * Layer: plan. Includes: core/request.
 */
#ifndef PLAN_MERGE_STATS_H
#define PLAN_MERGE_STATS_H

#include "core/request.h"

/* Make request->reply of the good parts' replies, as proto/mc_stats.h describes. */
void merge_stats(struct request *request);

#endif
