#include "plan/merge.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "plan/merge_stats.h"
#include "proto/resp_frame.h"
#include "proto/resp_write.h"

#define END_LINE   "END\r\n"
#define COPY_MAX   512 /* bytes: shorter elements are copied side by side, longer ones referenced */
#define HEADER_MAX 32  /* bytes of "*N\r\n" or ":N\r\n" that are looked at */

static void append_str(struct request *request, const char *cstr)
{
	chain_append(&request->engine->chunks, &request->reply, NULL, span_of(cstr));
}

/* An error line of the proxy's own about a part that has no reply. */
static void append_failure(struct request *request, const struct call *part)
{
	char text[CALL_TEXT_MAX];

	append_str(request, engine_codec(request->pool)->error_prefix);
	chain_copy(&request->engine->chunks, &request->reply,
		   span_of(call_failure_text(request->engine, part, part->result, text)));
	append_str(request, "\r\n");
}

/* A part's error, the node's or ours, as the whole reply. */
static void fail_with(struct request *request, struct call *part)
{
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_clear(chunks, &request->reply);
	if (part->result == CALL_REPLY)
		chain_move(chunks, &request->reply, &part->reply);
	else
		append_failure(request, part);
	request->is_error = true;
}

static bool is_good(const struct call *part)
{
	return part->result == CALL_REPLY && !part->is_error;
}

static struct call *first_bad(struct request *request)
{
	struct call *part = request->parts;

	while (part != NULL && is_good(part))
		part = part->next;
	return part;
}

/* Read and drop "<type><n>\r\n" at the head of a reply. False if it is not there. */
static bool take_header(struct chunk_pool *chunks, struct chain *reply, char type, int64_t *n)
{
	char head[HEADER_MAX];
	size_t len = chain_peek(reply, head, sizeof(head));
	const char *end = memchr(head, '\r', len);

	if (len == 0 || head[0] != type || end == NULL ||
	    !number_parse_i64(span_make(head + 1, (size_t)(end - head) - 1), n))
		return false;
	chain_consume(chunks, reply, (uint64_t)(end - head) + 2);
	return true;
}

/* Move one RESP value from the head of a part's reply. Scanning stops at no segment's end: a
 * reply's header lines are never cut by one. */
static void move_element(struct request *request, struct chain *from)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct frame frame = {0};
	enum frame_result result = FRAME_MORE;

	while (result == FRAME_MORE && !chain_is_empty(from)) {
		struct span head = chain_head(from);
		size_t took;

		result = resp_frame_scan(&frame, head, &took);
		if (took == 0)
			return;
		if (took <= COPY_MAX) {
			chain_copy(chunks, &request->reply, span_make(head.p, took));
			chain_consume(chunks, from, took);
		} else {
			chain_move_head(chunks, &request->reply, from, took);
		}
	}
}

static bool opens_array(struct request *request, struct call *part)
{
	int64_t n;

	return take_header(&request->engine->chunks, &part->reply, '*', &n) && n == part->n_keys;
}

/* In key order; a key whose shard failed has that error in its place. */
static void merge_array(struct request *request)
{
	struct call **parts = request->engine->part_of; /* scratch here, by part number */
	char header[RESP_HEADER_MAX];

	for (struct call *part = request->parts; part != NULL; part = part->next)
		parts[part->number] = part;
	size_t len = resp_write_header(header, '*', request->n_keys);
	chain_copy(&request->engine->chunks, &request->reply, span_make(header, len));
	for (uint32_t i = 0; i < request->n_keys; i++) {
		struct call *part = parts[request->part_of_key[i]];
		struct chain error = {0};

		if (is_good(part)) {
			move_element(request, &part->reply);
		} else if (part->result == CALL_REPLY) {
			chain_share(&request->engine->chunks, &error, &part->reply);
			chain_move(&request->engine->chunks, &request->reply, &error);
		} else {
			append_failure(request, part);
		}
	}
}

/* The part's number is kept in `begin`, which a call has no more use for once it is done. */
static bool is_number(struct request *request, struct call *part)
{
	int64_t n;

	if (!take_header(&request->engine->chunks, &part->reply, ':', &n))
		return false;
	part->begin = (uint64_t)n;
	return true;
}

static void merge_sum(struct request *request)
{
	char header[RESP_HEADER_MAX];
	uint64_t sum = 0;

	for (const struct call *part = request->parts; part != NULL; part = part->next)
		sum += part->begin;
	size_t len = resp_write_header(header, ':', (int64_t)sum);
	chain_copy(&request->engine->chunks, &request->reply, span_make(header, len));
}

/* Nothing, or VALUE blocks, for no more keys than were asked for, and END. A scanner leaves no line
 * in two segments. */
static bool is_values(struct request *request, struct call *part)
{
	const struct chain *reply = &part->reply;
	const struct segment *tail = reply->tail;
	size_t len = strlen(END_LINE);

	(void)request;
	return (reply->bytes == len || chain_head(reply).p[0] == 'V') && tail->len >= len &&
	       memcmp(tail->p + tail->len - len, END_LINE, len) == 0 &&
	       part->values <= part->n_keys;
}

/* Blocks name their keys, so whole blocks are passed on, shard by shard, and one END. */
static void merge_values(struct request *request)
{
	struct chunk_pool *chunks = &request->engine->chunks;
	struct pool_stats *stats = &request->engine->stats->pools[request->pool->index];

	for (struct call *part = request->parts; part != NULL; part = part->next) {
		if (!is_good(part))
			continue;
		chain_drop_tail(chunks, &part->reply, strlen(END_LINE));
		chain_move(chunks, &request->reply, &part->reply);
		stat_add(&stats->hits, part->values);
		stat_add(&stats->misses, part->n_keys - part->values);
	}
	append_str(request, END_LINE);
}

static void merge_first(struct request *request)
{
	chain_move(&request->engine->chunks, &request->reply, &request->parts->reply);
}

static bool is_anything(struct request *request, struct call *part)
{
	(void)request;
	(void)part;
	return true;
}

/* How parts are joined; a part that is no error and does not fit is no answer to what was asked. */
static const struct {
	bool (*fits)(struct request *request, struct call *part);
	void (*join)(struct request *request);
	bool partial; /* the parts that are there can stand without the others */
} merges[] = {
	[MERGE_NONE] = {is_anything, merge_first, false},
	[MERGE_ARRAY] = {opens_array, merge_array, true},
	[MERGE_SUM] = {is_number, merge_sum, false},
	[MERGE_ALL_OK] = {is_anything, merge_first, false},
	[MERGE_VALUES] = {is_values, merge_values, true},
	[MERGE_STATS] = {is_anything, merge_stats, true},
};

void merge(struct request *request)
{
	uint8_t how = request->command->merge;
	bool partial =
		merges[how].partial && request->pool->settings.multiget_errors == MULTIGET_PARTIAL;

	for (struct call *part = request->parts; part != NULL; part = part->next)
		if (is_good(part) && !merges[how].fits(request, part))
			part->result = CALL_GARBAGE;
	struct call *bad = first_bad(request);
	if (bad != NULL)
		request->is_error = true;
	if (bad != NULL && !partial)
		fail_with(request, bad);
	else
		merges[how].join(request);
	memset(request->engine->part_of, 0, request->n_parts * sizeof(struct call *));
}
