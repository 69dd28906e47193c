#include "core/call.h"

#include <stdio.h>
#include <string.h>

#include "core/connset.h"
#include "core/era.h"
#include "core/request.h"

void call_init(struct call *call, struct request *request, bool reads)
{
	memset(call, 0, sizeof(*call));
	call->request = request;
	call->reads = reads;
}

void call_point(struct call *call, const struct shard *shard, const struct endpoint *endpoint)
{
	struct engine *engine = call->request->engine;
	struct era *before = call->era;

	call->shard = shard;
	call->endpoint = endpoint;
	if (before == engine->era || call->request->era == engine->era)
		return;
	call->era = era_take(engine->era);
	if (before != NULL)
		era_put(before);
}

void call_send(struct call *call)
{
	if (unlikely(call->send != NULL))
		call->send(call);
	else
		connset_send(call->request->engine, call->request->client_id, call);
}

void call_fini(struct engine *engine, struct call *call)
{
	chain_clear(&engine->chunks, &call->bytes);
	chain_clear(&engine->chunks, &call->reply);
}

char *call_failure_text(struct engine *engine, const struct call *call, enum call_result result,
			char out[CALL_TEXT_MAX])
{
	const struct endpoint *endpoint = call->endpoint;
	const char *fate = call->reads ? "" : "; the command may have run";
	char why[CONNSET_WHY_MAX];
	int n = snprintf(out, CALL_TEXT_MAX, "shard %s: ", call->shard->name);
	char *rest = out + n;
	size_t cap = CALL_TEXT_MAX - (size_t)n;

	switch (result) {
	case CALL_DOWN:
	case CALL_NOT_SENT:
		snprintf(rest, cap, "%s", connset_why(engine, endpoint, why));
		break;
	case CALL_NO_PRIMARY:
		snprintf(rest, cap, "no primary%s: %s",
			 call->has_waited ? " within hold.time"
					  : ", and as many requests wait as may (hold.requests)",
			 connset_why(engine, endpoint, why));
		break;
	case CALL_LOST:
		snprintf(rest, cap, "connection to %s lost%s", endpoint->text, fate);
		break;
	case CALL_TIMEOUT:
		snprintf(rest, cap, "no reply from %s in time%s", endpoint->text, fate);
		break;
	case CALL_GARBAGE:
		snprintf(rest, cap, "%s answered out of protocol%s", endpoint->text, fate);
		break;
	case CALL_NO_LEASE:
		snprintf(rest, cap, "no connection of its own to %s: limits.leases is reached",
			 endpoint->text);
		break;
	default:
		snprintf(rest, cap, "failed");
	}
	return out;
}
