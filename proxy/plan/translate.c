#include "plan/translate.h"

#include "plan/ttl_care.h"
#include "proto/mc_answer.h"
#include "proto/mc_request.h"
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

/* Has its expiry time been changed? Then the line that it would have gone in is in first.bytes. */
static bool is_changed(struct request *request, const struct command_bytes *command)
{
	return unlikely(request->pool->has_ttl_rules) && command->parsed->key_count == 1 &&
	       ttl_care_take(request, command);
}

/* Read that line as it would have been sent, and translate it. Its words are its own: those of the
 * command as it came are still needed. */
static const char *translate_again(struct request *request)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain line = {0};
	struct arg_list args = {0};
	struct parse_state state = {0};
	struct parsed parsed;

	chain_move(chunks, &line, &request->first.bytes);
	chain_detach(chunks, &line);
	const struct parse_limits limits = {.request = (uint32_t)line.bytes};
	const struct mc_text text = {&parsed, line.head->chunk, line.head->p};
	bool is_whole = mc_request_parse(&state, chain_head(&line), &limits, &args, &parsed) ==
				PARSE_DONE &&
			parsed.error == NULL;
	const char *refusal = is_whole ? mc_translate(chunks, &request->first.bytes, &text)
				       : "SERVER_ERROR slipring: its expiry time cannot be told";
	arg_list_fini(&args);
	chain_clear(chunks, &line);
	return refusal;
}

bool translate_begin(struct request *request, const struct command_bytes *command)
{
	const struct mc_text text = {command->parsed, command->chunk, command->start};
	struct chunk_pool *chunks = &request->engine->chunks;
	struct call *call = &request->first;
	uint8_t split = request->command->split;

	if (split == SPLIT_LOCAL)
		return true;
	const char *refusal = is_changed(request, command)
				      ? translate_again(request)
				      : mc_translate(chunks, &call->bytes, &text);
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
	struct request *request = call->request;
	struct chunk_pool *chunks = &request->engine->chunks;
	struct span exptime = span_of("");
	struct ttl_change change;

	if (request->pool->has_ttl_rules &&
	    ttl_care_part(request, command, first, order, n, &change))
		exptime = span_make(change.text, change.n_text);
	for (uint32_t i = 0; i < n; i++)
		mc_translate_key(chunks, &call->bytes, &text,
				 first + (order == NULL ? i : order[i]), exptime);
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
