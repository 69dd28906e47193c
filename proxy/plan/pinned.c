#include "plan/pinned.h"

/* The call's connection, which is its client's no longer; NULL if it is lost. */
static struct upstream *let_go(struct call *call, enum call_result result)
{
	struct upstream *up = call->lease;

	call->lease = NULL;
	return result == CALL_REPLY ? up : NULL;
}

static void answer(struct call *call, enum call_result result)
{
	struct session *session = call->request->session;

	if (session != NULL) {
		session->pinned = NULL;
		session->is_held = false;
	}
	plan_answer(call, result);
}

/* What a node refuses, or never got, has not run: it goes to the next that will take it. */
static bool goes_on(struct call *call, enum call_result result)
{
	if (call->request->session == NULL)
		return false;
	return result == CALL_REPLY ? call->is_error && plan_refused(call)
				    : plan_retry(call, result);
}

static void blocking_done(struct call *call, enum call_result result)
{
	struct upstream *up = let_go(call, result);

	if (up != NULL)
		lease_return(up);
	if (!goes_on(call, result))
		answer(call, result);
}

/* To its endpoint, over a connection that it has for itself. */
static void send(struct call *call)
{
	struct request *request = call->request;
	enum call_result why;

	call->lease = lease_take(request->engine, call->endpoint, request->kind, NULL, &why);
	if (call->lease != NULL)
		connset_send(request->engine, request->client_id, call);
	else
		call->done(call, why);
}

static void start(struct request *request, const struct command_bytes *command,
		  const struct shard *shard, void (*done)(struct call *, enum call_result))
{
	struct call *call = &request->first;

	call->request = request;
	call->shard = shard;
	call->endpoint = shard->primary;
	call->keeps_bytes = shard->holds;
	call->send = send;
	call->done = done;
	plan_take_bytes(request, command);
	request->session->pinned = call;
	request->session->is_held = true;
	plan_send(call);
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
	struct session *session = call->request->session;
	struct upstream *up = let_go(call, result);

	if (up != NULL)
		lease_drop(up);
	if (session != NULL && result == CALL_REPLY && !call->is_error)
		session->kind.db = (uint16_t)call->number;
	answer(call, result);
}

void select_start(struct request *request, const struct command_bytes *command, uint16_t db)
{
	request->first.number = db;
	start(request, command, &request->pool->shards[0], select_done);
}

void pinned_abandon(struct session *session)
{
	struct call *call = session->pinned;
	struct upstream *up = call != NULL ? call->lease : NULL;

	session->pinned = NULL;
	if (up == NULL)
		return;
	call->lease = NULL;
	lease_drop(up);
}
