#include "proto/resp_request.h"

#include "base/number.h"

#define BULK_MIN	  6	/* bytes of the shortest argument: "$0\r\n\r\n" */
#define STRANGER_ARGS_MAX 10	/* as redis-server's */
#define STRANGER_BULK_MAX 16384 /* bytes, likewise */
#define FAST_DIGITS	  9	/* no overflow, and as many as RESP_BULK_MAX has */

/* One walk over an array's frames. */
struct walk {
	const char *start, *end; /* of the bytes at hand */
	const char *at;
	uint32_t owed;
	uint32_t limit;
	bool is_stranger;
	struct arg_list *args; /* or NULL while the arguments are only counted */
	struct parsed *out;
};

static enum parse_result bad(struct parsed *out, const char *error)
{
	out->error = error;
	return PARSE_BAD;
}

static enum parse_result bad_first_byte(struct parsed *out, char got)
{
	static const char text[] = "-ERR Protocol error: expected '$', got ' '";

	memcpy(out->error_text, text, sizeof(text));
	if (got != '\r' && got != '\n' && got != '\0')
		out->error_text[sizeof(text) - 3] = got;
	return bad(out, out->error_text);
}

static enum parse_result bad_size(struct parsed *out)
{
	return bad(out, "-ERR Protocol error: command larger than limits.request");
}

/* One or two digits and their line end, which most headers are. NULL: something else. */
static inline const char *take_few_digits(const char *p, const char *end, uint32_t *value)
{
	if (unlikely(end - p < 4))
		return NULL;
	unsigned first = (unsigned char)(p[0] - '0'), second = (unsigned char)(p[1] - '0');
	if (first <= 9 && p[1] == '\r' && p[2] == '\n') {
		*value = first;
		return p + 3;
	}
	if (first - 1 < 9 && second <= 9 && p[2] == '\r' && p[3] == '\n') {
		*value = first * 10 + second;
		return p + 4;
	}
	return NULL;
}

/*
 * The digits at p and their line end, all of it at hand and without a lie: its value, and the
 * byte behind it as the result. NULL: not so simple. A loop, because headers are a few bytes.
 */
static inline const char *take_digits(const char *p, const char *end, uint32_t *value)
{
	const char *q = take_few_digits(p, end, value);
	uint32_t n = 0;

	if (likely(q != NULL))
		return q;
	q = p;
	while (q < end && (unsigned char)(*q - '0') <= 9) {
		n = n * 10 + (uint32_t)(*q - '0');
		q++;
	}
	if (unlikely(end - q < 2 || q[0] != '\r' || q[1] != '\n'))
		return NULL;
	if (unlikely(q == p || q - p > FAST_DIGITS || (*p == '0' && q - p > 1)))
		return NULL;
	*value = n;
	return q + 2;
}

/* A decimal as redis-server takes it: no plus, no leading zero, no "-0". */
static bool parse_strict(struct span s, int64_t *value)
{
	struct span digits = s.len > 0 && s.p[0] == '-' ? span_skip(s, 1) : s;

	if (digits.len == 0 || (digits.p[0] == '0' && s.len > 1))
		return false;
	return number_parse_i64(s, value);
}

/*
 * As take_digits for any header line: `*next` is the byte behind it. `line` is all there is from
 * the header's type on. The errors differ for '*' and '$'.
 */
static enum parse_result take_header(struct span line, int64_t *value, const char **next,
				     struct parsed *out)
{
	bool bulk = line.p[0] == '$';
	size_t window = line.len > RESP_LINE_MAX ? RESP_LINE_MAX + 1 : line.len;
	const char *cr = memchr(line.p, '\r', window);

	if (cr == NULL && line.len > RESP_LINE_MAX)
		return bad(out, bulk ? "-ERR Protocol error: too big bulk count string"
				     : "-ERR Protocol error: too big mbulk count string");
	if (cr == NULL || cr + 1 == line.p + line.len)
		return PARSE_MORE;
	if (cr[1] == '\n' &&
	    parse_strict(span_make(line.p + 1, (size_t)(cr - line.p - 1)), value)) {
		*next = cr + 2;
		return PARSE_DONE;
	}
	return bad(out, bulk ? "-ERR Protocol error: invalid bulk length"
			     : "-ERR Protocol error: invalid multibulk length");
}

