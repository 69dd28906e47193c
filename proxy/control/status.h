/*
 * status.h - what /v1/status answers.
 * Layer: control. Includes: view, base/text; jansson in status.c.
 */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include "base/text.h"
#include "control/view.h"

/* Append the status as one JSON object and a line end. */
void status_render(const struct view *view, struct text *out);

#endif
