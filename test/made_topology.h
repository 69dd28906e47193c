/*
 * made_topology.h - topologies and configurations for tests of control, written as the settings are.
 * Includes: control/config, route/topology.
 */
#ifndef TEST_MADE_TOPOLOGY_H
#define TEST_MADE_TOPOLOGY_H

#include "control/config.h"
#include "route/topology.h"

/* The configuration of the YAML text, for config_free(); the test fails if it has an error. */
struct config *made_config(const char *yaml);

/* The snapshot of its pools, none of whose names is resolved: for topology_unref(). */
struct topology *made_topology(const char *yaml);

/* The first endpoint of that address, as endpoint->text has it, which there must be. */
struct endpoint *made_endpoint(struct topology *topology, const char *text);

/* Have it stand for one IP. */
void made_resolve(struct topology *topology, const char *text, const char *ip);

#endif
