#include "core/upstream.h"

#include "core/connset.h"
#include "core/limits.h"

void upstream_init(struct upstream *up, struct engine *engine, struct connset *set)
{
	*up = (struct upstream){.engine = engine, .set = set, .endpoint = set->endpoint};
	up->pool = set->endpoint->pool;
	up->stats = engine->stats->endpoints[set->endpoint->id];
	up->codec = set->kind.binary ? &codec_mc_binary : engine_codec(up->pool);
	TAILQ_INIT(&up->fifo);
}

/* A deadline runs from the oldest call's queueing, or from the reply before it, so that a node that
 * has much to do but goes on answering is not taken for a dead one. One timer does for all calls of
 * a connection; it is not moved for each, but looks again when it fires. */
static void watch_deadline(struct upstream *up)
{
	if (up->timer_runs || up->state != UPSTREAM_READY)
		return;
	up->timer_runs = true;
	timer_start(up->timer, up->pool->settings.request_ms);
}

/* The first question on a connection is the proxy's own: it is not counted. */
static bool is_request(const struct call *call)
{
	return call->request != NULL;
}

/* What became of a request. */
static void count_result(struct upstream *up, const struct call *call, enum call_result result)
{
	if (!is_request(call))
		return;
	stat_add(&up->stats->in_flight, (uint64_t)-1);
	stat_add(&up->stats->results[result], 1);
}

void upstream_send(struct upstream *up, struct call *call)
{
	struct chain *out = stream_out(up->stream);

	call->queued_us = loop_now_us(up->engine->loop);
	call->sent_us = 0;
	call->begin = up->queued;
	up->queued += call->bytes.bytes;
	call->end = up->queued;
	call->attempts++;
	TAILQ_INSERT_TAIL(&up->fifo, call, fifo);
	if (up->unsent == NULL)
		up->unsent = call;
	chain_share(&up->engine->chunks, out, &call->bytes);
	stream_flush_soon(up->stream);
	if (is_request(call)) {
		stat_add(&up->stats->requests, 1);
		stat_add(&up->stats->in_flight, 1);
	}
	watch_deadline(up);
}

/* Once written, only what may be sent again is kept: short reads. */
static void let_go_of_bytes(struct engine *engine, struct call *call)
{
	if (unlikely(call->keeps_bytes))
		return;
	if (!call->reads || call->bytes.bytes > DETACH_MAX)
		chain_clear(&engine->chunks, &call->bytes);
	else if (unlikely(chunk_pool_is_pressed(&engine->chunks)))
		chain_detach(&engine->chunks, &call->bytes);
}

/* Note which calls are wholly written now. */
static void on_written(void *owner)
{
	struct upstream *up = owner;
	uint64_t written = stream_written(up->stream);
	uint64_t now = loop_now_us(up->engine->loop);

	stat_add(&up->stats->bytes_out, written - up->counted);
	up->counted = written;
	while (up->unsent != NULL && up->unsent->end <= written) {
		struct call *call = up->unsent;

		call->sent_us = now;
		if (is_request(call))
			histogram_add(&up->stats->queue_us, now - call->queued_us);
		let_go_of_bytes(up->engine, call);
		up->unsent = TAILQ_NEXT(call, fifo);
	}
}

/* A reply that nobody waits for, before the call's own. Of a connection's first questions the first
 * that is refused stands for all of them. */
static bool drop_reply(struct upstream *up, struct call *call)
{
	if (!is_request(call) && call == &up->hello &&
	    up->codec->is_error(chain_head(&call->reply)))
		return false;
	if (call->keeps_refusal && call->refusal == 0 &&
	    up->codec->is_error(chain_head(&call->reply)))
		call->refusal = (uint32_t)call->reply.bytes;
	chain_drop_tail(&up->engine->chunks, &call->reply, call->reply.bytes - call->refusal);
	up->frame = (struct frame){0};
	call->skipped++;
	return true;
}

