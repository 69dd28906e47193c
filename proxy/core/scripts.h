/*
 * scripts.h - the bodies of scripts that clients have sent, by SHA-1: what a node that was restarted
 * or is new answers NOSCRIPT to can be given to it.
 *
 * One for the process, shared by all workers behind a lock that is taken for scripts alone. Bounded:
 * the script that was used longest ago goes first. Layer: core. Includes: base/chain, base/digest.
 */
#ifndef CORE_SCRIPTS_H
#define CORE_SCRIPTS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/chain.h"
#include "base/digest.h"
#include "base/span.h"

#define SCRIPTS_BYTES_MAX (16 * 1024 * 1024) /* of bodies, over all scripts */

struct scripts;

NODISCARD struct scripts *scripts_new(void);
void scripts_free(struct scripts *scripts); /* NULL is fine */

/* Remember a body; one that is too long for all is not. */
void scripts_add(struct scripts *scripts, struct digest *digest, struct span body);

/* Forget all: SCRIPT FLUSH. */
void scripts_flush(struct scripts *scripts);

/* Append the body of the script with that SHA-1 (40 hexadecimal digits, any case) as a bulk string
 * to `to`. False if it is not known. */
NODISCARD bool scripts_body(struct scripts *scripts, struct span sha, struct chunk_pool *chunks,
			    struct chain *to);

#endif
