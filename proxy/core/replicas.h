/*
 * replicas.h - what is known of each replica: may it be read?
 *
 * Each worker asks the nodes of pools with replicas for INFO replication every health.every, and
 * learns the rest from what its reads come to. One worker's. Layer: core. Includes: call.
 */
#ifndef CORE_REPLICAS_H
#define CORE_REPLICAS_H

#include "core/call.h"

enum replica_fault {
	REPLICA_FIT,
	REPLICA_LOADING,
	REPLICA_NO_LINK, /* it does not replicate */
	REPLICA_LAGGING,
	REPLICA_STALLED, /* a probe was not answered in time */
	REPLICA_FAILED	 /* a read came to nothing */
};

/* One endpoint's, primaries included: their offsets are what replicas are measured by. */
struct replica {
	struct call probe;
	struct engine *engine;
	const struct endpoint *endpoint;
	uint64_t asked_us;
	uint64_t offset;     /* of replication */
	uint32_t latency_us; /* of its replies, lately */
	enum replica_fault fault;
	bool is_asked;
	bool is_known; /* it has been asked and has answered well */
};

struct replica_probes;

/* Begin to ask; end before the engine's connections are closed; free after the loop has ended. */
void replicas_init(struct engine *engine);
void replicas_shut(struct engine *engine);
void replicas_fini(struct engine *engine);

bool replicas_fit(const struct engine *engine, const struct endpoint *endpoint);

/* A read of it came back well; or not, until a probe says otherwise. */
void replicas_answered(struct engine *engine, const struct call *call);
void replicas_blame(struct engine *engine, const struct endpoint *endpoint,
		    enum replica_fault fault);

/* What an error reply says of the replica itself; REPLICA_FIT: nothing, it is the client's. */
enum replica_fault replicas_fault(struct span error);

#endif
