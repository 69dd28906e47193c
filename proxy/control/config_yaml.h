/*
 * config_yaml.h - a YAML tree read into struct config by the schema.
 * Layer: control. Includes: config, findings, yaml_tree.
 */
#ifndef CONTROL_CONFIG_YAML_H
#define CONTROL_CONFIG_YAML_H

#include "base/attr.h"
#include "control/config.h"
#include "control/findings.h"
#include "control/yaml_tree.h"

#define CONFIG_POOLS_MAX 1000

/* Which node of the file each field was read from, for checks that come after reading. */
struct field_map {
	struct field_source *v; /* private: */
	size_t n, cap;
};

/* The node that a field came from, or NULL: it has its default. */
const struct tree_node *field_map_find(const struct field_map *fields, const void *field);
void field_map_free(struct field_map *fields);

/*
 * Read a tree with a root into a zeroed config: defaults, then what the file says. Whatever is
 * wrong is added to `findings` and left at its default. `fields` stays valid as long as both.
 */
void config_yaml_read(const struct tree *tree, struct config *config, struct field_map *fields,
		      struct findings *findings);

#endif
