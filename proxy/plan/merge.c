#include "plan/merge.h"

#include <string.h>

#include "plan/merge_arrays.h"
#include "plan/merge_info.h"
#include "plan/merge_stats.h"
#include "plan/miss.h"
#include "plan/part.h"

#define END_LINE "END\r\n"

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

/* The first part that is good, or is not; NULL if there is none. */
static struct call *first_part(struct request *request, bool good)
{
	struct call *part = request->parts;

	while (part != NULL && part_is_good(part) != good)
		part = part->next;
	return part;
}

static bool opens_array(struct request *request, struct call *part)
{
	return part_take_header(request, part, "*") && part_number(part) == part->n_keys;
}

/* In key order; a key whose shard failed has that error in its place. */
static void merge_array(struct request *request)
{
	struct call **parts = request->engine->part_of; /* scratch here, by part number */

	for (struct call *part = request->parts; part != NULL; part = part->next)
		parts[part->number] = part;
	part_write_header(request, '*', request->n_keys);
	for (uint32_t i = 0; i < request->n_keys; i++) {
		struct call *part = parts[request->part_of_key[i]];
		struct chain error = {0};

		if (part_is_good(part)) {
			part_move_element(request, part);
		} else if (part->result == CALL_REPLY) {
			chain_share(&request->engine->chunks, &error, &part->reply);
			chain_move(&request->engine->chunks, &request->reply, &error);
		} else {
			append_failure(request, part);
		}
	}
}

static void merge_sum(struct request *request)
{
	uint64_t sum = 0;

	for (const struct call *part = request->parts; part != NULL; part = part->next)
		sum += (uint64_t)part_number(part);
	part_write_header(request, ':', (int64_t)sum);
}

static void merge_min(struct request *request)
{
	int64_t least = INT64_MAX;

	for (const struct call *part = request->parts; part != NULL; part = part->next)
		if (part_number(part) < least)
			least = part_number(part);
	part_write_header(request, ':', least);
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
	struct pool_stats *stats = request->engine->stats->pools[request->pool->index];

	for (struct call *part = request->parts; part != NULL; part = part->next) {
		if (!part_is_good(part))
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

/* One good reply is enough, whatever the others say: the whole is no error then. */
static void merge_any_ok(struct request *request)
{
	chain_move(&request->engine->chunks, &request->reply, &first_part(request, true)->reply);
	request->is_error = false;
}

static bool is_string_or_null(struct request *request, struct call *part)
{
	(void)request;
	return strchr("$=+", chain_head(&part->reply).p[0]) != NULL || part_is_null(part);
}

/* A shard without keys has none to give; if none has, the first's null is the reply. */
static void merge_random(struct request *request)
{
	struct call *chosen = request->parts;
	uint64_t n = 0;

	for (struct call *part = request->parts; part != NULL; part = part->next)
		if (!part_is_null(part) && rng_below(&request->engine->rng, ++n) == 0)
			chosen = part;
	chain_move(&request->engine->chunks, &request->reply, &chosen->reply);
}

static bool is_anything(struct request *request, struct call *part)
{
	(void)request;
	(void)part;
	return true;
}

/* May the parts that are there stand without those that failed? */
enum stands {
	NEVER, /* a reply silently short of a shard's share is worse than an error */
	BY_SETTING,
	ALWAYS /* as long as there is one */
};

/* How parts are joined; a part that is no error and does not fit is no answer to what was asked. */
static const struct {
	bool (*fits)(struct request *request, struct call *part);
	void (*join)(struct request *request);
	enum stands stands;
} merges[] = {
	[MERGE_NONE] = {is_anything, merge_first, NEVER},
	[MERGE_ARRAY] = {opens_array, merge_array, BY_SETTING},
	[MERGE_SUM] = {part_take_integer, merge_sum, NEVER},
	[MERGE_ALL_OK] = {is_anything, merge_first, NEVER},
	[MERGE_VALUES] = {is_values, merge_values, BY_SETTING},
	[MERGE_STATS] = {is_anything, merge_stats, BY_SETTING},
	[MERGE_CONCAT] = {merge_is_array, merge_concat, NEVER},
	[MERGE_UNION] = {merge_is_array, merge_union, NEVER},
	[MERGE_MIN] = {part_take_integer, merge_min, NEVER},
	[MERGE_AND] = {merge_is_flags, merge_and, NEVER},
	[MERGE_ANY_OK] = {is_anything, merge_any_ok, ALWAYS},
	[MERGE_RANDOM] = {is_string_or_null, merge_random, NEVER},
	[MERGE_PAIRS] = {merge_is_pairs, merge_pairs, NEVER},
	[MERGE_INFO] = {merge_is_info, merge_info, ALWAYS},
};

static bool may_stand(struct request *request, enum stands stands)
{
	if (stands == BY_SETTING)
		return request->pool->settings.multiget_errors == MULTIGET_PARTIAL;
	return stands == ALWAYS && first_part(request, true) != NULL;
}

static void check_part(struct request *request, struct call *part)
{
	if (likely(part->result == CALL_REPLY)) {
		part_drop_attributes(request, part);
		if (!part->is_error && !merges[request->command->merge].fits(request, part))
			part->result = CALL_GARBAGE;
	}
	if (unlikely(part->result != CALL_REPLY) && miss_instead(part))
		part->result = CALL_REPLY;
}

void merge(struct request *request)
{
	uint8_t how = request->command->merge;

	for (struct call *part = request->parts; part != NULL; part = part->next)
		check_part(request, part);
	struct call *bad = first_part(request, false);
	if (bad != NULL)
		request->is_error = true;
	if (bad != NULL && !may_stand(request, merges[how].stands))
		fail_with(request, bad);
	else
		merges[how].join(request);
	memset(request->engine->part_of, 0, request->n_parts * sizeof(struct call *));
}
