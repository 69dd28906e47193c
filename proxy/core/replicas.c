#include "core/replicas.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/number.h"
#include "core/connset.h"

#define INFO_BYTES 8192 /* of INFO replication that are read */

/* The probing of one pool. */
struct replica_probes {
	struct engine *engine;
	const struct pool *pool;
	struct timer *timer;
};

static const char *const fault_names[] = {
	[REPLICA_FIT] = "is read again",
	[REPLICA_LOADING] = "is loading its data",
	[REPLICA_NO_LINK] = "has no link to its primary",
	[REPLICA_LAGGING] = "lags more than max_lag_bytes",
	[REPLICA_STALLED] = "does not answer in time",
	[REPLICA_FAILED] = "failed a read",
};

static void set_fault(struct engine *engine, struct replica *replica, enum replica_fault fault)
{
	static struct log_site site;
	const struct endpoint *endpoint = replica->endpoint;

	if (replica->fault == fault || !endpoint->is_replica)
		return;
	replica->fault = fault;
	log_limited(&site, fault == REPLICA_FIT ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		    "pool %s: replica %s %s%s", engine->topology->pools[endpoint->pool].name,
		    endpoint->text, fault_names[fault],
		    fault == REPLICA_FIT ? "" : ": reads go elsewhere");
}

bool replicas_fit(const struct engine *engine, const struct endpoint *endpoint)
{
	const struct replica *replica = &engine->replicas[endpoint->id];

	return replica->fault == REPLICA_FIT && replica->is_known;
}

void replicas_blame(struct engine *engine, const struct endpoint *endpoint,
		    enum replica_fault fault)
{
	set_fault(engine, &engine->replicas[endpoint->id], fault);
}

/* An average that forgets: an eighth of each new one. */
void replicas_answered(struct engine *engine, const struct call *call)
{
	struct replica *replica = &engine->replicas[call->endpoint->id];
	uint64_t us = call->sent_us == 0 ? 0 : loop_now_us(engine->loop) - call->sent_us;
	uint32_t latency = us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)us;

	replica->latency_us = replica->latency_us - replica->latency_us / 8 + latency / 8;
}

enum replica_fault replicas_fault(struct span error)
{
	static const struct {
		const char *prefix;
		enum replica_fault fault;
	} faults[] = {
		{"-LOADING", REPLICA_LOADING},	{"-MASTERDOWN", REPLICA_NO_LINK},
		{"-READONLY", REPLICA_NO_LINK}, {"-BUSY ", REPLICA_STALLED},
		{"-NOAUTH", REPLICA_FAILED},	{"-CLUSTERDOWN", REPLICA_FAILED},
		{"-MOVED", REPLICA_FAILED},	{"-ERR max number of clients", REPLICA_FAILED},
	};

	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (span_starts_with(error, span_of(faults[i].prefix)))
			return faults[i].fault;
	return REPLICA_FIT;
}

/* The value of a line "name:value" of INFO, up to its end. */
static struct span field_of(const char *info, const char *name)
{
	const char *at = strstr(info, name);

	if (at == NULL)
		return span_make("", 0);
	at += strlen(name);
	return span_make(at, strcspn(at, "\r\n"));
}

static bool number_of(const char *info, const char *name, uint64_t *n)
{
	return number_parse_u64(field_of(info, name), n);
}

static enum replica_fault judge(struct engine *engine, struct replica *replica, const char *info)
{
	const struct endpoint *endpoint = replica->endpoint;
	const struct pool *pool = &engine->topology->pools[endpoint->pool];
	uint64_t max_lag = pool->settings.max_lag_bytes;
	uint64_t primary = engine->replicas[pool->shards[endpoint->shard].primary->id].offset;

	if (!span_equal_str(field_of(info, "\nrole:"), "slave"))
		return REPLICA_NO_LINK;
	if (span_equal_str(field_of(info, "\nmaster_sync_in_progress:"), "1"))
		return REPLICA_LOADING;
	if (!number_of(info, "\nslave_repl_offset:", &replica->offset))
		return REPLICA_NO_LINK;
	if (max_lag == 0)
		return span_equal_str(field_of(info, "\nmaster_link_status:"), "up")
			       ? REPLICA_FIT
			       : REPLICA_NO_LINK;
	return primary > replica->offset + max_lag ? REPLICA_LAGGING : REPLICA_FIT;
}

