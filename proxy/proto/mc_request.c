#include "proto/mc_request.h"

#include <limits.h>

#include "base/number.h"
#include "proto/mc_login.h"
#include "proto/mc_meta.h"

#define MANY		   UINT32_MAX /* words: no bound */
#define LEADING_BLANKS_MAX 100	      /* before the name of a long multi-get, as memcached */
#define WORDS_SEEN_MAX	   23	      /* memcached splits no more of a line at once */

static const char error_unknown[] = "ERROR";
static const char error_format[] = "CLIENT_ERROR bad command line format";
static const char error_exptime[] = "CLIENT_ERROR invalid exptime argument";
static const char error_delta[] = "CLIENT_ERROR invalid numeric delta argument";
static const char error_delete[] =
	"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
static const char error_chunk[] = "CLIENT_ERROR bad data chunk";
static const char error_large[] = "SERVER_ERROR object too large for cache";
static const char error_memory[] = "SERVER_ERROR out of memory reading request";

/* The line being checked; its words are out->args. */
struct line {
	const char *p;
	struct parsed *out;
	uint32_t body; /* bytes of the value that follows */
};

static struct span word(const struct line *line, uint32_t i)
{
	return parsed_arg(line->out, line->p, i);
}

/* What C's isspace() has besides the blank and the line feed, which are in no word. */
static bool is_space(char c)
{
	return c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/*
 * A word as strtol and its kin read it: white space, a sign, digits, and then the end or white
 * space, behind which anything may stand. False if it is none, or over 64 bits.
 */
static bool read_number(struct span s, uint64_t *magnitude, bool *negative)
{
	size_t i = 0;

	while (i < s.len && is_space(s.p[i]))
		i++;
	*negative = i < s.len && s.p[i] == '-';
	if (i < s.len && (s.p[i] == '-' || s.p[i] == '+'))
		i++;
	size_t first = i;
	*magnitude = 0;
	for (; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		if (__builtin_mul_overflow(*magnitude, 10, magnitude) ||
		    __builtin_add_overflow(*magnitude, (uint64_t)(s.p[i] - '0'), magnitude))
			return false;
	}
	return i > first && (i == s.len || is_space(s.p[i]));
}

static bool is_signed(struct span s)
{
	uint64_t magnitude;
	bool negative;

	return read_number(s, &magnitude, &negative) &&
	       magnitude <= (uint64_t)INT64_MAX + (negative ? 1 : 0);
}

/* strtoul negates what has a minus; memcached minds that only where the result is huge. */
static bool is_unsigned(struct span s)
{
	uint64_t magnitude;
	bool negative;

	if (!read_number(s, &magnitude, &negative))
		return false;
	return (negative ? -magnitude : magnitude) <= INT64_MAX || memchr(s.p, '-', s.len) == NULL;
}

static const char *check_none(struct line *line)
{
	(void)line;
	return NULL;
}

static const char *check_keys_from(struct line *line, uint32_t first, uint32_t end)
{
	const struct arg *args = line->out->args->v;

	line->out->key_first = first;
	line->out->key_count = end - first;
	for (uint32_t i = first; i < end; i++) {
		if (args[i].len > MC_KEY_MAX)
			return error_format;
	}
	return NULL;
}

static const char *check_key(struct line *line)
{
	return check_keys_from(line, 1, 2);
}

static const char *check_keys(struct line *line)
{
	return check_keys_from(line, 1, line->out->args->n);
}

static const char *check_exptime_keys(struct line *line)
{
	if (!is_signed(word(line, 1)))
		return error_exptime;
	if (line->out->args->n == 2)
		return "END";
	return check_keys_from(line, 2, line->out->args->n);
}

static const char *check_store(struct line *line)
{
	struct span length = word(line, 4);
	uint64_t body;

	if (check_key(line) != NULL || !is_unsigned(word(line, 2)) || !is_signed(word(line, 3)) ||
	    !number_parse_u64(length, &body) || body > INT_MAX - 2)
		return error_format;
	line->body = (uint32_t)body;
	return NULL;
}

static const char *check_cas(struct line *line)
{
	const char *error = check_store(line);

	return error == NULL && !is_unsigned(word(line, 5)) ? error_format : error;
}

static const char *check_delta(struct line *line)
{
	const char *error = check_key(line);

	return error == NULL && !is_unsigned(word(line, 2)) ? error_delta : error;
}

static const char *check_touch(struct line *line)
{
	const char *error = check_key(line);

	return error == NULL && !is_signed(word(line, 2)) ? error_exptime : error;
}

/* An exptime of 0 is accepted still from the days when delete took one. */
static const char *check_delete(struct line *line)
{
	uint32_t extra = line->out->args->n - 2 - line->out->noreply;

	if (extra > 1 || (extra == 1 && !span_equal_str(word(line, 2), "0")))
		return error_delete;
	return check_key(line);
}

static const char *check_flush(struct line *line)
{
	if (line->out->args->n > (line->out->noreply ? 2 : 1) && !is_signed(word(line, 1)))
		return error_exptime;
	return NULL;
}

static const char *check_level(struct line *line)
{
	return is_unsigned(word(line, 1)) ? NULL : error_format;
}

static const char *check_meta(struct line *line)
{
	return mc_meta_check(line->p, line->out);
}

static const char *check_meta_set(struct line *line)
{
	return mc_meta_check_set(line->p, line->out, &line->body);
}

/* Nobody but the proxy may set what it tells. */
static const char *check_config(struct line *line)
{
	return span_equal_str(word(line, 1), "get") ? NULL : error_unknown;
}

static const struct {
	uint32_t min, max; /* words */
	const char *(*check)(struct line *line);
} shapes[] = {
#define MC_COMMAND(id, name, a, b, min, max, flags, split, merge, first, last, check)              \
	[MC_##id] = {min, max, check_##check},
#include "proto/mc_commands.def"
#undef MC_COMMAND
};

/* noreply is the last word, if that is not the name or the key. */
static bool ends_in_noreply(const struct line *line, const struct command *command)
{
	uint32_t n = line->out->args->n;

	return command->flags & CMD_NOREPLY && n > 1u + command->n_specs &&
	       span_equal_str(word(line, n - 1), "noreply");
}

/* Look at the words; returns what memcached would say against them. */
static const char *check_line(struct line *line)
{
	struct parsed *out = line->out;
	uint32_t n = out->args->n;

	out->command = n > 0 ? mc_command_find(word(line, 0)) : NULL;
	if (out->command == NULL || n < shapes[out->command->id].min ||
	    n > shapes[out->command->id].max)
		return error_unknown;
	out->noreply = ends_in_noreply(line, out->command);
	const struct arg *last = &out->args->v[n - 1 - out->noreply];
	out->line_at = out->args->v[0].at;
	out->line_end = last->at + last->len;
	out->line_cut = out->line_at > 0 || out->line_end + 2 != out->line_len ||
			line->p[out->line_end] != '\r';
	return shapes[out->command->id].check(line);
}

/*
 * memcached hangs up on a browser, found by the last word it splits; but not where the first
 * letter is one of those it looks at before the whole name.
 */
static bool is_http(const struct line *line)
{
	uint32_t n = line->out->args->n;

	if (line->out->command != NULL || n == 0 || word(line, 0).len < 2)
		return false;
	struct span name = word(line, 0);
	if (memchr("gsacidt", name.p[0], 7) != NULL || (name.p[0] == 'm' && name.len == 2))
		return false;
	return span_starts_with(word(line, (n < WORDS_SEEN_MAX ? n : WORDS_SEEN_MAX) - 1),
				span_of("HTTP/"));
}

/*
 * Split at blanks, up to the first NUL, where memcached's strings end. The byte behind the text
 * is the line end's, so the inner loop needs no bound. False with no memory.
 */
static bool split_words(struct span text, struct arg_list *args)
{
	for (size_t i = 0; i < text.len && text.p[i] != '\0';) {
		if (text.p[i] == ' ') {
			i++;
			continue;
		}
		size_t at = i;
		for (;; i++) {
			while ((unsigned char)text.p[i] > ' ')
				i++;
			if (i >= text.len || text.p[i] == ' ' || text.p[i] == '\0')
				break;
		}
		if (likely(args->n < args->cap))
			args->v[args->n++] = (struct arg){(uint32_t)at, (uint32_t)(i - at)};
		else if (!arg_list_push(args, (uint32_t)at, (uint32_t)(i - at)))
			return false;
	}
	return true;
}

/* Only these may have long lines, since only these are long in practice: as memcached. */
static bool is_multi_get(struct span in)
{
	size_t blanks = 0;

	while (blanks < in.len && in.p[blanks] == ' ')
		blanks++;
	in = span_skip(in, blanks);
	return blanks <= LEADING_BLANKS_MAX &&
	       (span_starts_with(in, span_of("get ")) || span_starts_with(in, span_of("gets ")));
}

static uint32_t multi_get_max(const struct parse_limits *limits)
{
	if (limits->request < MC_LINE_MAX)
		return MC_LINE_MAX;
	return limits->request < MC_LINE_MULTI_MAX ? limits->request : MC_LINE_MULTI_MAX;
}

static enum parse_result refuse(struct parse_state *state, struct parsed *out, const char *error)
{
	*state = (struct parse_state){0};
	out->error = error;
	return PARSE_BAD;
}

static enum parse_result finish(struct parse_state *state, struct parsed *out, uint64_t len,
				const char *error)
{
	*state = (struct parse_state){0};
	out->len = (uint32_t)len;
	out->error = error;
	return PARSE_DONE;
}

static enum parse_result await_line(struct parse_state *state, struct span in,
				    const struct parse_limits *limits, struct parsed *out)
{
	if (in.len > MC_LINE_MAX && !is_multi_get(in))
		return refuse(state, out, "");
	if (in.len > multi_get_max(limits))
		return refuse(state, out, error_memory);
	state->scanned = (uint32_t)in.len;
	return PARSE_MORE;
}

/* The value behind a good line. */
static enum parse_result take_body(struct parse_state *state, struct span in,
				   const struct parse_limits *limits, struct line *line)
{
	struct parsed *out = line->out;
	uint64_t len = (uint64_t)out->line_len + line->body + 2;

	if (line->body > limits->request) {
		out->swallow = (uint64_t)line->body + 2;
		out->drops_key = out->command->id == MC_SET || out->command->id == MC_META_SET;
		return finish(state, out, out->line_len, error_large);
	}
	if (in.len < len) {
		state->scanned = out->line_len - 1;
		out->need = (uint32_t)len;
		return PARSE_MORE;
	}
	bool whole = memcmp(in.p + len - 2, "\r\n", 2) == 0;
	return finish(state, out, len, whole ? NULL : error_chunk);
}

enum parse_result mc_request_parse(struct parse_state *state, struct span in,
				   const struct parse_limits *limits, struct arg_list *args,
				   struct parsed *out)
{
	size_t scanned = state->scanned;
	const char *newline =
		scanned < in.len ? memchr(in.p + scanned, '\n', in.len - scanned) : NULL;

	if (unlikely(limits->is_stranger))
		return mc_login_parse(in, args, out);
	*out = (struct parsed){.args = args};
	args->n = 0;
	if (newline == NULL)
		return await_line(state, in, limits, out);
	size_t len = (size_t)(newline - in.p);
	bool is_long = unlikely(len > MC_LINE_MAX) && !is_multi_get(in);
	if (unlikely(len > multi_get_max(limits)) && (!is_long || len > MC_LINE_MULTI_MAX))
		return refuse(state, out, is_long ? "" : error_memory);
	out->line_len = (uint32_t)len + 1;
	if (len > 1 && newline[-1] == '\r')
		len--;
	struct line line = {in.p, out, 0};
	if (!split_words(span_make(in.p, len), args))
		return refuse(state, out, error_memory);
	const char *error = check_line(&line);
	if (unlikely(error != NULL)) {
		if (is_http(&line))
			return refuse(state, out, "");
		return finish(state, out, out->line_len, error);
	}
	/* A server may get it in pieces, and would then hang up on all that share its connection. */
	if (is_long)
		return refuse(state, out, "");
	if (out->command->flags & CMD_BODY)
		return take_body(state, in, limits, &line);
	return finish(state, out, out->line_len, NULL);
}