static void finish_oldest(struct upstream *up, struct call *call)
{
	uint64_t now = loop_now_us(up->engine->loop);

	if (unlikely(call->skipped < call->skip) && drop_reply(up, call))
		return;

	TAILQ_REMOVE(&up->fifo, call, fifo);
	if (up->unsent == call)
		up->unsent = TAILQ_NEXT(call, fifo);
	if (!call->pieces_taken)
		call->is_error = up->codec->is_error(chain_head(&call->reply));
	call->values = up->frame.values;
	up->frame = (struct frame){0};
	up->replied_us = now;
	count_result(up, call, CALL_REPLY);
	if (call->is_error)
		stat_add(&up->stats->error_replies, 1);
	if (is_request(call))
		histogram_add(&up->stats->upstream_us, now - (call->sent_us ? call->sent_us : now));
	call->done(call, CALL_REPLY);
}

/* A reply is not whole yet: pass on what there is of a long one, and read on in long pieces. */
static void go_on_later(struct upstream *up, struct call *call)
{
	if (up->frame.skip > 0)
		stream_expect(up->stream, up->frame.skip);
	if (call->on_piece != NULL && call->skipped == call->skip &&
	    call->reply.bytes >= REPLY_STREAM_MIN)
		call->on_piece(call);
}

static size_t on_bytes(void *owner, struct chunk *chunk, struct span bytes)
{
	struct upstream *up = owner;
	struct stream *stream = up->stream;
	struct span rest = bytes;

	while (rest.len > 0) {
		struct call *call = TAILQ_FIRST(&up->fifo);
		size_t took = 0;

		/* Nothing was asked, or not yet: whatever this answers, it is not ours. */
		if (call == NULL || call->begin >= stream_written(stream)) {
			connset_on_broken(up, CALL_GARBAGE, 0);
			return bytes.len;
		}
		up->frame.until_barrier = call->barrier;
		enum frame_result result = up->codec->scan(&up->frame, rest, &took);
		chain_append(&up->engine->chunks, &call->reply, chunk, span_make(rest.p, took));
		rest = span_skip(rest, took);
		if (result == FRAME_DONE) {
			finish_oldest(up, call);
			if (up->stream != stream)
				return bytes.len;
			continue;
		}
		if (result == FRAME_BAD) {
			connset_on_broken(up, CALL_GARBAGE, 0);
			return bytes.len;
		}
		go_on_later(up, call);
		break;
	}
	stat_add(&up->stats->bytes_in, bytes.len - rest.len);
	if (unlikely(chunk_pool_is_full(&up->engine->chunks)))
		up->engine->relieve(up->engine->relieve_arg);
	return bytes.len - rest.len;
}

static void on_end(void *owner, int err)
{
	connset_on_broken(owner, CALL_LOST, err);
}

static void on_connected(void *owner, int err)
{
	connset_on_connected(owner, err);
}

const struct stream_events upstream_stream_events = {
	.on_connected = on_connected,
	.on_bytes = on_bytes,
	.on_written = on_written,
	.on_end = on_end,
};

void upstream_drop(struct upstream *up, enum call_result result)
{
	struct call_queue failed = TAILQ_HEAD_INITIALIZER(failed);
	uint64_t written = stream_written(up->stream);
	struct call *call;

	stream_close(up->stream);
	up->stream = NULL;
	up->unsent = NULL;
	up->queued = up->counted = 0;
	up->frame = (struct frame){0};
	TAILQ_CONCAT(&failed, &up->fifo, fifo);
	while ((call = TAILQ_FIRST(&failed)) != NULL) {
		enum call_result its = call->begin >= written ? CALL_NOT_SENT : result;

		TAILQ_REMOVE(&failed, call, fifo);
		count_result(up, call, its);
		if (its == result && !call->waits)
			result = CALL_LOST;
		call->done(call, its);
	}
}
