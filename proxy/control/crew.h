/*
 * crew.h - the workers: started, given clients and topologies, drained, ended; and their counters.
 *
 * The control thread's, which writes `opened` and counters of its own; the rest is the workers' to write.
 * Layer: control. Includes: core/stats, io/loop, route/topology.
 */
#ifndef CONTROL_CREW_H
#define CONTROL_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/stats.h"
#include "io/loop.h"
#include "route/topology.h"

struct crew;

/* What is told of the workers. */
struct crew_events {
	void (*on_drained)(void *arg); /* once, after crew_drain(): the last client has gone */
	void (*on_suspect)(void *arg, uint16_t endpoint_id); /* a worker saw this node fail */
};

/* n_workers workers that share `memory` bytes of buffers, not started yet. */
NODISCARD struct crew *crew_new(struct loop *loop, uint16_t n_workers, uint64_t memory,
				const struct crew_events *events, void *arg);

/* Counters by worker, and in one more block the control thread's own. */
struct stats *const *crew_stats(const struct crew *crew);
uint16_t crew_size(const struct crew *crew);

/*
 * Have all workers go over to `topology`, of which references are taken; the first starts them.
 * is_new(arg, id) says which endpoint ids no topology in use has.
 */
void crew_tell(struct crew *crew, struct topology *topology, bool (*is_new)(void *arg, uint16_t id),
	       void *arg);

/* Wait a moment until all workers go by what they were told last: who asked for it may rely on it. */
void crew_settle(const struct crew *crew);

/* Hand an accepted socket of a client of the pool of this index to the worker with the fewest clients;
 * at the pool's limit it is told so and closed. One of a pool that the workers are still to be told of
 * waits for that. */
void crew_accept(struct crew *crew, uint16_t pool_index, int fd, bool is_unix);

/* How many clients all workers have now, those of pools that are gone too. */
uint64_t crew_clients(const struct crew *crew);

void crew_drain(struct crew *crew);
bool crew_is_drained(const struct crew *crew);

/* End the workers; then, when the loop has run out, free. */
void crew_stop(struct crew *crew);
void crew_free(struct crew *crew);

#endif
