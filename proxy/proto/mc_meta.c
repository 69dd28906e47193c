#include "proto/mc_meta.h"

#include <limits.h>

#include "base/number.h"
#include "proto/mc_request.h"

static const char error_format[] = "CLIENT_ERROR bad command line format";
static const char error_unknown[] = "ERROR";
static const char error_options[] = "CLIENT_ERROR options flags too long";
static const char error_get_options[] = "CLIENT_ERROR options flags are too long";

static void read_flags(const char *start, struct parsed *out, uint32_t first)
{
	bool is_get = out->command->id == MC_META_GET;

	for (uint32_t i = first; i < out->args->n; i++) {
		char flag = start[out->args->v[i].at];

		if (flag == 'q')
			out->barrier = true;
		else if (flag == 'b')
			out->key_encoded = true;
		else if (is_get && (flag == 'N' || flag == 'R' || flag == 'T' || flag == 'E'))
			out->writes = true;
	}
}

static const char *check_words(struct parsed *out, uint32_t least)
{
	const struct arg_list *args = out->args;

	if (args->n < 2)
		return out->command->id == MC_META_DEBUG ? error_format : error_unknown;
	if (args->n < least || args->v[1].len > MC_KEY_MAX)
		return error_format;
	if (args->n > MC_META_WORDS_MAX && out->command->id != MC_META_DEBUG)
		return out->command->id == MC_META_GET ? error_get_options : error_options;
	out->key_first = out->key_count = 1;
	return NULL;
}

const char *mc_meta_check(const char *start, struct parsed *out)
{
	const char *error = check_words(out, 2);

	if (error == NULL)
		read_flags(start, out, 2);
	return error;
}

const char *mc_meta_check_set(const char *start, struct parsed *out, uint32_t *body)
{
	const char *error = check_words(out, 3);
	uint64_t length;

	if (error != NULL)
		return error;
	if (!number_parse_u64(parsed_arg(out, start, 2), &length) || length > INT_MAX - 2)
		return error_format;
	*body = (uint32_t)length;
	read_flags(start, out, 3);
	return NULL;
}

/* The six bits of a letter; 64 for '=', 65 for what is none, which memcached passes over. */
static uint8_t sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return c == '=' ? 64 : 65;
}

/* Base64 (RFC 4648) as memcached decodes it: the bytes written, or 0 where it refuses. */
static size_t decode(struct span in, char *to)
{
	uint8_t block[4];
	size_t len = 0, n = 0, pad = 0;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t six = sextet(in.p[i]);

		if (six == 65)
			continue;
		pad += six == 64;
		block[n++] = six & 63;
		if (n < 4)
			continue;
		to[len++] = (char)(block[0] << 2 | block[1] >> 4);
		to[len++] = (char)(block[1] << 4 | block[2] >> 2);
		to[len++] = (char)(block[2] << 6 | block[3]);
		n = 0;
		if (pad > 2)
			return 0;
		if (pad > 0)
			return len - pad;
	}
	return n == 0 ? len : 0;
}

struct span mc_meta_key(const struct parsed *parsed, const char *start, char to[MC_META_KEY_MAX])
{
	struct span key = parsed_arg(parsed, start, parsed->key_first);

	if (!parsed->key_encoded)
		return key;
	size_t len = decode(key, to);
	return len > 0 ? span_make(to, len) : key;
}
