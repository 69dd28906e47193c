#include "control/resp_read.h"

#include "base/number.h"

/* Cut a line off *rest, without its end. False if there is no end. */
static bool cut_line(struct span *rest, struct span *line)
{
	const char *end = rest->len > 0 ? memchr(rest->p, '\n', rest->len) : NULL;

	if (end == NULL || end == rest->p || end[-1] != '\r')
		return false;
	*line = span_make(rest->p, (size_t)(end - rest->p) - 1);
	*rest = span_skip(*rest, line->len + 2);
	return line->len > 0;
}

static bool cut_bulk(struct span *rest, int64_t len, struct span *text)
{
	if (len < 0 || (uint64_t)len + 2 > rest->len)
		return false;
	*text = span_make(rest->p, (size_t)len);
	*rest = span_skip(*rest, text->len + 2);
	return true;
}

bool resp_read(struct span *rest, struct resp_element *out)
{
	struct span line;
	int64_t n = 0;

	*out = (struct resp_element){0};
	if (!cut_line(rest, &line))
		return false;
	out->type = line.p[0];
	out->text = span_skip(line, 1);
	bool has_count = strchr("$=!*~>%|", out->type) != NULL && out->type != '\0';
	if (has_count && !number_parse_i64(out->text, &n))
		return false;
	out->is_null = out->type == '_' || n == -1;
	if (out->is_null)
		return true;
	if (strchr("$=!", out->type) != NULL)
		return cut_bulk(rest, n, &out->text);
	/* What is longer than the reply lies about it. */
	if (has_count && (n < 0 || (uint64_t)n > rest->len))
		return false;
	out->n = (size_t)n * (out->type == '%' || out->type == '|' ? 2 : 1);
	return true;
}

bool resp_read_text(struct span *rest, struct span *text)
{
	struct resp_element element;

	if (!resp_read(rest, &element) || element.is_null ||
	    memchr("$=+:,", element.type, 5) == NULL)
		return false;
	*text = element.text;
	return true;
}

bool resp_read_array(struct span *rest, size_t *n)
{
	struct resp_element element;

	if (!resp_read(rest, &element) || element.is_null ||
	    memchr("*~>%", element.type, 4) == NULL)
		return false;
	*n = element.n;
	return true;
}
