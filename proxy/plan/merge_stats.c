#include "plan/merge_stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "proto/mc_stats.h"

/* Statistics are asked for rarely: copies made here keep the merging itself simple. */

/* A part's reply in one piece, or the line that says why there is none. */
static struct span copy_reply(struct request *request, struct call *part)
{
	const char *prefix = engine_codec(request->pool)->error_prefix;
	char text[CALL_TEXT_MAX];

	if (part->result == CALL_REPLY) {
		char *copy = alloc_zeroed(part->reply.bytes, 1);

		return span_make(copy, chain_peek(&part->reply, copy, part->reply.bytes));
	}
	call_failure_text(request->engine, part, part->result, text);
	size_t len = strlen(prefix) + strlen(text) + 2;
	char *line = alloc_zeroed(len + 1, 1);
	stpcpy(stpcpy(stpcpy(line, prefix), text), "\r\n");
	return span_make(line, len);
}

void merge_stats(struct request *request)
{
	struct mc_stats_node *nodes = alloc_zeroed(request->n_parts, sizeof(*nodes));
	struct text merged = {0};
	size_t n = 0;

	for (struct call *part = request->parts; part != NULL; part = part->next)
		nodes[n++] = (struct mc_stats_node){span_of(part->shard->name),
						    copy_reply(request, part)};
	mc_stats_merge(&merged, request->n_keys == 0, nodes, n);
	chain_copy(&request->engine->chunks, &request->reply, span_make(merged.p, merged.len));
	text_free(&merged);
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)nodes[i].reply.p);
	free(nodes);
}
