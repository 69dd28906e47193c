#include "core/hold.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "core/connset.h"

#define TICK_MS 10 /* between looks at what waits */
#define AGAIN_US                                                                                   \
	200000 /* before a node that refused is asked again, though nothing is known to change */
#define ALONE_US   20000  /* before one that waits for its slot is sent again */
#define SUSPECT_US 100000 /* between reports of one wait */

struct hold {
	struct engine *engine;
	struct call_queue waiting;
	struct timer *timer;
	uint32_t n;
	uint32_t *n_by_id;    /* of them, by the id of the node that each would go to */
	uint32_t *blocked_by; /* by id: the number of the look that put one back */
	uint32_t n_ids, look;
	uint64_t suspected_us;
};

static void on_tick(void *arg);

static struct hold *hold_of(struct engine *engine)
{
	if (engine->hold == NULL) {
		engine->hold = alloc_zeroed(1, sizeof(*engine->hold));
		engine->hold->engine = engine;
		TAILQ_INIT(&engine->hold->waiting);
		engine->hold->timer = timer_new(engine->loop, on_tick, engine->hold);
	}
	return engine->hold;
}

static void make_room(struct hold *hold)
{
	uint32_t n_ids = hold->engine->n_ids;

	if (n_ids <= hold->n_ids)
		return;
	hold->n_by_id = alloc_resize(hold->n_by_id, n_ids * sizeof(*hold->n_by_id));
	hold->blocked_by = alloc_resize(hold->blocked_by, n_ids * sizeof(*hold->blocked_by));
	memset(hold->n_by_id + hold->n_ids, 0, (n_ids - hold->n_ids) * sizeof(*hold->n_by_id));
	memset(hold->blocked_by + hold->n_ids, 0,
	       (n_ids - hold->n_ids) * sizeof(*hold->blocked_by));
	hold->n_ids = n_ids;
}

bool hold_is_refusal(struct span reply)
{
	static const char *const refusals[] = {
		"-READONLY", "-LOADING", "-MASTERDOWN",
		"-UNBLOCKED force unblock", /* of a blocking command, as its primary is made a replica */
	};

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (span_starts_with(reply, span_of(refusals[i])))
			return true;
	return false;
}

bool hold_is_before(const struct call *call)
{
	const struct hold *hold = call->request->engine->hold;

	return hold != NULL && call->endpoint->id < hold->n_ids &&
	       hold->n_by_id[call->endpoint->id] > 0;
}

/* Tell the control thread, which finds out what has become of the shard. */
static void suspect(struct hold *hold, const struct endpoint *endpoint)
{
	uint64_t now = loop_now_us(hold->engine->loop);

	if (now - hold->suspected_us < SUSPECT_US)
		return;
	hold->suspected_us = now;
	engine_suspect(hold->engine, endpoint);
}

uint32_t hold_limit(const struct engine *engine, const struct pool *pool)
{
	return (pool->settings.hold_requests + engine->n_workers - 1U) / engine->n_workers;
}

static bool may_wait(const struct call *call, enum call_result result)
{
	if (!call->shard->holds || call->has_waited || call->lease != NULL || call->pieces_taken ||
	    call->endpoint->is_replica || chain_is_empty(&call->bytes))
		return false;
	if (result != CALL_DOWN && result != CALL_NOT_SENT && result != CALL_REPLY &&
	    !(result == CALL_LOST && call->reads))
		return false;
	return request_is_wanted(call->request);
}

static bool has_room(const struct engine *engine, const struct pool *pool)
{
	return engine->hold == NULL || engine->hold->n < hold_limit(engine, pool);
}

bool hold_is_full(const struct call *call)
{
	return may_wait(call, CALL_DOWN) && !has_room(call->request->engine, call->endpoint->pool);
}

static void put(struct hold *hold, struct call *call)
{
	TAILQ_INSERT_TAIL(&hold->waiting, call, fifo);
	hold->n_by_id[call->endpoint->id] += !call->waits_alone;
	hold->n++;
}

static void take(struct hold *hold, struct call_queue *queue, struct call *call)
{
	TAILQ_REMOVE(queue, call, fifo);
	hold->n_by_id[call->endpoint->id] -= !call->waits_alone;
	hold->n--;
}

static bool begin(struct call *call, enum call_result result, bool is_alone)
{
	struct engine *engine = call->request->engine;
	struct hold *hold;

	if (engine->is_shut || !may_wait(call, result) || !has_room(engine, call->endpoint->pool))
		return false;
	hold = hold_of(engine);
	make_room(hold);
	call->result = (uint8_t)result;
	call->waits_alone = is_alone;
	call->queued_us = loop_now_us(engine->loop);
	if (call->held_us == 0) {
		call->held_us = call->queued_us;
		stat_add(&engine->stats->counter[STAT_HELD], 1);
	}
	if (hold->n == 0)
		timer_start(hold->timer, TICK_MS);
	put(hold, call);
	suspect(hold, call->endpoint);
	return true;
}

