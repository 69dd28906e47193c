#include "plan/pinned.h"

/* The call's connection, unless it is lost, is the session's no longer. */
static struct upstream *let_go(struct session *session, enum call_result result)
{
	struct upstream *up = session->waits_on;

	session->waits_on = NULL;
	session->is_held = false;
	return result == CALL_REPLY ? up : NULL;
}

static void answer(struct request *request, struct call *call, enum call_result result)
{
	struct engine *engine = request->engine;
	char text[CALL_TEXT_MAX];

	if (result != CALL_REPLY) {
		call_fini(engine, call);
		request_fail(request, call_failure_text(engine, call, result, text));
		return;
	}
	chain_move(&engine->chunks, &request->reply, &call->reply);
	call_fini(engine, call);
	request->is_error = call->is_error;
	request_finish(request);
}

static void blocking_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;

	if (request->session != NULL) {
		struct upstream *up = let_go(request->session, result);

		if (up != NULL)
			lease_return(up);
	}
	answer(request, call, result);
}

static void start(struct request *request, const struct command_bytes *command,
		  const struct shard *shard, void (*done)(struct call *, enum call_result))
{
	struct session *session = request->session;
	struct call *call = &request->first;
	enum call_result why;

	call->request = request;
	call->shard = shard;
	call->endpoint = shard->primary;
	call->done = done;
	plan_take_bytes(request, command);
	call->lease = lease_take(request->engine, shard->primary, request->kind, NULL, &why);
	if (call->lease == NULL) {
		answer(request, call, why);
		return;
	}
	session->waits_on = call->lease;
	session->is_held = true;
	connset_send(request->engine, request->client_id, call);
}

void blocking_start(struct request *request, const struct command_bytes *command,
		    const struct shard *shard)
{
	request->first.waits = true;
	start(request, command, shard, blocking_done);
}

/* The connection has another database now: it is of no use to others. */
static void select_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;
	struct session *session = request->session;

	if (session != NULL) {
		struct upstream *up = let_go(session, result);

		if (up != NULL)
			lease_drop(up);
		if (result == CALL_REPLY && !call->is_error)
			session->kind.db = (uint16_t)call->number;
	}
	answer(request, call, result);
}

void select_start(struct request *request, const struct command_bytes *command, uint16_t db)
{
	request->first.number = db;
	start(request, command, &request->pool->shards[0], select_done);
}

void pinned_abandon(struct session *session)
{
	struct upstream *up = session->waits_on;

	session->waits_on = NULL;
	if (up != NULL)
		lease_drop(up);
}
