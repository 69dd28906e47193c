/*
 * script.h - EVAL, EVALSHA and SCRIPT: their bodies are remembered, and given to nodes without them.
 * Layer: plan. Includes: plan.
 */
#ifndef PLAN_SCRIPT_H
#define PLAN_SCRIPT_H

#include "plan/plan.h"

/* A CMD_SCRIPT command, or SCRIPT LOAD or FLUSH, is about to be sent. */
void script_note(struct request *request, const struct command_bytes *command);

/*
 * An EVALSHA whose body is known, written to request->first.bytes as the EVAL that it stands for:
 * for a transaction, where a NOSCRIPT would come too late to be cured. False: it is something else.
 */
NODISCARD bool script_write_whole(struct request *request, const struct command_bytes *command);

/* A CMD_SCRIPT call was answered NOSCRIPT, so that it did not run: true if it was sent again, behind
 * the script's body. */
NODISCARD bool script_cure(struct call *call);

#endif
