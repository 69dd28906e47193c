/*
 * mc_request.h - one memcached text command -> parsed.
 *
 * Limits, error texts and resynchronisation are memcached 1.6's. Pure.
 * Layer: proto. Includes: parsed.
 */
#ifndef PROTO_MC_REQUEST_H
#define PROTO_MC_REQUEST_H

#include "proto/parsed.h"

#define MC_KEY_MAX  250	 /* bytes, as memcached's KEY_MAX_LENGTH */
#define MC_LINE_MAX 2048 /* bytes of a line that is no multi-get, as memcached's */

/*
 * Parse the command at the start of `in`, its data block included: PARSE_DONE only once the
 * whole of it is there (line_len + body), with out->noreply set if its reply is to be dropped.
 * PARSE_MORE: out->need is the whole length once the line is known, else 0; state->scanned keeps
 * how far a line end was looked for.
 * What memcached answers with an error and lives on is PARSE_DONE with out->error (no line
 * end) and, for a refused data block, out->swallow. out->noreply counts there too: memcached
 * sends such errors even to noreply, and error stays to be sent.
 * PARSE_BAD: what memcached closes the connection for; error is "" when it says nothing.
 * `limits->request` bounds the value: over it "SERVER_ERROR object too large for cache".
 */
NODISCARD enum parse_result mc_request_parse(struct parse_state *state, struct span in,
					     const struct parse_limits *limits,
					     struct arg_list *args, struct parsed *out);

#endif
