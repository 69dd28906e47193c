/*
 * resp_frame.h - where one RESP2 or RESP3 reply ends: one counter, no recursion, no allocation.
 * Pure. Layer: proto. Includes: base/span, frame.
 */
#ifndef PROTO_RESP_FRAME_H
#define PROTO_RESP_FRAME_H

#include "base/attr.h"
#include "base/span.h"
#include "proto/frame.h"

/*
 * Scan on in the reply that begins where `frame` (zero at first) says. *took says how many bytes
 * of `in` belong to this reply and were used: all of the reply for FRAME_DONE; for FRAME_MORE
 * everything up to a header line that is not whole yet (so a header line is never cut by `took`).
 * FRAME_BAD: not RESP; frame->why says what in a few words.
 */
NODISCARD enum frame_result resp_frame_scan(struct frame *frame, struct span in, size_t *took);

#endif
