/*
 * codec.h - one protocol's parser, reply scanner and writers: one const table a protocol.
 * Layer: proto. Includes: frame, parsed.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "base/attr.h"
#include "proto/frame.h"
#include "proto/parsed.h"

struct codec {
	enum parse_result (*parse)(struct parse_state *state, struct span in,
				   const struct parse_limits *limits, struct arg_list *args,
				   struct parsed *out);
	enum frame_result (*scan)(struct frame *frame, struct span in, size_t *took);

	/* Does a whole reply, of which `start` has the first line, report an error? */
	bool (*is_error)(struct span start);

	const char *error_prefix; /* what an error of the proxy's own begins with */
	const char *too_many;	  /* the line for a client over limits.clients */
	const char *no_memory;	  /* the line for a command over the memory limit */
	struct span hello;	  /* what a new server connection is asked first */
	const struct command *(*hello_command)(void);
};

extern const struct codec codec_memcached, codec_mc_binary, codec_redis;

#endif
