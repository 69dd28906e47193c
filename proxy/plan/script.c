#include "plan/script.h"

#include <stdio.h>

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

bool script_write_whole(struct request *request, const struct command_bytes *command)
{
	struct engine *engine = request->engine;
	const struct parsed *p = command->parsed;
	const struct arg *sha = &p->args->v[1];
	const char *name = request->command->name;
	struct chain body = {0};
	char head[64];

	if (strncmp(name, "evalsha", strlen("evalsha")) != 0 || engine->scripts == NULL ||
	    !scripts_body(engine->scripts, parsed_arg(p, command->start, 1), &engine->chunks,
			  &body))
		return false;
	bool is_ro = request->command->flags & CMD_READ;
	uint32_t rest = sha->at + sha->len + 2;
	int n = snprintf(head, sizeof(head), "*%u\r\n%s", (unsigned)p->args->n,
			 is_ro ? "$7\r\nEVAL_RO\r\n" : "$4\r\nEVAL\r\n");
	struct chain *bytes = &request->first.bytes;
	chain_copy(&engine->chunks, bytes, span_make(head, (size_t)n));
	chain_move(&engine->chunks, bytes, &body);
	chain_append(&engine->chunks, bytes, command->chunk,
		     span_make(command->start + rest, p->len - rest));
	return true;
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

	static const char load[] = "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n";
	struct chain body = {0};

	if (call->lease != NULL || call->skip > 0 || call->attempts > 2 ||
	    engine->scripts == NULL || chain_is_empty(&call->bytes) ||
	    !span_starts_with(chain_head(&call->reply), span_of("-NOSCRIPT")) ||
	    !scripts_body(engine->scripts, sha_of(call, buf), &engine->chunks, &body))
		return false;
	chain_append(&engine->chunks, &bytes, NULL, span_of(load));
	chain_move(&engine->chunks, &bytes, &body);
	chain_move(&engine->chunks, &bytes, &call->bytes);
	chain_move(&engine->chunks, &call->bytes, &bytes);
	chain_clear(&engine->chunks, &call->reply);
	call->skip = 1;
	stat_add(&engine->stats->counter[STAT_SCRIPTS_GIVEN], 1);
	connset_send(engine, request->client_id, call);
	return true;
}
