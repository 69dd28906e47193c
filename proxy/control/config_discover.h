/*
 * config_discover.h - is it said once, and wholly, where a pool's shards come from?
 * Layer: control. Includes: checker.
 */
#ifndef CONTROL_CONFIG_DISCOVER_H
#define CONTROL_CONFIG_DISCOVER_H

#include "control/checker.h"

/* The path of the first source that the file gives the pool: "discover.dns"; or NULL. */
const char *config_discover_source(const struct checker *checker, const struct pool_spec *pool);

/* Tell of shards that come from two places or from none, and of sources that are not whole. */
void config_discover_check(const struct checker *checker, const struct pool_spec *pool);

#endif
