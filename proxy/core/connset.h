/*
 * connset.h - this worker's connections to one endpoint: made at once, kept, remade with back-off.
 *
 *      CONNECTING --connected, hello answered--> READY
 *          |                                       | broke, timed out
 *          | failed                                v
 *          +----------> WAITING --timer--> CONNECTING
 *
 * The first attempt, and one after a connection that had lasted, let calls queue; once an attempt
 * has failed, calls are refused at once until one succeeds.
 * One worker's. Layer: core. Includes: upstream.
 */
#ifndef CORE_CONNSET_H
#define CORE_CONNSET_H

#include "core/upstream.h"

struct connset {
	struct upstream *upstreams;
	uint32_t n;
};

/* Why an endpoint cannot be reached, beside negative errnos. */
enum connset_fault {
	FAULT_CONNECT_TIMEOUT = 1,
	FAULT_NO_ANSWER,      /* connected, but the first question was not answered in time */
	FAULT_ERROR_ANSWER,   /* answered with an error: password wanted, still loading, ... */
	FAULT_GARBAGE,	      /* answered out of protocol */
	FAULT_CLOSED,	      /* closed by the server */
	FAULT_RESET,	      /* reset by the server, or on the way to it */
	FAULT_REQUEST_TIMEOUT /* a request was not answered in time */
};

/* Make the connections to `endpoint` and begin to connect. */
void connset_init(struct connset *set, struct engine *engine, const struct endpoint *endpoint);

/* Close them, failing what is under way; then free, after the loop has ended. */
void connset_shut(struct connset *set);
void connset_fini(struct connset *set);

/*
 * Give a call to a connection of its endpoint. One client's calls to an endpoint all go over the
 * same connection, so that they run in its order. call->done may come before this returns.
 */
void connset_send(struct engine *engine, uint64_t client_id, struct call *call);

/* Why the endpoint cannot be reached, or was last lost: "connect to h:p: connection refused". */
#define CONNSET_WHY_MAX 512 /* bytes */
const char *connset_why(struct engine *engine, const struct endpoint *endpoint,
			char out[CONNSET_WHY_MAX]);

/* The same for a last_error as endpoint_stats has it. */
const char *connset_fault_text(int fault, const struct endpoint *endpoint,
			       char out[CONNSET_WHY_MAX]);

#endif
