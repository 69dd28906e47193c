/*
 * alloc.h - memory for the control plane: never NULL, the process ends where there is none.
 *
 * The data path does not use it: there a refusal goes up instead. free() frees what these give.
 * Layer: base. Includes: attr.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

/* n objects of `size` bytes, all zero; n may be 0. Aborts where n * size overflows. */
NODISCARD static inline void *alloc_zeroed(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size);

	if (p == NULL)
		abort();
	return p;
}

/* As realloc. */
NODISCARD static inline void *alloc_resize(void *p, size_t bytes)
{
	void *resized = realloc(p, bytes > 0 ? bytes : 1);

	if (resized == NULL)
		abort();
	return resized;
}

/* The first len bytes at p and a NUL. */
NODISCARD static inline char *alloc_copy(const char *p, size_t len)
{
	char *copy = alloc_zeroed(len + 1, 1);

	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

NODISCARD static inline char *alloc_string(const char *cstr)
{
	return alloc_copy(cstr, strlen(cstr));
}

#endif
