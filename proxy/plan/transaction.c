#include "plan/transaction.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "plan/redirect.h"
#include "plan/script.h"
#include "plan/transaction_state.h"

#define ABORT_TEXT "-EXECABORT Transaction discarded because of previous errors."

bool transaction_is_open(const struct session *session)
{
	return session->transaction != NULL && session->transaction->in_multi;
}

int transaction_length(const struct session *session)
{
	return transaction_is_open(session) ? session->transaction->length : -1;
}

struct upstream *transaction_lease(const struct session *session, const struct shard *shard)
{
	const struct transaction *tx = session->transaction;

	return tx != NULL && tx->shard == shard && !tx->is_stale ? tx->lease : NULL;
}

void transaction_prepare(struct call *call)
{
	redirect_ask(call, call->request->session->transaction->asks);
}

void transaction_void(struct session *session)
{
	if (session->transaction != NULL)
		session->transaction->is_stale = true;
}

void transaction_spoil(struct session *session)
{
	if (transaction_is_open(session))
		session->transaction->is_dirty = true;
}

static struct transaction *begin(struct session *session)
{
	if (session->transaction == NULL) {
		session->transaction = alloc_zeroed(1, sizeof(*session->transaction));
		transaction_init(session->transaction, session);
		session_changed(session);
	}
	return session->transaction;
}

/* Forget it; its connection, if there is one still, has been seen to. */
static void forget(struct engine *engine, struct session *session)
{
	chain_clear(&engine->chunks, &session->transaction->queued);
	free(session->transaction);
	session->transaction = NULL;
	session_changed(session);
}

void transaction_abandon(struct engine *engine, struct session *session)
{
	struct transaction *tx = session->transaction;

	if (tx == NULL)
		return;
	transaction_drop_waiting(tx);
	if (tx->lease != NULL)
		lease_drop(tx->lease);
	forget(engine, session);
}

/* It is over, and the server's connection is as a new one. */
static void end(struct engine *engine, struct session *session)
{
	const struct transaction *tx = session->transaction;

	if (tx->lease != NULL && tx->is_stale)
		lease_drop(tx->lease);
	else if (tx->lease != NULL)
		lease_return(tx->lease);
	forget(engine, session);
	session->is_held = false;
}

static void answer(struct request *request, const char *line, bool is_error)
{
	request_finish_line(request, span_of(line), is_error);
}

static void send_as(struct request *request, struct transaction *tx,
		    void (*done)(struct call *, enum call_result))
{
	request->first.request = request;
	request->first.done = done;
	transaction_send(tx, &request->first);
}

static void lost_text(const struct transaction *tx, char text[CALL_TEXT_MAX])
{
	snprintf(text, CALL_TEXT_MAX,
		 "-EXECABORT slipring: shard %s: connection to %s lost before EXEC: nothing of the "
		 "transaction ran",
		 tx->shard->name, tx->shard->primary->text);
}

static void tell_lost(struct request *request, const struct transaction *tx)
{
	char text[CALL_TEXT_MAX];

	lost_text(tx, text);
	answer(request, text, true);
}

static void take_bytes(struct request *request, const struct command_bytes *command)
{
	if (!(request->command->flags & CMD_SCRIPT) || !script_write_whole(request, command))
		plan_take_bytes(request, command);
}

/* Queue here what has no key, until there is one. */
static void queue_here(struct request *request, const struct command_bytes *command,
		       struct transaction *tx)
{
	struct call *call = &request->first;

	take_bytes(request, command);
	if (tx->queued.bytes + call->bytes.bytes > QUEUED_BYTES_MAX) {
		tx->is_dirty = true;
		chain_clear(&request->engine->chunks, &call->bytes);
		request_fail(request, "too much in a transaction before its first key");
		return;
	}
	chain_move(&request->engine->chunks, &tx->queued, &call->bytes);
	chain_detach(&request->engine->chunks, &tx->queued);
	tx->n_queued++;
	tx->length++;
	answer(request, "+QUEUED", false);
}

static struct transaction *of(const struct call *call)
{
	const struct session *session = call->request->session;

	return session != NULL ? session->transaction : NULL;
}

static void queued_done(struct call *call, enum call_result result)
{
	if (transaction_moves(call, result))
		return;
	struct transaction *tx = of(call);
	if (tx != NULL && result == CALL_REPLY && !call->is_error)
		transaction_keep(tx, call);
	plan_answer(call, result);
}

static bool is_on_other_shard(const struct transaction *tx, const struct shard *shard)
{
	return shard != NULL && tx->shard != NULL && shard != tx->shard;
}

/* `what` cannot be on two shards. */
static void refuse_other_shard(struct request *request, const char *what)
{
	char text[CALL_TEXT_MAX];

	snprintf(text, sizeof(text),
		 "-CROSSSLOT Keys in request don't hash to the same slot: slipring %s one shard",
		 what);
	stat_add(&request->engine->stats->counter[STAT_CROSSSLOT], 1);
	answer(request, text, true);
}

void transaction_queue(struct request *request, const struct command_bytes *command,
		       const struct shard *shard)
{
	struct transaction *tx = request->session->transaction;

	if (tx->is_lost) {
		tell_lost(request, tx);
	} else if (tx->is_stale) {
		tx->length++;
		answer(request, "+QUEUED", false);
	} else if (tx->lease == NULL && tx->refused == NULL &&
		   (tx->is_dirty || (shard == NULL && tx->shard == NULL))) {
		queue_here(request, command, tx);
	} else if (is_on_other_shard(tx, shard)) {
		tx->is_dirty = true;
		refuse_other_shard(request, "runs a transaction on");
	} else {
		tx->shard = tx->shard != NULL ? tx->shard : shard;
		take_bytes(request, command);
		tx->length++;
		send_as(request, tx, queued_done);
	}
}

