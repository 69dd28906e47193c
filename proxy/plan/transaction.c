#include "plan/transaction.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "plan/script.h"

#define QUEUED_BYTES_MAX 65536 /* of commands that wait for the first key */

struct transaction {
	struct lease_owner owner;
	struct session *session;
	struct upstream *lease;	   /* NULL: no key has come yet, or it is lost */
	const struct shard *shard; /* of the first key */
	struct chain queued;	   /* commands that came before it */
	uint32_t n_queued;	   /* of those */
	int length;		   /* commands answered QUEUED */
	bool in_multi;
	bool is_sent;  /* the server has MULTI */
	bool is_dirty; /* a command was refused: nothing will run */
	bool is_lost;  /* so is the connection */
};

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

	return tx != NULL && tx->shard == shard ? tx->lease : NULL;
}

void transaction_spoil(struct session *session)
{
	if (transaction_is_open(session))
		session->transaction->is_dirty = true;
}

static void on_lost(struct lease_owner *owner, struct upstream *up)
{
	struct transaction *tx = container_of(owner, struct transaction, owner);

	(void)up;
	tx->lease = NULL;
	tx->is_lost = true;
}

static struct transaction *begin(struct session *session)
{
	if (session->transaction == NULL) {
		struct transaction *tx = alloc_zeroed(1, sizeof(*tx));

		tx->owner.on_lost = on_lost;
		tx->session = session;
		session->transaction = tx;
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
	if (tx->lease != NULL)
		lease_drop(tx->lease);
	forget(engine, session);
}

/* It is over, and the server's connection is as a new one. */
static void end(struct engine *engine, struct session *session)
{
	if (session->transaction->lease != NULL)
		lease_return(session->transaction->lease);
	forget(engine, session);
	session->is_held = false;
}

/* Take a connection to the shard of the first key. False where there is none, after answering: the
 * request may be gone then. */
static bool pin(struct request *request, struct transaction *tx, const struct shard *shard)
{
	struct call *call = &request->first;
	enum call_result why;
	char text[CALL_TEXT_MAX];

	if (tx->lease != NULL)
		return true;
	tx->lease = lease_take(request->engine, shard->primary, request->kind, &tx->owner, &why);
	if (tx->lease != NULL) {
		tx->shard = shard;
		return true;
	}
	tx->is_dirty = tx->in_multi;
	call->shard = shard;
	call->endpoint = shard->primary;
	request_fail(request, call_failure_text(request->engine, call, why, text));
	return false;
}

/* What the server must have before the next command: MULTI, and what was queued here. */
static void open_at_server(struct request *request, struct transaction *tx)
{
	struct chain *bytes = &request->first.bytes;

	if (tx->is_sent || !tx->in_multi)
		return;
	chain_append(&request->engine->chunks, bytes, NULL, span_of("*1\r\n$5\r\nMULTI\r\n"));
	chain_move(&request->engine->chunks, bytes, &tx->queued);
	request->first.skip = 1 + tx->n_queued;
	tx->is_sent = true;
}

static void answer(struct request *request, const char *line, bool is_error)
{
	request_finish_line(request, span_of(line), is_error);
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

void transaction_queue(struct request *request, const struct command_bytes *command,
		       const struct shard *shard)
{
	struct transaction *tx = request->session->transaction;

	if (tx->is_lost) {
		tell_lost(request, tx);
		return;
	}
	if (tx->lease == NULL && (shard == NULL || tx->is_dirty)) {
		queue_here(request, command, tx);
		return;
	}
	if (shard != NULL && tx->lease != NULL && shard != tx->shard) {
		tx->is_dirty = true;
		stat_add(&request->engine->stats->counter[STAT_CROSSSLOT], 1);
		answer(request,
		       "-CROSSSLOT Keys in request don't hash to the same slot: slipring runs a "
		       "transaction on one shard",
		       true);
		return;
	}
	if (!pin(request, tx, shard))
		return;
	open_at_server(request, tx);
	take_bytes(request, command);
	tx->length++;
	single_start(request, tx->shard, 1);
}

/* The last command of it is answered. */
static void closing_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	struct session *session = request->session;
	bool is_dirty = session != NULL && session->transaction->is_dirty;
	char text[CALL_TEXT_MAX];

	if (result == CALL_REPLY && !is_dirty) {
		chain_move(&engine->chunks, &request->reply, &call->reply);
		request->is_error = call->is_error;
	}
	call_fini(engine, call);
	if (session != NULL)
		end(engine, session);
	if (is_dirty)
		answer(request, "-EXECABORT Transaction discarded because of previous errors.",
		       true);
	else if (result == CALL_REPLY)
		request_finish(request);
	else
		request_fail(request, call_failure_text(engine, call, result, text));
}

/* Send the command that ends it; the client waits for its reply. */
static void close_at_server(struct request *request, const char *bytes)
{
	struct transaction *tx = request->session->transaction;
	struct call *call = &request->first;

	chain_append(&request->engine->chunks, &call->bytes, NULL, span_of(bytes));
	call->request = request;
	call->shard = tx->shard;
	call->endpoint = tx->shard->primary;
	call->lease = tx->lease;
	call->done = closing_done;
	request->session->is_held = true;
	connset_send(request->engine, request->client_id, call);
}

/* What puts the server's connection back to what it was. */
static const char *undoing(const struct transaction *tx)
{
	return tx->is_sent ? "*1\r\n$7\r\nDISCARD\r\n" : "*1\r\n$7\r\nUNWATCH\r\n";
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

static void run_exec(struct request *request, const struct command_bytes *command,
		     const struct shard *shard)
{
	struct session *session = request->session;
	struct engine *engine = request->engine;
	struct transaction *tx = session->transaction;
	char text[CALL_TEXT_MAX];

	(void)command;
	(void)shard;
	if (!transaction_is_open(session)) {
		answer(request, "-ERR EXEC without MULTI", true);
	} else if (tx->is_lost) {
		lost_text(tx, text);
		end(engine, session);
		answer(request, text, true);
	} else if (tx->is_dirty && tx->lease != NULL) {
		close_at_server(request, undoing(tx));
	} else if (tx->is_dirty) {
		end(engine, session);
		answer(request, "-EXECABORT Transaction discarded because of previous errors.",
		       true);
	} else if (tx->lease == NULL && tx->n_queued == 0) {
		end(engine, session);
		answer(request, "*0", false);
	} else if (pin(request, tx, &request->pool->shards[0])) {
		open_at_server(request, tx);
		close_at_server(request, "*1\r\n$4\r\nEXEC\r\n");
	} else {
		transaction_abandon(engine, session); /* unless the client has left over it */
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
	} else if (tx->lease == NULL) {
		end(request->engine, session);
		answer(request, "+OK", false);
	} else {
		tx->is_dirty = false;
		close_at_server(request, undoing(tx));
	}
}

static void run_watch(struct request *request, const struct command_bytes *command,
		      const struct shard *shard)
{
	struct engine *engine = request->engine;
	struct session *session = request->session;

	if (transaction_is_open(session)) {
		answer(request, "-ERR WATCH inside MULTI is not allowed", true);
		return;
	}
	struct transaction *tx = begin(session);
	if (tx->lease != NULL && tx->shard != shard) {
		stat_add(&request->engine->stats->counter[STAT_CROSSSLOT], 1);
		answer(request,
		       "-CROSSSLOT Keys in request don't hash to the same slot: slipring watches "
		       "keys of one shard",
		       true);
		return;
	}
	if (!tx->is_lost && !pin(request, tx, shard)) {
		transaction_abandon(engine, session);
		return;
	}
	if (tx->is_lost) {
		tell_lost(request, tx);
		return;
	}
	plan_take_bytes(request, command);
	single_start(request, shard, 1);
}

static void run_unwatch(struct request *request, const struct command_bytes *command,
			const struct shard *shard)
{
	struct session *session = request->session;

	(void)shard;
	if (transaction_is_open(session)) {
		transaction_queue(request, command, NULL);
	} else if (session->transaction != NULL && session->transaction->lease != NULL) {
		close_at_server(request, undoing(session->transaction));
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
