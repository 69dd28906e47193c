/*
 * metrics.h - the workers' counters added up, as Prometheus text.
 * Layer: control. Includes: view, base/text.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include "base/text.h"
#include "control/view.h"

/* Append the exposition format, version 0.0.4, of all there is. */
void metrics_render(const struct view *view, struct text *out);

#endif
