/*
 * resp_write.h - headers of RESP written into a caller's buffer.
 * Pure. Layer: proto. Includes: base/number.
 */
#ifndef PROTO_RESP_WRITE_H
#define PROTO_RESP_WRITE_H

#include <stddef.h>
#include <stdint.h>

#define RESP_HEADER_MAX 24 /* bytes: type, 20 digits, CRLF */

/* Write "<type><n>\r\n" (type is '*', '$' or ':') to buf; returns its length. */
size_t resp_write_header(char *buf, char type, int64_t n);

#endif
