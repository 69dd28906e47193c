/*
 * status.h - what /v1/status answers, and the same read back for people.
 * Layer: control. Includes: view, base/text; jansson in status.c.
 */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/span.h"
#include "base/text.h"
#include "control/view.h"

/* Append the status as one JSON object and a line end. */
void status_render(const struct view *view, struct text *out);

/* Append what came of something that was asked for: done, or its errors, which are a line each. */
void status_result(const struct text *errors, struct text *out);

/* What a reader needs of such an object; all strings are the status's own. */
struct status_endpoint {
	const char *shard, *role; /* "primary", "replica" or "gutter" */
	const char *shard_state;  /* of a shard's primary: gutter_state()'s; else NULL */
	const char *address, *state;
	const char *reads;	/* of a replica: "ok", or why it is not read; else NULL */
	const char *last_error; /* NULL: none so far */
	/* What probes say: "up", "down" or "unknown", and what was wrong with the last or NULL. NULL of a
	 * proxy that does not tell. */
	const char *health, *health_error;
	uint64_t requests, errors, in_flight;
	double p99_ms; /* from written to the whole reply, since the start */
};

struct status_pool {
	const char *name, *protocol, *distribution, *hash;
	bool ready;
	uint64_t clients;
	struct status_endpoint *endpoints; /* by shard, its primary first; then gutter nodes */
	size_t n_endpoints;
};

struct status {
	const char *version;
	uint64_t pid, uptime_seconds, workers;
	bool ready;
	struct status_pool *pools;
	size_t n_pools;
	void *document; /* private: what the strings lie in */
};

/* Take an answer of /v1/status apart. NULL with `error` where it is none; for status_free(). */
NODISCARD struct status *status_read(struct span json, struct error *error);
void status_free(struct status *status); /* NULL is fine */

#endif
