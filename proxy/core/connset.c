#include "core/connset.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/limits.h"
#include "core/reconnect.h"
#include "core/request.h"

static const char *const fault_texts[] = {
	[FAULT_CONNECT_TIMEOUT] = "connect to %s: timed out",
	[FAULT_NO_ANSWER] = "%s accepts connections but does not answer",
	[FAULT_ERROR_ANSWER] = "%s answers its first question with an error",
	[FAULT_PASSWORD] = "%s refuses the user or password (set 'credentials')",
	[FAULT_LOADING] = "%s is loading its data",
	[FAULT_DATABASE] = "%s has no such database",
	[FAULT_PROTOCOL] = "%s does not speak RESP3",
	[FAULT_NO_SASL] = "%s knows no SASL, by which binary connections log in (memcached -S)",
	[FAULT_GARBAGE] = "%s answers out of protocol",
	[FAULT_CLOSED] = "%s closed the connection",
	[FAULT_RESET] = "%s reset the connection",
	[FAULT_REQUEST_TIMEOUT] = "%s did not answer in time",
	[FAULT_STALLED] = "%s did not answer a probe in time",
	[FAULT_UNRESOLVED] = "%s: its name is not resolved",
	[FAULT_UNKNOWN] = "no node of it is known yet (%s)",
	[FAULT_BARRED] = "%s is down, or not flushed yet since it was",
};

const char *connset_fault_text(int fault, const struct endpoint *endpoint,
			       char out[CONNSET_WHY_MAX])
{
	if (fault < 0)
		snprintf(out, CONNSET_WHY_MAX, "connect to %s: %s", endpoint->text,
			 stream_error_text(fault));
	else if (fault > 0)
		snprintf(out, CONNSET_WHY_MAX, fault_texts[fault], endpoint->text);
	else
		snprintf(out, CONNSET_WHY_MAX, "%s: connecting", endpoint->text);
	return out;
}

const char *connset_why(struct engine *engine, const struct endpoint *endpoint,
			char out[CONNSET_WHY_MAX])
{
	const struct endpoint_stats *stats = engine->stats->endpoints[endpoint->id];

	return connset_fault_text(atomic_load_explicit(&stats->last_error, memory_order_relaxed),
				  endpoint, out);
}

static bool is_kind(const struct connset *set, struct conn_kind kind)
{
	return memcmp(&set->kind, &kind, sizeof(kind)) == 0;
}

bool connset_is_usual(const struct connset *set)
{
	return is_kind(set, engine_usual_kind(set->endpoint->pool));
}

static void init_set(struct connset *set, struct engine *engine, const struct endpoint *endpoint,
		     struct conn_kind kind)
{
	set->engine = engine;
	set->endpoint = endpoint;
	set->kind = kind;
	set->n = endpoint->pool->settings.connections;
	set->upstreams = alloc_zeroed(set->n, sizeof(*set->upstreams));
	TAILQ_INIT(&set->leases);
}

/* Its shared connections, which a set that only leases has not. */
static void connect_all(struct connset *set)
{
	for (uint32_t i = 0; i < set->n; i++) {
		struct upstream *up = &set->upstreams[i];

		upstream_init(up, set->engine, set);
		up->timer = timer_new(set->engine->loop, reconnect_on_timer, up);
		reconnect_begin(up);
	}
}

void connset_init(struct connset *set, struct engine *engine, const struct endpoint *endpoint)
{
	init_set(set, engine, endpoint, engine_usual_kind(endpoint->pool));
	connect_all(set);
}

static void adopt(struct upstream *up, const struct endpoint *endpoint)
{
	up->endpoint = endpoint;
	up->pool = endpoint->pool;
}

/* Does nobody use it for the time being? */
static bool is_off(const struct endpoint *endpoint)
{
	return endpoint->is_barred || endpoint->shard->is_away;
}

/* Whether to connect depends on something else now: do it at once, or not any longer. */
static void follow(struct connset *set, bool connects)
{
	for (uint32_t i = 0; i < set->n; i++) {
		struct upstream *up = &set->upstreams[i];

		if (up->engine != NULL && connects)
			reconnect_hurry(up);
		else if (up->engine != NULL)
			reconnect_bar(up);
	}
}

void connset_adopt(struct connset *first, const struct endpoint *endpoint)
{
	const struct endpoint *before = first->endpoint;

	for (struct connset *set = first; set != NULL; set = set->next) {
		struct upstream *lease;

		set->endpoint = endpoint;
		for (uint32_t i = 0; i < set->n; i++)
			adopt(&set->upstreams[i], endpoint);
		TAILQ_FOREACH (lease, &set->leases, leases)
			adopt(lease, endpoint);
		if (endpoint->is_barred != before->is_barred ||
		    (is_off(before) && !is_off(endpoint)))
			follow(set, !endpoint->is_barred);
	}
}

/* The set of another kind, made at its first use. */
static struct connset *set_of(struct engine *engine, const struct endpoint *endpoint,
			      struct conn_kind kind)
{
	struct connset *set = engine->connsets[endpoint->id];

	while (!is_kind(set, kind) && set->next != NULL)
		set = set->next;
	if (is_kind(set, kind))
		return set;
	set->next = alloc_zeroed(1, sizeof(*set->next));
	init_set(set->next, engine, endpoint, kind);
	return set->next;
}

static void shut(struct upstream *up)
{
	reconnect_set_state(up, UPSTREAM_SHUT);
	timer_free(up->timer);
	up->timer = NULL;
	if (up->stream != NULL)
		upstream_drop(up, CALL_LOST);
}

