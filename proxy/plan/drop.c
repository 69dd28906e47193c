#include "plan/drop.h"

#include "core/connset.h"
#include "proto/mc_binary.h"
#include "proto/mc_meta.h"

/* The refusal stands whatever the node said: a client cannot do more about a failed delete. */
static void drop_done(struct call *call, enum call_result result)
{
	struct request *request = call->request;

	/* Not a delete that may have run: the client's next set may have been accepted since. */
	if (result != CALL_REPLY && plan_retry(call, result))
		return;
	call_fini(request->engine, call);
	request_finish(request);
}

void drop_send(struct request *request, struct span key)
{
	struct engine *engine = request->engine;
	struct call *call = &request->first;

	call->request = request;
	call->shard = route_key(request->pool, key, engine->digest, &engine->rng);
	plan_choose(call, call->shard);
	call->done = drop_done;
	connset_send(engine, request->client_id, call);
}

/* What base64 stands for may have blanks: then only md can name it. */
void drop_start(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct chunk_pool *chunks = &request->engine->chunks;
	struct chain *bytes = &request->first.bytes;
	char buf[MC_META_KEY_MAX];

	if (request->kind.binary) {
		const struct mcb_header header = {.magic = MCB_REQUEST, .opcode = MCB_DELETE};
		struct span key = mc_meta_key(p, command->start, buf), none = span_of("");

		mcb_packet(chunks, bytes, header, none, key, none);
		drop_send(request, key);
		return;
	}
	chain_append(chunks, bytes, NULL, span_of(p->key_encoded ? "md " : "delete "));
	chain_copy(chunks, bytes, parsed_arg(p, command->start, p->key_first));
	chain_append(chunks, bytes, NULL, span_of(p->key_encoded ? " b\r\n" : "\r\n"));
	drop_send(request, mc_meta_key(p, command->start, buf));
}
