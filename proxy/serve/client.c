/* Long because a connection's whole life, from its first byte to its last, is one state. */
#include "serve/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/limits.h"
#include "core/observe.h"
#include "plan/binary.h"
#include "plan/plan.h"
#include "proto/resp_inline.h"
#include "serve/dispatch.h"
#include "serve/dispatch_binary.h"
#include "serve/pause.h"

static const struct request_events request_events;

static bool may_parse(const struct client *client)
{
	return !client->closing && !client->gone && !client->session.is_held && !client->paused &&
	       !(client->alone && client->in_flight > 0) &&
	       client->in_flight < client->pool->settings.in_flight &&
	       stream_unsent(client->stream) < CLIENT_UNSENT_HIGH;
}

static void free_client(struct deferred *deferred)
{
	struct client *client = container_of(deferred, struct client, freeing);

	free(client->name);
	era_put(client->era);
	free(client);
}

/* Requests still under way go on without a client; what comes back is dropped. */
static void orphan_requests(struct client *client)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&client->requests)) != NULL) {
		TAILQ_REMOVE(&client->requests, request, order);
		request_abandon(request);
		if (request->finished)
			request_free(request);
	}
}

static void leave(struct client *client)
{
	struct clients *clients = client->clients;
	struct engine *engine = client->engine;

	client->gone = true;
	if (client->paused)
		clients->n_paused--;
	orphan_requests(client);
	plan_client_left(engine, &client->session);
	chain_clear(&engine->chunks, &client->pushes);
	TAILQ_REMOVE(&clients->list, client, link);
	clients->n--;
	stat_add(&client->stats->clients, (uint64_t)-1);
	stat_add(&client->stats->closed, 1);
	stat_add(&engine->stats->counter[STAT_CLIENTS_CLOSED], 1);
	client->freeing.run = free_client;
	loop_defer(engine->loop, &client->freeing);
	if (clients->draining && clients->n == 0)
		clients->on_empty(clients->on_empty_arg);
}

void client_close(struct client *client)
{
	if (client->gone)
		return;
	stream_close(client->stream);
	leave(client);
}

/* All that will be answered is: once the stream has sent the rest, on_end comes. */
static void finish(struct client *client)
{
	client->closing = client->finished = true;
	orphan_requests(client);
	plan_client_left(client->engine, &client->session);
	stream_finish(client->stream);
}

void client_close_after_replies(struct client *client)
{
	client->closing = true;
	if (!client->gone && !client->finished && TAILQ_EMPTY(&client->requests))
		finish(client);
}

/* Would these bytes be more than the client may leave unread? Then it is closed. */
static bool is_too_slow(struct client *client)
{
	if (stream_unsent(client->stream) + client->pushes.bytes <= client->pool->settings.output)
		return false;
	stat_add(&client->engine->stats->counter[STAT_CLIENTS_SLOW], 1);
	client_close(client);
	return true;
}

static void hand_over(struct client *client, struct chain *reply)
{
	stat_add(&client->stats->bytes_out, reply->bytes);
	if (unlikely(chunk_pool_is_pressed(&client->engine->chunks)) && reply->bytes <= DETACH_MAX)
		chain_detach(&client->engine->chunks, reply);
	stream_write(client->stream, reply);
}

/* Hand the finished head's reply to the stream. False if there will be no more for this client. */
static bool send_head(struct client *client, struct request *request)
{
	if (request->broken) {
		finish(client);
		return false;
	}
	if (!request->quiet && !chain_is_empty(&request->reply)) {
		if (unlikely(is_too_slow(client)))
			return false;
		hand_over(client, &request->reply);
	}
	if (unlikely(!chain_is_empty(&client->pushes)))
		hand_over(client, &client->pushes);
	observe_end(request);
	TAILQ_REMOVE(&client->requests, request, order);
	client->in_flight--;
	request_free(request);
	return true;
}

static void unblock(struct client *client)
{
	if (!client->blocked || !may_parse(client))
		return;
	client->blocked = false;
	client->alone = false;
	/* It may still be read, with bytes that wait: pausing first has them delivered again. */
	stream_pause(client->stream);
	stream_resume(client->stream);
	if (client->ended && stream_held(client->stream) == stream_unsent(client->stream))
		client_close_after_replies(client);
}

void client_resume(struct client *client)
{
	if (!client->paused)
		return;
	client->paused = false;
	client->clients->n_paused--;
	unblock(client);
}

/* Replies leave from the head of the list, as far as it is finished. */
static void drain(struct client *client)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&client->requests)) != NULL && request->finished)
		if (!send_head(client, request))
			return;
	if (client->closing)
		client_close_after_replies(client);
	else
		unblock(client);
}

static void on_finished(struct request *request)
{
	struct client *client = request->client;

	if (client == NULL)
		request_free(request);
	else if (request == TAILQ_FIRST(&client->requests))
		drain(client);
	else if (unlikely(chunk_pool_is_pressed(&request->engine->chunks)) &&
		 request->reply.bytes <= DETACH_MAX)
		chain_detach(&request->engine->chunks, &request->reply);
}

