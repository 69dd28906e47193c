#include "core/reconnect.h"

#include <errno.h>

#include "base/log.h"
#include "core/connset.h"
#include "core/handshake.h"
#include "core/limits.h"
#include "core/replicas.h"

#define LASTED_US 1000000 /* a connection that broke sooner counts as a failed attempt */

void reconnect_set_state(struct upstream *up, enum upstream_state state)
{
	static const int shown[] = {
		[UPSTREAM_WAITING] = ENDPOINT_DOWN,
		[UPSTREAM_CONNECTING] = ENDPOINT_CONNECTING,
		[UPSTREAM_READY] = ENDPOINT_UP,
		[UPSTREAM_SHUT] = ENDPOINT_DOWN,
	};

	up->state = state;
	up->timer_runs = false;
	/* Only what most calls take says how the endpoint is. */
	if (!connset_is_usual(up->set) || up->is_leased)
		return;
	/* While attempts fail it stays shown as down, rather than flicker. */
	if (state != UPSTREAM_CONNECTING || up->failures == 0)
		atomic_store_explicit(&up->stats->state, shown[state], memory_order_relaxed);
}

static void note_fault(struct upstream *up, int fault)
{
	atomic_store_explicit(&up->stats->last_error, fault, memory_order_relaxed);
}

/* Once its name stands for something it is another endpoint, with other connections; one that is barred
 * is told when it no longer is. */
static void wait_idle(struct upstream *up)
{
	const struct endpoint *endpoint = up->endpoint;

	up->failures = 1;
	note_fault(up, endpoint->is_barred    ? FAULT_BARRED
		       : endpoint->is_unknown ? FAULT_UNKNOWN
					      : FAULT_UNRESOLVED);
	reconnect_set_state(up, UPSTREAM_WAITING);
}

static void hello_done(struct call *call, enum call_result result);

void reconnect_begin(struct upstream *up)
{
	const struct address *address = &up->endpoint->address;
	struct engine *engine = up->engine;

	if (unlikely(up->endpoint->is_unresolved || up->endpoint->is_barred)) {
		wait_idle(up);
		return;
	}
	reconnect_set_state(up, UPSTREAM_CONNECTING);
	up->stream = stream_connect(engine->loop, endpoint_host(up->endpoint, up->attempts),
				    address->port, up->attempts, &upstream_stream_events, up);
	up->attempts++;
	call_init(&up->hello, NULL, true);
	up->hello.done = hello_done;
	up->hello.skip = handshake_write(engine, up->pool, up->set->kind, &up->hello.bytes) - 1;
	upstream_send(up, &up->hello);
	timer_start(up->timer, up->pool->settings.connect_ms);
}

/* Half of the wait is fixed and half random. */
uint64_t reconnect_backoff_ms(struct engine *engine, uint32_t failures)
{
	uint64_t wait = BACKOFF_FIRST_MS;

	for (uint32_t i = 1; i < failures && wait < BACKOFF_LAST_MS; i++)
		wait *= 2;
	if (wait > BACKOFF_LAST_MS)
		wait = BACKOFF_LAST_MS;
	return wait / 2 + rng_below(&engine->rng, wait / 2 + 1);
}

/* A leased connection is not made again: whoever holds it decides what then. */
static void lease_lost(struct upstream *up, int fault, enum call_result result)
{
	struct lease_owner *owner = up->owner;

	note_fault(up, fault);
	stat_add(&up->stats->connect_failures, 1);
	connset_unlist(up);
	if (owner != NULL)
		owner->on_lost(owner, up);
	if (up->stream != NULL)
		upstream_drop(up, result);
}

/* An attempt failed, or a connection did not last: wait before the next. */
static void fail(struct upstream *up, int fault, enum call_result result)
{
	static struct log_site site;
	char why[CONNSET_WHY_MAX];

	if (up->is_leased) {
		lease_lost(up, fault, result);
		return;
	}
	note_fault(up, fault);
	replicas_lost(up->engine, up->endpoint);
	engine_suspect(up->engine, up->endpoint);
	stat_add(&up->stats->connect_failures, 1);
	if (up->failures++ == 0)
		log_limited(&site, LOG_LEVEL_WARN, "pool %s: shard %s: %s", up->pool->name,
			    up->endpoint->shard->name,
			    connset_fault_text(fault, up->endpoint, why));
	reconnect_set_state(up, UPSTREAM_WAITING);
	timer_start(up->timer, reconnect_backoff_ms(up->engine, up->failures));
	upstream_drop(up, result);
}

