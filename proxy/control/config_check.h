/*
 * config_check.h - what no setting says alone: addresses used twice, names given twice, rings that
 * cannot be built or leave a shard without keys. Layer: control. Includes: config_yaml.
 */
#ifndef CONTROL_CONFIG_CHECK_H
#define CONTROL_CONFIG_CHECK_H

#include "control/config_yaml.h"

/*
 * Add what is wrong, or merely unwise, with a config as a whole; parts that are missing because
 * their own error was found before are passed over. `fields` says where things stand in the file;
 * for what is not in it `path` is named instead, which may be NULL.
 */
void config_check(const struct config *config, const struct field_map *fields, const char *path,
		  struct findings *findings);

#endif
