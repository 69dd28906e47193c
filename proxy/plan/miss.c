#include "plan/miss.h"

#include "core/request.h"
#include "proto/mc_reply.h"
#include "proto/mc_request.h"

/* By the id of the row. */
static const char *const replies[] = {
	[MC_GET] = "END\r\n",	     [MC_GETS] = "END\r\n",	   [MC_GAT] = "END\r\n",
	[MC_GATS] = "END\r\n",	     [MC_TOUCH] = "NOT_FOUND\r\n", [MC_INCR] = "NOT_FOUND\r\n",
	[MC_DECR] = "NOT_FOUND\r\n", [MC_META_GET] = "EN",	   [MC_META_ARITHMETIC] = "NF",
	[MC_META_DEBUG] = "EN",
};

const char *miss_reply(const struct command *command)
{
	return command->id < ARRAY_LEN(replies) ? replies[command->id] : NULL;
}

/* The word at the start of *rest, which is cut off with the blanks before it. */
static struct span next_word(struct span *rest)
{
	size_t len = 0;

	while (rest->len > 0 && rest->p[0] == ' ')
		*rest = span_skip(*rest, 1);
	while (len < rest->len && rest->p[len] != ' ' && rest->p[len] != '\r' &&
	       rest->p[len] != '\n')
		len++;
	struct span word = span_make(rest->p, len);

	*rest = span_skip(*rest, len);
	return word;
}

/* As memcached repeats them: the opaque, the key, and that the key is base64. */
static void append_flags(struct call *call)
{
	struct chunk_pool *chunks = &call->request->engine->chunks;
	char line[MC_LINE_MAX + 2];
	struct span rest = span_make(line, chain_peek(&call->bytes, line, sizeof(line)));
	bool has_key = false;

	(void)next_word(&rest);
	struct span key = next_word(&rest);
	for (struct span word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
		bool is_key = word.p[0] == 'k' && !has_key;

		if (word.p[0] != 'O' && word.p[0] != 'b' && !is_key)
			continue;
		has_key = has_key || is_key;
		chain_append(chunks, &call->reply, NULL, span_of(" "));
		chain_copy(chunks, &call->reply, is_key ? span_make("k", 1) : word);
		if (is_key)
			chain_copy(chunks, &call->reply, key);
	}
}

/* With q a node says nothing of a get's miss, and the barrier's reply is cut off behind this. */
static void write_meta(struct call *call, const char *code)
{
	const struct command *command = call->request->command;
	struct chunk_pool *chunks = &call->request->engine->chunks;

	if (!call->barrier || command->id != MC_META_GET) {
		chain_append(chunks, &call->reply, NULL, span_of(code));
		if (command->id != MC_META_DEBUG)
			append_flags(call);
		chain_append(chunks, &call->reply, NULL, span_of("\r\n"));
	}
	if (call->barrier)
		chain_append(chunks, &call->reply, NULL, span_of(MC_REPLY_BARRIER));
}

void miss_prepare(struct call *call)
{
	const struct command *command = call->request->command;

	if (command->flags & CMD_META && miss_reply(command) != NULL)
		call->keeps_bytes = true;
}

bool miss_instead(struct call *call)
{
	struct request *request = call->request;
	struct engine *engine = request->engine;
	const char *reply;

	/* Ids of another protocol are never looked up: there the setting is an error. */
	if (request->pool->settings.failover.on_down != ON_DOWN_MISS || call->pieces_taken)
		return false;
	reply = miss_reply(request->command);
	if (reply == NULL)
		return false;
	/* Its flags are not in what was sent. */
	if (call->translated && (request->command->flags & CMD_META))
		return false;
	call->translated = false;
	call->barrier = call->barrier && (request->command->flags & CMD_META);
	chain_clear(&engine->chunks, &call->reply);
	if (request->command->flags & CMD_META)
		write_meta(call, reply);
	else
		chain_append(&engine->chunks, &call->reply, NULL, span_of(reply));
	call->is_error = false;
	call->values = 0;
	stat_add(&engine->stats->counter[STAT_DOWN_MISSES], call->n_keys);
	return true;
}