/* The array's header at w->at: sets w->owed. */
static enum parse_result walk_header(struct walk *w)
{
	const char *next = take_digits(w->at + 1, w->end, &w->owed);
	uint64_t least;

	if (unlikely(next == NULL)) {
		int64_t n = 0;
		struct span line = {w->at, (size_t)(w->end - w->at)};
		enum parse_result result = take_header(line, &n, &next, w->out);

		if (result != PARSE_DONE)
			return result;
		if (n > INT32_MAX)
			return bad(w->out, "-ERR Protocol error: invalid multibulk length");
		w->owed = n < 0 ? 0 : (uint32_t)n;
	}
	if (unlikely(w->is_stranger && w->owed > STRANGER_ARGS_MAX))
		return bad(w->out, "-ERR Protocol error: unauthenticated multibulk length");
	w->at = next;
	least = (uint64_t)(next - w->start) + (uint64_t)w->owed * BULK_MIN;
	return unlikely(least > w->limit) ? bad_size(w->out) : PARSE_DONE;
}

/* The header of a bulk string at w->at: *data is its first byte, and its size in *len. */
static enum parse_result walk_bulk_header(struct walk *w, const char **data, uint32_t *len)
{
	struct span line = {w->at, (size_t)(w->end - w->at)};
	int64_t n = 0;
	enum parse_result result;

	if (line.len == 0)
		return PARSE_MORE;
	if (line.p[0] != '$')
		return bad_first_byte(w->out, line.p[0]);
	result = take_header(line, &n, data, w->out);
	if (result != PARSE_DONE)
		return result;
	if (n < 0 || n > RESP_BULK_MAX)
		return bad(w->out, "-ERR Protocol error: invalid bulk length");
	*len = (uint32_t)n;
	return PARSE_DONE;
}

/* The bulk string at w->at. On MORE w->at stays and out->need is known if its header is whole. */
static inline enum parse_result walk_bulk(struct walk *w)
{
	uint32_t len = 0;
	const char *data = NULL;
	uint64_t least;

	if (likely(w->at < w->end && *w->at == '$'))
		data = take_digits(w->at + 1, w->end, &len);
	if (unlikely(data == NULL)) {
		enum parse_result result = walk_bulk_header(w, &data, &len);

		if (result != PARSE_DONE)
			return result;
	}
	if (unlikely(w->is_stranger && len > STRANGER_BULK_MAX))
		return bad(w->out, "-ERR Protocol error: unauthenticated bulk length");
	if (unlikely(len > w->limit || len > RESP_BULK_MAX))
		return bad(w->out, "-ERR Protocol error: invalid bulk length");
	least = (uint64_t)(data - w->start) + len + 2 + (uint64_t)(w->owed - 1) * BULK_MIN;
	if (unlikely(least > w->limit))
		return bad_size(w->out);
	if ((size_t)(w->end - data) < (size_t)len + 2) {
		w->out->need = (uint32_t)least;
		return PARSE_MORE;
	}
	if (unlikely(data[len] != '\r' || data[len + 1] != '\n'))
		return bad(w->out, "-ERR Protocol error: expected CRLF after a bulk string");
	if (w->args != NULL && !arg_list_push(w->args, (uint32_t)(data - w->start), len))
		return bad(w->out, "-ERR slipring: out of memory");
	w->at = data + len + 2;
	w->owed--;
	return PARSE_DONE;
}

/* Walk over the arguments still owed, from w->at; MORE leaves in `state` how far it got. */
static enum parse_result walk_bulks(struct walk *w, struct parse_state *state)
{
	while (w->owed > 0) {
		enum parse_result result = walk_bulk(w);

		if (result == PARSE_DONE)
			continue;
		if (result == PARSE_MORE) {
			uint32_t more = (uint32_t)(w->end - w->start) + 1;

			state->scanned = (uint32_t)(w->at - w->start);
			state->owed = w->owed;
			if (w->out->need < more)
				w->out->need = more;
		}
		return result;
	}
	return PARSE_DONE;
}

