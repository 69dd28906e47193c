#include "core/reads.h"

#include "core/connset.h"
#include "core/replicas.h"
#include "core/session.h"
#include "core/writes.h"

/* Which replicas are looked among. */
struct choice {
	struct engine *engine;
	const struct shard *shard;
	bool (*is_fit)(const struct engine *engine, const struct endpoint *endpoint);
	bool is_near, by_latency;
};

static bool is_candidate(const struct choice *choice, const struct endpoint *endpoint)
{
	return endpoint->is_near == choice->is_near && connset_is_up(choice->engine, endpoint) &&
	       choice->is_fit(choice->engine, endpoint);
}

/* How likely one is chosen: more, the sooner it answers. The constant keeps the difference between
 * replicas that all answer at once from being made of chance. */
static uint32_t weight_of(const struct choice *choice, const struct endpoint *endpoint)
{
	if (!choice->by_latency)
		return 1;
	return 1 + 1000000 / (50 + choice->engine->replicas[endpoint->id]->latency_us);
}

/* The candidate at `*at` of the weights' sum; past the last NULL, with the sum in *at. */
static const struct endpoint *walk(const struct choice *choice, uint32_t *at)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < choice->shard->n_replicas; i++) {
		const struct endpoint *endpoint = &choice->shard->replicas[i];

		if (!is_candidate(choice, endpoint))
			continue;
		sum += weight_of(choice, endpoint);
		if (*at < sum)
			return endpoint;
	}
	*at = sum;
	return NULL;
}

/* A replica that is fit, one in the proxy's zone if there is any; or NULL. */
static const struct endpoint *choose(struct engine *engine, const struct shard *shard,
				     bool (*is_fit)(const struct engine *, const struct endpoint *))
{
	const struct pool *pool = shard->primary->pool;
	struct choice choice = {engine, shard, is_fit, true,
				pool->settings.replica_choice == CHOICE_LATENCY};

	for (int near = 1; near >= 0; near--) {
		uint32_t at = UINT32_MAX;

		choice.is_near = near;
		(void)walk(&choice, &at);
		if (at == 0)
			continue;
		/* Each shard takes turns by itself: the parts of a split read would go round
		 * together. */
		at = choice.by_latency ? (uint32_t)rng_below(&engine->rng, at)
				       : engine->replicas[shard->primary->id]->turn++ % at;
		return walk(&choice, &at);
	}
	return NULL;
}

/* One that may be read: where the primary is away, also one that has lost it. Or NULL. */
static const struct endpoint *choose_fit(struct engine *engine, const struct shard *shard)
{
	const struct endpoint *endpoint = choose(engine, shard, replicas_fit);

	if (endpoint == NULL && !connset_is_up(engine, shard->primary))
		endpoint = choose(engine, shard, replicas_fit_alone);
	return endpoint;
}

/* Where a read goes when no replica is fit: to the primary, unless it is to be read from replicas
 * alone: then to one that is up, or to the first, whose error the client is told. */
static const struct endpoint *last_resort(const struct request *request, const struct shard *shard)
{
	if (request->reads != READS_REPLICA || shard->n_replicas == 0)
		return shard->primary;
	for (uint16_t i = 0; i < shard->n_replicas; i++)
		if (connset_is_up(request->engine, &shard->replicas[i]))
			return &shard->replicas[i];
	return shard->replicas;
}

const struct endpoint *reads_endpoint(struct request *request, const struct shard *shard)
{
	struct engine *engine = request->engine;
	const struct endpoint *endpoint = choose_fit(engine, shard);

	if (endpoint == NULL)
		endpoint = last_resort(request, shard);
	if (endpoint->is_replica)
		stat_add(&engine->stats->counter[STAT_READS_REPLICA], 1);
	return endpoint;
}

/* What a call's end says of the replica; REPLICA_FIT: it is the client's to know. */
static enum replica_fault fault_of(const struct call *call, enum call_result result)
{
	if (result == CALL_REPLY)
		return call->is_error ? replicas_fault(chain_head(&call->reply)) : REPLICA_FIT;
	return result == CALL_TIMEOUT ? REPLICA_STALLED : REPLICA_FAILED;
}

