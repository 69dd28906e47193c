#include "plan/translate.h"

#include "proto/mc_answer.h"
#include "proto/mc_translate.h"

/* A line's words are looked at again when the reply is there. */
static void keep_line(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_copy(chunks, &request->line,
		   span_make(command->start + p->line_at, p->line_end - p->line_at));
	if (request->line.head != request->line.tail)
		chain_detach(chunks, &request->line);
}

bool translate_begin(struct request *request, const struct command_bytes *command)
{
	const struct mc_text text = {command->parsed, command->chunk, command->start};
	struct chunk_pool *chunks = &request->engine->chunks;
	struct call *call = &request->first;
	uint8_t split = request->command->split;

	if (split == SPLIT_LOCAL)
		return true;
	const char *refusal = mc_translate(chunks, &call->bytes, &text);
	if (refusal != NULL) {
		request_finish_line(request, span_of(refusal), true);
		return false;
	}
	call->request = request;
	call->translated = true;
	if (split == SPLIT_KEYS && command->parsed->key_count > 1)
		chain_clear(chunks, &call->bytes);
	if (split != SPLIT_KEYS)
		keep_line(request, command);
	return true;
}

void translate_keys(struct call *call, const struct command_bytes *command, uint32_t first,
		    const uint32_t *order, uint32_t n)
{
	const struct mc_text text = {command->parsed, command->chunk, command->start};
	struct chunk_pool *chunks = &call->request->engine->chunks;

	for (uint32_t i = 0; i < n; i++)
		mc_translate_key(chunks, &call->bytes, &text,
				 first + (order == NULL ? i : order[i]));
	mc_translate_end(chunks, &call->bytes);
	call->barrier = true;
}

void translate_reply(struct call *call)
{
	struct request *request = call->request;
	struct chunk_pool *chunks = &request->engine->chunks;
	struct span line =
		chain_is_empty(&request->line) ? span_of("") : chain_head(&request->line);

	/* Its client left amid it: what there is begins anywhere. */
	if (unlikely(call->pieces_taken))
		chain_clear(chunks, &call->reply);
	else
		call->is_error =
			mc_answer(chunks, &call->reply, request->command, line, call->barrier);
	call->translated = call->barrier = false;
}
