/*
 * modules.h - commands that the table has not, as a pool's settings have them: modules'.
 * Made once for each engine and pool. Layer: core. Includes: proto/command, route/topology.
 */
#ifndef CORE_MODULES_H
#define CORE_MODULES_H

#include "proto/command.h"
#include "route/topology.h"

/* Rows of a pool's own commands, with ids behind the table's; for free(). NULL where it has none. */
NODISCARD struct command *modules_rows(const struct pool *pool);

/* The row of that name (any case) among those of the pool, or NULL. */
const struct command *modules_find(const struct pool *pool, const struct command *rows,
				   struct span name);

#endif
