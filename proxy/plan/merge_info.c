#include "plan/merge_info.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "core/limits.h"
#include "plan/part.h"
#include "proto/resp_info.h"

#define VERBATIM "txt:" /* what the bytes of a verbatim string begin with */

bool merge_is_info(struct request *request, struct call *part)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct span text;

	if (!part_take_header(request, part, "$="))
		return false;
	chain_drop_tail(chunks, &part->reply, strlen("\r\n"));
	if (!part_in_one_piece(request, part, INFO_MAX, &text))
		return false;
	if (part_type(part) == '=') {
		if (!span_starts_with(text, span_of(VERBATIM)))
			return false;
		chain_consume(chunks, &part->reply, strlen(VERBATIM));
	}
	return true;
}

/* The words of a node's error, of either kind: "-ERR no" or, in RESP3, "!6" and "ERR no". */
static struct span error_words(struct span error)
{
	const char *end;

	if (error.len > 0 && error.p[0] == '!') {
		end = memchr(error.p, '\n', error.len);
		error = span_skip(error, end != NULL ? (size_t)(end - error.p) : 0);
	}
	error = span_skip(error, error.len > 0);
	end = error.len > 0 ? memchr(error.p, '\r', error.len) : NULL;
	return end != NULL ? span_make(error.p, (size_t)(end - error.p)) : error;
}

/* What one shard said, or `why` there is nothing, in a buffer of CALL_TEXT_MAX bytes. */
static struct resp_info_node node_of(struct request *request, struct call *part, char *why)
{
	struct resp_info_node node = {.name = span_of(part->shard->name),
				      .address = span_of(part->shard->primary->text)};

	if (part->result != CALL_REPLY) {
		call_failure_text(request->engine, part, part->result, why);
		node.error = span_of(why);
	} else if (!part->is_error) {
		if (!part_in_one_piece(request, part, INFO_MAX, &node.text))
			node.error = span_of("too long");
	} else {
		size_t len = chain_peek(&part->reply, why, CALL_TEXT_MAX);

		node.error = error_words(span_make(why, len));
	}
	return node;
}

void merge_info(struct request *request)
{
	struct resp_info_node *nodes = alloc_zeroed(request->n_parts, sizeof(*nodes));
	char(*why)[CALL_TEXT_MAX] = alloc_zeroed(request->n_parts, sizeof(*why));
	struct text merged = {0};
	char type = 0;
	size_t n = 0;

	for (struct call *part = request->parts; part != NULL; part = part->next) {
		if (part_is_good(part) && type == 0)
			type = part_type(part);
		nodes[n] = node_of(request, part, why[n]);
		n++;
	}
	if (type == '=')
		text_puts(&merged, VERBATIM);
	resp_info_merge(&merged, request->n_keys == 0, nodes, n); /* n_keys: sections asked for */
	part_write_header(request, type, (int64_t)merged.len);
	text_puts(&merged, "\r\n");
	chain_copy(&request->engine->chunks, &request->reply, span_make(merged.p, merged.len));
	text_free(&merged);
	free(why);
	free(nodes);
}