/* Where to next, or NULL. A read that has used its time up is not left to another replica. */
static const struct endpoint *next_of(const struct call *call, enum call_result result)
{
	const struct request *request = call->request;
	const struct shard *shard = call->shard;
	bool may_primary = request->reads != READS_REPLICA;
	const struct endpoint *endpoint = NULL;

	if (call->attempts <= shard->n_replicas && !(result == CALL_TIMEOUT && may_primary))
		endpoint = choose_fit(request->engine, shard);
	return endpoint == NULL && may_primary ? shard->primary : endpoint;
}

bool reads_elsewhere(struct call *call, enum call_result result)
{
	struct engine *engine = call->request->engine;
	enum replica_fault fault = fault_of(call, result);

	if (result == CALL_REPLY && !call->is_error)
		replicas_answered(engine, call);
	if (fault == REPLICA_FIT || chain_is_empty(&call->bytes))
		return false;
	replicas_blame(engine, call->endpoint, fault);
	const struct endpoint *next = next_of(call, result);
	if (next == NULL)
		return false;
	chain_clear(&engine->chunks, &call->reply);
	call->endpoint = next;
	stat_add(&engine->stats->counter[STAT_READS_MOVED], 1);
	return true;
}

/* Are writes remembered, for this pool's clients? */
static bool remembers(const struct request *request)
{
	return request->engine->writes != NULL && request->pool->settings.read_your_writes_ms > 0;
}

static uint64_t whose(const struct request *request)
{
	return request->session->identity * 31 + request->pool->index;
}

static uint64_t now_ms(const struct request *request)
{
	return loop_now_us(request->engine->loop) / 1000;
}

static void mark(const struct request *request, uint16_t slot)
{
	writes_mark(request->engine->writes, slot,
		    now_ms(request) + request->pool->settings.read_your_writes_ms);
}

/* Note one more slot; where there are too many, all keys take the place of the first. */
static void add_written(const struct request *request, struct written *written, uint16_t slot)
{
	if (written->n < WRITTEN_MAX) {
		written->slots[written->n++] = slot;
		return;
	}
	written->slots[0] = writes_slot_of_all(whose(request));
	mark(request, written->slots[0]);
}

static void note_write(struct request *request, uint16_t slot)
{
	mark(request, slot);
	add_written(request, &request->written, slot);
	/* What is queued runs with EXEC, perhaps long after its own answer. */
	if (request->session->transaction != NULL)
		add_written(request, &request->session->written, slot);
}

static void note_read(struct request *request, uint16_t slot)
{
	if (request->reads == READS_PRIMARY ||
	    !writes_have(request->engine->writes, slot, now_ms(request)))
		return;
	request->reads = READS_PRIMARY;
	request->reads_own = true;
	stat_add(&request->engine->stats->counter[STAT_READS_OWN], 1);
}

void reads_note_key(struct request *request, struct span key)
{
	if (!remembers(request))
		return;
	if (request->command->flags & CMD_WRITE) {
		note_write(request, writes_slot(whose(request), key));
	} else if (request->reads != READS_PRIMARY) {
		note_read(request, writes_slot(whose(request), key));
		note_read(request, writes_slot_of_all(whose(request)));
	}
}

void reads_note_keyless(struct request *request)
{
	struct session *session = request->session;

	if (!remembers(request))
		return;
	if (request->command->flags & CMD_WRITE)
		note_write(request, writes_slot_of_all(whose(request)));
	else if (request->reads != READS_PRIMARY)
		note_read(request, writes_slot_of_all(whose(request)));
	if (request->command->split != SPLIT_SESSION)
		return;
	/* MULTI begins with none, and what else ends a transaction leaves none to the next. */
	if (span_equal_str(span_of(request->command->name), "exec"))
		request->written = session->written;
	for (uint8_t i = 0; i < request->written.n; i++)
		mark(request, request->written.slots[i]);
	session->written.n = 0;
}

void reads_note_end(struct request *request)
{
	for (uint8_t i = 0; i < request->written.n; i++)
		mark(request, request->written.slots[i]);
}
