/*
 * specs.h - the pools as they are to be built: what is configured, with the shards that were found and the
 * primaries that took over, and the shards that are down.
 *
 * Layer: control. Includes: config, members, outages, pauses, roles.
 */
#ifndef CONTROL_SPECS_H
#define CONTROL_SPECS_H

#include "control/config.h"
#include "control/members.h"
#include "control/outages.h"
#include "control/pauses.h"
#include "control/roles.h"

/* Texts are the config's, the members' and the roles'. */
struct specs {
	struct pool_spec *v;
	size_t n;
};

/* What is known beside what is configured. */
struct specs_known {
	const struct members *members;
	const struct roles *roles;
	const struct outages *outages;
	const struct pauses *pauses;
};

void specs_build(struct specs *specs, const struct config *config, const struct specs_known *known);
void specs_free(struct specs *specs);

#endif
