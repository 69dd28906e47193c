#include "core/connset.h"
#include "core/hold.h"
#include "core/reads.h"
#include "core/retry.h"
#include "plan/miss.h"
#include "plan/plan.h"
#include "plan/redirect.h"
#include "plan/script.h"
#include "plan/transaction.h"
#include "plan/translate.h"
#include "plan/ttl_care.h"
#include "proto/mc_meta.h"
#include "proto/mc_reply.h"

struct upstream *plan_lease(const struct request *request, const struct shard *shard)
{
	const struct session *session = request->session;

	if (likely(session == NULL || session->transaction == NULL))
		return NULL;
	return transaction_lease(session, shard);
}

void plan_choose(struct call *call, const struct shard *shard)
{
	call->endpoint = shard->primary;
	call->keeps_bytes |= shard->holds;
	/* One branch for both: most calls are neither. */
	if (likely(!(call->request->reads | shard->is_gutter)))
		return;
	if (shard->is_gutter) {
		stat_add(&call->request->engine->stats->counter[STAT_GUTTER_REQUESTS], 1);
		return;
	}
	call->endpoint = reads_endpoint(call->request, shard);
	call->keeps_bytes |= call->endpoint->is_replica;
}

bool plan_send_elsewhere(struct call *call, enum call_result result)
{
	struct request *request = call->request;

	if (call->pieces_taken || !request_is_wanted(request) || !reads_elsewhere(call, result))
		return false;
	stat_add(&request->engine->stats->counter[STAT_RETRIES], 1);
	connset_send(request->engine, request->client_id, call);
	return true;
}

bool plan_retry(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;

	if (call->pieces_taken)
		return false;
	call->lease = NULL; /* it is lost, and what was watched on it */
	if (!retry_again(result, call->reads, call->attempts, request->pool->settings.retries))
		return hold_take(call, result);
	/* A long read's bytes are let go once written: they are not worth keeping. */
	if (chain_is_empty(&call->bytes))
		return false;
	stat_add(&engine->stats->counter[STAT_RETRIES], 1);
	chain_clear(&engine->chunks, &call->reply);
	call_send(call);
	return true;
}

static bool goes_elsewhere(struct call *call)
{
	if (call->endpoint->pool->is_cluster && redirect(call))
		return true;
	return call->shard->holds && !call->pieces_taken &&
	       hold_is_refusal(chain_head(&call->reply)) && hold_take(call, CALL_REPLY);
}

/* A client that watches keys has its connection at the wrong node. */
bool plan_refused(struct call *call)
{
	struct session *session = call->request->session;
	struct upstream *lease = call->lease;

	call->lease = NULL;
	if (!goes_elsewhere(call)) {
		call->lease = lease;
		return false;
	}
	if (unlikely(lease != NULL) && session != NULL)
		transaction_void(session);
	return true;
}

/* What was read behind a write that was refused would not have it: it is read again behind that. */
bool plan_is_behind(struct call *call)
{
	return call->reads && call->shard->holds && hold_is_before(call) &&
	       hold_take(call, CALL_REPLY);
}

void plan_send(struct call *call)
{

	if (unlikely(hold_is_before(call))) {
		if (hold_take(call, CALL_DOWN))
			return;
		/* Sent, it could run before what waits. */
		if (hold_is_full(call)) {
			call->done(call, CALL_NO_PRIMARY);
			return;
		}
	}
	call_send(call);
}

void plan_append(struct request *request, struct chain *to, const struct command_bytes *command,
		 struct span piece)
{
	struct chunk_pool *chunks = &request->engine->chunks;

	if (piece.len == 0)
		return;
	if (piece.len <= CHAIN_GATHER_MAX)
		chain_copy(chunks, to, piece);
	else
		chain_append(chunks, to, command->chunk, piece);
}

