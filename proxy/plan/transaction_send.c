#include <string.h>

#include "core/hold.h"
#include "plan/redirect.h"
#include "plan/transaction_state.h"

static void on_lost(struct lease_owner *owner, struct upstream *up);

void transaction_init(struct transaction *tx, struct session *session)
{
	*tx = (struct transaction){.session = session, .owner = {.on_lost = on_lost}};
	TAILQ_INIT(&tx->behind);
}

/* ------------------------------------------------------------------ to a server */

static bool is_command(const struct call *call, const char *name)
{
	return strcmp(call->request->command->name, name) == 0;
}

/* Put before the call what the server must have first: MULTI, and what was queued. */
static void open_with(struct transaction *tx, struct call *call)
{
	struct chunk_pool *chunks = &call->request->engine->chunks;
	struct chain bytes = {0};

	if (!tx->in_multi || is_command(call, "watch")) {
		redirect_ask(call, tx->asks);
		return;
	}
	if (tx->is_sent)
		return;
	if (tx->asks)
		chain_append(chunks, &bytes, NULL, span_of(REDIRECT_ASKING));
	chain_append(chunks, &bytes, NULL, span_of("*1\r\n$5\r\nMULTI\r\n"));
	chain_share(chunks, &bytes, &tx->queued);
	tx->opener = call;
	tx->opening_len = bytes.bytes;
	chain_move(chunks, &bytes, &call->bytes);
	chain_move(chunks, &call->bytes, &bytes);
	call->skip = tx->asks + 1U + tx->n_queued;
	call->keeps_refusal = true;
	tx->is_sent = true;
}

/* Take it off again, of a call whose bytes were kept. */
static void close_opening(struct transaction *tx, struct call *call)
{
	if (tx->opener != call)
		return;
	tx->opener = NULL;
	call->skip = 0;
	if (!chain_is_empty(&call->bytes))
		chain_consume(&call->request->engine->chunks, &call->bytes, tx->opening_len);
}

static void put(struct transaction *tx, struct call *call)
{
	const struct endpoint *endpoint = tx->lease->endpoint;

	call->lease = tx->lease;
	call_point(call, endpoint->shard, endpoint);
	open_with(tx, call);
	connset_send(call->request->engine, call->request->client_id, call);
}

/* The first call that the node of call->endpoint gets; those that wait follow it. */
static void begin_at_node(struct call *call)
{
	struct request *request = call->request;
	struct transaction *tx = request->session != NULL ? request->session->transaction : NULL;
	enum call_result why = CALL_NO_PRIMARY;

	if (tx != NULL)
		tx->lease = lease_take(request->engine, call->endpoint, request->kind, &tx->owner,
				       &why);
	if (tx == NULL || tx->lease == NULL) {
		call->has_waited |= tx == NULL;
		call->done(call, why);
		return;
	}
	tx->asks = call->asks;
	redirect_ask(call, false);
	tx->refused = NULL;
	put(tx, call);
	while ((call = TAILQ_FIRST(&tx->behind)) != NULL) {
		TAILQ_REMOVE(&tx->behind, call, fifo);
		put(tx, call);
	}
}

void transaction_send(struct transaction *tx, struct call *call)
{
	call->shard = tx->shard;
	call->endpoint = tx->shard->primary;
	call->keeps_bytes |= tx->shard->holds;
	call->send = begin_at_node;
	if (tx->refused != NULL) {
		TAILQ_INSERT_TAIL(&tx->behind, call, fifo);
	} else if (tx->lease != NULL) {
		put(tx, call);
	} else {
		tx->refused = call;
		plan_send(call);
	}
}

void transaction_keep(struct transaction *tx, struct call *call)
{
	struct chunk_pool *chunks = &call->request->engine->chunks;

	if (tx->is_long || !tx->shard->holds)
		return;
	tx->is_long = tx->queued.bytes + call->bytes.bytes > QUEUED_BYTES_MAX;
	if (tx->is_long) {
		chain_clear(chunks, &tx->queued);
		return;
	}
	chain_move(chunks, &tx->queued, &call->bytes);
	chain_detach(chunks, &tx->queued);
	tx->n_queued++;
}

/* ------------------------------------------------------------------ to another */

/* EXEC may have run if a byte of it was written. Else nothing has, and the next command begins anew. */
static void on_lost(struct lease_owner *owner, struct upstream *up)
{
	struct transaction *tx = container_of(owner, struct transaction, owner);

	tx->lease = NULL;
	tx->is_sent = false;
	tx->is_lost = !tx->shard->holds || tx->is_long || tx->watches ||
		      (tx->ending != NULL && up->stream != NULL &&
		       tx->ending->begin < stream_written(up->stream));
}

