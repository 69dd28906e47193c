/*
 * resp_read.h - walks over the elements of a whole RESP reply, one after the other, the outer before
 * the inner. Pure. Layer: control. Includes: base/span.
 */
#ifndef CONTROL_RESP_READ_H
#define CONTROL_RESP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

struct resp_element {
	char type;	  /* its first byte: '$', '*', ... */
	bool is_null;	  /* "$-1", "*-1" or "_" */
	struct span text; /* of what is no array: its value */
	size_t n; /* of an array, a set or a push: how many elements follow; of a map twice as many */
};

/* The next element of *rest, which is cut. False at the end, or at what is no RESP. */
NODISCARD bool resp_read(struct span *rest, struct resp_element *out);

/* The next element, which must be a text or a number. False if it is not. */
NODISCARD bool resp_read_text(struct span *rest, struct span *text);

/* The next element, which must be an array. False if it is not, a null one included. */
NODISCARD bool resp_read_array(struct span *rest, size_t *n);

#endif
