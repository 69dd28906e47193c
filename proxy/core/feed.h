/*
 * feed.h - a connection to a node for subscriptions: made, watched, made again; messages apart from
 * answers.
 *
 *      server -> message, pmessage, smessage -> on_message
 *                everything else             -> the oldest ask's answer
 *
 * It speaks RESP2, where a node answers each name of a command with a frame of its own: an ask is a
 * command of one name, so it has just one answer. It is made once it is first held, and closed a
 * moment after nobody holds it any more; what is subscribed to is its owner's to know and, in
 * on_up(), to ask for again.
 * One worker's. Layer: core. Includes: engine, io/stream.
 */
#ifndef CORE_FEED_H
#define CORE_FEED_H

#include <sys/queue.h>

#include "base/chain.h"
#include "core/engine.h"
#include "io/stream.h"
#include "proto/frame.h"

enum feed_state {
	FEED_IDLE,    /* nobody needs it */
	FEED_WAITING, /* no connection: the next attempt is due when the timer fires */
	FEED_CONNECTING,
	FEED_UP
};

/* Something asked of the node; embedded in what it is about. */
struct feed_ask {
	TAILQ_ENTRY(feed_ask) fifo;
	/* The answer, an error perhaps; NULL: the connection was lost first. */
	void (*done)(struct feed_ask *ask, const struct chain *answer);
};

TAILQ_HEAD(feed_ask_list, feed_ask);

/* What the owner is told; a static const table. */
struct feed_events {
	void (*on_up)(void *owner);
	/* The connection was lost, or an attempt failed; its asks have been told. */
	void (*on_down)(void *owner);
	void (*on_message)(void *owner, const struct chain *frame);
};

struct feed {
	struct engine *engine;
	const struct endpoint *endpoint;
	const struct pool *pool;
	const struct feed_events *events;
	void *owner;
	struct stream *stream; /* NULL while IDLE or WAITING */
	struct timer *timer;   /* by state: next attempt, connect timeout, next probe */
	struct feed_ask_list asks;
	struct feed_ask probe;
	struct frame frame;
	struct chain partial; /* the frame that is not whole yet */
	uint64_t up_us;	      /* when it came up */
	uint32_t users;
	uint32_t questions; /* of the handshake, not answered yet */
	uint32_t failures;  /* attempts failed in a row */
	uint32_t attempts;  /* connections ever tried */
	int fault;	    /* enum connset_fault, or a negative errno */
	enum feed_state state;
	bool is_dropping; /* the frame is too long */
	bool is_heard;	  /* something came since the timer last fired */
};

/* A feed without a connection. */
void feed_init(struct feed *feed, struct engine *engine, const struct endpoint *endpoint,
	       const struct feed_events *events, void *owner);

/* One user more or less; the first one has it connect. */
void feed_hold(struct feed *feed);
void feed_release(struct feed *feed);

/* Close it for good, as an attempt that failed. */
void feed_shut(struct feed *feed);

/* Send a command that has one answer; only while it is up. `bytes` are used up. */
void feed_send(struct feed *feed, struct feed_ask *ask, struct chain *bytes);

static inline bool feed_is_up(const struct feed *feed)
{
	return feed->state == FEED_UP;
}

/* Has the last attempt failed? While a first one is under way, it has not. */
static inline bool feed_is_down(const struct feed *feed)
{
	return feed->failures > 0;
}

#endif
