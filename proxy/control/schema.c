#include "control/schema.h"

#include <string.h>

#include "base/alloc.h"
#include "control/nearest.h"
#include "route/spec.h"

static void *field_of(const struct setting *setting, void *base)
{
	return (char *)base + setting->offset;
}

const struct setting *schema_find(enum setting_scope scope, const char *path)
{
	size_t n;
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].scope == scope && strcmp(rows[i].path, path) == 0)
			return &rows[i];
	return NULL;
}

bool schema_is_section(enum setting_scope scope, const char *path)
{
	size_t n, len = strlen(path);
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].scope == scope && strncmp(rows[i].path, path, len) == 0 &&
		    rows[i].path[len] == '.')
			return true;
	return false;
}

const char *schema_prefix(enum setting_scope scope)
{
	static const char *const prefixes[SCOPE_COUNT] = {"", "pools.NAME.",
							  "pools.NAME.shards[]."};

	return prefixes[scope];
}

/*
 * What follows `prefix` ("" or "timeouts.") in a row's path up to the next dot; empty where the
 * row does not stand below it.
 */
static struct span child_of(const struct setting *setting, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(setting->path, prefix, len) != 0)
		return span_make(setting->path, 0);
	return span_make(setting->path + len, strcspn(setting->path + len, "."));
}

void schema_children(enum setting_scope scope, const char *prefix, struct text *out)
{
	struct span last = {"", 0};
	size_t n, start = out->len;
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++) {
		struct span child = child_of(&rows[i], prefix);

		if (rows[i].scope != scope || child.len == 0 || span_equal(child, last))
			continue;
		text_puts(out, out->len > start ? ", " : "");
		text_append(out, child);
		last = child;
	}
}

bool schema_suggest(enum setting_scope scope, const char *prefix, const char *key, struct text *out)
{
	struct nearest nearest = {.word = key};
	size_t n;
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].scope == scope)
			nearest_offer(&nearest, child_of(&rows[i], prefix));
	if (nearest.best[0] != '\0') {
		text_puts(out, nearest.best);
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		const char *dot = strrchr(rows[i].path, '.');

		if (rows[i].scope != scope ||
		    strcmp(dot != NULL ? dot + 1 : rows[i].path, key) != 0)
			continue;
		text_puts(out, rows[i].path);
		return true;
	}
	return false;
}

void schema_defaults(enum setting_scope scope, void *base)
{
	size_t n;
	const struct setting *rows = schema_settings(&n);
	struct error error;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].scope != scope)
			continue;
		if (rows[i].standard == NULL && rows[i].type == SETTING_WORD)
			*(int *)field_of(&rows[i], base) = rows[i].unset;
		else if (rows[i].standard != NULL &&
			 schema_parse(&rows[i], rows[i].standard, base, &error) != 0)
			abort(); /* a row of the table contradicts itself */
	}
}

static void release_list(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct string_list){0};
}

void schema_release(enum setting_scope scope, void *base)
{
	size_t n;
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++) {
		void *field = field_of(&rows[i], base);

		if (rows[i].scope != scope)
			continue;
		if (rows[i].type == SETTING_ADDRESSES) {
			release_list(field);
		} else if (rows[i].type == SETTING_TEXT || rows[i].type == SETTING_TAG ||
			   rows[i].type == SETTING_ADDRESS) {
			free(*(char **)field);
			*(char **)field = NULL;
		}
	}
}
