#include "io/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/loop_uv.h"

struct timer {
	uv_timer_t uv;
	void (*on_fire)(void *arg);
	void *arg;
};

static void *must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	return p;
}

static void run_deferred(struct loop *loop)
{
	struct deferred *next = loop->deferred;

	loop->deferred = NULL;
	loop->deferred_end = &loop->deferred;
	while (next != NULL) {
		struct deferred *deferred = next;

		next = deferred->next;
		deferred->run(deferred);
	}
}

static void on_spin(uv_idle_t *spin)
{
	(void)spin; /* an active idle handle is what keeps the poll from waiting */
}

/* Only those resumed so far: one that is resumed again meanwhile waits a turn. */
static void deliver_again(struct loop *loop)
{
	for (uint32_t n = loop->n_again; n > 0 && !TAILQ_EMPTY(&loop->again); n--) {
		struct stream *stream = TAILQ_FIRST(&loop->again);

		TAILQ_REMOVE(&loop->again, stream, again_link);
		stream->is_again = false;
		loop->n_again--;
		stream_deliver_again(stream);
	}
}

static void flush_all(struct stream_list *dirty)
{
	struct stream *stream;

	while ((stream = TAILQ_FIRST(dirty)) != NULL) {
		TAILQ_REMOVE(dirty, stream, dirty_link);
		stream->is_dirty = false;
		stream_flush(stream);
	}
}

static bool has_work(const struct loop *loop)
{
	return !TAILQ_EMPTY(&loop->dirty[STREAM_SERVER]) ||
	       !TAILQ_EMPTY(&loop->dirty[STREAM_CLIENT]) || loop->deferred != NULL;
}

static void on_turn_end(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;

	deliver_again(loop);
	while (has_work(loop)) {
		flush_all(&loop->dirty[STREAM_SERVER]);
		flush_all(&loop->dirty[STREAM_CLIENT]);
		run_deferred(loop);
	}
	if (TAILQ_EMPTY(&loop->again))
		uv_idle_stop(&loop->spin);
	else
		uv_idle_start(&loop->spin, on_spin);
	loop->now_us = 0;
}

static void on_stop(uv_async_t *stop)
{
	struct loop *loop = stop->data;

	if (loop->stopping)
		return;
	loop->stopping = true;
	uv_close((uv_handle_t *)&loop->stop, NULL);
	uv_stop(&loop->uv); /* this turn still ends as every turn does */
}

struct loop *loop_new(struct chunk_pool *pool)
{
	struct loop *loop = must_alloc(sizeof(*loop));

	if (uv_loop_init(&loop->uv) != 0) {
		fputs("slipring: cannot make an event loop\n", stderr);
		abort();
	}
	loop->pool = pool;
	TAILQ_INIT(&loop->dirty[STREAM_SERVER]);
	TAILQ_INIT(&loop->dirty[STREAM_CLIENT]);
	TAILQ_INIT(&loop->again);
	loop->deferred_end = &loop->deferred;
	uv_prepare_init(&loop->uv, &loop->at_end);
	uv_prepare_start(&loop->at_end, on_turn_end);
	uv_idle_init(&loop->uv, &loop->spin);
	uv_async_init(&loop->uv, &loop->stop, on_stop);
	loop->at_end.data = loop->stop.data = loop;
	return loop;
}

struct chunk_pool *loop_chunks(struct loop *loop)
{
	return loop->pool;
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_run_out(struct loop *loop)
{
	on_turn_end(&loop->at_end);
	if (!loop->stopping)
		uv_close((uv_handle_t *)&loop->stop, NULL);
	uv_close((uv_handle_t *)&loop->at_end, NULL);
	uv_close((uv_handle_t *)&loop->spin, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	run_deferred(loop);
}

void loop_stop(struct loop *loop)
{
	uv_async_send(&loop->stop);
}

void loop_free(struct loop *loop)
{
	if (uv_loop_close(&loop->uv) != 0)
		fputs("slipring: an event loop was freed with open handles\n", stderr);
	free(loop);
}

uint64_t loop_now_us(struct loop *loop)
{
	if (loop->now_us == 0)
		loop->now_us = uv_hrtime() / 1000;
	return loop->now_us;
}

uint64_t loop_real_ms(struct loop *loop)
{
	struct timespec now;

	(void)loop; /* its time is none that a node would know */
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
	deferred->next = NULL;
	*loop->deferred_end = deferred;
	loop->deferred_end = &deferred->next;
}

static void on_timer(uv_timer_t *uv)
{
	struct timer *timer = uv->data;

	timer->on_fire(timer->arg);
}

struct timer *timer_new(struct loop *loop, void (*on_fire)(void *arg), void *arg)
{
	struct timer *timer = must_alloc(sizeof(*timer));

	uv_timer_init(&loop->uv, &timer->uv);
	timer->uv.data = timer;
	timer->on_fire = on_fire;
	timer->arg = arg;
	return timer;
}

void timer_start(struct timer *timer, uint64_t ms)
{
	/* libuv counts from the time it last woke: a long turn would make the timer early. */
	uv_update_time(timer->uv.loop);
	uv_timer_start(&timer->uv, on_timer, ms, 0);
}

void timer_stop(struct timer *timer)
{
	uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void timer_free(struct timer *timer)
{
	if (timer != NULL)
		uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}
