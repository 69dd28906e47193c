#include "control/findings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

#define FINDING_TEXT_MAX 1024 /* bytes of path and text; the rest is cut */

struct finding {
	struct place place;
	bool is_warning;
	size_t order; /* of arrival: equal places keep it */
	char *text;
};

/* File contents end up here, and terminals obey control characters. */
static char *escaped(const char *s)
{
	struct text out = {0};

	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			text_printf(&out, "\\x%02x", (unsigned char)*s);
		else
			text_append(&out, span_make(s, 1));
	}
	char *copy = alloc_copy(out.p, out.len);
	text_free(&out);
	return copy;
}

void findings_add(struct findings *findings, bool is_warning, struct place place, const char *path,
		  const char *fmt, va_list args)
{
	char line[FINDING_TEXT_MAX];
	size_t *count = is_warning ? &findings->n_warnings : &findings->n_errors;

	if ((*count)++ >= FINDINGS_MAX)
		return;
	int head = path != NULL ? snprintf(line, sizeof(line), "%s: ", path) : 0;
	if (head >= 0 && (size_t)head < sizeof(line))
		vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);
	findings->v = alloc_resize(findings->v, (findings->n + 1) * sizeof(findings->v[0]));
	findings->v[findings->n] = (struct finding){place, is_warning, findings->n, escaped(line)};
	findings->n++;
}

void findings_error(struct findings *findings, struct place place, const char *path,
		    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	findings_add(findings, false, place, path, fmt, args);
	va_end(args);
}

void findings_warning(struct findings *findings, struct place place, const char *path,
		      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	findings_add(findings, true, place, path, fmt, args);
	va_end(args);
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	if (x->place.column != y->place.column)
		return x->place.column < y->place.column ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void write_one(const struct findings *findings, const struct finding *finding,
		      struct text *out)
{
	if (findings->file != NULL)
		text_printf(out, "%s:", findings->file);
	if (finding->place.line > 0)
		text_printf(out, "%u:%u:", finding->place.line, finding->place.column);
	if (findings->file != NULL || finding->place.line > 0)
		text_puts(out, " ");
	text_printf(out, "%s%s\n", finding->is_warning ? "warning: " : "", finding->text);
}

void findings_write(struct findings *findings, struct text *errors, struct text *warnings)
{
	if (findings->n > 0)
		qsort(findings->v, findings->n, sizeof(findings->v[0]), by_place);
	for (size_t i = 0; i < findings->n; i++) {
		struct text *out = findings->v[i].is_warning ? warnings : errors;

		if (out != NULL)
			write_one(findings, &findings->v[i], out);
	}
	if (findings->n_errors > FINDINGS_MAX)
		text_printf(errors, "%s: and %zu more errors; mend these first\n",
			    findings->file != NULL ? findings->file : "slipring",
			    findings->n_errors - FINDINGS_MAX);
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++)
		free(findings->v[i].text);
	free(findings->v);
	*findings = (struct findings){.file = findings->file};
}
