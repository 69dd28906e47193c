/*
 * part.h - the reply of one part of a split request, taken apart element by element.
 *
 * A reply is whole and well-formed when it gets here, and no header line of it lies in two
 * segments: its scanner sees to both.
 * Layer: plan. Includes: core/request.
 */
#ifndef PLAN_PART_H
#define PLAN_PART_H

#include "core/request.h"

/* It has a reply that is no error. */
static inline bool part_is_good(const struct call *part)
{
	return part->result == CALL_REPLY && !part->is_error;
}

/* Drop what RESP3 may say about a reply before it. Whether it is an error is known only then. */
void part_drop_attributes(struct request *request, struct call *part);

/*
 * Take "<type><n>\r\n" off the head of its reply, where type is one of `types` and n not negative.
 * False if it is not there. The type and n are kept in call->end and call->begin, for which a call
 * has no more use once it is done.
 */
NODISCARD bool part_take_header(struct request *request, struct call *part, const char *types);

/* The same for an integer, which may be negative: it is in call->begin. */
NODISCARD bool part_take_integer(struct request *request, struct call *part);

static inline char part_type(const struct call *part)
{
	return (char)part->end;
}

static inline int64_t part_number(const struct call *part)
{
	return (int64_t)part->begin;
}

/* Is the reply a null, of RESP2 or RESP3? */
bool part_is_null(const struct call *part);

/* Move one element off its reply to the end of the request's, large ones by reference. Or drop it.
 * Nothing if there is none. */
void part_move_element(struct request *request, struct call *part);
void part_drop_element(struct request *request, struct call *part);

/* Lay what is left of its reply in one piece and give it, empty if there is nothing. False if it
 * has more than `max` bytes, at most UINT32_MAX. */
NODISCARD bool part_in_one_piece(struct request *request, struct call *part, uint64_t max,
				 struct span *bytes);

/* "<type><n>\r\n" at the end of the request's reply. */
void part_write_header(struct request *request, char type, int64_t n);

#endif
