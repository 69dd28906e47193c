/*
 * loop.h - a thread's event loop: its time, timers, end-of-turn work; hides libuv.
 *
 * A turn is one poll and its callbacks. At its end, in this order: bytes that streams kept back
 * are delivered again, dirty streams are flushed once (to servers first, then to clients), and
 * what was deferred runs. One thread's, but for loop_stop(). Layer: io. Includes: base/chunk.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/chunk.h"

struct loop;
struct timer;

/* Something to do at the end of the turn; embedded in what it is about. */
struct deferred {
	struct deferred *next;
	void (*run)(struct deferred *);
};

/* A loop whose streams read into `pool` (NULL: it has no streams). Aborts with no memory. */
NODISCARD struct loop *loop_new(struct chunk_pool *pool);

/* The pool that its streams read into; what is written to them comes of it too. */
struct chunk_pool *loop_chunks(struct loop *loop);

/* Free it; every timer, stream and poll must have been closed, and their callbacks run. */
void loop_free(struct loop *loop);

/*
 * Run until loop_stop(), which any thread may call. Then the owner closes what it has open, if it
 * has not yet, and runs the loop out: until the last close callback has come.
 */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
void loop_run_out(struct loop *loop);

/* Monotonic microseconds, read at most once a turn. */
uint64_t loop_now_us(struct loop *loop);

/* Real milliseconds since 1970, read each time. Any thread. */
uint64_t loop_real_ms(struct loop *loop);

/* Run `deferred` once, after this turn's flush. It must not be queued already. */
void loop_defer(struct loop *loop, struct deferred *deferred);

/* A stopped timer; on_fire(arg) runs in the loop. timer_free() may be called from on_fire. */
NODISCARD struct timer *timer_new(struct loop *loop, void (*on_fire)(void *arg), void *arg);
void timer_start(struct timer *timer, uint64_t ms); /* once; restarts a running one */
void timer_stop(struct timer *timer);
void timer_free(struct timer *timer); /* NULL is fine */

/*
 * Watch a descriptor that another library owns: on_readable(arg) runs whenever it is readable.
 * fd_watch_free() first, then the library may close it. NULL with errno if it cannot be polled.
 */
struct fd_watch;
NODISCARD struct fd_watch *fd_watch_new(struct loop *loop, int fd, void (*on_readable)(void *arg),
					void *arg);
void fd_watch_free(struct fd_watch *watch); /* NULL is fine */

/* Have on_signal(arg, signum) called in the loop for a signal of the process. */
struct signal_watch;
NODISCARD struct signal_watch *signal_watch_new(struct loop *loop, int signum,
						void (*on_signal)(void *arg, int signum),
						void *arg);
void signal_watch_free(struct signal_watch *watch); /* NULL is fine */

#endif
