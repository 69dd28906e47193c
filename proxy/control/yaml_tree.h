/*
 * yaml_tree.h - one YAML document as a tree of nodes that know their place in the file.
 *
 * A strict subset: maps with text keys, lists and scalars, to TREE_DEPTH_MAX levels. Anchors,
 * aliases and tags are refused, so a small file cannot grow large in memory, and duplicate keys
 * are errors. The only file that knows libyaml. Layer: control. Includes: findings.
 */
#ifndef CONTROL_YAML_TREE_H
#define CONTROL_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"
#include "control/findings.h"

#define TREE_DEPTH_MAX 16  /* levels of nesting; the schema needs 7 */
#define TREE_PATH_MAX  320 /* bytes of a dotted path; longer ones are cut */

enum tree_kind {
	TREE_SCALAR,
	TREE_LIST,
	TREE_MAP,
	TREE_REFUSED /* its value was an alias; the error is told already */
};

struct tree_node {
	enum tree_kind kind;
	struct place place;
	struct tree_node *parent, *first, *last, *next; /* children in the file's order */
	size_t n;					/* children */
	size_t index;					/* in its parent */
	char *key;					/* in a map: the key's text */
	struct place key_place;				/* in a map */
	char *text;					/* of a scalar, without NUL bytes */
	bool is_plain;					/* a scalar without quotes */
	struct tree_node *older;			/* private: the node made before */
};

struct tree {
	struct tree_node *root;	  /* NULL when the document is empty or too broken to go on with */
	struct tree_node *newest; /* private: all nodes, for tree_free() */
};

/*
 * Parse the bytes of a file; tree_free() it whatever is wrong. The root is a map, or NULL after an
 * error about the whole: not UTF-8, bad syntax, a second document, empty.
 */
void tree_parse(struct tree *tree, struct span content, struct findings *findings);
void tree_free(struct tree *tree);

/* The dotted path of a node: "pools.pages.shards[0].weight". Returns out. */
const char *tree_path(const struct tree_node *node, char out[TREE_PATH_MAX]);

/* The value of a key of a map, or NULL. */
const struct tree_node *tree_get(const struct tree_node *map, const char *key);

/* Nothing was written after the key: empty, "~" or "null" without quotes. */
bool tree_is_null(const struct tree_node *node);

#endif
