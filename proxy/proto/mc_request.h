/*
 * mc_request.h - one memcached text command -> parsed.
 *
 * Limits, error texts and resynchronisation are memcached 1.6's. Pure.
 * Layer: proto. Includes: parsed.
 */
#ifndef PROTO_MC_REQUEST_H
#define PROTO_MC_REQUEST_H

#include "proto/parsed.h"

#define MC_KEY_MAX	  250	    /* bytes, as memcached's KEY_MAX_LENGTH */
#define MC_LINE_MAX	  2048	    /* bytes of a line that is no multi-get, as memcached's */
#define MC_LINE_MULTI_MAX (1 << 20) /* bytes of a get or gets line; memcached has no bound */

/* Ids of the rows of mc_commands.def. */
enum mc_command_id {
#define MC_COMMAND(id, ...) MC_##id,
#include "proto/mc_commands.def"
#undef MC_COMMAND
};

/*
 * Parse the command at the start of `in`, its data block included: PARSE_DONE only once the
 * whole of it is there (line_len + body), with out->noreply set if its reply is to be dropped.
 * What is to be sent to a server is out->line_at .. line_end, a line end and the body (or, unless
 * out->line_cut, the bytes as they came): that always gets exactly one reply.
 * PARSE_MORE: out->need is the whole length once the line is known, else 0; state->scanned keeps
 * how far a line end was looked for.
 * What memcached answers with an error and lives on is PARSE_DONE with out->error (no line
 * end) and, for a refused data block, out->swallow. With out->noreply too the error is not sent:
 * memcached keeps quiet about what it finds wrong after it has seen noreply. A gat without keys
 * is answered so as well, with "END".
 * PARSE_BAD: what memcached closes the connection for; error is "" when it says nothing.
 * `limits->request` bounds the value: over it "SERVER_ERROR object too large for cache", and
 * out->drops_key for a set, and an ms of any mode, since memcached removes the old value then.
 * Any split of the same bytes gives the same answer, but for a line over MC_LINE_MAX bytes that
 * is no multi-get: as with memcached it is PARSE_BAD unless its end is there when first seen.
 * Numbers are what strtol takes, as for memcached; but a data block's length is refused unless
 * it is plain digits, lest a server of another version counts other bytes.
 */
NODISCARD enum parse_result mc_request_parse(struct parse_state *state, struct span in,
					     const struct parse_limits *limits,
					     struct arg_list *args, struct parsed *out);

#endif