/* A line without its noreply and what else a node need not see. */
static void take_cut_line(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain *bytes = &request->first.bytes;

	chain_append(chunks, bytes, command->chunk,
		     span_make(command->start + p->line_at, p->line_end - p->line_at));
	chain_append(chunks, bytes, NULL, span_of("\r\n"));
	chain_append(chunks, bytes, command->chunk,
		     span_make(command->start + p->line_len, p->len - p->line_len));
}

void plan_take_bytes(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain *bytes = &request->first.bytes;

	if (unlikely(request->first.translated)) {
		if (chain_is_empty(bytes))
			translate_keys(&request->first, command, p->key_first, NULL, p->key_count);
		return;
	}
	bool is_taken = unlikely(request->pool->has_ttl_rules) && ttl_care_take(request, command);
	if (likely(!is_taken && !p->line_cut))
		chain_append(chunks, bytes, command->chunk, span_make(command->start, p->len));
	else if (!is_taken)
		take_cut_line(request, command);
	if (unlikely(p->barrier)) {
		chain_append(chunks, bytes, NULL, span_of(MC_META_BARRIER));
		request->first.barrier = true;
	}
	request->writes = p->writes;
}

void plan_count_hits(struct request *request, const struct call *call)
{
	struct pool_stats *stats = request->engine->stats->pools[request->pool->index];

	stat_add(&stats->hits, call->values);
	if (call->n_keys > call->values)
		stat_add(&stats->misses, call->n_keys - call->values);
}

void plan_answer(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	char text[CALL_TEXT_MAX];

	if (result == CALL_REPLY) {
		chain_move(&engine->chunks, &request->reply, &call->reply);
		request->is_error = call->is_error;
	}
	call_fini(engine, call);
	if (result == CALL_REPLY)
		request_finish(request);
	else
		request_fail(request, call_failure_text(engine, call, result, text));
}

/* The call's reply is the request's. */
static void take_reply(struct request *request, struct call *call)
{
	struct engine *engine = request->engine;

	if (unlikely(call->translated))
		translate_reply(call);
	if (unlikely(call->barrier))
		chain_drop_tail(&engine->chunks, &call->reply, strlen(MC_REPLY_BARRIER));
	chain_move(&engine->chunks, &request->reply, &call->reply);
	request->is_error = call->is_error;
	if ((request->command->flags & CMD_HITS) && !call->is_error)
		plan_count_hits(request, call);
	chain_clear(&engine->chunks, &call->bytes);
	request_finish(request);
}

static void single_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	char text[CALL_TEXT_MAX];

	if (plan_elsewhere(call, result))
		return;
	if (unlikely(call->is_error) && result == CALL_REPLY && plan_refused(call))
		return;
	if (unlikely(call->is_error && (request->command->flags & CMD_SCRIPT)) && script_cure(call))
		return;
	if (likely(result == CALL_REPLY)) {
		if (likely(engine->hold == NULL) || !plan_is_behind(call))
			take_reply(request, call);
		return;
	}
	if (plan_retry(call, result))
		return;
	if (miss_instead(call)) {
		take_reply(request, call);
		return;
	}
	request->broken = call->pieces_taken;
	call_fini(engine, call);
	request_fail(request, call_failure_text(engine, call, result, text));
}

static void single_piece(struct call *call)
{
	struct request *request = call->request;

	if (!call->pieces_taken)
		call->is_error = engine_codec(request->pool)->is_error(chain_head(&call->reply));
	if (request->events->on_piece(request, &call->reply))
		call->pieces_taken = true;
}

void single_start(struct request *request, const struct shard *shard, uint32_t n_keys)
{
	struct call *call = &request->first;

	call->request = request;
	call->reads = (request->command->flags & CMD_READ) && !request->writes;
	call->shard = shard;
	plan_choose(call, shard);
	if (unlikely(request->pool->settings.failover.on_down == ON_DOWN_MISS))
		miss_prepare(call);
	call->lease = plan_lease(request, shard);
	if (unlikely(call->lease != NULL))
		transaction_prepare(call);
	call->done = single_done;
	call->on_piece = call->translated ? NULL : single_piece;
	call->n_keys = n_keys;
	plan_send(call);
}
