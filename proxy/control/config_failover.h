/*
 * config_failover.h - what a pool's `failover` must be.
 * Layer: control. Includes: checker.
 */
#ifndef CONTROL_CONFIG_FAILOVER_H
#define CONTROL_CONFIG_FAILOVER_H

#include "control/checker.h"

/* Add errors for what does not go together, and for a gutter node that is none. False: no ring can be
 * made of it. */
bool config_failover_check(const struct checker *checker, const struct pool_spec *pool);

#endif
