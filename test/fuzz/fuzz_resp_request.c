/*
 * Any bytes, parsed at once and then as they come in pieces, whose size is the first byte: the
 * same result, the same arguments, and keys that are arguments.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/resp_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct parse_limits limits = {.request = 1 << 20};

static void check_keys(const struct parsed *parsed, const char *start)
{
	struct arg_list keys = {0};

	if (parsed->command != NULL && resp_request_keys(parsed, start, &keys) == NULL) {
		for (uint32_t i = 0; i < keys.n; i++)
			assert(keys.v[i].at < parsed->args->n);
		(void)resp_request_blocks(parsed, start);
	}
	arg_list_fini(&keys);
}

/* An inline command's array is a whole command of as many arguments. */
static void check_rewritten(struct span line, uint32_t words)
{
	size_t len = resp_inline_rewrite(line, NULL, 0);
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;
	char *out = malloc(len);
	size_t written = resp_inline_rewrite(line, out, len);

	assert(written == len);
	if (resp_request_parse(&state, span_make(out, len), &limits, &args, &parsed) == PARSE_DONE)
		assert(parsed.len == len && args.n == words);
	arg_list_fini(&args);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 1, size - 1};
	size_t step = (size_t)data[0] + 1, have = 0;
	struct parse_state state = {0}, again = {0};
	struct arg_list args = {0}, more = {0};
	struct parsed whole, pieces;
	enum parse_result result = resp_request_parse(&state, in, &limits, &args, &whole);
	enum parse_result other;

	do {
		have = have + step < in.len ? have + step : in.len;
		other = resp_request_parse(&again, span_make(in.p, have), &limits, &more, &pieces);
	} while (other == PARSE_MORE && have < in.len);
	assert(other == result);
	if (result == PARSE_BAD)
		assert(strcmp(whole.error, pieces.error) == 0);
	if (result == PARSE_DONE) {
		assert(whole.len == pieces.len && args.n == more.n && whole.len <= in.len);
		assert(args.n == 0 || memcmp(args.v, more.v, args.n * sizeof(args.v[0])) == 0);
		if (whole.inlined)
			check_rewritten(span_make(in.p, whole.len), args.n);
		else
			check_keys(&whole, in.p);
	}
	arg_list_fini(&args);
	arg_list_fini(&more);
	return 0;
}
