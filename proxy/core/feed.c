#include "core/feed.h"

#include "base/log.h"
#include "core/connset.h"
#include "core/handshake.h"
#include "core/reconnect.h"
#include "proto/resp_frame.h"

#define LASTED_US 1000000 /* a connection that broke sooner counts as a failed attempt */
#define KIND_MAX  18	  /* bytes of the longest beginning that is_message() looks at */

static const struct stream_events stream_events;

static void probe_done(struct feed_ask *ask, const struct chain *answer)
{
	(void)ask;
	(void)answer;
}

void feed_init(struct feed *feed, struct engine *engine, const struct endpoint *endpoint,
	       const struct feed_events *events, void *owner)
{
	*feed = (struct feed){
		.engine = engine,
		.endpoint = endpoint,
		.pool = endpoint->pool,
		.events = events,
		.owner = owner,
		.probe = {.done = probe_done},
	};
	TAILQ_INIT(&feed->asks);
}

static const char *shard_name(const struct feed *feed)
{
	return feed->endpoint->shard->name;
}

static void begin(struct feed *feed)
{
	const struct address *address = &feed->endpoint->address;
	const struct conn_kind kind = {.resp = 2};
	struct engine *engine = feed->engine;
	struct chain hello = {0};

	if (feed->endpoint->is_unresolved) {
		feed->failures++;
		feed->fault = FAULT_UNRESOLVED;
		feed->state = FEED_WAITING;
		timer_start(feed->timer, reconnect_backoff_ms(engine, feed->failures));
		return;
	}
	feed->state = FEED_CONNECTING;
	feed->stream = stream_connect(engine->loop, endpoint_host(feed->endpoint, feed->attempts),
				      address->port, feed->attempts, &stream_events, feed);
	feed->attempts++;
	feed->questions = handshake_write(engine, feed->pool, kind, &hello);
	stream_write(feed->stream, &hello);
	timer_start(feed->timer, feed->pool->settings.connect_ms);
}

static void close_stream(struct feed *feed)
{
	stream_close(feed->stream);
	feed->stream = NULL;
	chain_clear(&feed->engine->chunks, &feed->partial);
	feed->frame = (struct frame){0};
	feed->is_dropping = false;
}

static void lose_asks(struct feed *feed)
{
	struct feed_ask_list lost = TAILQ_HEAD_INITIALIZER(lost);
	struct feed_ask *ask;

	TAILQ_CONCAT(&lost, &feed->asks, fifo);
	while ((ask = TAILQ_FIRST(&lost)) != NULL) {
		TAILQ_REMOVE(&lost, ask, fifo);
		ask->done(ask, NULL);
	}
}

/* An attempt failed, or a connection did not last: wait before the next. One that had lasted is made
 * again at once. */
static void go_down(struct feed *feed, int fault)
{
	static struct log_site site;
	bool has_lasted = feed->state == FEED_UP &&
			  loop_now_us(feed->engine->loop) - feed->up_us >= LASTED_US;
	char why[CONNSET_WHY_MAX];

	feed->fault = fault;
	if (has_lasted || feed->failures == 0)
		log_limited(&site, LOG_LEVEL_WARN, "pool %s: shard %s: subscriptions: %s",
			    feed->pool->name, shard_name(feed),
			    connset_fault_text(fault, feed->endpoint, why));
	close_stream(feed);
	if (has_lasted) {
		begin(feed);
	} else {
		feed->failures++;
		feed->state = FEED_WAITING;
		timer_start(feed->timer, reconnect_backoff_ms(feed->engine, feed->failures));
	}
	lose_asks(feed);
	feed->events->on_down(feed->owner);
}

static void rest(struct feed *feed)
{
	if (feed->stream != NULL)
		close_stream(feed);
	timer_stop(feed->timer);
	feed->state = FEED_IDLE;
	feed->failures = 0;
	lose_asks(feed);
}

/* A node that says nothing for long is asked whether it is there: a peer that is gone without a
 * word would not be noticed by one who only listens. */
static void probe(struct feed *feed)
{
	struct chain bytes = {0};

	if (!TAILQ_EMPTY(&feed->asks) && !feed->is_heard) {
		go_down(feed, FAULT_REQUEST_TIMEOUT);
		return;
	}
	feed->is_heard = false;
	if (TAILQ_EMPTY(&feed->asks)) {
		chain_append(&feed->engine->chunks, &bytes, NULL, span_of("*1\r\n$4\r\nPING\r\n"));
		feed_send(feed, &feed->probe, &bytes);
	}
	timer_start(feed->timer, feed->pool->settings.request_ms);
}

static void on_timer(void *arg)
{
	struct feed *feed = arg;

	if (feed->users == 0)
		rest(feed);
	else if (feed->state == FEED_WAITING)
		begin(feed);
	else if (feed->state == FEED_CONNECTING)
		go_down(feed,
			stream_written(feed->stream) > 0 ? FAULT_NO_ANSWER : FAULT_CONNECT_TIMEOUT);
	else if (feed->state == FEED_UP)
		probe(feed);
}

