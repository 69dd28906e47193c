#include "plan/part.h"

#include <string.h>

#include "base/number.h"
#include "proto/resp_frame.h"
#include "proto/resp_write.h"

#define COPY_MAX   512 /* bytes: shorter elements are copied side by side, longer ones referenced */
#define HEADER_MAX 32  /* bytes of "*N\r\n" or ":N\r\n" that are looked at */

/* Take a header off; its type is one of `types`. */
static bool take_header(struct request *request, struct call *part, const char *types)
{
	char head[HEADER_MAX];
	size_t len = chain_peek(&part->reply, head, sizeof(head));
	const char *end = memchr(head, '\r', len);
	int64_t n;

	if (end == NULL || strchr(types, head[0]) == NULL ||
	    !number_parse_i64(span_make(head + 1, (size_t)(end - head) - 1), &n))
		return false;
	chain_consume(&request->engine->chunks, &part->reply, (uint64_t)(end - head) + 2);
	part->end = (uint64_t)head[0];
	part->begin = (uint64_t)n;
	return true;
}

bool part_take_header(struct request *request, struct call *part, const char *types)
{
	return take_header(request, part, types) && part_number(part) >= 0;
}

bool part_take_integer(struct request *request, struct call *part)
{
	return take_header(request, part, ":");
}

bool part_is_null(const struct call *part)
{
	char head[3];
	size_t len = chain_peek(&part->reply, head, sizeof(head));

	return len == sizeof(head) &&
	       (head[0] == '_' || memcmp(head, "$-1", 3) == 0 || memcmp(head, "*-1", 3) == 0);
}

/* Take one element off: to the end of `to`, or nowhere if that is NULL. Scanning stops at no
 * segment's end, because no header line is cut by one. */
static void take_element(struct request *request, struct call *part, struct chain *to)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain *from = &part->reply;
	struct frame frame = {0};
	enum frame_result result = FRAME_MORE;

	while (result == FRAME_MORE && !chain_is_empty(from)) {
		struct span head = chain_head(from);
		size_t took;

		result = resp_frame_scan(&frame, head, &took);
		if (took == 0)
			return;
		if (to != NULL && took > COPY_MAX) {
			chain_move_head(chunks, to, from, took);
			continue;
		}
		if (to != NULL)
			chain_copy(chunks, to, span_make(head.p, took));
		chain_consume(chunks, from, took);
	}
}

void part_move_element(struct request *request, struct call *part)
{
	take_element(request, part, &request->reply);
}

void part_drop_element(struct request *request, struct call *part)
{
	take_element(request, part, NULL);
}

void part_drop_attributes(struct request *request, struct call *part)
{
	while (unlikely(!chain_is_empty(&part->reply) && chain_head(&part->reply).p[0] == '|') &&
	       part_take_header(request, part, "|")) {
		int64_t pairs = part_number(part);

		for (int64_t i = 0; i < 2 * pairs; i++)
			part_drop_element(request, part);
		part->is_error = !chain_is_empty(&part->reply) &&
				 engine_codec(request->pool)->is_error(chain_head(&part->reply));
	}
}

bool part_in_one_piece(struct request *request, struct call *part, uint64_t max, struct span *bytes)
{
	struct chain *reply = &part->reply;

	if (reply->bytes > max)
		return false;
	if (reply->head != reply->tail)
		chain_detach(&request->engine->chunks, reply);
	*bytes = chain_is_empty(reply) ? span_of("") : chain_head(reply);
	return true;
}

void part_write_header(struct request *request, char type, int64_t n)
{
	char header[RESP_HEADER_MAX];
	size_t len = resp_write_header(header, type, n);

	chain_copy(&request->engine->chunks, &request->reply, span_make(header, len));
}
