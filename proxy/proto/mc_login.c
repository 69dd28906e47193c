#include "proto/mc_login.h"

#include "base/number.h"
#include "proto/mc_request.h"

#define LENGTH_AT 4 /* of the words of a set, where it says how long its value is */

/* Take the next word off the front; an empty one at the end. */
static struct span next_word(struct span *rest)
{
	size_t from = 0;

	while (from < rest->len && rest->p[from] == ' ')
		from++;
	size_t end = from;
	while (end < rest->len && rest->p[end] != ' ')
		end++;
	struct span word = span_make(rest->p + from, end - from);
	*rest = span_skip(*rest, end);
	return word;
}

/* As far as memcached's strings go. */
static struct span up_to_nul(struct span s)
{
	const char *nul = memchr(s.p, '\0', s.len);

	return nul == NULL ? s : span_make(s.p, (size_t)(nul - s.p));
}

/* Only the name and the length are looked at. */
static bool is_login(struct span line, uint64_t *len)
{
	struct span rest = up_to_nul(line), word = next_word(&rest);

	if (!span_equal_str(word, "set"))
		return false;
	for (int i = 0; i < LENGTH_AT; i++)
		word = next_word(&rest);
	return number_parse_u64(word, len);
}

static enum parse_result bad(struct parsed *out)
{
	out->error = "";
	return PARSE_BAD;
}

static enum parse_result done(struct parsed *out, uint32_t len, const char *error)
{
	out->len = len;
	out->error = error;
	return PARSE_DONE;
}

enum parse_result mc_login_parse(struct span in, struct arg_list *args, struct parsed *out)
{
	const char *newline = in.len > 0 ? memchr(in.p, '\n', in.len) : NULL;
	size_t len = newline != NULL ? (size_t)(newline - in.p) : in.len;
	uint64_t value;

	*out = (struct parsed){.args = args};
	args->n = 0;
	if (len > MC_LINE_MAX)
		return bad(out);
	if (newline == NULL)
		return PARSE_MORE;
	out->line_len = (uint32_t)len + 1;
	if (len > 0 && newline[-1] == '\r')
		len--;
	if (!is_login(span_make(in.p, len), &value))
		return done(out, out->line_len, "CLIENT_ERROR unauthenticated");
	if (value > MC_LOGIN_MAX)
		return bad(out);
	uint32_t whole = out->line_len + (uint32_t)value + 2;
	if (in.len < whole) {
		out->need = whole;
		return PARSE_MORE;
	}
	if (memcmp(in.p + whole - 2, "\r\n", 2) != 0)
		return done(out, whole, "CLIENT_ERROR bad command line termination");
	if (!arg_list_push(args, out->line_len, (uint32_t)value))
		return bad(out);
	return done(out, whole, NULL);
}

bool mc_login_split(struct span value, struct span *user, struct span *password)
{
	struct span rest = up_to_nul(value);

	*user = next_word(&rest);
	*password = next_word(&rest);
	return password->len > 0;
}
