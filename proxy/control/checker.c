#include "control/checker.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "route/endpoint.h"

/* Where a field stands, and its path in out[0..TREE_PATH_MAX); NULL if there is none. */
static struct place place_of(const struct checker *checker, const void *field, char *out,
			     const char **path)
{
	const struct tree_node *node = field_map_find(checker->fields, field);

	*path = node != NULL ? tree_path(node, out) : checker->path;
	return node != NULL ? node->place : (struct place){0, 0};
}

static void add(const struct checker *checker, bool is_warning, const void *field, const char *fmt,
		va_list args)
{
	char buf[TREE_PATH_MAX];
	const char *path;
	struct place place = place_of(checker, field, buf, &path);

	findings_add(checker->findings, is_warning, place, path, fmt, args);
}

void checker_error(const struct checker *checker, const void *field, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(checker, false, field, fmt, args);
	va_end(args);
}

void checker_warning(const struct checker *checker, const void *field, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(checker, true, field, fmt, args);
	va_end(args);
}

char *checker_address(const char *text)
{
	char out[ADDRESS_TEXT_MAX] = "";
	struct address address;
	struct error error = {0};

	if (address_parse(text, 0, &address, &error) == 0)
		address_format(&address, out);
	return alloc_string(out);
}

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

bool checker_differ(const struct checker *checker, struct named *v, size_t n, const char *advice)
{
	size_t first = 0;
	bool all_differ = true;

	qsort(v, n, sizeof(v[0]), by_name);
	for (size_t i = 1; i < n; i++) {
		char path[TREE_PATH_MAX] = "another";

		if (strcmp(v[i].name, v[first].name) != 0) {
			first = i;
			continue;
		}
		const struct tree_node *node = field_map_find(checker->fields, v[first].field);
		if (node != NULL)
			tree_path(node, path);
		checker_error(checker, v[i].field, "'%s' is used by %s already; %s", v[i].name,
			      path, advice);
		all_differ = false;
	}
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
	return all_differ;
}