void feed_hold(struct feed *feed)
{
	feed->users++;
	if (feed->timer == NULL)
		feed->timer = timer_new(feed->engine->loop, on_timer, feed);
	if (feed->state == FEED_IDLE)
		begin(feed);
}

void feed_release(struct feed *feed)
{
	/* The timer closes it: who subscribes in short turns should not connect for each. */
	feed->users--;
}

void feed_shut(struct feed *feed)
{
	if (feed->timer == NULL)
		return;
	rest(feed);
	timer_free(feed->timer);
	feed->timer = NULL;
	feed->failures = 1;
	feed->fault = FAULT_CLOSED;
	feed->events->on_down(feed->owner);
}

void feed_send(struct feed *feed, struct feed_ask *ask, struct chain *bytes)
{
	TAILQ_INSERT_TAIL(&feed->asks, ask, fifo);
	stream_write(feed->stream, bytes);
}

static void come_up(struct feed *feed)
{
	feed->state = FEED_UP;
	feed->failures = 0;
	feed->up_us = loop_now_us(feed->engine->loop);
	timer_start(feed->timer, feed->pool->settings.request_ms);
	feed->events->on_up(feed->owner);
}

static bool is_error(const struct chain *frame)
{
	return chain_head(frame).p[0] == '-';
}

/* Is it a message, by how it begins? */
static bool is_message(const struct chain *frame)
{
	static const char *const begins[] = {
		"*3\r\n$7\r\nmessage\r\n",
		"*4\r\n$8\r\npmessage\r\n",
		"*3\r\n$8\r\nsmessage\r\n",
	};
	char buf[KIND_MAX];
	struct span head = span_make(buf, chain_peek(frame, buf, sizeof(buf)));

	for (size_t i = 0; i < ARRAY_LEN(begins); i++)
		if (span_starts_with(head, span_of(begins[i])))
			return true;
	return false;
}

static void take_answer(struct feed *feed, const struct chain *frame)
{
	struct feed_ask *ask = TAILQ_FIRST(&feed->asks);

	if (feed->questions > 0 && is_error(frame)) {
		go_down(feed, handshake_fault(chain_head(frame)));
	} else if (feed->questions > 0) {
		if (--feed->questions == 0)
			come_up(feed);
	} else if (ask == NULL) {
		go_down(feed, FAULT_GARBAGE);
	} else {
		TAILQ_REMOVE(&feed->asks, ask, fifo);
		ask->done(ask, frame);
	}
}

static void take_frame(struct feed *feed)
{
	static struct log_site site;
	struct chain frame = {0};

	feed->frame = (struct frame){0};
	if (feed->is_dropping) {
		feed->is_dropping = false;
		log_limited(&site, LOG_LEVEL_WARN,
			    "pool %s: shard %s: a message longer than limits.output was dropped",
			    feed->pool->name, shard_name(feed));
		return;
	}
	/* The feed may be closed by whom it is given to. */
	chain_move(&feed->engine->chunks, &frame, &feed->partial);
	if (feed->questions == 0 && is_message(&frame))
		feed->events->on_message(feed->owner, &frame);
	else
		take_answer(feed, &frame);
	chain_clear(&feed->engine->chunks, &frame);
}

/* Keep what came of a frame, or none of it once it is a message that is too long for any client.
 * False if it is too long and no message. */
static bool keep(struct feed *feed, struct chunk *chunk, struct span bytes)
{
	if (feed->is_dropping || bytes.len == 0)
		return true;
	chain_append(&feed->engine->chunks, &feed->partial, chunk, bytes);
	if (likely(feed->partial.bytes <= feed->pool->settings.output))
		return true;
	if (!is_message(&feed->partial))
		return false;
	chain_clear(&feed->engine->chunks, &feed->partial);
	feed->is_dropping = true;
	return true;
}

static size_t on_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	struct feed *feed = owner;
	struct stream *stream = feed->stream;
	struct engine *engine = feed->engine;
	struct span left = bytes;

	feed->is_heard = true;
	while (left.len > 0) {
		size_t took = 0;
		enum frame_result result = resp_frame_scan(&feed->frame, left, &took);

		if (result == FRAME_BAD || !keep(feed, chunk, span_make(left.p, took))) {
			go_down(feed, FAULT_GARBAGE);
			return bytes.len;
		}
		left = span_skip(left, took);
		if (result == FRAME_MORE)
			break;
		take_frame(feed);
		if (feed->stream != stream)
			return bytes.len;
	}
	if (feed->frame.skip > 0)
		stream_expect(stream, feed->frame.skip);
	if (unlikely(chunk_pool_is_full(&engine->chunks)))
		engine->relieve(engine->relieve_arg);
	return bytes.len - left.len;
}

static void on_connected(void *owner, int err)
{
	if (err != 0)
		go_down(owner, err);
}

static void on_end(void *owner, int err)
{
	go_down(owner, reconnect_fault(CALL_LOST, err));
}

static const struct stream_events stream_events = {
	.on_connected = on_connected,
	.on_bytes = on_bytes,
	.on_end = on_end,
};
