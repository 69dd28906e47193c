/*
 * resp_write.h - headers of RESP written into a caller's buffer, and whole commands into a chain.
 * Pure. Layer: proto. Includes: base/chain, base/number.
 */
#ifndef PROTO_RESP_WRITE_H
#define PROTO_RESP_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/chain.h"

#define RESP_HEADER_MAX 24 /* bytes: type, 20 digits, CRLF */

/* Write "<type><n>\r\n" (type is '*', '$' or ':') to buf; returns its length. */
size_t resp_write_header(char *buf, char type, int64_t n);

/* Append the command of words[0..n) to `to`, copied. */
void resp_write_command(struct chunk_pool *chunks, struct chain *to, const struct span *words,
			size_t n);

#endif
