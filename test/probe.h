/*
 * probe.h - a call of a test's own to shard a, and what became of it.
 * Includes: data_path, core/call.
 */
#ifndef TEST_PROBE_H
#define TEST_PROBE_H

#include "core/call.h"
#include "data_path.h"

struct probe {
	struct call call;
	struct data_path *dp;
	bool done;
	enum call_result result;
	uint32_t pieces; /* times that on_piece came */
	char reply[64];	 /* its first bytes */
};

/* A call with these bytes, not sent yet: bytes for ever, or of a chunk. */
void probe_init(struct probe *probe, struct data_path *dp, struct chunk *chunk, struct span bytes,
		bool reads);

/* Give it to the client's connection to shard a; it leaves at the end of the turn. */
void probe_send(struct probe *probe, uint64_t client_id);

/* Both. */
void probe_begin(struct probe *probe, struct data_path *dp, const char *bytes, bool reads);

#endif