/* What a browser can be made to say to any port: redis-server hangs up on it. */
static bool is_http(struct span name)
{
	return span_equal_nocase(name, "post") || span_equal_nocase(name, "host:");
}

/* A whole command of `len` bytes is in `out->args`: say whose it is. */
static enum parse_result finish(struct parsed *out, const char *start, size_t len)
{
	struct arg_list *args = out->args;
	struct span name;

	out->len = (uint32_t)len;
	if (args->n == 0)
		return PARSE_DONE;
	name = parsed_arg(out, start, 0);
	out->command = resp_command_find(name);
	if (unlikely(out->command == NULL))
		return is_http(name) ? bad(out, "") : PARSE_DONE;
	if (unlikely(out->command->flags & CMD_CONTAINER) && args->n > 1) {
		const struct command *row =
			resp_command_resolve(out->command, parsed_arg(out, start, 1));

		out->command = row == NULL ? out->command : row;
	}
	return PARSE_DONE;
}

/* Walk the array from where `state` says; *len is the whole command's once it is DONE. */
static enum parse_result walk_array(struct parse_state *state, struct span in,
				    const struct parse_limits *limits, struct parsed *out,
				    size_t *len)
{
	bool resumed = state->scanned > 0;
	struct walk w = {
		.start = in.p,
		.end = in.p + in.len,
		.at = in.p + state->scanned,
		.owed = state->owed,
		.limit = limits->request,
		.is_stranger = limits->is_stranger,
		.args = resumed ? NULL : out->args,
		.out = out,
	};
	enum parse_result result = resumed ? PARSE_DONE : walk_header(&w);

	if (result == PARSE_DONE)
		result = walk_bulks(&w, state);
	if (result == PARSE_DONE)
		*state = (struct parse_state){0};
	*len = (size_t)(w.at - w.start);
	return result;
}

static enum parse_result parse_array(struct parse_state *state, struct span in,
				     const struct parse_limits *limits, struct parsed *out)
{
	bool resumed = state->scanned > 0;
	size_t len;
	enum parse_result result = walk_array(state, in, limits, out, &len);

	/* What came in pieces was only counted: the arguments are listed now that all is here. */
	if (resumed && result == PARSE_DONE)
		result = walk_array(state, in, limits, out, &len);
	return result == PARSE_DONE ? finish(out, in.p, len) : result;
}

static enum parse_result parse_inline(struct parse_state *state, struct span in, uint32_t limit,
				      struct parsed *out)
{
	uint32_t most = limit < RESP_LINE_MAX ? limit : RESP_LINE_MAX;
	size_t window = in.len > most ? (size_t)most + 1 : in.len;
	const char *lf = memchr(in.p + state->scanned, '\n', window - state->scanned);
	struct span line;

	if (lf == NULL && in.len > most)
		return bad(out, "-ERR Protocol error: too big inline request");
	if (lf == NULL) {
		state->scanned = (uint32_t)in.len;
		return PARSE_MORE;
	}
	*state = (struct parse_state){0};
	line = span_make(in.p, (size_t)(lf - in.p) + 1);
	switch (resp_inline_split(line, out->args)) {
	case INLINE_UNBALANCED:
		return bad(out, "-ERR Protocol error: unbalanced quotes in request");
	case INLINE_ZERO_BYTE:
		return bad(out, "-ERR Protocol error: zero byte in an inline request");
	case INLINE_NO_MEMORY:
		return bad(out, "-ERR slipring: out of memory");
	case INLINE_DONE:
		break;
	}
	out->inlined = true;
	return finish(out, in.p, line.len);
}

enum parse_result resp_request_parse(struct parse_state *state, struct span in,
				     const struct parse_limits *limits, struct arg_list *args,
				     struct parsed *out)
{
	out->command = NULL;
	out->args = args;
	out->len = out->need = 0;
	out->key_first = out->key_count = out->line_len = 0;
	out->swallow = 0;
	out->noreply = out->inlined = false;
	out->error = NULL;
	args->n = 0;
	if (in.len == 0)
		return PARSE_MORE;
	return in.p[0] == '*' ? parse_array(state, in, limits, out)
			      : parse_inline(state, in, limits->request, out);
}
