/*
 * Any bytes as what several nodes answer to INFO: they are joined into lines that a client can
 * read, and reading the result as the answer of one node changes nothing but sums of floats.
 * A zero byte ends a node's text; a text that begins with '-' is its error.
 */
#include <assert.h>
#include <stdint.h>

#include "proto/resp_info.h"

#define NODES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t split(struct resp_info_node *nodes, struct span in)
{
	size_t n = 0;

	while (in.len > 0 && n < NODES_MAX) {
		const char *end = memchr(in.p, '\0', in.len);
		size_t len = end != NULL ? (size_t)(end - in.p) : in.len;
		struct span text = span_make(in.p, len);

		nodes[n] = (struct resp_info_node){text, text, text, {NULL, 0}};
		if (len > 0 && text.p[0] == '-')
			nodes[n].error = text;
		n++;
		in = span_skip(in, len + (end != NULL));
	}
	return n;
}

/* Each line has its end, and is empty, a section or a field. Returns how many there are. */
static size_t check_lines(const struct text *text)
{
	const char *line = text->p, *end = text->p + text->len;
	size_t n = 0;

	for (; line < end; n++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		assert(newline != NULL && newline > line && newline[-1] == '\r');
		assert(newline == line + 1 || line[0] == '#' ||
		       memchr(line, ':', (size_t)(newline - line)) != NULL);
		line = newline + 1;
	}
	return n;
}

/* The last section is the proxy's own, the only one of its name, and has a line a node. */
static void check_own(const struct text *text, size_t n)
{
	static const char head[] = "\r\n# Slipring\r\n";
	const char *own = memmem(text->p, text->len, head, strlen(head));
	size_t lines = 0;

	if (own == NULL)
		own = text->p;
	else
		own += 2;
	assert(memcmp(own, head + 2, strlen(head) - 2) == 0);
	assert(own == text->p || memcmp(own - 4, "\r\n\r\n", 4) == 0);
	for (const char *p = own; p < text->p + text->len; p++)
		lines += *p == '\n';
	assert(lines == n + 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resp_info_node nodes[NODES_MAX];
	size_t n = split(nodes, span_make((const char *)data, size));
	struct text merged = {0}, again = {0};

	resp_info_merge(&merged, true, nodes, n);
	size_t lines = check_lines(&merged);
	check_own(&merged, n);

	struct resp_info_node whole = {.name = span_of("a"), .address = span_of("b")};
	whole.text = span_make(merged.p, merged.len);
	resp_info_merge(&again, true, &whole, 1);
	assert(check_lines(&again) == lines - n + 1);
	text_free(&merged);
	text_free(&again);
	return 0;
}
