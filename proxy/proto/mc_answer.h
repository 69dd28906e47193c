/*
 * mc_answer.h - a node's binary reply -> what the text or meta command that it answers is told.
 *
 * The way back of mc_translate.h. Layer: proto. Includes: command, base/chain.
 */
#ifndef PROTO_MC_ANSWER_H
#define PROTO_MC_ANSWER_H

#include "base/chain.h"
#include "proto/command.h"

/*
 * Make text of `reply`, which is whole packets, in place. `line` is the command's line where `row` is
 * a meta command or stats, else it may be empty. With `barred`, the packets are those of a get of
 * several keys up to the answer to NOOP. Returns whether the text is an error.
 */
bool mc_answer(struct chunk_pool *chunks, struct chain *reply, const struct command *row,
	       struct span line, bool barred);

#endif
