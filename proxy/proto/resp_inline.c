#include "proto/resp_inline.h"

#include "base/number.h"
#include "proto/resp_write.h"

/* Where a word's bytes go; nowhere while they are only counted. */
struct sink {
	char *out; /* or NULL */
	size_t cap, len;
};

static void put(struct sink *sink, char c)
{
	if (sink->out != NULL && sink->len < sink->cap)
		sink->out[sink->len] = c;
	sink->len++;
}

static void put_header(struct sink *sink, char type, size_t n)
{
	char header[RESP_HEADER_MAX];
	size_t len = resp_write_header(header, type, (int64_t)n);

	for (size_t i = 0; i < len; i++)
		put(sink, header[i]);
}

/* As isspace() in the C locale: what may stand between words and after a quote. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What ends a word outside quotes; vertical tab and form feed do not. */
static bool ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What the letter after a backslash stands for. */
static char unescape(char c)
{
	static const char letters[] = "nrtba", bytes[] = "\n\r\t\b\a";
	const char *letter = memchr(letters, c, sizeof(letters) - 1);

	return letter == NULL ? c : bytes[letter - letters];
}

/* The backslash at s.p[i] between double quotes: put what it means, return its last byte. */
static size_t take_escape(struct span s, size_t i, struct sink *sink)
{
	if (i + 3 < s.len && s.p[i + 1] == 'x' && hex_value(s.p[i + 2]) >= 0 &&
	    hex_value(s.p[i + 3]) >= 0) {
		put(sink, (char)(hex_value(s.p[i + 2]) << 4 | hex_value(s.p[i + 3])));
		return i + 3;
	}
	if (i + 1 == s.len)
		return i;
	put(sink, unescape(s.p[i + 1]));
	return i + 1;
}

/*
 * The quoted part that begins at s.p[i]: put what it holds, return where the byte behind it is, or
 * 0 if it does not end or no space follows.
 */
static size_t take_quoted(struct span s, size_t i, struct sink *sink)
{
	char quote = s.p[i];

	for (i++; i < s.len && s.p[i] != quote; i++) {
		if (s.p[i] == '\\' && quote == '"') {
			i = take_escape(s, i, sink);
		} else if (s.p[i] == '\\' && i + 1 < s.len && s.p[i + 1] == '\'') {
			put(sink, s.p[++i]);
		} else {
			put(sink, s.p[i]);
		}
	}
	if (i == s.len || (i + 1 < s.len && !is_space(s.p[i + 1])))
		return 0;
	return i + 1;
}

/* The word that begins at s.p[i]: put its bytes, return where it ends, or 0 as take_quoted. */
static size_t take_word(struct span s, size_t i, struct sink *sink)
{
	while (i < s.len && !ends_word(s.p[i])) {
		if (s.p[i] == '"' || s.p[i] == '\'')
			return take_quoted(s, i, sink);
		put(sink, s.p[i++]);
	}
	return i;
}

/* Where the first word at or after i begins; s.len if there is none. */
static size_t skip_space(struct span s, size_t i)
{
	while (i < s.len && is_space(s.p[i]))
		i++;
	return i;
}

enum inline_result resp_inline_split(struct span line, struct arg_list *args)
{
	struct sink nowhere = {0};

	args->n = 0;
	if (memchr(line.p, '\0', line.len) != NULL)
		return INLINE_ZERO_BYTE;
	for (size_t i = skip_space(line, 0), end; i < line.len; i = skip_space(line, end)) {
		end = take_word(line, i, &nowhere);
		if (end == 0)
			return INLINE_UNBALANCED;
		if (!arg_list_push(args, (uint32_t)i, (uint32_t)(end - i)))
			return INLINE_NO_MEMORY;
	}
	return INLINE_DONE;
}

/* The words as bulk strings; returns how many. Each is read twice: its length stands before it. */
static size_t put_words(struct span line, struct sink *sink)
{
	size_t n = 0;

	for (size_t i = skip_space(line, 0), end; i < line.len; i = skip_space(line, end)) {
		struct sink length = {0};

		end = take_word(line, i, &length);
		if (end == 0)
			break;
		put_header(sink, '$', length.len);
		(void)take_word(line, i, sink);
		put(sink, '\r');
		put(sink, '\n');
		n++;
	}
	return n;
}

size_t resp_inline_rewrite(struct span line, char *out, size_t cap)
{
	struct sink counted = {0}, sink = {out, cap, 0};

	put_header(&sink, '*', put_words(line, &counted));
	(void)put_words(line, &sink);
	return sink.len;
}