static void probe_done(struct call *call, enum call_result result)
{
	struct replica *replica = container_of(call, struct replica, probe);
	struct engine *engine = replica->engine;
	char info[INFO_BYTES];

	replica->is_asked = false;
	info[chain_peek(&call->reply, info, sizeof(info) - 1)] = '\0';
	bool is_answer = result == CALL_REPLY && !call->is_error;
	bool is_refusal = result == CALL_REPLY && call->is_error;
	enum replica_fault refusal = is_refusal ? replicas_fault(chain_head(&call->reply)) : 0;
	call_fini(engine, call);
	if (is_refusal)
		set_fault(engine, replica, refusal == REPLICA_FIT ? REPLICA_FAILED : refusal);
	if (!is_answer)
		return;
	if (!replica->endpoint->is_replica) {
		(void)number_of(info, "\nmaster_repl_offset:", &replica->offset);
		return;
	}
	replica->is_known = true;
	set_fault(engine, replica, judge(engine, replica, info));
}

/* An answer that is due: a replica that does not give it is not waited for. */
static void look_at(struct replica *replica, const struct pool *pool)
{
	struct engine *engine = replica->engine;
	uint64_t now = loop_now_us(engine->loop);

	if (now - replica->asked_us < (uint64_t)pool->settings.health_timeout_ms * 1000 ||
	    !replica->endpoint->is_replica)
		return;
	set_fault(engine, replica, REPLICA_STALLED);
	connset_stalled(engine, replica->endpoint);
}

static void ask(struct replica *replica, const struct pool *pool)
{
	struct engine *engine = replica->engine;

	if (replica->is_asked) {
		look_at(replica, pool);
		return;
	}
	call_init(&replica->probe, NULL, true);
	replica->probe.endpoint = replica->endpoint;
	replica->probe.done = probe_done;
	chain_append(&engine->chunks, &replica->probe.bytes, NULL,
		     span_of("*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"));
	replica->is_asked = true;
	replica->asked_us = loop_now_us(engine->loop);
	if (!connset_probe(engine, &replica->probe)) {
		replica->is_asked = false;
		replica->is_known = false;
		call_fini(engine, &replica->probe);
	}
}

static void on_timer(void *arg)
{
	struct replica_probes *probes = arg;
	const struct pool *pool = probes->pool;

	for (uint16_t i = 0; i < pool->n_shards; i++) {
		const struct shard *shard = &pool->shards[i];

		if (shard->n_replicas == 0)
			continue;
		ask(&probes->engine->replicas[shard->primary->id], pool);
		for (uint16_t j = 0; j < shard->n_replicas; j++)
			ask(&probes->engine->replicas[shard->replicas[j].id], pool);
	}
	timer_start(probes->timer, pool->settings.health_every_ms);
}

static bool has_replicas(const struct pool *pool)
{
	for (uint16_t i = 0; i < pool->n_shards; i++)
		if (pool->shards[i].n_replicas > 0)
			return true;
	return false;
}

void replicas_init(struct engine *engine)
{
	const struct topology *topology = engine->topology;

	engine->replicas = alloc_zeroed(topology->n_endpoints, sizeof(*engine->replicas));
	for (uint16_t i = 0; i < topology->n_endpoints; i++) {
		engine->replicas[i].engine = engine;
		engine->replicas[i].endpoint = &topology->endpoints[i];
	}
	engine->probes = alloc_zeroed(topology->n_pools, sizeof(*engine->probes));
	for (uint16_t i = 0; i < topology->n_pools; i++) {
		struct replica_probes *probes = &engine->probes[i];

		if (!has_replicas(&topology->pools[i]))
			continue;
		*probes = (struct replica_probes){.engine = engine, .pool = &topology->pools[i]};
		probes->timer = timer_new(engine->loop, on_timer, probes);
		timer_start(probes->timer, 1);
	}
}

void replicas_shut(struct engine *engine)
{
	for (uint16_t i = 0; i < engine->topology->n_pools; i++)
		timer_free(engine->probes[i].timer);
}

void replicas_fini(struct engine *engine)
{
	free(engine->replicas);
	free(engine->probes);
}
