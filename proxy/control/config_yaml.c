#include "control/config_yaml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/schema.h"

#define POOL_NAME_MAX 64 /* bytes; it is part of each metric's labels */

struct field_source {
	const void *field;
	const struct tree_node *node;
};

struct reader {
	struct config *config;
	struct field_map *fields;
	struct findings *findings;
};

/* The struct that a map is read into. */
struct target {
	enum setting_scope scope;
	void *base;
};

static void remember(struct field_map *fields, const void *field, const struct tree_node *node)
{
	if (fields->n == fields->cap) {
		fields->cap = fields->cap > 0 ? fields->cap * 2 : 64;
		fields->v = alloc_resize(fields->v, fields->cap * sizeof(fields->v[0]));
	}
	fields->v[fields->n++] = (struct field_source){field, node};
}

const struct tree_node *field_map_find(const struct field_map *fields, const void *field)
{
	for (size_t i = 0; i < fields->n; i++)
		if (fields->v[i].field == field)
			return fields->v[i].node;
	return NULL;
}

void field_map_free(struct field_map *fields)
{
	free(fields->v);
	*fields = (struct field_map){0};
}

static void refuse(struct reader *reader, const struct tree_node *node, const char *what)
{
	char path[TREE_PATH_MAX];

	findings_error(reader->findings, node->place, tree_path(node, path), "%s", what);
}

static void refuse_kind(struct reader *reader, const struct tree_node *node, const char *expected)
{
	char path[TREE_PATH_MAX];
	const char *is = "a text";

	if (node->kind == TREE_REFUSED)
		return; /* told where the alias stands */
	if (tree_is_null(node))
		is = "empty";
	else if (node->kind != TREE_SCALAR)
		is = node->kind == TREE_MAP ? "a map" : "a list";
	findings_error(reader->findings, node->place, tree_path(node, path),
		       "it is %s; expected %s", is, expected);
}

static void refuse_type(struct reader *reader, const struct tree_node *node,
			const struct setting *setting)
{
	struct text expected = {0};

	schema_expects(setting, &expected);
	refuse_kind(reader, node, expected.p);
	text_free(&expected);
}

static void read_scalar(struct reader *reader, const struct tree_node *node,
			const struct setting *setting, void *base)
{
	struct error error;

	if (node->kind != TREE_SCALAR || tree_is_null(node))
		refuse_type(reader, node, setting);
	else if (schema_parse(setting, node->text, base, &error) != 0)
		refuse(reader, node, error.text);
}

/* The list's array moves while it grows, so items are remembered by their text. */
static void read_texts(struct reader *reader, const struct tree_node *node,
		       const struct setting *setting, void *base)
{
	const struct string_list *list =
		(const struct string_list *)(const void *)((char *)base + setting->offset);

	if (node->kind == TREE_SCALAR) {
		read_scalar(reader, node, setting, base);
		if (list->n > 0)
			remember(reader->fields, list->v[0], node);
		return;
	}
	if (node->kind != TREE_LIST || node->n == 0) {
		refuse_type(reader, node, setting);
		return;
	}
	for (const struct tree_node *item = node->first; item != NULL; item = item->next) {
		size_t before = list->n;

		read_scalar(reader, item, setting, base);
		if (list->n > before)
			remember(reader->fields, list->v[before], item);
		else if (setting->zero != NULL && item->kind == TREE_SCALAR &&
			 strcmp(item->text, setting->zero) == 0)
			refuse(reader, item, "it stands for the whole list; take it out");
	}
}

static void refuse_key(struct reader *reader, const struct tree_node *node,
		       enum setting_scope scope, const char *prefix)
{
	char path[TREE_PATH_MAX];
	struct text text = {0};

	if (schema_suggest(scope, prefix, node->key, &text)) {
		findings_error(reader->findings, node->key_place, tree_path(node, path),
			       "unknown key; did you mean '%s'?", text.p);
	} else {
		schema_children(scope, prefix, &text);
		findings_error(reader->findings, node->key_place, tree_path(node, path),
			       "unknown key; expected one of %s", text.p);
	}
	text_free(&text);
}

