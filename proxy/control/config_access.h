/*
 * config_access.h - who may run what: the commands of users and prefixes as bits a command id.
 *
 * An id is a command's index in the table of commands; those of a pool's own `commands` follow, in
 * the order of their list. Layer: control. Includes: config_yaml.
 */
#ifndef CONTROL_CONFIG_ACCESS_H
#define CONTROL_CONFIG_ACCESS_H

#include "control/config_yaml.h"

/*
 * Check the users, prefixes and own commands of each pool and make user_spec.allowed and
 * prefix_spec.refused of their words; the names of own commands become lower case, as the table's
 * are. What is wrong is added to `findings`, and left out of the bits.
 */
void config_access_build(struct config *config, const struct field_map *fields,
			 struct findings *findings);

/* Free what config_access_build() made. */
void config_access_release(struct pool_spec *pool);

#endif
