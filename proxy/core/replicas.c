#include "core/replicas.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/number.h"
#include "core/connset.h"

#define INFO_BYTES 8192 /* of INFO replication that are read */

const char *const replica_fault_names[REPLICA_FAULTS] = {
	[REPLICA_UNKNOWN] = "unknown", [REPLICA_FIT] = "ok",
	[REPLICA_LOADING] = "loading", [REPLICA_NO_LINK] = "no link",
	[REPLICA_LAGGING] = "lagging", [REPLICA_STALLED] = "stalled",
	[REPLICA_FAILED] = "failed",   [REPLICA_DOWN] = "unreachable",
};

static const char *const fault_texts[REPLICA_FAULTS] = {
	[REPLICA_UNKNOWN] = "has a lag that is not known",
	[REPLICA_LOADING] = "is loading its data",
	[REPLICA_NO_LINK] = "has no link to its primary",
	[REPLICA_LAGGING] = "lags more than max_lag_bytes",
	[REPLICA_STALLED] = "does not answer in time",
	[REPLICA_FAILED] = "failed a read",
	[REPLICA_DOWN] = "cannot be reached",
};

static const struct pool *pool_of(const struct replica *replica)
{
	return replica->endpoint->pool;
}

static const struct shard *shard_of(const struct replica *replica)
{
	return replica->endpoint->shard;
}

static struct replica *primary_of(const struct replica *replica)
{
	return replica->engine->replicas[shard_of(replica)->primary->id];
}

static void tell(const struct replica *replica, enum replica_fault before)
{
	static struct log_site site;
	const char *pool = pool_of(replica)->name, *node = replica->endpoint->text;

	if (replica->fault != REPLICA_FIT)
		log_limited(&site, LOG_LEVEL_WARN, "pool %s: replica %s %s: reads go elsewhere",
			    pool, node, fault_texts[replica->fault]);
	else if (before != REPLICA_UNKNOWN)
		log_limited(&site, LOG_LEVEL_INFO, "pool %s: replica %s is read again", pool, node);
}

static void set_fault(struct replica *replica, enum replica_fault fault)
{
	enum replica_fault before = replica->fault;

	if (before == fault || !replica->endpoint->is_replica)
		return;
	replica->fault = fault;
	atomic_store_explicit(&replica->engine->stats->endpoints[replica->endpoint->id]->fitness,
			      (int)fault, memory_order_relaxed);
	tell(replica, before);
}

bool replicas_fit(const struct engine *engine, const struct endpoint *endpoint)
{
	return engine->replicas[endpoint->id]->fault == REPLICA_FIT;
}

/* Behind a primary that is away nothing newer can be had: what counts is how far it had come. */
bool replicas_fit_alone(const struct engine *engine, const struct endpoint *endpoint)
{
	const struct replica *replica = engine->replicas[endpoint->id];
	uint64_t max_lag = pool_of(replica)->settings.max_lag_bytes;

	return replica->fault == REPLICA_NO_LINK &&
	       (max_lag == 0 || (replica->has_lag && replica->lag <= max_lag));
}

/* The first reason stands, until an answer says more: what follows is its consequence. */
void replicas_blame(struct engine *engine, const struct endpoint *endpoint,
		    enum replica_fault fault)
{
	struct replica *replica = engine->replicas[endpoint->id];

	if (replica->fault == REPLICA_FIT || replica->fault == REPLICA_UNKNOWN)
		set_fault(replica, fault);
}

/* A node that comes back may have lost its data and be about to ask for it again. */
void replicas_lost(struct engine *engine, const struct endpoint *endpoint)
{
	struct replica *replica = engine->replicas[endpoint->id];

	replica->is_fresh = false;
	if (replica->fault == REPLICA_FIT)
		set_fault(replica, REPLICA_DOWN);
}

