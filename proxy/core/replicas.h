/*
 * replicas.h - what is known of each replica: may it be read?
 *
 * Each worker asks the nodes of pools with replicas for INFO replication every health.every, and
 * learns the rest from what its reads come to. A replica is judged once both its own and its
 * primary's answer of a round are there, so that the lag is the difference of two offsets of about
 * the same moment. One worker's. Layer: core. Includes: call.
 */
#ifndef CORE_REPLICAS_H
#define CORE_REPLICAS_H

#include "core/call.h"

enum replica_fault {
	REPLICA_UNKNOWN, /* not judged yet, or its lag is not known and max_lag_bytes is set */
	REPLICA_FIT,
	REPLICA_LOADING,
	REPLICA_NO_LINK, /* it does not replicate */
	REPLICA_LAGGING,
	REPLICA_STALLED, /* a probe was not answered in time */
	REPLICA_FAILED,	 /* a read came to nothing */
	REPLICA_DOWN,	 /* no connection to it stands */
	REPLICA_FAULTS
};

/* As status shows them: "ok", "lagging". */
extern const char *const replica_fault_names[REPLICA_FAULTS];

/* One endpoint's, primaries included: their offsets are what replicas are measured by. */
struct replica {
	struct call probe;
	struct engine *engine;
	const struct endpoint *endpoint;
	uint64_t asked_us;
	uint64_t offset;	  /* of replication, as it last said */
	uint64_t lag;		  /* of a replica: bytes behind its primary */
	uint32_t latency_us;	  /* of its replies, lately */
	uint32_t turn;		  /* of a primary: counts choices among its replicas */
	enum replica_fault told;  /* by its last answer, before its lag is looked at */
	enum replica_fault fault; /* what holds */
	bool is_asked;
	bool is_overdue; /* the answer is, to what was asked */
	bool is_fresh;	 /* it has answered, and has not been judged by that yet */
	bool has_offset, has_lag;
};

struct replica_probes;

/* What is known of an endpoint of the newest topology: made, or kept. */
void replicas_adopt(struct engine *engine, const struct endpoint *endpoint);

/* Ask the nodes of the newest topology's pools, and no others; end before the engine's connections
 * are closed. */
void replicas_watch(struct engine *engine);
void replicas_shut(struct engine *engine);

/* Between replicas.c and replica_rounds.c: ask now; see to an answer that is due, and say in how many ms it
 * is, or 0 where none is expected. */
void replica_ask(struct replica *replica);
uint64_t replica_due_ms(struct replica *replica);

/* It may be read; or it may while its primary cannot be reached, though it has no link to it. */
bool replicas_fit(const struct engine *engine, const struct endpoint *endpoint);
bool replicas_fit_alone(const struct engine *engine, const struct endpoint *endpoint);

/* A read of it came back well; or not, until a probe says otherwise. */
void replicas_answered(struct engine *engine, const struct call *call);
void replicas_blame(struct engine *engine, const struct endpoint *endpoint,
		    enum replica_fault fault);

/* A connection to it was lost: what it said on that one may not hold of what answers on the next. */
void replicas_lost(struct engine *engine, const struct endpoint *endpoint);

/* What an error reply says of the replica itself; REPLICA_FIT: nothing, it is the client's. */
enum replica_fault replicas_fault(struct span error);

#endif
