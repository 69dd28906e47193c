/*
 * resp_request.h - one RESP array or inline command -> parsed; resumes where it stopped.
 *
 * Limits and error texts are redis-server 7.0's. Pure. Layer: proto. Includes: parsed.
 */
#ifndef PROTO_RESP_REQUEST_H
#define PROTO_RESP_REQUEST_H

#include "proto/parsed.h"

/*
 * Parse the command at the start of `in`. `args` is emptied, filled and lent to out->args.
 * PARSE_MORE: `state` says how far it got and must come back unchanged with the same bytes and
 * more; out->need is a lower bound of the command's whole length where it is known.
 * PARSE_DONE: `state` is zero again. An empty command (CRLF alone, *0, *-1) is DONE with
 * args->n == 0: skip it, it has no reply. An arity mistake is not looked for here.
 * PARSE_BAD: out->error is the line to send, e.g. "-ERR Protocol error: invalid bulk length".
 * Cost: each byte of framing is looked at once, twice for a command that came in pieces.
 */
NODISCARD enum parse_result resp_request_parse(struct parse_state *state, struct span in,
					       const struct parse_limits *limits,
					       struct arg_list *args, struct parsed *out);

/*
 * The indices (into p->args) of the keys of a parsed command, by its row's specs, pushed to
 * `keys` as (index, 0) pairs in `at`. Returns NULL, or the error line that the server would
 * give ("-ERR syntax error", "-ERR Number of keys can't be negative", ...); arity is
 * checked by the caller before. `start` is the command's first byte.
 */
NODISCARD const char *resp_request_keys(const struct parsed *p, const char *start,
					struct arg_list *keys);

/* Is arity of `command` satisfied by n arguments, the name counted? */
bool resp_request_arity_fits(const struct command *command, uint32_t n);

#endif
