/*
 * call.h - one command sent to one server, and its one reply or named failure.
 *
 * Owned by its request, the first one embedded there; in an upstream's queue while under way.
 * Layer: core. Includes: engine, base/chain.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/chain.h"
#include "core/engine.h"

/*
 * enum call_result (stats.h):
 * CALL_REPLY     the server's whole reply is in `reply`
 * CALL_NOT_SENT  the connection broke before its first byte was written: it did not run
 * CALL_LOST      the connection broke after: it may have run
 * CALL_TIMEOUT   no whole reply within timeouts.request: it may have run
 * CALL_DOWN      refused at once, because the endpoint cannot be reached
 * CALL_GARBAGE   what came back is not the protocol: it may have run
 * CALL_NO_LEASE  refused at once: as many clients as may hold connections of their own (limits.leases)
 * CALL_NO_PRIMARY  it waited for hold.time, and its shard still has no primary, or as many waited as
 *                may: it did not run
 */
struct call {
	TAILQ_ENTRY(call) fifo; /* in its upstream's queue, in sending order */
	struct call *next;	/* the request's next part */
	struct request *request;
	const struct shard *shard;
	const struct endpoint *endpoint; /* of the shard: where it is sent */
	struct upstream *lease;		 /* the connection of its client's own, or NULL */
	void (*done)(struct call *call, enum call_result result);
	void (*on_piece)(struct call *call); /* `reply` is long, and not whole yet; or NULL */
	void (*send)(struct call *call);     /* to its endpoint; NULL: over a shared connection */
	struct chain bytes;		     /* as sent; kept while it may be sent again */
	struct chain reply;
	uint64_t begin, end; /* its place in the bytes of its connection */
	uint64_t queued_us, sent_us;
	struct era *era;  /* that shard and endpoint are of, if it is not the request's; or NULL */
	uint64_t held_us; /* since when it waits, or waited, for a primary; 0: it never did */
	uint32_t number;  /* of a part: its place among the parts */
	uint32_t n_keys;  /* how many of the request's keys it has */
	uint32_t values;  /* memcached: VALUE blocks in the reply */
	uint32_t skip;	  /* replies that come before its own and are dropped */
	uint32_t skipped; /* of them, since it was last sent */
	uint32_t
		refusal; /* bytes of the first of them that was an error: it stands before its own */
	uint16_t attempts;  /* times it was given to a connection */
	bool reads;	    /* the row's CMD_READ: it may be sent again */
	bool is_error;	    /* the reply is the node's error */
	bool waits;	    /* it may wait at the server: no time limit is the proxy's */
	bool keeps_bytes;   /* they are needed again after they were written */
	bool keeps_refusal; /* an error among the replies that are dropped is kept: see `refusal` */
	bool asks;	    /* Redis Cluster: ASKING stands before the command */
	bool has_waited;    /* for as long as it may: what it comes to now is its client's */
	bool waits_alone;   /* for its slot, while others of its node go on: see hold.h */
	bool translated;    /* memcached: packets for a text command: see plan/translate */
	bool barrier;	    /* memcached: its reply ends with MN, which is cut off */
	bool pieces_taken;  /* some of the reply has gone to the client already */
	uint8_t result;	    /* of a part: enum call_result, once done */
};

TAILQ_HEAD(call_queue, call);

/* Put a call into its first state, without bytes. */
void call_init(struct call *call, struct request *request, bool reads);

/* It goes to this node of a shard of the newest topology from now on. */
void call_point(struct call *call, const struct shard *shard, const struct endpoint *endpoint);

/* Give it to its endpoint, as call->send has it. call->done may come before this returns. */
void call_send(struct call *call);

/* Drop the bytes it holds. */
void call_fini(struct engine *engine, struct call *call);

/*
 * What to tell a client about a call that failed, without protocol prefix and line end: "shard a:
 * connect to 10.0.0.1:6379: connection refused". Returns out.
 */
#define CALL_TEXT_MAX 768 /* bytes */
char *call_failure_text(struct engine *engine, const struct call *call, enum call_result result,
			char out[CALL_TEXT_MAX]);

#endif
