/*
 * span.h - a borrowed range of bytes, passed by value.
 *
 * A span owns nothing: it lives no longer than the bytes it points at.
 * Layer: base. Includes: attr.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"

struct span {
	const char *p;
	size_t len;
};

static inline struct span span_of(const char *cstr)
{
	return (struct span){cstr, strlen(cstr)};
}

static inline struct span span_make(const char *p, size_t len)
{
	return (struct span){p, len};
}

/* What is left after the first n bytes; n is at most s.len. */
static inline struct span span_skip(struct span s, size_t n)
{
	return (struct span){s.p + n, s.len - n};
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static inline bool span_equal_str(struct span a, const char *cstr)
{
	return span_equal(a, span_of(cstr));
}

/* ASCII letters of either case are equal. */
static inline bool span_equal_nocase(struct span a, const char *cstr)
{
	return a.len == strlen(cstr) && strncasecmp(a.p, cstr, a.len) == 0;
}

static inline bool span_starts_with(struct span a, struct span prefix)
{
	return a.len >= prefix.len && memcmp(a.p, prefix.p, prefix.len) == 0;
}

#endif