static bool on_piece(struct request *request, struct chain *piece)
{
	struct client *client = request->client;

	if (client == NULL || request->quiet) {
		chain_clear(&request->engine->chunks, piece);
		return true;
	}
	if (request != TAILQ_FIRST(&client->requests))
		return false;
	if (unlikely(is_too_slow(client)))
		chain_clear(&request->engine->chunks, piece);
	else
		hand_over(client, piece);
	return true;
}

/* Bytes that answer no request go out behind the replies that have been handed over. */
static void on_push(struct session *session, struct chain *bytes)
{
	struct client *client = container_of(session, struct client, session);

	const struct request *head = TAILQ_FIRST(&client->requests);
	bool in_reply = head != NULL && head->first.pieces_taken;

	if (client->gone || client->finished || is_too_slow(client))
		chain_clear(&client->engine->chunks, bytes);
	else if (in_reply)
		chain_move(&client->engine->chunks, &client->pushes, bytes);
	else
		hand_over(client, bytes);
}

static const struct request_events request_events = {
	.on_finished = on_finished,
	.on_piece = on_piece,
};

/* A request with a line of the proxy's own as its reply. */
static void answer_line(struct client *client, struct span in, const char *line,
			enum stat_id counted)
{
	struct request *request = dispatch_request(client, NULL, &request_events);

	if (client->codec == &codec_mc_binary)
		binary_begin(request, in.p);
	stat_add(&client->engine->stats->counter[counted], 1);
	request_finish_line(request, span_of(line), true);
}

/* Not the protocol, or more than there is memory for: say so, after all earlier replies, and close. */
static void refuse(struct client *client, struct span in, const char *line, enum stat_id counted)
{
	/* Without a whole header there is nothing that a packet could answer. */
	bool is_mute = client->codec == &codec_mc_binary && in.len < MCB_HEADER;

	client->closing = true;
	if (!is_mute && line != NULL && line[0] != '\0') {
		answer_line(client, in, line, counted);
		return;
	}
	stat_add(&client->engine->stats->counter[counted], 1);
	client_close_after_replies(client);
}

/* An inline command is written as the array that it stands for, which is then taken instead. */
static bool take_inline(struct client *client, struct span line, const struct parse_limits *limits)
{
	bool taken = true;
	struct engine *engine = client->engine;
	size_t cap = 64 + line.len * 8; /* a word of one byte becomes "$1\r\nx\r\n" */
	struct chunk *chunk = chunk_new(&engine->chunks, (uint32_t)cap);
	struct parse_state state = {0};
	struct parsed parsed = {0};

	chunk->used = (uint32_t)resp_inline_rewrite(line, chunk->data, cap);
	struct span array = span_make(chunk->data, chunk->used);
	if (client->codec->parse(&state, array, limits, &engine->args, &parsed) == PARSE_DONE)
		taken = dispatch(client, &(struct command_bytes){&parsed, chunk, chunk->data},
				 &request_events);
	else
		refuse(client, array, parsed.error, STAT_PROTOCOL_ERRORS);
	chunk_unref(chunk);
	return taken;
}

/* For memcached limits.request is a value's size; a RESP command has its key and framing beside. */
static uint32_t largest_command(const struct pool *pool)
{
	uint64_t framing = pool->protocol == PROTOCOL_REDIS ? COMMAND_FRAMING : 0;

	return (uint32_t)(pool->settings.request + framing);
}

/* At the limit, whoever holds most has to go; if that does not help, the command is refused. */
static bool has_memory(struct engine *engine)
{
	if (likely(!chunk_pool_is_full(&engine->chunks)))
		return true;
	engine->relieve(engine->relieve_arg);
	return !chunk_pool_is_full(&engine->chunks);
}

/* The command is not whole yet: what there is of it is kept, if there is memory for it. */
static void take_more(struct client *client, struct span in, uint32_t need)
{
	if (likely(has_memory(client->engine)))
		stream_expect(client->stream, need);
	else if (!client->gone)
		refuse(client, in, client->codec->no_memory, STAT_OUT_OF_MEMORY);
}

/* False if the command waits, or has been refused. */
static bool passes_pause(struct client *client, struct span in, const struct parsed *parsed)
{
	enum pause_verdict verdict = pause_verdict(client, parsed);

	if (verdict == PAUSE_WAIT) {
		client->paused = true;
		client->clients->n_paused++;
	} else if (verdict == PAUSE_FULL) {
		struct request *request = dispatch_request(client, NULL, &request_events);

		if (client->codec == &codec_mc_binary)
			binary_begin(request, in.p);
		client->swallow = parsed->swallow;
		request_fail(request, PAUSE_FULL_TEXT);
	}
	return verdict == PAUSE_PASS;
}

