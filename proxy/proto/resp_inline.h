/*
 * resp_inline.h - inline commands: words on a line, quoted as redis-server has it.
 *
 * "\n", "\x41" and the like are escapes between double quotes, \' alone between single ones.
 * Pure. Layer: proto. Includes: parsed.
 */
#ifndef PROTO_RESP_INLINE_H
#define PROTO_RESP_INLINE_H

#include "proto/parsed.h"

enum inline_result { INLINE_DONE, INLINE_UNBALANCED, INLINE_ZERO_BYTE, INLINE_NO_MEMORY };

/*
 * Split `line` (its line end counts as space) into words: `args` is emptied and filled with where
 * each stands, quotes included. INLINE_UNBALANCED: a quote that does not end, or that is not
 * followed by space.
 */
NODISCARD enum inline_result resp_inline_split(struct span line, struct arg_list *args);

/*
 * Write an inline command that resp_request_parse() took, with its line end, as a RESP array to
 * `out`. Returns the array's length; if that is over `cap`, out[] holds nothing of use.
 */
NODISCARD size_t resp_inline_rewrite(struct span line, char *out, size_t cap);

#endif
