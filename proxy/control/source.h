/*
 * source.h - the bytes of a configuration file: read whole, bounded, UTF-8.
 * Layer: control. Includes: findings, base/span.
 */
#ifndef CONTROL_SOURCE_H
#define CONTROL_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"
#include "control/findings.h"

#define SOURCE_BYTES_MAX (1U << 20) /* of a file; one of 4096 shards has about 300 KiB */

/*
 * Read `path` ("-" is standard input) into *content, NUL-terminated, for free(). Its length in
 * bytes, or -1 with an error added: it cannot be read, or is larger than SOURCE_BYTES_MAX.
 */
NODISCARD long source_read(const char *path, char **content, struct findings *findings);

/* Is it UTF-8 without control characters? If not, an error is added. */
NODISCARD bool source_is_text(struct span content, struct findings *findings);

/* The line and column of the character at a byte offset. */
struct place source_place(struct span content, size_t offset);

#endif
