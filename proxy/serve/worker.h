/*
 * worker.h - a worker thread: an engine, its clients, and the mail it gets.
 *
 * Made, told and ended by the control thread; everything inside belongs to its own thread.
 * Layer: serve. Includes: core/engine.
 */
#ifndef SERVE_WORKER_H
#define SERVE_WORKER_H

#include "core/engine.h"

struct worker;

/*
 * Start a worker's thread. on_drained(arg) runs in that thread, once, when worker_drain() has been
 * asked for and the last client has gone. Aborts where no thread can be had.
 */
NODISCARD struct worker *worker_start(const struct engine_setup *setup,
				      void (*on_drained)(void *arg), void *arg);

/* Hand over an accepted, non-blocking socket of a client of pool `pool`. Any thread. */
void worker_adopt(struct worker *worker, uint16_t pool, int fd, bool is_unix);

/* Take no more commands, answer what is under way, close each client after it. Any thread. */
void worker_drain(struct worker *worker);

/* Close everything at once, end the thread and free the worker. */
void worker_stop(struct worker *worker);

#endif
