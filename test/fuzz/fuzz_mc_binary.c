/*
 * Any bytes as a stream of binary memcached requests, at once and in pieces, whose sizes are the
 * first two bytes: the same commands, answers and bytes for the servers. No length wraps, whatever
 * the limit. What is sent, in the form that always answers, is read as the same command.
 */
#include <assert.h>

#include "../mc_transcript.h"

#define LIMIT 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its parts lie side by side and are all of it. */
static void check_parts(const struct parsed *parsed)
{
	uint32_t at = 0;

	assert(parsed->args->n == MCB_ARGS);
	for (uint32_t i = 0; i < MCB_ARGS; i++) {
		assert(parsed->args->v[i].at == at);
		at += parsed->args->v[i].len;
	}
	assert(at == parsed->len);
	assert(parsed->args->v[MCB_ARG_KEY].len <= MC_KEY_MAX);
	assert(parsed->key_count == (parsed->args->v[MCB_ARG_KEY].len > 0));
	assert(parsed->key_count == 0 || parsed->key_first == MCB_ARG_KEY);
}

/* Read what goes to a server as a server would. */
static void check_sent(struct span in, const struct parsed *before, uint32_t limit)
{
	const struct parse_limits limits = {.request = limit};
	const struct mcb_opcode *row = mcb_opcode((uint8_t)in.p[1]);
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed again;
	char *sent = exact_copy(span_make(in.p, before->len));

	sent[1] = (char)row->loud;
	enum parse_result result =
		mcb_request_parse(&state, span_make(sent, before->len), &limits, &args, &again);
	assert(result == PARSE_DONE && again.error == NULL && again.len == before->len);
	assert(again.command == before->command && !mcb_opcode(row->loud)->is_quiet);
	assert(memcmp(args.v, before->args->v, MCB_ARGS * sizeof(args.v[0])) == 0);
	arg_list_fini(&args);
	free(sent);
}

static void check_first(struct span in, uint32_t limit)
{
	const struct parse_limits limits = {.request = limit};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;
	enum parse_result result = mcb_request_parse(&state, in, &limits, &args, &parsed);

	assert(result != PARSE_BAD || parsed.error != NULL);
	if (result == PARSE_MORE)
		assert(parsed.need > in.len && parsed.error == NULL);
	if (result == PARSE_DONE) {
		uint64_t body = mcb_header_read(in.p).body;

		assert(parsed.len <= in.len && parsed.len + parsed.swallow == MCB_HEADER + body);
		assert(parsed.swallow == 0 || parsed.error != NULL);
	}
	if (result == PARSE_DONE && parsed.error == NULL) {
		check_parts(&parsed);
		check_sent(in, &parsed, limit);
	}
	arg_list_fini(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	char *whole = request_transcript(&codec_mc_binary, in, (struct pieces){in.len, 0}, LIMIT);
	char *pieces = request_transcript(&codec_mc_binary, in,
					  (struct pieces){data[0], data[1] + 1U}, LIMIT);

	assert(strcmp(whole, pieces) == 0);
	free(whole);
	free(pieces);
	check_first(in, LIMIT);
	check_first(in, UINT32_MAX);
	return 0;
}
