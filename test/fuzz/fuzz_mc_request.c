/*
 * Any bytes as a stream of memcached requests, at once and in pieces, whose sizes are the first
 * two bytes: the same commands, answers and bytes for the servers. What is sent is one plain
 * line: no noreply, no NUL, and, read again, the same command.
 */
#include <assert.h>

#include "../mc_transcript.h"

#define LIMIT 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read what goes to a server as a server would. */
static void check_sent(struct span sent, const struct parsed *before)
{
	const struct parse_limits limits = {.request = LIMIT};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed again;
	enum parse_result result = mc_request_parse(&state, sent, &limits, &args, &again);

	assert(result == PARSE_DONE && again.error == NULL && again.len == sent.len);
	assert(again.command == before->command && !again.noreply && !again.line_cut);
	assert(again.key_count == before->key_count);
	assert(memchr(sent.p, '\0', again.line_len) == NULL);
	arg_list_fini(&args);
}

static void check_first(struct span in)
{
	const struct parse_limits limits = {.request = LIMIT};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct parsed parsed;

	if (mc_request_parse(&state, in, &limits, &args, &parsed) == PARSE_DONE &&
	    parsed.error == NULL) {
		char *text = NULL;
		size_t len;
		FILE *to = open_memstream(&text, &len);

		print_forwarded(to, &parsed, in.p);
		fclose(to);
		check_sent(span_make(text, len), &parsed);
		free(text);
	}
	arg_list_fini(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Longer lines are the one thing that depends on how they come. */
	if (size < 2 || size > MC_LINE_MAX)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	char *whole = mc_request_transcript(in, (struct pieces){in.len, 0}, LIMIT);
	char *pieces = mc_request_transcript(in, (struct pieces){data[0], data[1] + 1U}, LIMIT);

	assert(strcmp(whole, pieces) == 0);
	free(whole);
	free(pieces);
	check_first(in);
	return 0;
}
