#include "serve/dispatch_mc.h"

#include "plan/translate.h"
#include "proto/mc_meta.h"
#include "serve/dispatch_binary.h"
#include "serve/login.h"
#include "serve/reject.h"

/* To the shard of its key, which most commands go to. */
static void start_keyed(struct request *request, const struct command_bytes *command)
{
	struct engine *engine = request->engine;
	char buf[MC_META_KEY_MAX];
	struct span key = mc_meta_key(command->parsed, command->start, buf);

	plan_take_bytes(request, command);
	single_start(request, route_key(request->pool, key, engine->digest, &engine->rng), 1);
}

/* What is told in binary shares nothing, as its bytes do not say what the reply is to be; but binary
 * clients share, and its writes part them. */
static bool is_shared(struct request *request, const struct command_bytes *command)
{
	if (!translate_is_due(request, command))
		return coalesce(request, command);
	coalesce_note(request, command);
	return false;
}

static void dispatch_text(struct client *client, const struct command_bytes *command,
			  const struct request_events *events)
{
	const struct parsed *p = command->parsed;
	struct request *request = dispatch_request(client, p->command, events);

	request->quiet = p->noreply;
	if (unlikely(client->session.needs_auth))
		login_text(client, request, command);
	else if (unlikely(p->error != NULL && p->drops_key))
		reject_set(request, command);
	else if (unlikely(client->pool->coalesces) && p->error == NULL &&
		 is_shared(request, command))
		return;
	else if (p->error == NULL && translate_is_due(request, command) &&
		 !translate_begin(request, command))
		return;
	else if (likely(p->error == NULL && p->command->split == SPLIT_NONE))
		start_keyed(request, command);
	else
		dispatch_line(client, request, command);
}

void dispatch_mc(struct client *client, const struct command_bytes *command,
		 const struct request_events *events)
{
	if (unlikely(command->parsed->is_binary))
		dispatch_binary(client, command, events);
	else
		dispatch_text(client, command, events);
}
