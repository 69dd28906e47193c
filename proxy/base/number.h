/*
 * number.h - decimal integers from and to bytes; overflow-checked, no locale.
 * Layer: base. Includes: attr, span.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

#define NUMBER_TEXT_MAX 21 /* bytes of the longest int64 or uint64, no NUL */

/* All of `s` as an unsigned decimal: digits only, at least one, no sign. False if it is not. */
NODISCARD bool number_parse_u64(struct span s, uint64_t *out);

/* All of `s` as a decimal with an optional '-'. False if it is not, or does not fit. */
NODISCARD bool number_parse_i64(struct span s, int64_t *out);

/* Write n to buf, no NUL; returns its length, at most NUMBER_TEXT_MAX. */
size_t number_write_u64(char *buf, uint64_t n);
size_t number_write_i64(char *buf, int64_t n);

#endif
