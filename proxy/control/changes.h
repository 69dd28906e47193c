/*
 * changes.h - what one topology has that another has not: whether it is anything, and one line for the log.
 * Layer: control. Includes: base/text, route/topology.
 */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include "base/text.h"
#include "route/topology.h"

/*
 * Append "pool pages: shards +d -b, c moves from 10.0.0.3:11211 to 10.0.0.9:11211; 33.33% of the key space
 * moves; ..." for all pools that differ. Nothing is appended where none does in what the line tells.
 */
void changes_write(const struct topology *before, const struct topology *now, struct text *out);

/* Do their nodes differ, or what is done with them? Of health alone nothing is told. `before` may be NULL:
 * then they do. */
bool changes_any(const struct topology *before, const struct topology *now);

#endif