bool hold_take(struct call *call, enum call_result result)
{
	return begin(call, result, false);
}

bool hold_take_alone(struct call *call)
{
	return begin(call, CALL_REPLY, true);
}

/* The shard of that name as the newest topology has it, or NULL. */
static const struct shard *shard_now(const struct engine *engine, const struct call *call)
{
	const struct pool *pool = topology_pool_at(engine->topology, call->endpoint->pool->index);

	return pool != NULL ? pool_shard(pool, call->shard->name) : NULL;
}

static bool is_expired(const struct hold *hold, const struct call *call)
{
	uint64_t limit_us = (uint64_t)call->endpoint->pool->settings.hold_ms * 1000;

	return !request_is_wanted(call->request) ||
	       loop_now_us(hold->engine->loop) - call->held_us >= limit_us;
}

/* Is there somebody to send it to? */
static bool may_go(const struct hold *hold, const struct call *call, const struct shard *shard)
{
	struct engine *engine = hold->engine;

	if (shard == NULL || shard->primary->id != call->endpoint->id)
		return true;
	if (call->waits_alone)
		return loop_now_us(engine->loop) - call->queued_us >= ALONE_US;
	if (hold->blocked_by[call->endpoint->id] == hold->look)
		return false;
	if (!connset_is_up(engine, shard->primary))
		return false;
	return call->result != CALL_REPLY ||
	       loop_now_us(engine->loop) - call->queued_us >= AGAIN_US;
}

/* Its client is told what the node said, if it was the node that refused. */
static void give_up(struct engine *engine, struct call *call)
{
	bool is_refused = call->result == CALL_REPLY && !chain_is_empty(&call->reply);

	call->has_waited = true;
	call->is_error &= is_refused;
	if (!is_refused)
		chain_clear(&engine->chunks, &call->reply);
	if (!is_refused)
		stat_add(&engine->stats->endpoints[call->endpoint->id]->results[CALL_NO_PRIMARY],
			 1);
	call->done(call, is_refused ? CALL_REPLY : CALL_NO_PRIMARY);
}

/* A shard that is gone from the settings has its calls fail where they would have gone. */
static void send(struct engine *engine, struct call *call, const struct shard *shard)
{
	if (shard == NULL) {
		give_up(engine, call);
		return;
	}
	call_point(call, shard, shard->primary);
	chain_clear(&engine->chunks, &call->reply);
	call_send(call);
}

/* Each that waits is looked at once, in order; those put back stand before those that come back. */
static void look(struct hold *hold)
{
	struct call_queue all = TAILQ_HEAD_INITIALIZER(all);
	struct call_queue going = TAILQ_HEAD_INITIALIZER(going);
	struct call *call;

	make_room(hold);
	hold->look++;
	TAILQ_CONCAT(&all, &hold->waiting, fifo);
	while ((call = TAILQ_FIRST(&all)) != NULL) {
		take(hold, &all, call);
		if (is_expired(hold, call) || may_go(hold, call, shard_now(hold->engine, call))) {
			TAILQ_INSERT_TAIL(&going, call, fifo);
			continue;
		}
		if (!call->waits_alone)
			hold->blocked_by[call->endpoint->id] = hold->look;
		put(hold, call);
	}
	while ((call = TAILQ_FIRST(&going)) != NULL) {
		TAILQ_REMOVE(&going, call, fifo);
		if (is_expired(hold, call))
			give_up(hold->engine, call);
		else
			send(hold->engine, call, shard_now(hold->engine, call));
	}
}

static void on_tick(void *arg)
{
	struct hold *hold = arg;

	look(hold);
	if (hold->n == 0)
		return;
	suspect(hold, TAILQ_FIRST(&hold->waiting)->endpoint);
	timer_start(hold->timer, TICK_MS);
}

void hold_adopt(struct engine *engine)
{
	if (engine->hold != NULL && engine->hold->n > 0)
		look(engine->hold);
}

void hold_shut(struct engine *engine)
{
	struct hold *hold = engine->hold;
	struct call *call;

	if (hold == NULL)
		return;
	timer_free(hold->timer);
	hold->timer = NULL;
	while ((call = TAILQ_FIRST(&hold->waiting)) != NULL) {
		take(hold, &hold->waiting, call);
		give_up(engine, call);
	}
}

void hold_fini(struct engine *engine)
{
	if (engine->hold == NULL)
		return;
	free(engine->hold->n_by_id);
	free(engine->hold->blocked_by);
	free(engine->hold);
}