/* A connection that had lasted broke: try again at once, letting calls queue. */
static void lose(struct upstream *up, int fault, enum call_result result)
{
	static struct log_site site;
	char why[CONNSET_WHY_MAX];
	struct upstream broken;

	note_fault(up, fault);
	replicas_lost(up->engine, up->endpoint);
	engine_suspect(up->engine, up->endpoint);
	log_limited(&site, LOG_LEVEL_WARN, "pool %s: shard %s: connection lost: %s; reconnecting",
		    up->pool->name, up->endpoint->shard->name,
		    connset_fault_text(fault, up->endpoint, why));
	broken = *up;
	/* The calls that fail may be sent again at once, so the new connection comes first. */
	TAILQ_INIT(&broken.fifo);
	TAILQ_CONCAT(&broken.fifo, &up->fifo, fifo);
	up->stream = NULL;
	up->unsent = NULL;
	up->queued = up->counted = 0;
	up->frame = (struct frame){0};
	reconnect_begin(up);
	upstream_drop(&broken, result);
}

void connset_on_connected(struct upstream *up, int err)
{
	if (err != 0)
		fail(up, err, CALL_NOT_SENT);
}

int reconnect_fault(enum call_result result, int err)
{
	if (result == CALL_GARBAGE)
		return FAULT_GARBAGE;
	if (result == CALL_TIMEOUT)
		return FAULT_REQUEST_TIMEOUT;
	if (err == STREAM_EOF)
		return FAULT_CLOSED;
	return err == -ECONNRESET || err == -EPIPE ? FAULT_RESET : err;
}

void connset_on_broken(struct upstream *up, enum call_result result, int err)
{
	uint64_t now = loop_now_us(up->engine->loop);
	int fault = reconnect_fault(result, err);

	if (up->is_leased)
		lease_lost(up, fault, result);
	else if (up->state == UPSTREAM_READY && now - up->ready_us >= LASTED_US)
		lose(up, fault, result);
	else
		fail(up, fault, result);
}

static void hello_done(struct call *call, enum call_result result)
{
	struct upstream *up = container_of(call, struct upstream, hello);
	bool is_error = call->is_error;
	int fault =
		result == CALL_REPLY && is_error ? handshake_fault(chain_head(&call->reply)) : 0;

	call_fini(up->engine, call);
	if (result != CALL_REPLY)
		return; /* whoever dropped the connection sees to the rest */
	if (is_error) {
		fail(up, fault, CALL_NOT_SENT);
		return;
	}
	if (up->failures > 0)
		log_write(LOG_LEVEL_INFO, "pool %s: shard %s: %s is back", up->pool->name,
			  up->endpoint->shard->name, up->endpoint->text);
	up->failures = 0;
	up->ready_us = loop_now_us(up->engine->loop);
	stat_add(&up->stats->connects, 1);
	reconnect_set_state(up, UPSTREAM_READY);
	up->timer_runs = true; /* calls queued while connecting have their time from now on */
	timer_start(up->timer, up->pool->settings.request_ms);
}

/* Has the oldest call run out of time? If not, when will it? */
static void check_deadline(struct upstream *up)
{
	const struct call *oldest = TAILQ_FIRST(&up->fifo);
	uint64_t limit_us = (uint64_t)up->pool->settings.request_ms * 1000;

	up->timer_runs = false;
	/* A probe may be before those that have a limit. */
	while (oldest != NULL && oldest->waits)
		oldest = TAILQ_NEXT(oldest, fifo);
	if (oldest == NULL)
		return;
	uint64_t since = oldest->queued_us > up->replied_us ? oldest->queued_us : up->replied_us;
	uint64_t age_us = loop_now_us(up->engine->loop) - since;
	if (age_us >= limit_us) {
		connset_on_broken(up, CALL_TIMEOUT, 0);
		return;
	}
	up->timer_runs = true;
	timer_start(up->timer, (limit_us - age_us) / 1000 + 1);
}

void reconnect_on_timer(void *arg)
{
	struct upstream *up = arg;

	switch (up->state) {
	case UPSTREAM_WAITING:
		reconnect_begin(up);
		break;
	case UPSTREAM_CONNECTING:
		fail(up, stream_written(up->stream) > 0 ? FAULT_NO_ANSWER : FAULT_CONNECT_TIMEOUT,
		     CALL_NOT_SENT);
		break;
	case UPSTREAM_READY:
		check_deadline(up);
		break;
	case UPSTREAM_SHUT:
		break;
	}
}

void reconnect_stalled(struct upstream *up)
{
	fail(up, FAULT_STALLED, CALL_LOST);
}

void reconnect_hurry(struct upstream *up)
{
	up->failures = 0;
	if (up->state == UPSTREAM_WAITING)
		reconnect_begin(up);
}

void reconnect_bar(struct upstream *up)
{
	timer_stop(up->timer);
	wait_idle(up);
	if (up->stream != NULL)
		upstream_drop(up, CALL_LOST);
}
