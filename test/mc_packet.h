/*
 * mc_packet.h - packets of memcached's binary protocol as a test says and expects them.
 *
 * Each is in one of a few buffers that are used in turn. Includes: proto/mc_binary.
 */
#ifndef TEST_MC_PACKET_H
#define TEST_MC_PACKET_H

#include <assert.h>
#include <string.h>

#include "proto/mc_binary.h"

#define PACKET_MAX  512
#define PACKET_TURN 16

struct packet_parts {
	uint8_t opcode;
	uint16_t status;
	uint32_t opaque;
	uint64_t cas;
	const char *key, *value; /* NULL: none */
	const char *extras;	 /* n_extras bytes */
	uint8_t n_extras;
};

static inline struct span packet_make(uint8_t magic, struct packet_parts parts)
{
	static char buffers[PACKET_TURN][PACKET_MAX];
	static unsigned turn;
	char *to = buffers[turn++ % PACKET_TURN];
	struct span key = span_of(parts.key == NULL ? "" : parts.key);
	struct span value = span_of(parts.value == NULL ? "" : parts.value);
	size_t len = MCB_HEADER + parts.n_extras + key.len + value.len;

	assert(len <= PACKET_MAX);
	mcb_header_write(to, &(struct mcb_header){.magic = magic,
						  .opcode = parts.opcode,
						  .extras = parts.n_extras,
						  .key = (uint16_t)key.len,
						  .status = parts.status,
						  .body = (uint32_t)(len - MCB_HEADER),
						  .opaque = parts.opaque,
						  .cas = parts.cas});
	if (parts.n_extras > 0)
		memcpy(to + MCB_HEADER, parts.extras, parts.n_extras);
	memcpy(to + MCB_HEADER + parts.n_extras, key.p, key.len);
	memcpy(to + MCB_HEADER + parts.n_extras + key.len, value.p, value.len);
	return span_make(to, len);
}

/* Extras of any length that are all zero, and the parts of a miss. */
#define ZEROS	  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define NOT_FOUND .status = MCB_NOT_FOUND, .value = "Not found"

#define ASK(...)    packet_make(MCB_REQUEST, (struct packet_parts){__VA_ARGS__})
#define ANSWER(...) packet_make(MCB_RESPONSE, (struct packet_parts){__VA_ARGS__})

#endif