/* Take one command from the start of `in`; returns its length, or 0 if it is not whole yet or has to
 * wait for those before it. */
static size_t take_command(struct client *client, struct chunk *chunk, struct span in)
{
	struct engine *engine = client->engine;
	const struct parse_limits limits = {client->session.needs_auth,
					    largest_command(client->pool)};
	struct parsed parsed = {0};

	switch (client->codec->parse(&client->parse, in, &limits, &engine->args, &parsed)) {
	case PARSE_MORE:
		take_more(client, in, parsed.need);
		return 0;
	case PARSE_BAD:
		refuse(client, in, parsed.error, STAT_PROTOCOL_ERRORS);
		return 0;
	default:
		break;
	}
	if (unlikely(engine->has_pauses) && !passes_pause(client, in, &parsed))
		return client->paused ? 0 : parsed.len;
	client->swallow = parsed.swallow;
	bool has_room = has_memory(engine), taken = true;
	if (unlikely(client->gone))
		return 0;
	if (unlikely(!has_room))
		answer_line(client, in, client->codec->no_memory, STAT_OUT_OF_MEMORY);
	else if (unlikely(parsed.inlined))
		taken = take_inline(client, span_make(in.p, parsed.len), &limits);
	else
		taken = dispatch(client, &(struct command_bytes){&parsed, chunk, in.p},
				 &request_events);
	client->alone = !taken;
	return taken ? parsed.len : 0;
}

static size_t swallow(struct client *client, size_t n)
{
	size_t dropped = client->swallow < n ? (size_t)client->swallow : n;

	client->swallow -= dropped;
	return dropped;
}

/* What waits is parsed later. A client whose command holds it up is still read, up to a limit, so
 * that its leaving is seen. */
static void wait_for_room(struct client *client, size_t waiting)
{
	client->blocked = true;
	if ((!client->session.is_held && !client->paused) || waiting > CLIENT_AHEAD_MAX ||
	    client->ended)
		stream_pause(client->stream);
}

/* A memcached client's first byte says whether it speaks binary or text. */
static void know(struct client *client, char first)
{
	client->is_known = true;
	if (client->pool->protocol == PROTOCOL_MEMCACHED && (uint8_t)first == MCB_REQUEST)
		dispatch_binary_begin(client);
}

static size_t on_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	struct client *client = owner;
	struct span rest = bytes;

	client->active_us = loop_now_us(client->engine->loop);
	if (unlikely(!client->is_known) && bytes.len > 0)
		know(client, bytes.p[0]);
	while (rest.len > 0 && may_parse(client)) {
		size_t took = client->swallow > 0 ? swallow(client, rest.len)
						  : take_command(client, chunk, rest);

		if (took == 0)
			break;
		rest = span_skip(rest, took);
	}
	stat_add(&client->stats->bytes_in, bytes.len - rest.len);
	if (client->gone || client->closing)
		return bytes.len;
	if (!may_parse(client))
		wait_for_room(client, rest.len);
	else if (client->ended)
		client_close_after_replies(client);
	return bytes.len - rest.len;
}

static void on_written(void *owner)
{
	struct client *client = owner;

	client->active_us = loop_now_us(client->engine->loop);
	unblock(client);
}

static void on_end(void *owner, int err)
{
	struct client *client = owner;

	if (err != STREAM_EOF || client->finished || client->paused ||
	    client->session.pinned != NULL || client->session.subscriber != NULL)
		client_close(client);
	else if (client->blocked)
		client->ended = true;
	else
		client_close_after_replies(client);
}

static const struct stream_events stream_events = {
	.on_bytes = on_bytes,
	.on_written = on_written,
	.on_end = on_end,
};

void client_accept(struct clients *clients, const struct pool *pool, int fd, bool is_unix)
{
	struct engine *engine = clients->engine;
	struct pool_stats *stats = engine->stats->pools[pool->index];
	struct client *client = alloc_zeroed(1, sizeof(*client));

	client->stream = stream_accept(engine->loop, fd, is_unix, &stream_events, client);
	if (client->stream == NULL) {
		stat_add(&stats->closed, 1);
		free(client);
		return;
	}
	client->clients = clients;
	client->engine = engine;
	client->era = era_take(engine->era);
	client->pool = pool;
	client->codec = engine_codec(pool);
	client->stats = stats;
	session_init(&client->session, pool);
	client->session.push = on_push;
	client->id = ++clients->next_id * engine->n_workers + engine->worker;
	client_identify(client);
	client->connected_us = client->active_us = loop_now_us(engine->loop);
	TAILQ_INIT(&client->requests);
	TAILQ_INSERT_TAIL(&clients->list, client, link);
	clients->n++;
	stat_add(&stats->clients, 1);
	stat_add(&engine->stats->counter[STAT_CLIENTS_ACCEPTED], 1);
	if (clients->draining)
		client_close_after_replies(client);
}