/* An average that forgets: an eighth of each new one. */
void replicas_answered(struct engine *engine, const struct call *call)
{
	struct replica *replica = engine->replicas[call->endpoint->id];
	uint64_t us = call->sent_us == 0 ? 0 : loop_now_us(engine->loop) - call->sent_us;
	uint32_t latency = us > UINT32_MAX / 8 ? UINT32_MAX / 8 : (uint32_t)us;

	if (replica->latency_us == 0)
		replica->latency_us = latency;
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

/* What a replica says of itself. */
static enum replica_fault read_info(struct replica *replica, const char *info)
{
	if (!span_equal_str(field_of(info, "\nrole:"), "slave"))
		return REPLICA_NO_LINK;
	replica->has_offset = number_of(info, "\nslave_repl_offset:", &replica->offset);
	if (span_equal_str(field_of(info, "\nmaster_sync_in_progress:"), "1"))
		return REPLICA_LOADING;
	if (!replica->has_offset || !span_equal_str(field_of(info, "\nmaster_link_status:"), "up"))
		return REPLICA_NO_LINK;
	return REPLICA_FIT;
}

static void judge(struct replica *replica)
{
	const struct replica *primary = primary_of(replica);
	struct endpoint_stats *stats = replica->engine->stats->endpoints[replica->endpoint->id];
	uint64_t max_lag = pool_of(replica)->settings.max_lag_bytes;
	enum replica_fault fault = replica->told;

	replica->is_fresh = false;
	replica->has_lag = primary->has_offset && replica->has_offset;
	replica->lag = replica->has_lag && primary->offset > replica->offset
			       ? primary->offset - replica->offset
			       : 0;
	atomic_store_explicit(&stats->lag_bytes, replica->lag, memory_order_relaxed);
	if (fault == REPLICA_FIT && max_lag > 0 && !replica->has_lag)
		fault = REPLICA_UNKNOWN;
	else if (fault == REPLICA_FIT && max_lag > 0 && replica->lag > max_lag)
		fault = REPLICA_LAGGING;
	set_fault(replica, fault);
}

/* Judge those of a shard whose answers, and the primary's, are there: a primary that has none to
 * give, being away or stalled, is not waited for, and is taken to be where it last was. */
static void judge_shard(struct engine *engine, const struct shard *shard)
{
	const struct replica *primary = engine->replicas[shard->primary->id];

	if (primary->is_asked && !primary->is_overdue)
		return;
	for (uint16_t i = 0; i < shard->n_replicas; i++) {
		struct replica *replica = engine->replicas[shard->replicas[i].id];

		if (replica->is_fresh && !replica->is_asked)
			judge(replica);
	}
}

static void take_info(struct replica *replica, const char *info)
{
	replicas_answered(replica->engine, &replica->probe);
	if (replica->endpoint->is_replica) {
		replica->told = read_info(replica, info);
		replica->is_fresh = true;
	} else if (number_of(info, "\nmaster_repl_offset:", &replica->offset)) {
		replica->has_offset = true;
	}
}

static void probe_done(struct call *call, enum call_result result)
{
	struct replica *replica = container_of(call, struct replica, probe);
	struct engine *engine = replica->engine;
	char info[INFO_BYTES];

	replica->is_asked = replica->is_overdue = false;
	if (result == CALL_REPLY && call->is_error) {
		enum replica_fault fault = replicas_fault(chain_head(&call->reply));

		set_fault(replica, fault == REPLICA_FIT ? REPLICA_FAILED : fault);
	} else if (result == CALL_REPLY) {
		info[chain_peek(&call->reply, info, sizeof(info) - 1)] = '\0';
		take_info(replica, info);
	}
	call_fini(engine, call);
	judge_shard(engine, shard_of(replica));
}

/* A replica that does not answer is not waited for: what it was asked goes elsewhere. A primary may
 * have a long command to run, and nobody else can answer for it. */
static void note_overdue(struct replica *replica)
{
	struct engine *engine = replica->engine;

	replica->is_overdue = true;
	if (!replica->endpoint->is_replica) {
		judge_shard(engine, shard_of(replica));
		return;
	}
	set_fault(replica, REPLICA_STALLED);
	connset_stalled(engine, replica->endpoint);
}

void replica_ask(struct replica *replica)
{
	struct engine *engine = replica->engine;

	if (replica->is_asked)
		return;
	call_init(&replica->probe, NULL, true);
	replica->probe.endpoint = replica->endpoint;
	replica->probe.done = probe_done;
	replica->probe.waits = true; /* health.timeout is its limit */
	chain_append(&engine->chunks, &replica->probe.bytes, NULL,
		     span_of("*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"));
	replica->is_asked = true;
	replica->asked_us = loop_now_us(engine->loop);
	if (connset_probe(engine, &replica->probe))
		return;
	replica->is_asked = false;
	call_fini(engine, &replica->probe);
	/* Before its first answer it is only still connecting. */
	if (replica->fault != REPLICA_UNKNOWN)
		replicas_blame(engine, replica->endpoint, REPLICA_DOWN);
}

/* See to an answer that is due by now; returns in how many ms it is, or 0 if none is expected. */
uint64_t replica_due_ms(struct replica *replica)
{
	uint64_t timeout_us = (uint64_t)pool_of(replica)->settings.health_timeout_ms * 1000;
	uint64_t age_us = loop_now_us(replica->engine->loop) - replica->asked_us;

	if (!replica->is_asked || replica->is_overdue)
		return 0;
	if (age_us < timeout_us)
		return (timeout_us - age_us) / 1000 + 1;
	note_overdue(replica);
	return 0;
}

/* What is known of a node holds for as long as its role does. */
void replicas_adopt(struct engine *engine, const struct endpoint *endpoint)
{
	struct replica **slot = &engine->replicas[endpoint->id];
	bool is_new = *slot == NULL;

	if (is_new)
		*slot = alloc_zeroed(1, sizeof(**slot));
	struct replica *replica = *slot;
	bool has_role = !is_new && replica->endpoint->is_replica == endpoint->is_replica;
	replica->engine = engine;
	replica->endpoint = replica->probe.endpoint = endpoint; /* that of a probe under way too */
	if (has_role || is_new)
		return;
	replica->is_fresh = replica->has_lag = replica->has_offset = false;
	replica->fault = REPLICA_UNKNOWN;
	atomic_store_explicit(&engine->stats->endpoints[endpoint->id]->fitness, REPLICA_UNKNOWN,
			      memory_order_relaxed);
}
