#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "fake_inside.h"

#define TURNS_MAX 100000 /* a test that does not settle by then never will */

struct timer {
	TAILQ_ENTRY(timer) link;
	struct loop *loop;
	void (*on_fire)(void *arg);
	void *arg;
	uint64_t due_us;
	bool runs, freed;
};

struct loop *loop_new(struct chunk_pool *pool)
{
	struct loop *loop = alloc_zeroed(1, sizeof(*loop));

	loop->now_us = FAKE_START_US;
	loop->pool = pool;
	TAILQ_INIT(&loop->streams);
	TAILQ_INIT(&loop->dirty[STREAM_SERVER]);
	TAILQ_INIT(&loop->dirty[STREAM_CLIENT]);
	TAILQ_INIT(&loop->again);
	TAILQ_INIT(&loop->timers);
	TAILQ_INIT(&loop->peers);
	loop->deferred_end = &loop->deferred;
	return loop;
}

struct chunk_pool *loop_chunks(struct loop *loop)
{
	return loop->pool;
}

uint64_t loop_now_us(struct loop *loop)
{
	return loop->now_us;
}

uint64_t loop_real_ms(struct loop *loop)
{
	return FAKE_REAL_MS + (loop->now_us - FAKE_START_US) / 1000;
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
	deferred->next = NULL;
	*loop->deferred_end = deferred;
	loop->deferred_end = &deferred->next;
}

/* ------------------------------------------------------------------ timers */

struct timer *timer_new(struct loop *loop, void (*on_fire)(void *arg), void *arg)
{
	struct timer *timer = alloc_zeroed(1, sizeof(*timer));

	timer->loop = loop;
	timer->on_fire = on_fire;
	timer->arg = arg;
	TAILQ_INSERT_TAIL(&loop->timers, timer, link);
	return timer;
}

void timer_start(struct timer *timer, uint64_t ms)
{
	assert(!timer->freed);
	timer->due_us = timer->loop->now_us + ms * 1000;
	timer->runs = true;
}

void timer_stop(struct timer *timer)
{
	assert(!timer->freed);
	timer->runs = false;
}

void timer_free(struct timer *timer)
{
	if (timer == NULL)
		return;
	assert(!timer->freed);
	timer->freed = true;
	timer->runs = false;
}

/* The running timer that is due first, of those due by `until_us`; or NULL. */
static struct timer *next_due(struct loop *loop, uint64_t until_us)
{
	struct timer *timer, *first = NULL;

	TAILQ_FOREACH (timer, &loop->timers, link) {
		if (timer->runs && timer->due_us <= until_us &&
		    (first == NULL || timer->due_us < first->due_us))
			first = timer;
	}
	return first;
}

/* ------------------------------------------------------------------ turns */

static void deliver_again(struct loop *loop)
{
	for (uint32_t n = loop->n_again; n > 0 && !TAILQ_EMPTY(&loop->again); n--) {
		struct stream *stream = TAILQ_FIRST(&loop->again);

		TAILQ_REMOVE(&loop->again, stream, again_link);
		stream->is_again = false;
		loop->n_again--;
		loop->progress = true;
		fake_stream_deliver_again(stream);
	}
}

static void flush_all(struct stream_list *dirty)
{
	struct stream *stream;

	while ((stream = TAILQ_FIRST(dirty)) != NULL) {
		TAILQ_REMOVE(dirty, stream, dirty_link);
		stream->is_dirty = false;
		fake_stream_flush(stream);
	}
}

static void run_deferred(struct loop *loop)
{
	struct deferred *next = loop->deferred;

	loop->deferred = NULL;
	loop->deferred_end = &loop->deferred;
	while (next != NULL) {
		struct deferred *deferred = next;

		next = deferred->next;
		loop->progress = true;
		deferred->run(deferred);
	}
}

/* What was closed in this turn goes now, as with libuv: after everything that might look at it. */
static void free_closed(struct loop *loop)
{
	struct stream *stream, *next_stream;
	struct timer *timer, *next_timer;

	for (stream = TAILQ_FIRST(&loop->streams); stream != NULL; stream = next_stream) {
		next_stream = TAILQ_NEXT(stream, link);
		if (!stream->closing)
			continue;
		TAILQ_REMOVE(&loop->streams, stream, link);
		free(stream);
	}
	for (timer = TAILQ_FIRST(&loop->timers); timer != NULL; timer = next_timer) {
		next_timer = TAILQ_NEXT(timer, link);
		if (!timer->freed)
			continue;
		TAILQ_REMOVE(&loop->timers, timer, link);
		free(timer);
	}
}

static bool has_work(const struct loop *loop)
{
	return !TAILQ_EMPTY(&loop->dirty[STREAM_SERVER]) ||
	       !TAILQ_EMPTY(&loop->dirty[STREAM_CLIENT]) || loop->deferred != NULL;
}

static void end_turn(struct loop *loop)
{
	deliver_again(loop);
	while (has_work(loop)) {
		flush_all(&loop->dirty[STREAM_SERVER]);
		flush_all(&loop->dirty[STREAM_CLIENT]);
		run_deferred(loop);
	}
	free_closed(loop);
}

bool fake_turn(struct loop *loop)
{
	struct stream *stream;

	loop->progress = false;
	TAILQ_FOREACH (stream, &loop->streams, link)
		fake_stream_poll(stream);
	end_turn(loop);
	return loop->progress;
}

void fake_settle(struct loop *loop)
{
	int turns = 0;

	while (fake_turn(loop))
		assert(++turns < TURNS_MAX);
}

void fake_advance_ms(struct loop *loop, uint64_t ms)
{
	uint64_t until_us = loop->now_us + ms * 1000;
	struct timer *timer;

	fake_settle(loop);
	while ((timer = next_due(loop, until_us)) != NULL) {
		loop->now_us = timer->due_us;
		timer->runs = false;
		timer->on_fire(timer->arg);
		fake_settle(loop);
	}
	loop->now_us = until_us;
}

/* ------------------------------------------------------------------ the end */

void loop_run_out(struct loop *loop)
{
	struct stream *stream;

	end_turn(loop);
	TAILQ_FOREACH (stream, &loop->streams, link)
		assert(stream->closing);
	free_closed(loop);
}

void loop_free(struct loop *loop)
{
	struct fake_peer *peer;

	assert(TAILQ_EMPTY(&loop->streams));
	assert(TAILQ_EMPTY(&loop->timers));
	assert(loop->deferred == NULL);
	while ((peer = TAILQ_FIRST(&loop->peers)) != NULL) {
		TAILQ_REMOVE(&loop->peers, peer, link);
		fake_peer_free(peer);
	}
	free(loop);
}
