/*
 * mc_reply.h - where one memcached text reply ends.
 * Pure. Layer: proto. Includes: frame, base/span.
 */
#ifndef PROTO_MC_REPLY_H
#define PROTO_MC_REPLY_H

#include "base/attr.h"
#include "base/span.h"
#include "proto/frame.h"

#define MC_REPLY_LINE_MAX 8192 /* bytes; a server's longer line is garbage */

#define MC_REPLY_BARRIER "MN\r\n"

/*
 * As resp_frame_scan, for memcached text and meta: one line, or VALUE blocks up to END, or STAT
 * (ITEM, ...) lines up to END, or VA with its value. With frame->until_barrier all of it and MN
 * behind, or MN alone. With frame->is_config the blocks may begin with CONFIG, which answers 'config get'. A header line is never cut by `took`. frame->values counts VALUE blocks,
 * and what is as good: VA and HD.
 * A line that memcached would never begin a reply with is FRAME_BAD.
 */
NODISCARD enum frame_result mc_reply_scan(struct frame *frame, struct span in, size_t *took);

#endif
