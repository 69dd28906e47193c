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
	static const char *const prefixes[] = {
		[SCOPE_FILE] = "",
		[SCOPE_POOL] = "pools.NAME.",
		[SCOPE_SHARD] = "pools.NAME.shards[].",
		[SCOPE_REPLICA] = "pools.NAME.shards[].replicas[].",
		[SCOPE_USER] = "pools.NAME.users[].",
		[SCOPE_PREFIX] = "pools.NAME.prefixes[].",
		[SCOPE_COMMAND] = "pools.NAME.commands[].",
	};

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
		if (rows[i].standard == NULL && rows[i].unset != 0)
			*(int *)field_of(&rows[i], base) = rows[i].unset;
		else if (rows[i].standard != NULL &&
			 schema_parse(&rows[i], rows[i].standard, base, &error) != 0)
			abort(); /* a row of the table contradicts itself */
	}
}

static size_t *count_of(const struct setting *setting, void *base)
{
	return (size_t *)(void *)((char *)base + setting->items.count_offset);
}

void *schema_items(const struct setting *setting, size_t n, void *base)
{
	void *items = alloc_zeroed(n, setting->items.size);

	*(void **)field_of(setting, base) = items;
	*count_of(setting, base) = n;
	return items;
}

static void release_texts(struct string_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct string_list){0};
}

/* The depth of the calls is that of the table's lists. */
static void release_items(const struct setting *setting, void *base)
{
	void **field = field_of(setting, base);
	size_t *n = count_of(setting, base);

	for (size_t i = 0; i < *n; i++)
		schema_release(setting->items.scope, (char *)*field + i * setting->items.size);
	free(*field);
	*field = NULL;
	*n = 0;
}

static void release_field(const struct setting *setting, void *base)
{
	void *field = field_of(setting, base);

	switch (setting->type) {
	case SETTING_TEXT:
	case SETTING_TAG:
	case SETTING_ADDRESS:
	case SETTING_HOST:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case SETTING_ADDRESSES:
	case SETTING_HOSTS:
	case SETTING_SERVERS:
	case SETTING_TEXTS:
		release_texts(field);
		break;
	case SETTING_LIST:
		release_items(setting, base);
		break;
	default:
		break;
	}
}

void schema_release(enum setting_scope scope, void *base)
{
	size_t n;
	const struct setting *rows = schema_settings(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].scope == scope)
			release_field(&rows[i], base);
}
