#include "proto/resp_frame.h"

#include <stdbool.h>

#include "base/number.h"

#define LINE_MAX_BYTES 65536 /* of a header line, its end included; a longer one is garbage */
#define FAST_DIGITS    18    /* no overflow; longer lengths are lies */
#define OWED_MAX       (UINT64_C(1) << 62)

/* What follows a header line, by its first byte. */
enum shape {
	SHAPE_NONE,	/* no type of RESP */
	SHAPE_LINE,	/* nothing: the value is in the line */
	SHAPE_BULK,	/* as many bytes as it says, and CRLF; $-1 is nothing */
	SHAPE_ARRAY,	/* as many elements; *-1 is nothing */
	SHAPE_MAP,	/* twice as many */
	SHAPE_ATTRIBUTE /* twice as many, and then the value that they are said of */
};

static const uint8_t shapes[256] = {
	['+'] = SHAPE_LINE,  ['-'] = SHAPE_LINE, [':'] = SHAPE_LINE,	  ['_'] = SHAPE_LINE,
	[','] = SHAPE_LINE,  ['#'] = SHAPE_LINE, ['('] = SHAPE_LINE,	  ['$'] = SHAPE_BULK,
	['='] = SHAPE_BULK,  ['!'] = SHAPE_BULK, ['*'] = SHAPE_ARRAY,	  ['~'] = SHAPE_ARRAY,
	['>'] = SHAPE_ARRAY, ['%'] = SHAPE_MAP,	 ['|'] = SHAPE_ATTRIBUTE,
};

static enum frame_result bad(struct frame *frame, const char *why)
{
	frame->why = why;
	return FRAME_BAD;
}

/*
 * The whole line at p: *next is the byte behind its end. A line without one, or that ends in a
 * bare LF, is MORE or BAD.
 */
static enum frame_result find_line_end(struct frame *frame, const char *p, const char *end,
				       const char **next)
{
	size_t here = (size_t)(end - p);
	const char *lf = memchr(p, '\n', here > LINE_MAX_BYTES ? LINE_MAX_BYTES : here);

	if (lf == NULL && here >= LINE_MAX_BYTES)
		return bad(frame, "header line too long");
	if (lf == NULL)
		return FRAME_MORE;
	if (lf[-1] != '\r')
		return bad(frame, "line end without CR");
	*next = lf + 1;
	return FRAME_DONE;
}

/*
 * The count of the header at p; *next is the byte behind the line. -1 is for the null of RESP2.
 * A loop over digits, because these lines are a few bytes long.
 */
static inline enum frame_result take_count(struct frame *frame, const char *p, const char *end,
					   int64_t *count, const char **next)
{
	const char *q = p + 1;
	int64_t n = 0;
	enum frame_result result;

	while (q < end && (unsigned char)(*q - '0') <= 9 && q - p <= FAST_DIGITS)
		n = n * 10 + (*q++ - '0');
	if (likely(end - q >= 2 && q[0] == '\r' && q[1] == '\n' && q > p + 1)) {
		if (p[1] == '0' && q > p + 2)
			return bad(frame, "leading zero in a length");
		*count = n;
		*next = q + 2;
		return FRAME_DONE;
	}
	result = find_line_end(frame, p, end, next);
	if (result != FRAME_DONE)
		return result;
	if (*next - p != 5 || memcmp(p + 1, "-1", 2) != 0 || (*p != '$' && *p != '*'))
		return bad(frame, "not a length");
	*count = -1;
	return FRAME_DONE;
}

/* Count what a header with `count` owes; its own value is one less. */
static enum frame_result owe(struct frame *frame, enum shape shape, int64_t count)
{
	frame->owed--;
	if (count < 0)
		return FRAME_DONE;
	if (shape == SHAPE_BULK) {
		frame->skip = (uint64_t)count + 2;
		return FRAME_DONE;
	}
	if (shape == SHAPE_ATTRIBUTE)
		frame->owed++;
	frame->owed += (uint64_t)count;
	if (shape != SHAPE_ARRAY)
		frame->owed += (uint64_t)count;
	return frame->owed > OWED_MAX ? bad(frame, "too many elements") : FRAME_DONE;
}

/* One header line at p; *next is the byte behind it. */
static inline enum frame_result take_header(struct frame *frame, const char *p, const char *end,
					    const char **next)
{
	enum shape shape = shapes[(unsigned char)*p];
	int64_t count = -1;
	enum frame_result result;

	if (shape == SHAPE_NONE)
		return bad(frame, "not a RESP type");
	if (shape == SHAPE_LINE)
		result = find_line_end(frame, p, end, next);
	else
		result = take_count(frame, p, end, &count, next);
	return result == FRAME_DONE ? owe(frame, shape, count) : result;
}

/* Use up payload at p: *next is behind what of it is here. */
static inline enum frame_result take_payload(struct frame *frame, const char *p, const char *end,
					     const char **next)
{
	uint64_t skip = frame->skip;
	uint64_t here = (uint64_t)(end - p);

	/* The last two bytes are the line end, which may come in two pieces. */
	if (unlikely((skip >= 2 && here >= skip - 1 && p[skip - 2] != '\r') ||
		     (here >= skip && p[skip - 1] != '\n')))
		return bad(frame, "no CRLF after a bulk string");
	*next = p + (here < skip ? here : skip);
	frame->skip = here < skip ? skip - here : 0;
	return frame->skip > 0 ? FRAME_MORE : FRAME_DONE;
}

enum frame_result resp_frame_scan(struct frame *frame, struct span in, size_t *took)
{
	const char *p = in.p, *end = in.p + in.len;
	enum frame_result result = FRAME_DONE;

	if (!frame->started && in.len > 0) {
		frame->started = 1;
		frame->first = *p;
		frame->owed = 1;
	}
	while (result == FRAME_DONE && (frame->skip > 0 || frame->owed > 0)) {
		if (p == end)
			result = FRAME_MORE;
		else if (frame->skip > 0)
			result = take_payload(frame, p, end, &p);
		else
			result = take_header(frame, p, end, &p);
	}
	*took = (size_t)(p - in.p);
	return frame->started ? result : FRAME_MORE;
}
