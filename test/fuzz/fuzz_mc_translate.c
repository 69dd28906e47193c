/*
 * Any bytes as a text or meta command, and behind it as what a binary node answers. What is sent
 * for the command is read as one binary request, which always answers, or refused with nothing
 * sent; what its client is told is lines, however the answer lies in segments of the size that is
 * the first byte. The second says whether a get is one of a sequence.
 */
#include <assert.h>

#include "../mc_transcript.h"
#include "proto/mc_answer.h"
#include "proto/mc_translate.h"

#define LIMIT 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole chain as bytes; the caller frees them. */
static char *bytes_of(const struct chain *chain)
{
	char *bytes = malloc((size_t)chain->bytes + 1);

	if (bytes == NULL)
		abort();
	chain_peek(chain, bytes, (size_t)chain->bytes);
	return bytes;
}

/* Read what goes to a node as it does: so many requests of the command, and NOOP behind a sequence. */
static void check_sent(const struct chain *chain, const struct mc_text *text, uint32_t n)
{
	const struct parse_limits limits = {.request = LIMIT};
	struct arg_list args = {0};
	size_t at = 0, len = (size_t)chain->bytes;
	char *bytes = bytes_of(chain);

	for (uint32_t i = 0; i < n; i++) {
		struct parse_state state = {0};
		struct parsed packet;
		enum parse_result result =
			mcb_request_parse(&state, span_make(bytes + at, len - at), &limits, &args,
					  &packet);

		assert(result == PARSE_DONE && packet.error == NULL && packet.swallow == 0);
		assert(n > 1 || !mcb_opcode(mcb_header_read(bytes).opcode)->is_quiet);
		if (i + 1 < n || n == 1)
			assert(packet.key_count == 1 || text->parsed->key_count == 0);
		at += packet.len;
	}
	assert(at == len);
	arg_list_fini(&args);
	free(bytes);
}

static void check_keys(struct chunk_pool *pool, const struct mc_text *text)
{
	const struct parsed *p = text->parsed;
	struct chain chain = {0};

	for (uint32_t i = 0; i < p->key_count; i++)
		mc_translate_key(pool, &chain, text, p->key_first + i, span_of(""));
	mc_translate_end(pool, &chain);
	check_sent(&chain, text, p->key_count + 1);
	chain_clear(pool, &chain);
}

static void lay(struct chunk_pool *pool, struct chain *chain, struct span in, size_t step)
{
	while (in.len > 0) {
		uint32_t len = (uint32_t)smaller(step, in.len);
		struct chunk *chunk = chunk_new(pool, len);

		memcpy(chunk->data, in.p, len);
		chunk->used = len;
		chain_append(pool, chain, chunk, span_make(chunk->data, len));
		chunk_unref(chunk);
		in = span_skip(in, len);
	}
}

/* What is told of the first whole reply: its bytes, which the caller frees, or NULL. */
static char *told(struct chunk_pool *pool, const struct mc_text *text, struct span in, bool barred,
		  size_t step)
{
	const struct parsed *p = text->parsed;
	struct span line = span_make(text->start + p->line_at, p->line_end - p->line_at);
	struct frame frame = {.until_barrier = barred};
	struct chain chain = {0};
	size_t took;

	if (mcb_reply_scan(&frame, in, &took) != FRAME_DONE)
		return NULL;
	lay(pool, &chain, span_make(in.p, took), step);
	bool is_error = mc_answer(pool, &chain, p->command, line, barred);
	char *bytes = bytes_of(&chain);
	size_t len = (size_t)chain.bytes;
	assert(len > 0 ? len > 2 && memcmp(bytes + len - 2, "\r\n", 2) == 0 : p->barrier);
	assert(!is_error || len > 0);
	bytes[len] = '\0';
	chain_clear(pool, &chain);
	return bytes;
}

static void check_told(struct chunk_pool *pool, const struct mc_text *text, struct span in,
		       const uint8_t *data)
{
	bool barred = text->parsed->command->split == SPLIT_KEYS && data[1] % 2 == 1;
	char *whole = told(pool, text, in, barred, in.len + 1);
	char *pieces = told(pool, text, in, barred, data[0] + 1U);

	assert((whole == NULL) == (pieces == NULL));
	assert(whole == NULL || strcmp(whole, pieces) == 0);
	free(whole);
	free(pieces);
}

static void check_command(struct chunk_pool *pool, const struct mc_text *text, struct span rest,
			  const uint8_t *data)
{
	struct chain chain = {0};
	const char *refusal = mc_translate(pool, &chain, text);

	if (refusal != NULL) {
		assert(chain_is_empty(&chain) && strlen(refusal) > 0);
		return;
	}
	check_sent(&chain, text, 1);
	chain_clear(pool, &chain);
	if (text->parsed->command->split == SPLIT_KEYS)
		check_keys(pool, text);
	check_told(pool, text, rest, data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct parse_limits limits = {.request = LIMIT};
	struct parse_state state = {0};
	struct arg_list args = {0};
	struct chunk_pool pool;
	struct parsed parsed;

	if (size < 3)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	chunk_pool_init(&pool, 1 << 30);
	struct chunk *chunk = chunk_new(&pool, (uint32_t)in.len);
	memcpy(chunk->data, in.p, in.len);
	chunk->used = (uint32_t)in.len;
	in.p = chunk->data;
	if (mc_request_parse(&state, in, &limits, &args, &parsed) == PARSE_DONE &&
	    parsed.error == NULL)
		check_command(&pool, &(struct mc_text){&parsed, chunk, chunk->data},
			      span_skip(in, parsed.len), data);
	chunk_unref(chunk);
	assert(pool.segments.used == 0);
	chunk_pool_fini(&pool);
	arg_list_fini(&args);
	return 0;
}
