#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "data_path.h"
#include "plan/plan.h"
#include "proto/mc_meta.h"

static void on_finished(struct request *request)
{
	ck_assert(request->finished);
}

/* As for a client whose turn it is not: long replies wait. */
static bool on_piece(struct request *request, struct chain *piece)
{
	(void)request;
	(void)piece;
	return false;
}

static struct client nobody; /* for whom merging is worth while */

static const struct request_events events = {.on_finished = on_finished, .on_piece = on_piece};

const char *array_of(const char *words)
{
	static struct text array;
	uint32_t n = 1;

	for (const char *p = words; *p != '\0'; p++)
		n += *p == ' ';
	text_reset(&array);
	text_printf(&array, "*%u\r\n", n);
	while (n-- > 0) {
		size_t len = strcspn(words, " ");

		text_printf(&array, "$%zu\r\n%.*s\r\n", len, (int)len, words);
		words += len + 1;
	}
	return array.p;
}

void say_words(struct fake_peer *peer, const char *words)
{
	say(peer, array_of(words));
}

void expect_words(struct fake_peer *peer, const char *words)
{
	expect(peer, array_of(words));
}

void answer_words(struct fake_peer *node, const char *words, const char *reply)
{
	answer_to(node, array_of(words), reply);
}

/* Where the keys of a command that is split are. */
static struct key_range keys_of(const struct data_path *dp, const struct parsed *p)
{
	const struct keys_spec *spec = &p->command->specs[0];

	if (dp->pool->protocol == PROTOCOL_MEMCACHED)
		return (struct key_range){p->key_first, p->key_count, 1};
	uint32_t first = (uint32_t)spec->first, step = (uint32_t)spec->step;
	return (struct key_range){first, step == 0 ? 0 : (p->args->n - first) / step, step};
}

static void start(struct data_path *dp, struct request *request,
		  const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct key_range keys = keys_of(dp, p);
	uint8_t split = p->command->split;

	if (split == SPLIT_KEYS || split == SPLIT_PAIRS) {
		fanout_start(request, command, &keys);
		return;
	}
	call_init(&request->first, request, p->command->flags & CMD_READ);
	plan_take_bytes(request, command);
	if (split == SPLIT_ALL) {
		request->n_keys = p->args->n - 1;
		fanout_all_start(request);
		return;
	}
	char decoded[MC_META_KEY_MAX];
	struct span key = p->key_encoded ? mc_meta_key(p, command->start, decoded)
					 : parsed_arg(p, command->start, keys.first);
	single_start(request, route_key(dp->pool, key, dp->engine.digest, &dp->engine.rng), 1);
}

struct request *data_path_ask(struct data_path *dp, const char *words)
{
	bool redis = dp->pool->protocol == PROTOCOL_REDIS;
	struct chunk *chunk = chunk_new(&dp->engine.chunks, 1 << 20);
	const struct parse_limits limits = {.request = 1 << 20};
	struct parse_state state = {0};
	struct parsed parsed = {0};
	struct request_list list = TAILQ_HEAD_INITIALIZER(list);

	chunk->used = (uint32_t)snprintf(chunk->data, chunk->cap, "%s%s",
					 redis ? array_of(words) : words, redis ? "" : "\r\n");
	ck_assert_int_eq(engine_codec(dp->pool)->parse(&state, span_make(chunk->data, chunk->used),
						       &limits, &dp->engine.args, &parsed),
			 PARSE_DONE);
	struct request *request = request_new(&dp->engine, dp->pool, parsed.command, &list);
	TAILQ_REMOVE(&list, request, order);
	request->client = &nobody;
	request->client_id = 1;
	request->events = &events;
	start(dp, request, &(struct command_bytes){&parsed, chunk, chunk->data});
	chunk_unref(chunk);
	fake_settle(dp->loop);
	return request;
}

void expect_reply(struct request *request, const char *text)
{
	size_t len = request->reply.bytes;
	char *reply = malloc(len + 1);

	ck_assert_ptr_nonnull(reply);
	ck_assert(request->finished);
	reply[chain_peek(&request->reply, reply, len)] = '\0';
	ck_assert_str_eq(reply, text);
	free(reply);
	request_free(request);
}

void expect_waiting(const struct request *request)
{
	ck_assert(!request->finished);
}
