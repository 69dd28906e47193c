#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

#define TEXT_FIRST_CAP 256 /* bytes */

/* Make room for `more` bytes and a NUL behind what is there. */
static void reserve(struct text *text, size_t more)
{
	if (more < text->cap && text->len < text->cap - more)
		return;
	size_t cap = text->cap > 0 ? text->cap : TEXT_FIRST_CAP;
	while (cap - text->len <= more) {
		if (cap > SIZE_MAX / 2)
			abort();
		cap *= 2;
	}
	text->p = alloc_resize(text->p, cap);
	text->cap = cap;
}

void text_append(struct text *text, struct span bytes)
{
	reserve(text, bytes.len);
	if (bytes.len > 0)
		memcpy(text->p + text->len, bytes.p, bytes.len);
	text->len += bytes.len;
	text->p[text->len] = '\0';
}

void text_puts(struct text *text, const char *cstr)
{
	text_append(text, span_of(cstr));
}

void text_printf(struct text *text, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	if (len >= 0) {
		reserve(text, (size_t)len);
		vsnprintf(text->p + text->len, (size_t)len + 1, fmt, again);
		text->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void text_reset(struct text *text)
{
	text->len = 0;
	if (text->p != NULL)
		text->p[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->p);
	*text = (struct text){0};
}
