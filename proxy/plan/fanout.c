#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "core/connset.h"
#include "plan/merge.h"
#include "plan/plan.h"
#include "plan/translate.h"
#include "plan/ttl_care.h"
#include "proto/resp_write.h"

/* The parts are built in a writing chunk, so small pieces of one part lie side by side. */

/* The parts of a reply that nobody waits for any more are not collected. */
static void fanout_piece(struct call *part)
{
	if (part->request->client != NULL)
		return;
	chain_clear(&part->request->engine->chunks, &part->reply);
	part->pieces_taken = true;
}

/* All parts are done. */
static void finish(struct request *request)
{
	if (request->client != NULL)
		merge(request);
	request_finish(request);
}

static void fanout_done(struct call *part, enum call_result result)
{
	struct request *request = part->request;

	if (plan_elsewhere(part, result) || (result != CALL_REPLY && plan_retry(part, result)))
		return;
	if (unlikely(part->is_error) && result == CALL_REPLY && plan_refused(part))
		return;
	if (unlikely(request->engine->hold != NULL) && result == CALL_REPLY && plan_is_behind(part))
		return;
	part->result = (uint8_t)result;
	if (unlikely(part->translated) && result == CALL_REPLY)
		translate_reply(part);
	chain_clear(&request->engine->chunks, &part->bytes);
	if (--request->calls_left == 0)
		finish(request);
}

static struct call *new_part(struct request *request, const struct shard *shard)
{
	struct call *part = slab_get(&request->engine->calls);

	if (unlikely(part == NULL)) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	call_init(part, request, request->command->flags & CMD_READ);
	part->shard = shard;
	part->lease = plan_lease(request, shard);
	part->done = fanout_done;
	part->on_piece = fanout_piece;
	part->translated = request->first.translated;
	part->number = request->n_parts++;
	return part;
}

/* Sending may finish the request at once, when every endpoint is down: the last call that is
 * counted is our own, so that it is not finished under us. */
static void send_parts(struct request *request)
{
	struct call *next;

	request->calls_left = request->n_parts + 1;
	for (struct call *part = request->parts; part != NULL; part = next) {
		next = part->next;
		plan_choose(part, part->shard);
		plan_send(part);
	}
	if (--request->calls_left == 0)
		finish(request);
}

/* Room for the part number of each key, where it stays until the merge. */
static void make_key_map(struct request *request, uint32_t n_keys)
{
	uint32_t bytes = n_keys * (uint32_t)sizeof(uint16_t) + 1;
	struct chunk_pool *chunks = &request->engine->chunks;
	bool fits = bytes <= CHUNK_SIZE / 4;
	struct chunk *chunk = fits ? chunk_pool_writing(chunks, bytes) : chunk_new(chunks, bytes);
	uint32_t at = chunk->used + (chunk->used & 1); /* aligned for uint16_t */

	chunk->used = at + n_keys * (uint32_t)sizeof(uint16_t);
	request->key_map = fits ? chunk_ref(chunk) : chunk;
	request->part_of_key = (uint16_t *)(void *)(chunk->data + at);
	request->n_keys = n_keys;
}

/* What the keys of a part have in common: a shard; in a cluster, whose nodes take no command with keys of
 * several slots, a slot. */
static uint32_t place_of(const struct request *request, const struct shard *shard, struct span key)
{
	return likely(!request->pool->is_cluster)
		       ? shard->index
		       : route_slot(request->pool, key, request->engine->digest);
}

/* Find each key's part, making parts in the order in which their shards first come. */
static void assign_keys(struct request *request, const struct command_bytes *command,
			const struct key_range *keys)
{
	struct engine *engine = request->engine;
	struct call **end = &request->parts;

	make_key_map(request, keys->count);
	for (uint32_t i = 0; i < keys->count; i++) {
		struct span key =
			parsed_arg(command->parsed, command->start, keys->first + i * keys->step);
		const struct shard *shard =
			route_key(request->pool, key, engine->digest, &engine->rng);
		uint32_t place = place_of(request, shard, key);
		struct call *part = engine->part_of[place];

		if (part == NULL) {
			part = engine->part_of[place] = *end = new_part(request, shard);
			part->begin = place;
			end = &part->next;
		}
		part->n_keys++;
		request->part_of_key[i] = (uint16_t)part->number;
	}
	for (struct call *part = request->parts; part != NULL; part = part->next)
		engine->part_of[part->begin] = NULL;
}

