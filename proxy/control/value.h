/*
 * value.h - durations, shares and sizes with their units, as configuration writes them.
 * Pure. Layer: control. Includes: base/span.
 */
#ifndef CONTROL_VALUE_H
#define CONTROL_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

#define VALUE_TEXT_MAX 32 /* bytes of a formatted value with its NUL */

/* "250ms", "2s", "5m", "1h" or "2d" to ms; false without a unit, or where it overflows. */
NODISCARD bool value_parse_duration(struct span s, uint64_t *ms);

/* The same to s; false where it is no whole number of them. */
NODISCARD bool value_parse_seconds(struct span s, uint64_t *seconds);

/* "5%" or "2.25%" to parts of 10,000; false without the sign, or with a third decimal place. */
NODISCARD bool value_parse_percent(struct span s, uint64_t *parts);

/* "64k", "16m", "1g" (of 1024) or plain bytes, letters of either case; false as above. */
NODISCARD bool value_parse_size(struct span s, uint64_t *bytes);

/* The shortest exact text with a unit, to out[0..VALUE_TEXT_MAX). Returns out. */
const char *value_format_duration(uint64_t ms, char *out);
const char *value_format_seconds(uint64_t seconds, char *out);
const char *value_format_percent(uint64_t parts, char *out);
const char *value_format_size(uint64_t bytes, char *out);

#endif
