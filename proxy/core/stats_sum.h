/*
 * stats_sum.h - the workers' counters added up, told by what they count and where they lie.
 *
 * Reads what the workers go on writing: each number is whole, but two of them may be a moment
 * apart. Any thread. Layer: core. Includes: stats.
 */
#ifndef CORE_STATS_SUM_H
#define CORE_STATS_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stats.h"

enum stats_of { STATS_OF_WORKER, STATS_OF_POOL, STATS_OF_COMMAND, STATS_OF_ENDPOINT };

/* Whose counters: a block that each worker has one of. */
struct stats_subject {
	enum stats_of of;
	uint16_t pool; /* of a pool or command: its index */
	uint16_t id;   /* of a command or endpoint */
};

/* Where a worker's counter of one row lies, and an endpoint's of one result. */
#define STATS_COUNTER_OFFSET(row)                                                                  \
	(offsetof(struct stats, counter) + (size_t)(row) * sizeof(_Atomic uint64_t))
#define STATS_RESULT_OFFSET(result)                                                                \
	(offsetof(struct endpoint_stats, results) + (size_t)(result) * sizeof(_Atomic uint64_t))

/* Has any worker counted for it? False only for a command that nobody has sent so far. */
bool stats_has(struct stats *const *all, uint16_t n_workers, struct stats_subject subject);

/* The sum of the counter at `offset` of the subject's struct (struct stats, pool_stats, ...). */
uint64_t stats_sum(struct stats *const *all, uint16_t n_workers, struct stats_subject subject,
		   size_t offset);

/* Add the workers' histograms at `offset` to `out`, which is its caller's own. */
void stats_merge(struct stats *const *all, uint16_t n_workers, struct stats_subject subject,
		 size_t offset, struct histogram *out);

/* An endpoint's calls that ended otherwise than with a reply. */
uint64_t stats_failures(struct stats *const *all, uint16_t n_workers, uint16_t endpoint_id);

/* The best state that any worker sees an endpoint in. */
enum endpoint_state stats_endpoint_state(struct stats *const *all, uint16_t n_workers,
					 uint16_t endpoint_id);

/* Its last error as endpoint_stats has it; that of a worker which cannot reach it goes first. */
int stats_endpoint_error(struct stats *const *all, uint16_t n_workers, uint16_t endpoint_id);

#endif
