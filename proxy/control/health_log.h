/*
 * health_log.h - a line for the log of what has changed in what is known of an endpoint.
 * Layer: control. Includes: health.
 */
#ifndef CONTROL_HEALTH_LOG_H
#define CONTROL_HEALTH_LOG_H

#include "control/health.h"

/* Its state, role or leader is another than before; `failed`: probes in a row. Limited in number. */
void health_log(const struct endpoint *endpoint, const struct health_of *before,
		const struct health_of *of, uint32_t failed, uint64_t now_us);

#endif
