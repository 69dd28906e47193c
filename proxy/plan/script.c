#include "plan/script.h"

#include "core/connset.h"
#include "core/scripts.h"

#define SHA_LEN	 40
#define HEAD_MAX 256 /* bytes in which the name and the SHA of an EVALSHA stand */

void script_note(struct request *request, const struct command_bytes *command)
{
	struct engine *engine = request->engine;
	const struct parsed *p = command->parsed;
	const char *name = request->command->name;

	if (engine->scripts == NULL)
		return;
	if (strncmp(name, "evalsha", strlen("evalsha")) == 0)
		request->first.keeps_bytes = true;
	else if (strncmp(name, "eval", strlen("eval")) == 0 && p->args->n > 1)
		scripts_add(engine->scripts, engine->digest, parsed_arg(p, command->start, 1));
	else if (strcmp(name, "script|load") == 0)
		scripts_add(engine->scripts, engine->digest, parsed_arg(p, command->start, 2));
	else if (strcmp(name, "script|flush") == 0)
		scripts_flush(engine->scripts);
}

/* The SHA of the call's command, which is its second word. */
static struct span sha_of(const struct call *call, char buf[HEAD_MAX])
{
	size_t len = chain_peek(&call->bytes, buf, HEAD_MAX);
	const char *at = memmem(buf, len, "\r\n$40\r\n", 7);

	if (at == NULL || (size_t)(buf + len - at) < 7 + SHA_LEN)
		return span_make("", 0);
	return span_make(at + 7, SHA_LEN);
}

bool script_cure(struct call *call)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	struct chain bytes = {0};
	char buf[HEAD_MAX];

	if (call->lease != NULL || call->skip > 0 || call->attempts > 2 ||
	    engine->scripts == NULL || chain_is_empty(&call->bytes) ||
	    !span_starts_with(chain_head(&call->reply), span_of("-NOSCRIPT")) ||
	    !scripts_load(engine->scripts, sha_of(call, buf), &engine->chunks, &bytes))
		return false;
	chain_move(&engine->chunks, &bytes, &call->bytes);
	chain_move(&engine->chunks, &call->bytes, &bytes);
	chain_clear(&engine->chunks, &call->reply);
	call->skip = 1;
	stat_add(&engine->stats->counter[STAT_SCRIPTS_GIVEN], 1);
	connset_send(engine, request->client_id, call);
	return true;
}
