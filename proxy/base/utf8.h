/*
 * utf8.h - where text is UTF-8 and where it is not. Pure. Layer: base. Includes: span.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

/*
 * The length in bytes (1..4) of the character that `s` begins with, or 0 if it begins with none:
 * empty, cut, overlong, a surrogate, or past U+10FFFF. Source: RFC 3629.
 */
size_t utf8_char_len(struct span s);

#endif
