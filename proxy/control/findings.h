/*
 * findings.h - what is wrong with a file, gathered in any order and told in the file's.
 * Layer: control. Includes: base/text.
 */
#ifndef CONTROL_FINDINGS_H
#define CONTROL_FINDINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"

#define FINDINGS_MAX 100 /* errors or warnings kept of each; the rest is only counted */

/* Where in the file, in characters from 1; line 0 is the file as a whole. */
struct place {
	uint32_t line, column;
};

struct finding;

struct findings {
	const char *file; /* as messages call it; NULL leaves it out. Borrowed. */
	size_t n_errors, n_warnings;
	struct finding *v; /* private: */
	size_t n;
};

/* Add one: `path` is the dotted key, or NULL; the text is "what is wrong; what is expected".
 * Control characters in it are escaped. */
void findings_error(struct findings *findings, struct place place, const char *path,
		    const char *fmt, ...) PRINTF_LIKE(4, 5);
void findings_warning(struct findings *findings, struct place place, const char *path,
		      const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Either, for those who have its arguments as a list. */
void findings_add(struct findings *findings, bool is_warning, struct place place, const char *path,
		  const char *fmt, va_list args);

/* Append a line for each, by place: "FILE:LINE:COL: path: text", warnings with "warning: " before
 * the path. `warnings` may be NULL. */
void findings_write(struct findings *findings, struct text *errors, struct text *warnings);

void findings_free(struct findings *findings);

#endif
