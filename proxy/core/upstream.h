/*
 * upstream.h - one connection to one server: a FIFO of calls, reply framing, the oldest's deadline.
 *
 *      fifo:  [sent] [sent] [partly sent] [queued] [queued]
 *             ^ its reply comes next   ^ unsent
 *
 * What goes to a server always gets exactly one reply, so the FIFO cannot slip. Whether a call was
 * sent is told by its place in the connection's bytes. Making and remaking the connection is
 * connset's. One worker's. Layer: core. Includes: call, io/stream.
 */
#ifndef CORE_UPSTREAM_H
#define CORE_UPSTREAM_H

#include "core/call.h"
#include "io/stream.h"

enum upstream_state {
	UPSTREAM_WAITING,    /* no connection: the next attempt is due when the timer fires */
	UPSTREAM_CONNECTING, /* connecting, or its first question is not answered yet */
	UPSTREAM_READY,
	UPSTREAM_SHUT /* the worker is leaving */
};

struct upstream;

/* Who holds a connection for itself: told when it is lost, before its calls fail. */
struct lease_owner {
	void (*on_lost)(struct lease_owner *owner, struct upstream *up);
};

struct upstream {
	struct engine *engine;
	struct connset *set;
	struct lease_owner *owner;    /* of a leased connection that is held; else NULL */
	TAILQ_ENTRY(upstream) leases; /* of a leased one: in its set */
	struct deferred freeing;      /* of a leased one */
	bool is_leased;		      /* made for one client at a time */
	bool is_idle;		      /* leased, and nobody holds it */
	const struct pool *pool;
	const struct endpoint *endpoint;
	struct endpoint_stats *stats;
	const struct codec *codec;
	struct stream *stream; /* NULL while WAITING or SHUT */
	struct call_queue fifo;
	struct call *unsent; /* the first not wholly written; NULL: all are */
	struct frame frame;  /* of the reply that comes next */
	uint64_t queued;     /* bytes given to this stream since it was made */
	uint64_t counted;    /* of those written, how many the statistics have */
	uint64_t ready_us;   /* when it became READY */
	uint64_t replied_us; /* when its last reply was whole */
	uint32_t failures;   /* attempts failed in a row */
	uint32_t attempts;   /* connections ever tried: which address of a name is next */
	enum upstream_state state;
	struct timer *timer; /* by state: next attempt, connect timeout, oldest call's deadline */
	bool timer_runs;     /* READY: it was started and has not fired */
	struct call hello;   /* the first question on a new connection */
};

/* An upstream of a set, without a connection. */
void upstream_init(struct upstream *up, struct engine *engine, struct connset *set);

/* Queue a call on the connection there is; its bytes leave at the end of the turn. */
void upstream_send(struct upstream *up, struct call *call);

/*
 * Close the connection and fail its calls: those not begun to be written with CALL_NOT_SENT, the
 * oldest of the others with `result`, the rest with CALL_LOST. The caller has set the state before,
 * so that what is sent again at once finds it.
 */
void upstream_drop(struct upstream *up, enum call_result result);

/* For stream_connect(). */
extern const struct stream_events upstream_stream_events;

/* connset.c: the connection stands or failed (err), or it broke under way. */
void connset_on_connected(struct upstream *up, int err);
void connset_on_broken(struct upstream *up, enum call_result result, int err);

#endif
