/*
 * transaction_state.h - a transaction as it is inside, and how its commands get to a server.
 *
 *      queued:  [SET] [INCR]              answered QUEUED; another node is given them once more
 *      refused: [GET]  behind: [EXEC]     wait for a node that takes them
 *
 * What a server refuses between MULTI and EXEC has not run, nor has the rest: all of it goes to another
 * node, with MULTI and what was queued before. What was watched has no second place: EXEC answers then as
 * after a change of it, and its client tries again.
 * One worker's. Layer: plan. Includes: transaction, core/connset.
 */
#ifndef PLAN_TRANSACTION_STATE_H
#define PLAN_TRANSACTION_STATE_H

#include "core/connset.h"
#include "plan/transaction.h"

struct transaction {
	struct lease_owner owner;
	struct session *session;
	struct upstream *lease;	   /* NULL: no key has come yet, or it is lost or given up */
	const struct shard *shard; /* of the first key */
	struct chain queued;	   /* commands answered QUEUED: see is_long */
	uint32_t n_queued;	   /* of those */
	int length;		   /* commands of it so far */
	const struct call *opener; /* at the server with `opening_len` bytes before it; or NULL */
	uint64_t opening_len;
	struct call *refused;	   /* waits for another node; or NULL */
	struct call_queue behind;  /* wait for that one */
	const struct call *ending; /* EXEC, DISCARD or UNWATCH, under way; or NULL */
	bool in_multi;
	bool is_sent;  /* the server has MULTI */
	bool is_long;  /* `queued` is not kept any more: no other node can have it */
	bool asks;     /* Redis Cluster: what its node gets comes behind ASKING */
	bool watches;  /* the server has a WATCH */
	bool is_stale; /* and that is void: nothing will run */
	bool is_dirty; /* a command was refused: nothing will run */
	bool is_lost;  /* so is the connection */
};

#define QUEUED_BYTES_MAX 65536 /* of `queued` */

/* A transaction's first state. */
void transaction_init(struct transaction *tx, struct session *session);

/*
 * Send a call, which has its bytes and its `done`, to the transaction's server; the first of them takes a
 * connection to the shard's. It may be done, and the request gone, before this returns.
 */
void transaction_send(struct transaction *tx, struct call *call);

/*
 * At the head of each `done`: true if the call waits for another node, or is there already. If not, what
 * it came to is for its client, and others that waited behind it are answered.
 */
NODISCARD bool transaction_moves(struct call *call, enum call_result result);

/* A command was answered QUEUED: another node may have to be given it. Takes its bytes. */
void transaction_keep(struct transaction *tx, struct call *call);

/* The client has done with it before its end: answer those that wait. */
void transaction_drop_waiting(struct transaction *tx);

#endif
