#include "serve/dispatch_binary.h"

#include <stdio.h>
#include <string.h>

#include "plan/binary.h"
#include "plan/translate.h"
#include "proto/mc_request.h"
#include "serve/login.h"
#include "serve/reject.h"

#define LINE_MAX_BYTES 300 /* a word of memcached's key limit, and what stands around it */

typedef void (*act)(struct client *client, struct request *request,
		    const struct command_bytes *command);

void dispatch_binary_begin(struct client *client)
{
	client->codec = &codec_mc_binary;
	client->session.kind.binary = 1;
}

static bool is_cluster(const struct request *request, struct span key, const char *name)
{
	return request->pool->cluster.payload != NULL && span_equal_str(key, name);
}

/* What ElastiCache's clients ask, in this form or as a get of an old node's key: flags, and the
 * nodes as a value. */
static void reply_cluster_config(struct request *request, struct span key)
{
	const struct cluster_config *cluster = &request->pool->cluster;
	const struct mcb_header header = {
		.magic = MCB_RESPONSE,
		.opcode = request->opcode,
		.opaque = request->opaque,
		.cas = cluster->version,
	};

	request->convert = NULL;
	mcb_packet(&request->engine->chunks, &request->reply, header, span_make("\0\0\0\0", 4), key,
		   span_make(cluster->payload, cluster->len));
	request_finish(request);
}

static void act_keyed(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	struct span key = parsed_arg(command->parsed, command->start, MCB_ARG_KEY);

	(void)client;
	if (unlikely(key.len == CLUSTER_CONFIG_KEY_LEN) && (request->command->flags & CMD_READ) &&
	    is_cluster(request, key, CLUSTER_CONFIG_KEY)) {
		bool with_key = mcb_opcode(request->opcode)->loud == MCB_GETK;

		reply_cluster_config(request, with_key ? key : span_of(""));
		return;
	}
	binary_start(request, command,
		     route_key(request->pool, key, request->engine->digest, &request->engine->rng));
}

static void carry_out(struct client *client, struct request *request,
		      const struct command_bytes *line)
{
	request->command = line->parsed->command;
	if (line->parsed->error != NULL || !translate_is_due(request, line) ||
	    translate_begin(request, line))
		dispatch_line(client, request, line);
}

/* Have the text protocol's command of the same meaning carried out: what goes to all shards is
 * merged there. */
static void act_line(struct client *client, struct request *request, const char *line)
{
	struct engine *engine = request->engine;
	size_t len = strlen(line);
	struct chunk *chunk = chunk_new(&engine->chunks, (uint32_t)len);
	const struct parse_limits limits = {.request = (uint32_t)len};
	struct parse_state state = {0};
	struct parsed parsed;

	memcpy(chunk->data, line, len);
	chunk->used = (uint32_t)len;
	request->kind = engine_usual_kind(client->pool);
	if (mc_request_parse(&state, span_make(chunk->data, len), &limits, &engine->args,
			     &parsed) != PARSE_DONE)
		reject(request, span_of("CLIENT_ERROR Invalid arguments"));
	else
		carry_out(client, request, &(struct command_bytes){&parsed, chunk, chunk->data});
	chunk_unref(chunk);
}

static void act_flush(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	(void)client;
	binary_start_all(request, command);
}

/* What it asks for are words of a text line: no byte of it may end that line, or begin another. */
static bool is_words(struct span key)
{
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char)key.p[i] < ' ' || key.p[i] == 0x7f)
			return false;
	return true;
}

static void act_stat(struct client *client, struct request *request,
		     const struct command_bytes *command)
{
	struct span key = parsed_arg(command->parsed, command->start, MCB_ARG_KEY);
	char line[LINE_MAX_BYTES];

	if (!is_words(key)) {
		reject(request, span_of("NOT_FOUND"));
		return;
	}
	snprintf(line, sizeof(line), "stats%s%.*s\r\n", key.len > 0 ? " " : "", (int)key.len,
		 key.p);
	act_line(client, request, line);
}

/* All before it are answered when its turn comes: that is what it asks for. */
static void act_noop(struct client *client, struct request *request,
		     const struct command_bytes *command)
{
	(void)client;
	(void)command;
	binary_reply(request, MCB_OK, span_of(""));
	request_finish(request);
}

static void act_version(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	(void)client;
	(void)command;
	binary_reply(request, MCB_OK, span_of(MCB_VERSION_TEXT));
	request_finish(request);
}

static void act_quit(struct client *client, struct request *request,
		     const struct command_bytes *command)
{
	(void)command;
	client->closing = true;
	if (request->opcode == MCB_QUIT)
		binary_reply(request, MCB_OK, span_of(""));
	request_finish(request);
}

static void act_config(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	struct span key = parsed_arg(command->parsed, command->start, MCB_ARG_KEY);

	(void)client;
	if (is_cluster(request, key, "cluster"))
		reply_cluster_config(request, span_of(""));
	else
		request_finish_line(request, span_of("NOT_FOUND"), false);
}

static void act_unknown(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reject(request, span_of("ERROR"));
}

static const act acts[] = {
	[MCB_ACT_NONE] = act_unknown, [MCB_ACT_KEYED] = act_keyed, [MCB_ACT_FLUSH] = act_flush,
	[MCB_ACT_STAT] = act_stat,    [MCB_ACT_NOOP] = act_noop,   [MCB_ACT_VERSION] = act_version,
	[MCB_ACT_QUIT] = act_quit,    [MCB_ACT_SASL] = login_sasl, [MCB_ACT_CONFIG] = act_config,
};

static void start(struct client *client, struct request *request,
		  const struct command_bytes *command)
{
	uint8_t action = mcb_opcode(request->opcode)->action;

	if (unlikely(client->pool->coalesces) && action == MCB_ACT_KEYED &&
	    coalesce(request, command))
		return;
	if (unlikely(client->pool->coalesces) && action == MCB_ACT_FLUSH)
		coalesce_note(request, command);
	acts[action](client, request, command);
}

void dispatch_binary(struct client *client, const struct command_bytes *command,
		     const struct request_events *events)
{
	const struct parsed *p = command->parsed;
	struct request *request = dispatch_request(client, p->command, events);

	binary_begin(request, command->start);
	if (unlikely(p->error != NULL && p->drops_key))
		reject_set(request, command);
	else if (unlikely(p->error != NULL))
		reject(request, span_of(p->error));
	else
		start(client, request, command);
}
