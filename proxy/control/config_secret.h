/*
 * config_secret.h - passwords from the environment and from files.
 * Layer: control. Includes: config_yaml.
 */
#ifndef CONTROL_CONFIG_SECRET_H
#define CONTROL_CONFIG_SECRET_H

#include "control/config_yaml.h"

/*
 * Put the password of each secret of a config into its `text`, wherever it comes from. Errors are
 * added where there is more than one source, where a source has none, and where a name has no
 * password; none of them repeats a value. Reads files and the environment.
 */
void config_secrets_read(struct config *config, const struct field_map *fields,
			 struct findings *findings);

/* Call each(arg, secret) for every secret of a config, given or not. */
void config_secrets_each(const struct config *config,
			 void (*each)(void *arg, const struct secret_spec *secret), void *arg);

#endif
