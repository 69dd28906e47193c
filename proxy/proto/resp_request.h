/*
 * resp_request.h - one RESP array or inline command -> parsed; resumes where it stopped.
 *
 * Limits and error texts are redis-server 7.0's, but that it takes any two bytes for a line end
 * after a number or a bulk string and waits forever at a zero byte: here they are errors.
 * Pure. Layer: proto. Includes: parsed, resp_inline.
 */
#ifndef PROTO_RESP_REQUEST_H
#define PROTO_RESP_REQUEST_H

#include "proto/parsed.h"
#include "proto/resp_inline.h"

#define RESP_LINE_MAX 65536	   /* bytes of a header or inline line before its end */
#define RESP_BULK_MAX (512U << 20) /* bytes of one argument, as proto-max-bulk-len */

/*
 * Parse the command at the start of `in`. `args` is emptied, filled and lent to out->args.
 * PARSE_MORE: `state` says how far it got and must come back unchanged with the same bytes and
 * more; out->need is a lower bound of the command's whole length where it is known.
 * PARSE_DONE: `state` is zero again. An empty command (CRLF alone, *0, *-1) is DONE with
 * args->n == 0: skip it, it has no reply. An arity mistake is not looked for here.
 * out->command is a container's row only where the subcommand is missing or unknown.
 * out->inlined: the arguments are the raw words, good for nothing but being counted; rewrite the
 * out->len bytes by resp_inline_rewrite() and parse what that gives.
 * PARSE_BAD: out->error is the line to send, e.g. "-ERR Protocol error: invalid bulk length"; ""
 * is for a browser's POST, which redis-server drops without a word. A command that is or must
 * become longer than limits->request is BAD as soon as that is known.
 * Cost: each byte of framing is looked at once, twice for a command that came in pieces.
 */
NODISCARD enum parse_result resp_request_parse(struct parse_state *state, struct span in,
					       const struct parse_limits *limits,
					       struct arg_list *args, struct parsed *out);

/*
 * The indices (into p->args) of the keys of a parsed command with a row, by its row's specs:
 * `keys` is emptied and filled with (index, 0) pairs in `at`. Returns NULL, or an error line such
 * as the server would give ("-ERR syntax error", "-ERR Number of keys can't be negative",
 * ...); arity is checked by the caller before. `start` is the command's first byte. No keys is
 * no error: a script may have none.
 */
NODISCARD const char *resp_request_keys(const struct parsed *p, const char *start,
					struct arg_list *keys);

/*
 * As resp_request_keys(), the patterns of a CMD_PATTERNS command that make names of keys: what
 * follows BY and GET and has a '*'. False with no memory.
 */
NODISCARD bool resp_request_patterns(const struct parsed *p, const char *start,
				     struct arg_list *patterns);

/* Is arity of `command` satisfied by n arguments, the name counted? MSET's are to be pairs. */
bool resp_request_arity_fits(const struct command *command, uint32_t n);

/* Would it wait at the server? True of CMD_BLOCKING rows; of XREAD's only with the word BLOCK. */
bool resp_request_blocks(const struct parsed *p, const char *start);

#endif