/* Does the node's reply say that it takes no such command now, of any client? */
static bool is_refusal(const struct call *call)
{
	static const char *const refusals[] = {
		"-MOVED ",
		"-ASK ",
		"-TRYAGAIN ",
		"-CLUSTERDOWN ",
		"-EXECABORT Transaction discarded because of: READONLY ",
		"-EXECABORT Transaction discarded because of: LOADING ",
	};
	struct span reply = chain_head(&call->reply);

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (span_starts_with(reply, span_of(refusals[i])))
			return true;
	return hold_is_refusal(reply);
}

/* What was queued may be refused when it comes to another node: then that is what the node says. */
static void choose_reply(struct call *call)
{
	struct chunk_pool *chunks = &call->request->engine->chunks;
	uint32_t refusal = call->refusal;

	call->refusal = 0;
	call->keeps_refusal = false;
	if (refusal == 0)
		return;
	if (is_refusal(call))
		chain_drop_tail(chunks, &call->reply, call->reply.bytes - refusal);
	else
		chain_consume(chunks, &call->reply, refusal);
	call->is_error = chain_head(&call->reply).p[0] == '-';
}

static void set_reply(struct call *call, const char *line)
{
	struct chunk_pool *chunks = &call->request->engine->chunks;

	chain_clear(chunks, &call->reply);
	chain_append(chunks, &call->reply, NULL, span_of(line));
	call->is_error = line[0] == '-';
}

/* What a server answers that will run nothing, for a reason that it tells at the end. */
static void set_void_reply(const struct transaction *tx, struct call *call)
{
	if (call == tx->ending && is_command(call, "exec"))
		set_reply(call, tx->session->kind.resp == 3 ? "_\r\n" : "*-1\r\n");
	else if (call == tx->ending || is_command(call, "watch"))
		set_reply(call, "+OK\r\n");
	else
		set_reply(call, "+QUEUED\r\n");
}

/* Those that wait are answered, the last first: replies leave once the first has its own, and then the
 * client may be gone. */
static void answer_behind(struct transaction *tx)
{
	struct call_queue behind = TAILQ_HEAD_INITIALIZER(behind);
	struct call *call;

	tx->refused = NULL;
	TAILQ_CONCAT(&behind, &tx->behind, fifo);
	TAILQ_FOREACH (call, &behind, fifo)
		set_void_reply(tx, call);
	while ((call = TAILQ_LAST(&behind, call_queue)) != NULL) {
		TAILQ_REMOVE(&behind, call, fifo);
		call->done(call, CALL_REPLY);
	}
}

void transaction_drop_waiting(struct transaction *tx)
{
	tx->is_lost = true;
	if (tx->refused != NULL)
		tx->refused->request->session = NULL;
	answer_behind(tx);
}

/* Let the refused call find a node, where all begins anew. False if it finds none: as at a server, its
 * client is told why, and EXEC that nothing ran. */
static bool seek(struct transaction *tx, struct call *call, enum call_result result)
{
	if (result == CALL_REPLY && call->endpoint->pool->is_cluster && redirect(call))
		return true;
	if (hold_take(call, result))
		return true;
	tx->is_dirty |= call != tx->ending;
	answer_behind(tx);
	return false;
}

/* The connection is given up, and those that are under way on it come to wait behind the call. */
static bool leave(struct transaction *tx, struct call *call, enum call_result result)
{
	struct upstream *up = tx->lease;

	tx->lease = NULL;
	tx->is_sent = false;
	tx->refused = call;
	call->lease = NULL;
	close_opening(tx, call);
	if (up != NULL)
		lease_drop(up);
	if (!tx->watches)
		return seek(tx, call, result == CALL_REPLY ? result : CALL_NOT_SENT);
	tx->is_stale = true;
	set_void_reply(tx, call);
	answer_behind(tx);
	return false;
}

bool transaction_moves(struct call *call, enum call_result result)
{
	struct session *session = call->request->session;
	struct transaction *tx = session != NULL ? session->transaction : NULL;

	if (result == CALL_REPLY)
		choose_reply(call);
	if (tx == NULL || tx->is_lost || tx->is_stale)
		return false;
	if (tx->refused == call)
		return seek(tx, call, result);
	if (tx->refused != NULL) {
		call->lease = NULL;
		chain_clear(&call->request->engine->chunks, &call->reply);
		close_opening(tx, call);
		TAILQ_INSERT_TAIL(&tx->behind, call, fifo);
		return true;
	}
	bool is_refused = result != CALL_REPLY || (call->is_error && is_refusal(call));
	if (is_refused && tx->shard->holds && (tx->watches || !tx->is_long))
		return leave(tx, call, result);
	close_opening(tx, call);
	return false;
}