/* engine->key_order: the key numbers, sorted by part and else as they came (a counting sort). */
static void sort_keys(struct request *request)
{
	struct engine *engine = request->engine;
	uint32_t at = 0;

	if (engine->key_order_cap < request->n_keys) {
		engine->key_order_cap = request->n_keys;
		engine->key_order = alloc_resize(engine->key_order,
						 request->n_keys * sizeof(*engine->key_order));
	}
	/* A part's `begin` is free until it is sent: here it is where its next key goes. */
	for (struct call *part = request->parts; part != NULL; part = part->next) {
		engine->part_of[part->number] = part;
		part->begin = at;
		at += part->n_keys;
	}
	for (uint32_t i = 0; i < request->n_keys; i++)
		engine->key_order[engine->part_of[request->part_of_key[i]]->begin++] = i;
	for (uint32_t i = 0; i < request->n_parts; i++)
		engine->part_of[i] = NULL;
}

static void write_resp_part(struct request *request, struct call *part,
			    const struct command_bytes *command, const struct key_range *keys,
			    const uint32_t *order)
{
	const struct arg *args = command->parsed->args->v;
	struct span name = span_of(request->command->name);
	char head[2 * RESP_HEADER_MAX + 64];
	size_t n = resp_write_header(head, '*', 1 + (int64_t)part->n_keys * keys->step);

	n += resp_write_header(head + n, '$', (int64_t)name.len);
	n += (size_t)snprintf(head + n, sizeof(head) - n, "%s\r\n", request->command->name);
	chain_copy(&request->engine->chunks, &part->bytes, span_make(head, n));
	for (uint32_t i = 0; i < part->n_keys; i++) {
		uint32_t first = keys->first + order[i] * keys->step;
		const struct arg *before = &args[first - 1], *last = &args[first + keys->step - 1];
		uint32_t at = before->at + before->len + 2, end = last->at + last->len + 2;

		plan_append(request, &part->bytes, command,
			    span_make(command->start + at, end - at));
	}
}

/* The words before the keys. */
static void write_mc_words(struct request *request, struct call *part,
			   const struct command_bytes *command, const struct key_range *keys,
			   const uint32_t *order)
{
	const struct arg *args = command->parsed->args->v;
	const struct arg *last = &args[keys->first - 1];
	uint32_t at = args[0].at, end = last->at + last->len;
	struct ttl_change change;

	if (unlikely(request->pool->has_ttl_rules) &&
	    ttl_care_part(request, command, keys->first, order, part->n_keys, &change)) {
		plan_append(request, &part->bytes, command,
			    span_make(command->start + at, change.at - at));
		chain_copy(&request->engine->chunks, &part->bytes,
			   span_make(change.text, change.n_text));
		at = change.at + change.len;
	}
	plan_append(request, &part->bytes, command, span_make(command->start + at, end - at));
}

static void write_mc_part(struct request *request, struct call *part,
			  const struct command_bytes *command, const struct key_range *keys,
			  const uint32_t *order)
{
	const struct arg *args = command->parsed->args->v;
	if (unlikely(part->translated)) {
		translate_keys(part, command, keys->first, order, part->n_keys);
		return;
	}

	write_mc_words(request, part, command, keys, order);
	for (uint32_t i = 0; i < part->n_keys; i++) {
		const struct arg *key = &args[keys->first + order[i]];

		/* With the blank that stands before each word. */
		plan_append(request, &part->bytes, command,
			    span_make(command->start + key->at - 1, key->len + 1));
	}
	chain_copy(&request->engine->chunks, &part->bytes, span_of("\r\n"));
}

void fanout_start(struct request *request, const struct command_bytes *command,
		  const struct key_range *keys)
{
	assign_keys(request, command, keys);
	if (request->n_parts == 1) {
		/* All on one shard: the command goes as it came, and its reply likewise. */
		const struct shard *shard = request->parts->shard;

		slab_put(&request->engine->calls, request->parts);
		request->parts = NULL;
		plan_take_bytes(request, command);
		single_start(request, shard, keys->count);
		return;
	}
	sort_keys(request);
	const uint32_t *order = request->engine->key_order;
	for (struct call *part = request->parts; part != NULL; part = part->next) {
		if (request->pool->protocol == PROTOCOL_REDIS)
			write_resp_part(request, part, command, keys, order);
		else
			write_mc_part(request, part, command, keys, order);
		order += part->n_keys;
	}
	send_parts(request);
}

/* A part with the whole command, where *end says; the place of the next one. */
static struct call **add_copy(struct request *request, const struct shard *shard, struct call **end)
{
	*end = new_part(request, shard);
	chain_share(&request->engine->chunks, &(*end)->bytes, &request->first.bytes);
	return &(*end)->next;
}

void fanout_all_start(struct request *request)
{
	const struct pool *pool = request->pool;
	struct call **end = &request->parts;

	for (uint16_t i = 0; i < pool->n_shards; i++)
		end = add_copy(request, &pool->shards[i], end);
	/* Gutter nodes have values to flush, but no statistics that anybody asks for. */
	for (uint16_t i = 0; i < pool->n_gutters && (request->command->flags & CMD_WRITE); i++)
		end = add_copy(request, &pool->gutters[i], end);
	chain_clear(&request->engine->chunks, &request->first.bytes);
	send_parts(request);
}
