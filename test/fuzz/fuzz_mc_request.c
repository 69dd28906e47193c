/*
 * Any bytes as a stream of memcached requests, at once and in pieces, whose sizes are the first
 * two bytes: the same commands, answers and bytes for the servers. What is sent is one plain
 * line: no noreply, no NUL, and, read again, the same command with the same key.
 */
#include <assert.h>

#include "../mc_transcript.h"
#include "proto/mc_meta.h"

#define LIMIT 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both are routed alike. */
static void check_meta(const struct parsed *a, const char *a_start, const struct parsed *b,
		       const char *b_start)
{
	char a_bytes[MC_META_KEY_MAX], b_bytes[MC_META_KEY_MAX];

	assert(a->barrier == b->barrier && a->key_encoded == b->key_encoded);
	assert(a->writes == b->writes);
	if (a->key_count == 0)
		return;
	struct span key = mc_meta_key(a, a_start, a_bytes);
	assert(key.len > 0 && key.len <= MC_KEY_MAX);
	assert(span_equal(key, mc_meta_key(b, b_start, b_bytes)));
}

/* Read what goes to a server as a server would. */
static void check_sent(struct span sent, const struct parsed *before, const char *start)
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
	if (again.command->flags & CMD_META)
		check_meta(before, start, &again, sent.p);
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
		check_sent(span_make(text, len), &parsed, in.p);
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
