/*
 * error.h - what went wrong, told to a person; control plane only.
 * Layer: base. Includes: attr.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/attr.h"

#define ERROR_TEXT_MAX 512 /* bytes; longer texts are cut */

struct error {
	char text[ERROR_TEXT_MAX]; /* "" while nothing is wrong */
};

/* Set the text, printf-like; always NUL-terminated. Returns -1, so a caller can return it. */
int error_set(struct error *error, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
