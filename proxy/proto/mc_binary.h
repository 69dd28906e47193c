/*
 * mc_binary.h - memcached's binary protocol: requests -> parsed, where a reply ends, packets.
 *
 *      magic opcode | key length | extras length, type | status | body length | opaque | CAS
 *      1     1        2            1              1       2        4             4        8
 *
 * A packet is that header of 24 bytes, then extras, key and value; numbers have the high byte first.
 * Source: memcached's protocol_binary.h; errors and limits are those of 1.6's proto_bin.c.
 * Pure. Layer: proto. Includes: frame, parsed, base/chain.
 */
#ifndef PROTO_MC_BINARY_H
#define PROTO_MC_BINARY_H

#include "base/attr.h"
#include "base/chain.h"
#include "base/span.h"
#include "proto/frame.h"
#include "proto/parsed.h"

#define MCB_HEADER	 24
#define MCB_REQUEST	 0x80 /* magic: the first byte that tells it from text */
#define MCB_RESPONSE	 0x81
#define MCB_SASL_MAX	 65536 /* bytes of what a client says of itself */
#define MCB_VERSION_TEXT "1.6.18"

enum mcb_status {
	MCB_OK = 0x00,
	MCB_NOT_FOUND = 0x01,
	MCB_EXISTS = 0x02,
	MCB_TOO_LARGE = 0x03,
	MCB_INVALID = 0x04,
	MCB_NOT_STORED = 0x05,
	MCB_DELTA = 0x06,
	MCB_AUTH_ERROR = 0x20,
	MCB_AUTH_CONTINUE = 0x21,
	MCB_UNKNOWN = 0x81,
	MCB_OUT_OF_MEMORY = 0x82,
	MCB_INTERNAL = 0x84,
	MCB_TEMPORARY = 0x86 /* a failure of the proxy's own, or of the way to a node */
};

enum mcb_opcode_id {
#define MCB_OPCODE(id, opcode, ...) MCB_##id = opcode,
#include "proto/mc_binary.def"
#undef MCB_OPCODE
};

/* What becomes of a command. */
enum mcb_action {
	MCB_ACT_NONE, /* no such opcode */
	MCB_ACT_KEYED,
	MCB_ACT_FLUSH,
	MCB_ACT_STAT,
	MCB_ACT_NOOP,
	MCB_ACT_VERSION,
	MCB_ACT_QUIT,
	MCB_ACT_SASL,
	MCB_ACT_CONFIG
};

struct mcb_opcode {
	uint8_t loud;	/* the opcode of the form that always answers: what is sent */
	uint8_t action; /* enum mcb_action */
	uint8_t extras, key, value;
	bool is_quiet;
	int16_t row; /* of mc_commands.def, or -1 */
};

/* The row of an opcode; action MCB_ACT_NONE if there is none. */
const struct mcb_opcode *mcb_opcode(uint8_t opcode);

/* Where the arguments of a parsed command are. */
enum { MCB_ARG_HEADER, MCB_ARG_EXTRAS, MCB_ARG_KEY, MCB_ARG_VALUE, MCB_ARGS };

/* The fields of a header that is whole. */
struct mcb_header {
	uint8_t magic, opcode, extras;
	uint16_t key, status;
	uint32_t body, opaque;
	uint64_t cas;
};

struct mcb_header mcb_header_read(const char bytes[MCB_HEADER]);
void mcb_header_write(char bytes[MCB_HEADER], const struct mcb_header *header);

/*
 * As mc_request_parse, for a binary command: out->args are its header, extras, key and value, and
 * out->key_first is its key where it has one. Errors are lines of the text protocol, which
 * mcb_status_of() tells in binary: PARSE_DONE with out->error where memcached goes on after one,
 * PARSE_BAD where it hangs up, as on who has not logged in and asks for anything but that and the
 * version. An unknown opcode's body is swallowed, however long (memcached drops as many bytes from
 * behind its key and extras, and so awaits what never comes).
 */
NODISCARD enum parse_result mcb_request_parse(struct parse_state *state, struct span in,
					      const struct parse_limits *limits,
					      struct arg_list *args, struct parsed *out);

/*
 * As mc_reply_scan: one packet, or those of STAT up to the one without a key. With
 * frame->until_barrier, those up to the answer to NOOP. A header is never cut by `took`.
 */
NODISCARD enum frame_result mcb_reply_scan(struct frame *frame, struct span in, size_t *took);

/* Does a reply that begins so report an error? A miss is none. */
bool mcb_is_error(struct span start);

/* The status and the text for a line of the text protocol, error or not. */
enum mcb_status mcb_status_of(struct span line, struct span *text);

/* Append a packet; `key` and `value` are copied. header's lengths are set here. */
void mcb_packet(struct chunk_pool *chunks, struct chain *to, struct mcb_header header,
		struct span extras, struct span key, struct span value);

#endif
