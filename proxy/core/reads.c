#include "core/reads.h"

#include "core/connset.h"
#include "core/replicas.h"
#include "core/session.h"
#include "core/writes.h"

/* Up, and nothing is known against it; with max_lag_bytes its lag must be known. */
static bool is_fit(struct engine *engine, const struct endpoint *endpoint)
{
	return connset_is_up(engine, endpoint) && replicas_fit(engine, endpoint);
}

/* How likely it is chosen: more, the sooner it answers. */
static uint32_t weight_of(struct engine *engine, const struct endpoint *endpoint)
{
	return 1 + 1000000 / (50 + engine->replicas[endpoint->id].latency_us);
}

static bool is_candidate(struct engine *engine, const struct endpoint *endpoint, bool near)
{
	return endpoint->is_near == near && is_fit(engine, endpoint);
}

/* The candidate at `at` of the weights' sum, or the sum itself in *total where out is NULL. */
static const struct endpoint *walk(struct engine *engine, const struct shard *shard, bool near,
				   bool by_latency, uint32_t *at)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < shard->n_replicas; i++) {
		const struct endpoint *endpoint = &shard->replicas[i];

		if (!is_candidate(engine, endpoint, near))
			continue;
		sum += by_latency ? weight_of(engine, endpoint) : 1;
		if (*at < sum)
			return endpoint;
	}
	*at = sum;
	return NULL;
}

/* A fit replica, one in the proxy's zone if there is any; or NULL. */
static const struct endpoint *choose(struct engine *engine, const struct pool *pool,
				     const struct shard *shard)
{
	bool by_latency = pool->settings.replica_choice == CHOICE_LATENCY;

	for (int near = 1; near >= 0; near--) {
		uint32_t sum = UINT32_MAX;

		(void)walk(engine, shard, near, by_latency, &sum);
		if (sum == 0)
			continue;
		uint32_t at =
			by_latency ? (uint32_t)rng_below(&engine->rng, sum) : engine->turn++ % sum;
		return walk(engine, shard, near, by_latency, &at);
	}
	return NULL;
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
	const struct endpoint *endpoint = choose(engine, request->pool, shard);

	if (endpoint == NULL)
		endpoint = last_resort(request, shard);
	if (endpoint->is_replica)
		stat_add(&engine->stats->counter[STAT_READS_REPLICA], 1);
	return endpoint;
}

bool reads_elsewhere(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	enum replica_fault fault = REPLICA_FAILED;

	if (result == CALL_REPLY && !call->is_error) {
		replicas_answered(engine, call);
		return false;
	}
	if (result == CALL_REPLY)
		fault = replicas_fault(chain_head(&call->reply));
	if (fault == REPLICA_FIT || chain_is_empty(&call->bytes))
		return false;
	replicas_blame(engine, call->endpoint, fault);
	const struct endpoint *other = call->attempts > call->shard->n_replicas
					       ? NULL
					       : choose(engine, request->pool, call->shard);
	if (other == NULL && request->reads == READS_REPLICA)
		return false;
	chain_clear(&engine->chunks, &call->reply);
	call->endpoint = other == NULL ? call->shard->primary : other;
	stat_add(&engine->stats->counter[STAT_READS_MOVED], 1);
	return true;
}

void reads_note_key(struct request *request, struct span key)
{
	const struct pool_settings *settings = &request->pool->settings;
	struct engine *engine = request->engine;
	uint64_t now_ms = loop_now_us(engine->loop) / 1000;

	if (engine->writes == NULL || settings->read_your_writes_ms == 0)
		return;
	uint16_t slot = writes_slot(request->session->identity * 31 + request->pool->index, key);
	if (!(request->command->flags & CMD_READ)) {
		uint64_t until_ms = now_ms + settings->read_your_writes_ms;

		if (request->n_written < REQUEST_WRITTEN_MAX)
			request->written[request->n_written++] = slot;
		else
			until_ms += settings->request_ms;
		writes_mark(engine->writes, slot, until_ms);
	} else if (request->reads != READS_PRIMARY && writes_have(engine->writes, slot, now_ms)) {
		request->reads = READS_PRIMARY;
		stat_add(&engine->stats->counter[STAT_READS_OWN], 1);
	}
}

void reads_note_end(struct request *request)
{
	struct engine *engine = request->engine;
	uint64_t until_ms =
		loop_now_us(engine->loop) / 1000 + request->pool->settings.read_your_writes_ms;

	for (uint8_t i = 0; i < request->n_written; i++)
		writes_mark(engine->writes, request->written[i], until_ms);
}
