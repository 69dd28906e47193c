#include "probe.h"

#include <check.h>

#include "core/connset.h"
#include "core/request.h"

static struct request asker = {.kind = {.resp = 2}}; /* calls without a request are not counted */

static void on_done(struct call *call, enum call_result result)
{
	struct probe *probe = container_of(call, struct probe, call);

	ck_assert(!probe->done);
	probe->done = true;
	probe->result = result;
	probe->reply[chain_peek(&call->reply, probe->reply, sizeof(probe->reply) - 1)] = '\0';
	call_fini(&probe->dp->engine, call);
}

static void on_piece(struct call *call)
{
	container_of(call, struct probe, call)->pieces++;
}

void probe_init(struct probe *probe, struct data_path *dp, struct chunk *chunk, struct span bytes,
		bool reads)
{
	*probe = (struct probe){.dp = dp};
	call_init(&probe->call, &asker, reads);
	probe->call.shard = &dp->pool->shards[0];
	probe->call.endpoint = probe->call.shard->primary;
	probe->call.done = on_done;
	probe->call.on_piece = on_piece;
	chain_append(&dp->engine.chunks, &probe->call.bytes, chunk, bytes);
}

void probe_send(struct probe *probe, uint64_t client_id)
{
	connset_send(&probe->dp->engine, client_id, &probe->call);
}

void probe_begin(struct probe *probe, struct data_path *dp, const char *bytes, bool reads)
{
	probe_init(probe, dp, NULL, span_of(bytes), reads);
	probe_send(probe, 1);
}