/* The last command of it is answered. */
static void closing_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;

	if (transaction_moves(call, result))
		return;
	const struct transaction *tx = of(call);
	bool is_dirty = tx != NULL && tx->is_dirty;
	if (tx != NULL)
		end(request->engine, request->session);
	if (!is_dirty) {
		plan_answer(call, result);
		return;
	}
	call_fini(request->engine, call);
	answer(request, ABORT_TEXT, true);
}

/* Send the command that ends it; the client waits for its reply. */
static void close_at_server(struct request *request, const char *bytes)
{
	struct transaction *tx = request->session->transaction;

	chain_append(&request->engine->chunks, &request->first.bytes, NULL, span_of(bytes));
	tx->ending = &request->first;
	request->session->is_held = true;
	send_as(request, tx, closing_done);
}

/* Is there a server, or will there be, that has some of it? */
static bool is_at_server(const struct transaction *tx)
{
	return tx->lease != NULL || tx->refused != NULL;
}

/* What puts the server's connection back to what it was. */
static const char *undoing(const struct transaction *tx)
{
	return tx->in_multi ? "*1\r\n$7\r\nDISCARD\r\n" : "*1\r\n$7\r\nUNWATCH\r\n";
}

static void run_multi(struct request *request, const struct command_bytes *command,
		      const struct shard *shard)
{
	(void)command;
	(void)shard;
	if (transaction_is_open(request->session)) {
		answer(request, "-ERR MULTI calls can not be nested", true);
		return;
	}
	begin(request->session)->in_multi = true;
	answer(request, "+OK", false);
}

static void end_with(struct request *request, const char *line, bool is_error)
{
	end(request->engine, request->session);
	answer(request, line, is_error);
}

static void run_exec(struct request *request, const struct command_bytes *command,
		     const struct shard *shard)
{
	struct transaction *tx = request->session->transaction;
	char text[CALL_TEXT_MAX];

	(void)command;
	(void)shard;
	if (!transaction_is_open(request->session)) {
		answer(request, "-ERR EXEC without MULTI", true);
	} else if (tx->is_lost) {
		lost_text(tx, text);
		end_with(request, text, true);
	} else if (tx->is_dirty && !tx->is_stale && is_at_server(tx)) {
		close_at_server(request, undoing(tx));
	} else if (tx->is_dirty) {
		end_with(request, ABORT_TEXT, true);
	} else if (tx->is_stale) {
		end_with(request, request->kind.resp == 3 ? "_" : "*-1", false);
	} else if (!is_at_server(tx) && tx->n_queued == 0) {
		end_with(request, "*0", false);
	} else {
		tx->shard = tx->shard != NULL ? tx->shard : &request->pool->shards[0];
		close_at_server(request, "*1\r\n$4\r\nEXEC\r\n");
	}
}

static void run_discard(struct request *request, const struct command_bytes *command,
			const struct shard *shard)
{
	struct session *session = request->session;
	struct transaction *tx = session->transaction;

	(void)command;
	(void)shard;
	if (!transaction_is_open(session)) {
		answer(request, "-ERR DISCARD without MULTI", true);
	} else if (tx->is_stale || !is_at_server(tx)) {
		end_with(request, "+OK", false);
	} else {
		tx->is_dirty = false;
		close_at_server(request, undoing(tx));
	}
}

/* Without a connection there is nothing watched, and nothing to end. */
static void watch_done(struct call *call, enum call_result result)
{
	if (transaction_moves(call, result))
		return;
	struct transaction *tx = of(call);
	bool is_watched = result == CALL_REPLY && !call->is_error;
	if (tx != NULL)
		tx->session->is_held = false;
	if (tx != NULL && is_watched)
		tx->watches = true;
	else if (tx != NULL && tx->lease == NULL && !tx->is_lost)
		transaction_abandon(call->request->engine, tx->session);
	plan_answer(call, result);
}

static void run_watch(struct request *request, const struct command_bytes *command,
		      const struct shard *shard)
{
	struct session *session = request->session;

	if (transaction_is_open(session)) {
		answer(request, "-ERR WATCH inside MULTI is not allowed", true);
		return;
	}
	struct transaction *tx = begin(session);
	if (tx->is_lost) {
		tell_lost(request, tx);
	} else if (tx->is_stale) {
		answer(request, "+OK", false);
	} else if (is_on_other_shard(tx, shard)) {
		refuse_other_shard(request, "watches keys of");
	} else {
		tx->shard = shard;
		/* What is read next must not be read before it is watched, wherever that is. */
		session->is_held = shard->holds;
		plan_take_bytes(request, command);
		send_as(request, tx, watch_done);
	}
}

static void run_unwatch(struct request *request, const struct command_bytes *command,
			const struct shard *shard)
{
	struct session *session = request->session;
	const struct transaction *tx = session->transaction;

	(void)shard;
	if (transaction_is_open(session)) {
		transaction_queue(request, command, NULL);
	} else if (tx != NULL && is_at_server(tx) && !tx->is_stale) {
		close_at_server(request, undoing(tx));
	} else {
		transaction_abandon(request->engine, session);
		answer(request, "+OK", false);
	}
}

void transaction_run(struct request *request, const struct command_bytes *command,
		     const struct shard *shard)
{
	static const struct {
		const char *name;
		void (*run)(struct request *, const struct command_bytes *, const struct shard *);
	} commands[] = {
		{"multi", run_multi}, {"exec", run_exec},	{"discard", run_discard},
		{"watch", run_watch}, {"unwatch", run_unwatch},
	};

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(request->command->name, commands[i].name) != 0)
			continue;
		commands[i].run(request, command, shard); /* which may free the request */
		return;
	}
}
