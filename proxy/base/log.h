/*
 * log.h - one line an event, to standard error, as text or JSON.
 *
 * The one process-wide object. Any thread may log; a line is one write(2).
 * Layer: base. Includes: attr.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* One place in the code that may log often: at most LOG_SITE_BURST lines a second leave it. */
struct log_site {
	_Atomic int64_t second;	     /* private: the second that `lines` counts in */
	_Atomic uint32_t lines;	     /* private */
	_Atomic uint32_t suppressed; /* private: told with the next line that leaves */
};

#define LOG_SITE_BURST 5

/* Any thread. json false is text. */
void log_init(enum log_level level, bool json);

bool log_enabled(enum log_level level);

/* Write one line: time (UTC, ms), level, message. Control characters are escaped. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As log_write, with the site's rate limit; `site` is static at the caller. */
void log_limited(struct log_site *site, enum log_level level, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
