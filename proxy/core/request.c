#include "core/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/herd.h"
#include "core/reads.h"

struct request *request_new(struct engine *engine, const struct pool *pool,
			    const struct command *command, struct request_list *list)
{
	struct request *request = slab_get(&engine->requests);

	if (unlikely(request == NULL)) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	memset(request, 0, sizeof(*request));
	request->engine = engine;
	request->era = era_take(engine->era);
	request->pool = pool;
	request->command = command;
	request->kind.resp = 2;
	request->begun_us = loop_now_us(engine->loop);
	TAILQ_INSERT_TAIL(list, request, order);
	return request;
}

void request_free(struct request *request)
{
	struct engine *engine = request->engine;

	chain_clear(&engine->chunks, &request->reply);
	chain_clear(&engine->chunks, &request->line);
	while (request->parts != NULL) {
		struct call *part = request->parts;

		request->parts = part->next;
		call_fini(engine, part);
		if (part == &request->first)
			continue;
		if (unlikely(part->era != NULL))
			era_put(part->era);
		slab_put(&engine->calls, part);
	}
	if (request->key_map != NULL)
		chunk_unref(request->key_map);
	if (unlikely(request->first.era != NULL))
		era_put(request->first.era);
	era_put(request->era);
	slab_put(&engine->requests, request);
}

void request_begin_under(struct request *request, struct era *era)
{
	era_put(request->era);
	request->era = era_take(era);
}

static void forget_reply(struct engine *engine, struct call *call)
{
	if (chain_is_empty(&call->reply))
		return;
	chain_clear(&engine->chunks, &call->reply);
	call->pieces_taken = true;
}

void request_abandon(struct request *request)
{
	request->client = NULL;
	request->session = NULL;
	chain_clear(&request->engine->chunks, &request->reply);
	forget_reply(request->engine, &request->first);
	for (struct call *part = request->parts; part != NULL; part = part->next)
		forget_reply(request->engine, part);
}

uint64_t request_held(const struct request *request)
{
	uint64_t held = request->reply.bytes + request->first.reply.bytes;

	if (request->herd != NULL)
		held += herd_held(request->herd);
	for (const struct call *part = request->parts; part != NULL; part = part->next)
		held += part->reply.bytes;
	return held;
}

/* Somebody may have to see what it wrote. */
static void note_end(struct request *request)
{
	if (request->written.n > 0)
		reads_note_end(request);
	if (request->marks)
		herds_note_end(request);
}

void request_finish(struct request *request)
{
	request->finished = true;
	if (unlikely(request->convert != NULL) && request->client != NULL)
		request->convert(request);
	if (unlikely(request->written.n > 0 || request->marks))
		note_end(request);
	request->events->on_finished(request);
}

void request_finish_line(struct request *request, struct span line, bool is_error)
{
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_copy(chunks, &request->reply, line);
	chain_append(chunks, &request->reply, NULL, span_of("\r\n"));
	request->is_error = is_error;
	request_finish(request);
}

void request_fail(struct request *request, const char *text)
{
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_append(chunks, &request->reply, NULL,
		     span_of(engine_codec(request->pool)->error_prefix));
	request_finish_line(request, span_of(text), true);
}
