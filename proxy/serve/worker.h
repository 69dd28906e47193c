/*
 * worker.h - a worker thread: an engine, its clients, and the mail it gets.
 *
 * Made, told and ended by the control thread; everything inside belongs to its own thread.
 * Layer: serve. Includes: core/engine, census.
 */
#ifndef SERVE_WORKER_H
#define SERVE_WORKER_H

#include "core/engine.h"
#include "serve/census.h"

struct worker;

/* What a worker tells, in its own thread. */
struct worker_events {
	void (*on_drained)(void *arg); /* once, after worker_drain(): the last client has gone */
	void (*on_census)(void *arg, struct census *census); /* to be passed on to the next */
	void (*on_suspect)(void *arg, uint16_t endpoint_id); /* a node failed: engine->suspect */
};

/* Start a worker's thread. Aborts where no thread can be had. */
NODISCARD struct worker *worker_start(const struct engine_setup *setup,
				      const struct worker_events *events, void *arg);

/* Hand over a census. Any thread. */
void worker_visit(struct worker *worker, struct census *census);

/* Hand over an accepted, non-blocking socket of a client of the pool of index `pool`. Any thread. */
void worker_adopt(struct worker *worker, uint16_t pool, int fd, bool is_unix);

/* Have it go over to another topology, of which it takes a reference. Its counters must be there for
 * all that the topology has (stats_prepare). Any thread. */
void worker_tell_topology(struct worker *worker, struct topology *topology);

/* Take no more commands, answer what is under way, close each client after it. Any thread. */
void worker_drain(struct worker *worker);

/* Close everything at once, end the thread and free the worker. */
void worker_stop(struct worker *worker);

#endif
