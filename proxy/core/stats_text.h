/*
 * stats_text.h - the proxy's own counters as memcached's `stats` lines.
 * Any thread. Layer: core. Includes: stats, base/text.
 */
#ifndef CORE_STATS_TEXT_H
#define CORE_STATS_TEXT_H

#include <stdint.h>

#include "base/text.h"
#include "core/stats.h"
#include "route/topology.h"

/*
 * Append "STAT name value\r\n" lines: the pool's counters, its used commands and its shards, then
 * those of the workers, which count for all pools. All workers are added up. No END follows.
 */
void stats_text(struct stats *const *all, uint16_t n_workers, const struct pool *pool,
		struct text *out);

#endif
