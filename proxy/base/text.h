/*
 * text.h - growable text: admin pages, metrics, messages. Control plane: aborts on no memory.
 * Layer: base. Includes: attr, span.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"

/* Zero-initialised is empty and valid. p is NUL-terminated once anything was appended. */
struct text {
	char *p;
	size_t len, cap;
};

void text_append(struct text *text, struct span bytes);
void text_puts(struct text *text, const char *cstr);
void text_printf(struct text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Empty it and keep its memory. */
void text_reset(struct text *text);

/* Free its memory; it is empty and usable again. */
void text_free(struct text *text);

#endif
