/*
 * mc_translate.h - text and meta commands -> the binary packets that mean the same.
 *
 * For nodes that answer nothing but binary (memcached -S). What binary cannot say exactly is refused
 * by a line that says so. mc_answer.h is the way back.
 * Layer: proto. Includes: parsed, base/chain.
 */
#ifndef PROTO_MC_TRANSLATE_H
#define PROTO_MC_TRANSLATE_H

#include "base/chain.h"
#include "proto/parsed.h"

/* A command as it was parsed and lies in `chunk`. */
struct mc_text {
	const struct parsed *parsed;
	struct chunk *chunk;
	const char *start;
};

/*
 * Append the packet of a command of one key, of flush_all or of stats; NULL, or the line that
 * refuses it, with nothing appended. A get is one of its first key. Long values are referenced.
 */
const char *mc_translate(struct chunk_pool *chunks, struct chain *to, const struct mc_text *text);

/* Append the packet of one key, by its index among the words, of a get, gets, gat or gats that says
 * nothing where there is no such item, with `exptime` for that of the line if it is not empty; and
 * the packet that ends a sequence of them. */
void mc_translate_key(struct chunk_pool *chunks, struct chain *to, const struct mc_text *text,
		      uint32_t word, struct span exptime);
void mc_translate_end(struct chunk_pool *chunks, struct chain *to);

#endif