void connset_shut(struct connset *first)
{
	for (struct connset *set = first; set != NULL; set = set->next) {
		while (!TAILQ_EMPTY(&set->leases))
			lease_drop(TAILQ_FIRST(&set->leases));
		for (uint32_t i = 0; i < set->n; i++)
			if (set->upstreams[i].engine != NULL)
				shut(&set->upstreams[i]);
	}
}

void connset_fini(struct connset *first)
{
	struct connset *next = first->next;

	free(first->upstreams);
	while (next != NULL) {
		struct connset *set = next;

		next = set->next;
		free(set->upstreams);
		free(set);
	}
}

static void refuse(struct engine *engine, struct call *call)
{
	struct endpoint_stats *stats = engine->stats->endpoints[call->endpoint->id];

	stat_add(&stats->requests, 1);
	stat_add(&stats->results[CALL_DOWN], 1);
	call->attempts++;
	call->done(call, CALL_DOWN);
}

static bool takes_calls(const struct upstream *up)
{
	return likely(up->state == UPSTREAM_READY) ||
	       (up->state == UPSTREAM_CONNECTING && up->failures == 0);
}

void connset_send(struct engine *engine, uint64_t client_id, struct call *call)
{
	struct connset *set = engine->connsets[call->endpoint->id];

	/* One that is sent again knows nothing of what was answered before. */
	call->skipped = 0;
	call->refusal = 0;
	call->is_error = false;
	if (unlikely(call->lease != NULL)) {
		upstream_send(call->lease, call);
		return;
	}
	if (unlikely(!is_kind(set, call->request->kind))) {
		set = set_of(engine, call->endpoint, call->request->kind);
		if (set->upstreams[0].engine == NULL)
			connect_all(set);
	}
	assert(set->n > 0);
	struct upstream *up = &set->upstreams[connset_place(engine, set->n, client_id)];

	if (likely(takes_calls(up)))
		upstream_send(up, call);
	else
		refuse(engine, call);
}

/* ------------------------------------------------------------------ leases */

static void free_lease(struct deferred *deferred)
{
	free(container_of(deferred, struct upstream, freeing));
}

void connset_unlist(struct upstream *up)
{
	struct connset *set = up->set;

	reconnect_set_state(up, UPSTREAM_SHUT);
	TAILQ_REMOVE(&set->leases, up, leases);
	if (up->is_idle)
		set->n_idle--;
	else
		set->n_held--;
	timer_free(up->timer);
	up->timer = NULL;
	up->owner = NULL;
	loop_defer(up->engine->loop, &up->freeing);
}

/* Idle ones stand at the head. */
static struct upstream *idle_of(struct connset *set)
{
	struct upstream *up = TAILQ_FIRST(&set->leases);

	if (up == NULL || !up->is_idle)
		return NULL;
	up->is_idle = false;
	set->n_idle--;
	TAILQ_REMOVE(&set->leases, up, leases);
	return up;
}

static struct upstream *new_lease(struct connset *set)
{
	struct upstream *up = alloc_zeroed(1, sizeof(*up));

	upstream_init(up, set->engine, set);
	up->is_leased = true;
	up->freeing.run = free_lease;
	up->timer = timer_new(set->engine->loop, reconnect_on_timer, up);
	reconnect_begin(up);
	return up;
}

static uint32_t held_of(const struct connset *set)
{
	uint32_t held = 0;

	for (; set != NULL; set = set->next)
		held += set->n_held;
	return held;
}

struct upstream *lease_take(struct engine *engine, const struct endpoint *endpoint,
			    struct conn_kind kind, struct lease_owner *owner,
			    enum call_result *result)
{
	struct connset *first = engine->connsets[endpoint->id];

	*result = CALL_DOWN;
	if (!takes_calls(&first->upstreams[0]))
		return NULL;
	*result = CALL_NO_LEASE;
	if (held_of(first) >= endpoint->pool->settings.leases)
		return NULL;
	struct connset *set = set_of(engine, endpoint, kind);
	struct upstream *up = idle_of(set);
	if (up == NULL)
		up = new_lease(set);
	up->owner = owner;
	TAILQ_INSERT_TAIL(&set->leases, up, leases);
	set->n_held++;
	return up;
}

void lease_return(struct upstream *up)
{
	struct connset *set = up->set;

	if (up->state != UPSTREAM_READY || !TAILQ_EMPTY(&up->fifo) || set->n_idle >= LEASES_IDLE) {
		lease_drop(up);
		return;
	}
	up->owner = NULL;
	up->is_idle = true;
	set->n_held--;
	set->n_idle++;
	TAILQ_REMOVE(&set->leases, up, leases);
	TAILQ_INSERT_HEAD(&set->leases, up, leases);
}

void lease_drop(struct upstream *up)
{
	connset_unlist(up);
	if (up->stream != NULL)
		upstream_drop(up, CALL_LOST);
}

/* ------------------------------------------------------------------ health */

bool connset_probe(struct engine *engine, struct call *call)
{
	struct upstream *up = &engine->connsets[call->endpoint->id]->upstreams[0];

	if (up->state != UPSTREAM_READY)
		return false;
	upstream_send(up, call);
	return true;
}

bool connset_is_up(const struct engine *engine, const struct endpoint *endpoint)
{
	return engine->connsets[endpoint->id]->upstreams[0].state == UPSTREAM_READY;
}

void connset_stalled(struct engine *engine, const struct endpoint *endpoint)
{
	for (struct connset *set = engine->connsets[endpoint->id]; set != NULL; set = set->next)
		for (uint32_t i = 0; i < set->n; i++)
			if (set->upstreams[i].engine != NULL &&
			    set->upstreams[i].state == UPSTREAM_READY)
				reconnect_stalled(&set->upstreams[i]);
}
