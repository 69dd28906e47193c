/*
 * connset.h - this worker's connections of one kind to one endpoint: made, kept, remade with back-off.
 *
 *      CONNECTING --connected, hello answered--> READY
 *          |                                       | broke, timed out
 *          | failed                                v
 *          +----------> WAITING --timer--> CONNECTING
 *
 * The first attempt, and one after a connection that had lasted, let calls queue; once an attempt
 * has failed, calls are refused at once until one succeeds.
 *
 * A kind is a RESP version and a database, or memcached's text or binary. Connections of the pool's
 * usual kind (RESP2 and database 0; text, or binary by node_protocol) are made at start; those of
 * another one with the first call that needs it. Leased connections are
 * held by one client at a time, for what cannot be shared: they are made when asked for, and a
 * few that were given back in a clean state are kept.
 * One worker's. Layer: core. Includes: upstream.
 */
#ifndef CORE_CONNSET_H
#define CORE_CONNSET_H

#include "core/upstream.h"

TAILQ_HEAD(lease_list, upstream);

struct connset {
	struct engine *engine;
	const struct endpoint *endpoint;
	struct conn_kind kind;
	struct connset *next; /* of the same endpoint, of another kind */
	struct upstream *upstreams;
	uint32_t n;
	struct lease_list leases; /* held and idle */
	uint32_t n_held, n_idle;
};

/* Why an endpoint cannot be reached, beside negative errnos. */
enum connset_fault {
	FAULT_CONNECT_TIMEOUT = 1,
	FAULT_NO_ANSWER,       /* connected, but the first question was not answered in time */
	FAULT_ERROR_ANSWER,    /* answered with an error that has no name here */
	FAULT_PASSWORD,	       /* wants a password or user, or another one */
	FAULT_LOADING,	       /* is reading its data */
	FAULT_DATABASE,	       /* has no database of that number */
	FAULT_PROTOCOL,	       /* does not speak RESP3 */
	FAULT_NO_SASL,	       /* memcached binary: knows no login */
	FAULT_GARBAGE,	       /* answered out of protocol */
	FAULT_CLOSED,	       /* closed by the server */
	FAULT_RESET,	       /* reset by the server, or on the way to it */
	FAULT_REQUEST_TIMEOUT, /* a request was not answered in time */
	FAULT_STALLED,	       /* a probe was not answered in time */
	FAULT_UNRESOLVED,      /* its name stands for nothing that is known */
	FAULT_UNKNOWN,	       /* no source has named the node yet */
	FAULT_BARRED	       /* it was down, and is to be flushed before it is used */
};

/* Make the connections of the usual kind to `endpoint` and begin to connect. */
void connset_init(struct connset *set, struct engine *engine, const struct endpoint *endpoint);

/* The endpoint as a newer topology has it: role and settings may differ. */
void connset_adopt(struct connset *set, const struct endpoint *endpoint);

/* Close them, and those of other kinds, failing what is under way; then free, after the loop has
 * ended. */
void connset_shut(struct connset *set);
void connset_fini(struct connset *set);

/*
 * Give a call to a connection of its endpoint and its request's kind, or to the one that its client
 * holds. One client's calls to an endpoint all go over the same connection, so that they run in its
 * order. call->done may come before this returns.
 */
void connset_send(struct engine *engine, uint64_t client_id, struct call *call);

/* Which of an endpoint's n shared connections a client's calls take. */
static inline uint32_t connset_place(const struct engine *engine, uint32_t n, uint64_t client_id)
{
	return n == 1 ? 0 : (uint32_t)(client_id / engine->n_workers % n);
}

/*
 * A connection for `owner` alone, which may still be connecting: calls queue on it. NULL with
 * *result saying why: CALL_DOWN, or CALL_NO_LEASE at the limit of the pool (limits.leases).
 */
NODISCARD struct upstream *lease_take(struct engine *engine, const struct endpoint *endpoint,
				      struct conn_kind kind, struct lease_owner *owner,
				      enum call_result *result);

/* Give it back in the state of a new one, with nothing under way; or close it, failing what is. */
void lease_return(struct upstream *up);
void lease_drop(struct upstream *up);

/* Ask a question of the proxy's own on a shared connection. False if there is none that is up. */
NODISCARD bool connset_probe(struct engine *engine, struct call *call);

/* Is a connection of the usual kind to it up? */
bool connset_is_up(const struct engine *engine, const struct endpoint *endpoint);

/* A probe of the node was not answered in time: close the connections, so that reads go elsewhere. */
void connset_stalled(struct engine *engine, const struct endpoint *endpoint);

/* Why the endpoint cannot be reached, or was last lost: "connect to h:p: connection refused". */
#define CONNSET_WHY_MAX 512 /* bytes */
const char *connset_why(struct engine *engine, const struct endpoint *endpoint,
			char out[CONNSET_WHY_MAX]);

/* The same for a last_error as endpoint_stats has it. */
const char *connset_fault_text(int fault, const struct endpoint *endpoint,
			       char out[CONNSET_WHY_MAX]);

#endif
