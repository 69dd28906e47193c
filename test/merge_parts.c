#include "merge_parts.h"

#include <check.h>

#include "base/alloc.h"
#include "core/request.h"
#include "plan/merge.h"
#include "proto/resp_frame.h"

/* Read-only, as most commands to all shards are: what failed is not said to have run. */
static const struct command rows[] = {
#define ROW(how) [MERGE_##how] = {.name = #how, .flags = CMD_READ, .merge = MERGE_##how}
	ROW(NONE),  ROW(ARRAY), ROW(SUM), ROW(ALL_OK), ROW(VALUES), ROW(STATS), ROW(CONCAT),
	ROW(UNION), ROW(MIN),	ROW(AND), ROW(ANY_OK), ROW(RANDOM), ROW(PAIRS), ROW(INFO),
};

/* A reply as a connection brings it: `step` bytes a read, and segments that do not lie in a row. */
static void fill(struct chunk_pool *chunks, struct chain *chain, struct span reply, size_t step)
{
	enum frame_result result = FRAME_MORE;
	struct frame frame = {0};
	size_t here = 0, took;

	while (result == FRAME_MORE) {
		ck_assert_msg(here < reply.len, "a reply that is not whole");
		here = step < reply.len - here ? here + step : reply.len;
		result = resp_frame_scan(&frame, span_make(reply.p, here), &took);
		ck_assert_int_ne(result, FRAME_BAD);
		if (took == 0)
			continue;
		struct chunk *chunk = chunk_new(chunks, (uint32_t)took);
		memcpy(chunk->data, reply.p, took);
		chunk->used = (uint32_t)took;
		chain_append(chunks, chain, chunk, span_make(chunk->data, took));
		chunk_unref(chunk);
		reply = span_skip(reply, took);
		here -= took;
	}
	ck_assert_uint_eq(reply.len, 0);
}

static struct call *new_part(struct request *request, uint32_t number)
{
	struct call *part = slab_get(&request->engine->calls);

	ck_assert_ptr_nonnull(part);
	call_init(part, request, true);
	part->shard = &request->pool->shards[number % DATA_PATH_SHARDS];
	part->endpoint = part->shard->primary;
	part->number = number;
	return part;
}

struct request *merge_parts(struct data_path *dp, enum merge how, const char *const *replies,
			    size_t n, size_t step)
{
	struct engine *engine = &dp->engine;
	struct request_list list = TAILQ_HEAD_INITIALIZER(list);
	struct request *request = request_new(engine, dp->pool, &rows[how], &list);
	struct call **end = &request->parts;

	TAILQ_REMOVE(&list, request, order);
	engine->part_of =
		alloc_resize(engine->part_of, (n + DATA_PATH_SHARDS) * sizeof(*engine->part_of));
	for (size_t i = 0; i < n; i++) {
		struct call *part = *end = new_part(request, request->n_parts++);

		end = &part->next;
		part->result = replies[i] != NULL ? CALL_REPLY : CALL_TIMEOUT;
		if (replies[i] == NULL)
			continue;
		fill(&engine->chunks, &part->reply, span_of(replies[i]), step);
		part->is_error = engine_codec(dp->pool)->is_error(chain_head(&part->reply));
	}
	merge(request);
	request->finished = true;
	return request;
}

void check_merge_case(struct data_path *dp, const struct merge_case *c)
{
	static const size_t steps[] = {1, 2, 3, 5, 7, 11, 13, SIZE_MAX};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct request *request =
			merge_parts(dp, c->how, c->parts, DATA_PATH_SHARDS, steps[i]);

		ck_assert_int_eq(request->is_error, c->is_error);
		expect_reply(request, c->reply);
		check_engine_is_empty(dp);
	}
}