static void require_keys(struct reader *reader, const struct tree_node *map,
			 enum setting_scope scope)
{
	char path[TREE_PATH_MAX];
	size_t n;
	const struct setting *rows = schema_settings(&n);

	tree_path(map, path);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].scope != scope || !rows[i].is_required ||
		    tree_get(map, rows[i].path) != NULL ||
		    (rows[i].unless != NULL && tree_get(map, rows[i].unless) != NULL))
			continue;
		struct text expected = {0};
		schema_expects(&rows[i], &expected);
		findings_error(reader->findings, map->key != NULL ? map->key_place : map->place,
			       path[0] != '\0' ? path : NULL,
			       "'%s' is missing; expected %s: %s%s%s", rows[i].path, rows[i].path,
			       expected.p, rows[i].unless != NULL ? ", or a map " : "",
			       rows[i].unless != NULL ? rows[i].unless : "");
		text_free(&expected);
	}
}

/* The numbers of a list as one text: the row knows how many there are. */
static void read_keys(struct reader *reader, const struct tree_node *node,
		      const struct setting *setting, void *base)
{
	struct text text = {0};
	struct error error;
	bool is_list = node->kind == TREE_LIST;

	text_puts(&text, "");
	for (const struct tree_node *item = node->first; is_list && item != NULL;
	     item = item->next) {
		is_list = item->kind == TREE_SCALAR && !tree_is_null(item);
		if (is_list)
			text_printf(&text, "%s%s", text.len > 0 ? ", " : "", item->text);
	}
	if (!is_list)
		refuse_type(reader, node, setting);
	else if (schema_parse(setting, text.p, base, &error) != 0)
		refuse(reader, node, error.text);
	text_free(&text);
}

static void read_pools(struct reader *reader, const struct tree_node *node);
static void read_list(struct reader *reader, const struct tree_node *node,
		      const struct setting *setting, void *base);

/* Of a key that is given twice, which is an error already, the first counts. */
static void read_setting(struct reader *reader, const struct tree_node *node,
			 const struct setting *setting, void *base)
{
	bool gathers = setting->type == SETTING_POOLS || setting->type == SETTING_LIST ||
		       setting->type == SETTING_ADDRESSES || setting->type == SETTING_HOSTS ||
		       setting->type == SETTING_SERVERS || setting->type == SETTING_TEXTS;

	if (gathers && node->key != NULL && tree_get(node->parent, node->key) != node)
		return;
	remember(reader->fields, (char *)base + setting->offset, node);
	switch (setting->type) {
	case SETTING_POOLS:
		read_pools(reader, node);
		break;
	case SETTING_LIST:
		read_list(reader, node, setting, base);
		break;
	case SETTING_ADDRESSES:
	case SETTING_HOSTS:
	case SETTING_SERVERS:
	case SETTING_TEXTS:
		read_texts(reader, node, setting, base);
		break;
	case SETTING_KEYS:
		read_keys(reader, node, setting, base);
		break;
	default:
		read_scalar(reader, node, setting, base);
		break;
	}
}

static void read_section(struct reader *reader, const struct tree_node *node, struct target target);

/* The depth of the calls is the schema's, never the file's. */
static void read_key(struct reader *reader, const struct tree_node *node, struct target target,
		     const char *prefix)
{
	char path[TREE_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", prefix, node->key) >= (int)sizeof(path)) {
		refuse_key(reader, node, target.scope, prefix);
		return;
	}
	/* A dot is how messages write a section, not how files do. */
	bool is_one_key = strchr(node->key, '.') == NULL;
	const struct setting *setting = is_one_key ? schema_find(target.scope, path) : NULL;
	if (setting != NULL)
		read_setting(reader, node, setting, target.base);
	else if (prefix[0] == '\0' && schema_is_section(target.scope, path))
		read_section(reader, node, target);
	else
		refuse_key(reader, node, target.scope, prefix);
}

