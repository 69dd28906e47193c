/*
 * frame.h - the state of a reply scanner, both protocols.
 * Layer: proto. Includes: nothing of the project's.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum frame_result { FRAME_DONE, FRAME_MORE, FRAME_BAD };

/* Zero at the start of a reply; then the scanner's own, but for the fields it reports. */
struct frame {
	uint64_t skip;	    /* private: payload bytes still owed, their line end included */
	uint64_t owed;	    /* private: RESP: elements still owed; memcached: state */
	uint32_t values;    /* memcached: VALUE blocks so far, for hits */
	char first;	    /* the reply's first byte; 0 before it */
	uint8_t started;    /* private */
	bool until_barrier; /* memcached: set at a reply's start: it ends with MN, which it may be
			       all of */
	bool is_config;	 /* memcached: set at a reply's start: CONFIG may stand where VALUE does */
	const char *why; /* FRAME_BAD: what was wrong */
};

/* Note the first byte of a reply, if it is that. */
static inline void frame_begin(struct frame *frame, char byte)
{
	if (frame->started)
		return;
	frame->started = 1;
	frame->first = byte;
}

#endif
