/*
 * reads.h - which of a shard's nodes a read goes to.
 *
 * A replica is read if it is up, is not LOADING or cut off from its primary, and lags no more than
 * max_lag_bytes; those in the proxy's zone first, then by latency or in turn. A client's own writes
 * are remembered for read_your_writes, by all workers together.
 * One worker's, but for the table of writes. Layer: core. Includes: request.
 */
#ifndef CORE_READS_H
#define CORE_READS_H

#include "core/request.h"

/* A command that may be read from replicas, or that writes, names this key. */
void reads_note_key(struct request *request, struct span key);

/* The same of a command that has none: FLUSHALL writes all keys, EXEC those of what was queued. */
void reads_note_keyless(struct request *request);

/* A write that has been noted has its answer. */
void reads_note_end(struct request *request);

/* Where the request's part for a shard goes: by request->reads, its keys and the nodes' health. */
const struct endpoint *reads_endpoint(struct request *request, const struct shard *shard);

/*
 * A read sent to call->endpoint, a replica, came to nothing, or was answered LOADING, MASTERDOWN or
 * the like: false if that is the client's to know, else call->endpoint is another one to send it
 * to, and call->reply is empty.
 */
NODISCARD bool reads_elsewhere(struct call *call, enum call_result result);

#endif