static void read_section(struct reader *reader, const struct tree_node *node, struct target target)
{
	char prefix[TREE_PATH_MAX];
	struct text expected = {0};

	snprintf(prefix, sizeof(prefix), "%s.", node->key);
	if (node->kind == TREE_MAP && node->n > 0) {
		for (const struct tree_node *key = node->first; key != NULL; key = key->next)
			read_key(reader, key, target, prefix);
		return;
	}
	text_puts(&expected, node->kind == TREE_MAP ? "no keys; expected some of " : "a map of ");
	schema_children(target.scope, prefix, &expected);
	if (node->kind == TREE_MAP)
		refuse(reader, node, expected.p);
	else
		refuse_kind(reader, node, expected.p);
	text_free(&expected);
}

static void read_map(struct reader *reader, const struct tree_node *map, struct target target)
{
	for (const struct tree_node *node = map->first; node != NULL; node = node->next)
		read_key(reader, node, target, "");
	require_keys(reader, map, target.scope);
}

static bool is_pool_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("_-.", name[i]) == NULL)
			return false;
	return len > 0 && len <= POOL_NAME_MAX;
}

static void read_pool(struct reader *reader, const struct tree_node *node, struct pool_spec *pool)
{
	char path[TREE_PATH_MAX];

	schema_defaults(SCOPE_POOL, pool);
	pool->name = alloc_string(node->key);
	if (!is_pool_name(node->key))
		findings_error(reader->findings, node->key_place, tree_path(node, path),
			       "not a pool's name; expected 1 to %d letters, digits, '_', '-' or "
			       "'.'",
			       POOL_NAME_MAX);
	if (node->kind == TREE_MAP)
		read_map(reader, node, (struct target){SCOPE_POOL, pool});
	else
		refuse_kind(reader, node, "a map with protocol, listen and shards");
}

static void read_pools(struct reader *reader, const struct tree_node *node)
{
	struct config *config = reader->config;

	if (node->kind != TREE_MAP) {
		refuse_kind(reader, node, "a map of pools by their names");
		return;
	}
	if (node->n == 0 || node->n > CONFIG_POOLS_MAX) {
		refuse(reader, node,
		       node->n == 0 ? "no pools; expected NAME: {protocol, listen, shards}"
				    : "more than 1000 pools; run several processes");
		return;
	}
	config->pools = alloc_zeroed(node->n, sizeof(config->pools[0]));
	config->n_pools = node->n;
	for (const struct tree_node *pool = node->first; pool != NULL; pool = pool->next)
		read_pool(reader, pool, &config->pools[pool->index]);
}

/* An item that is no map stands for one with a single key. */
static void read_item(struct reader *reader, const struct tree_node *node,
		      const struct setting *setting, void *item)
{
	const struct setting_items *items = &setting->items;

	schema_defaults(items->scope, item);
	if (node->kind == TREE_MAP)
		read_map(reader, node, (struct target){items->scope, item});
	else if (node->kind == TREE_SCALAR && !tree_is_null(node) && items->plain != NULL)
		read_setting(reader, node, schema_find(items->scope, items->plain), item);
	else
		refuse_kind(reader, node, items->form);
}

static void read_list(struct reader *reader, const struct tree_node *node,
		      const struct setting *setting, void *base)
{
	struct error error = {0};

	if (node->kind != TREE_LIST) {
		refuse_type(reader, node, setting);
		return;
	}
	if (node->n < setting->min || node->n > setting->max) {
		if (node->n == 0)
			error_set(&error, "no %s; expected at least one %s", setting->path,
				  setting->items.form);
		else
			error_set(&error, "more than %llu %s; expected 1 to %llu",
				  (unsigned long long)setting->max, setting->path,
				  (unsigned long long)setting->max);
		refuse(reader, node, error.text);
		return;
	}
	char *items = schema_items(setting, node->n, base);
	for (const struct tree_node *item = node->first; item != NULL; item = item->next)
		read_item(reader, item, setting, items + item->index * setting->items.size);
}

void config_yaml_read(const struct tree *tree, struct config *config, struct field_map *fields,
		      struct findings *findings)
{
	struct reader reader = {config, fields, findings};

	schema_defaults(SCOPE_FILE, config);
	read_map(&reader, tree->root, (struct target){SCOPE_FILE, config});
}
