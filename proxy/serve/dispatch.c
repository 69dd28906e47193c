#include "serve/dispatch.h"

#include "core/modules.h"
#include "core/observe.h"
#include "plan/pinned.h"
#include "plan/pubsub.h"
#include "plan/scan.h"
#include "plan/script.h"
#include "plan/transaction.h"
#include "proto/resp_request.h"
#include "proto/resp_write.h"
#include "serve/admit.h"
#include "serve/dispatch_mc.h"
#include "serve/local.h"
#include "serve/reject.h"

#define INFO_WORDS_MAX 64
#define PATTERNS_WHY   "its BY and GET patterns may name keys of other shards"

struct request *dispatch_request(struct client *client, const struct command *command,
				 const struct request_events *events)
{
	struct request *request =
		request_new(client->engine, client->pool, command, &client->requests);

	if (unlikely(client->era != client->engine->era))
		request_begin_under(request, client->era);
	request->client = client;
	request->client_id = client->id;
	request->session = &client->session;
	client->last = command;
	request->kind = client->session.kind;
	request->events = events;
	client->in_flight++;
	observe_begin(request);
	return request;
}

/* The one shard that has all keys of a RESP command, or NULL after answering why there is none. */
static const struct shard *common_shard(struct request *request,
					const struct command_bytes *command)
{
	struct engine *engine = request->engine;
	const struct shard *shard = NULL;
	const char *error = resp_request_keys(command->parsed, command->start, &engine->keys);

	/* A node refuses it too, and has its own words for it. */
	if (error != NULL) {
		engine->keys.n = 0;
		return &request->pool->shards[0];
	}
	for (uint32_t i = 0; i < engine->keys.n; i++) {
		struct span key = parsed_arg(command->parsed, command->start, engine->keys.v[i].at);
		const struct shard *its =
			route_key(request->pool, key, engine->digest, &engine->rng);

		if (shard != NULL && its != shard) {
			reject_crossslot(request);
			return NULL;
		}
		shard = its;
	}
	/* A script without keys runs anywhere: let it be the same place each time. */
	return shard == NULL ? &request->pool->shards[0] : shard;
}

static void start_single(struct request *request, const struct command_bytes *command,
			 const struct shard *shard)
{
	plan_take_bytes(request, command);
	single_start(request, shard, 1);
}

/* A command whose keys must share a shard. */
static void start_keyed(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	const struct command *row = request->command;
	struct engine *engine = request->engine;
	const struct keys_spec *spec = &row->specs[0];
	const struct shard *shard;

	(void)client;
	if (likely(row->n_specs == 1 && spec->kind == KEYS_KIND_RANGE &&
		   spec->first == spec->last)) {
		struct span key =
			parsed_arg(command->parsed, command->start, (uint32_t)spec->first);

		shard = route_key(request->pool, key, engine->digest, &engine->rng);
	} else {
		shard = common_shard(request, command);
	}
	if (shard == NULL)
		return;
	if (unlikely(row->flags & CMD_PATTERNS) && !admit_patterns(request, command, shard)) {
		reject_unsupported(request, PATTERNS_WHY);
		return;
	}
	if (unlikely(row->flags & CMD_SCRIPT))
		script_note(request, command);
	if (unlikely((row->flags & CMD_BLOCKING) &&
		     resp_request_blocks(command->parsed, command->start)))
		blocking_start(request, command, shard);
	else
		start_single(request, command, shard);
}

/* A command that is split by key. */
static void start_split(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct key_range keys = {p->key_first, p->key_count, 1};

	(void)client;
	if (request->pool->protocol == PROTOCOL_REDIS) {
		keys.first = (uint32_t)request->command->specs[0].first;
		keys.step = (uint32_t)request->command->specs[0].step;
		if ((p->args->n - keys.first) % keys.step != 0) {
			reject_arity(request, request->command->name);
			return;
		}
		keys.count = (p->args->n - keys.first) / keys.step;
	}
	if (keys.count != 1) {
		fanout_start(request, command, &keys);
		return;
	}
	struct span key = parsed_arg(p, command->start, keys.first);
	if (unlikely(key.len == CLUSTER_CONFIG_KEY_LEN) && local_answers_key(request, key))
		return;
	start_single(request, command,
		     route_key(request->pool, key, request->engine->digest, &request->engine->rng));
}

static void start_any(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	(void)client;
	start_single(request, command, &request->pool->shards[0]);
}

static void start_scan(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	(void)client;
	scan_start(request, command);
}

static void start_pubsub(struct client *client, struct request *request,
			 const struct command_bytes *command)
{
	(void)client;
	pubsub_run(request, command);
}

static void start_session(struct client *client, struct request *request,
			  const struct command_bytes *command)
{
	const struct shard *shard = NULL;

	(void)client;
	if (request->command->n_specs > 0) {
		shard = common_shard(request, command);
		if (shard == NULL)
			return;
	}
	transaction_run(request, command, shard);
}

/* INFO shard:NAME SECTION...: the INFO of that shard alone. True if it was asked for. */
static bool asks_one_shard(struct request *request, const struct command_bytes *command)
{
	struct span words[INFO_WORDS_MAX] = {span_of("INFO")}, asked;
	const struct parsed *p = command->parsed;
	const struct pool *pool = request->pool;
	uint32_t n = p->args->n;

	if (n < 2 || n > INFO_WORDS_MAX ||
	    !span_starts_with(parsed_arg(p, command->start, 1), span_of("shard:")))
		return false;
	asked = span_skip(parsed_arg(p, command->start, 1), strlen("shard:"));
	for (uint32_t i = 2; i < n; i++)
		words[i - 1] = parsed_arg(p, command->start, i);
	for (uint16_t i = 0; i < pool->n_shards; i++) {
		if (!span_equal_str(asked, pool->shards[i].name))
			continue;
		resp_write_command(&request->engine->chunks, &request->first.bytes, words, n - 1);
		single_start(request, &pool->shards[i], 1);
		return true;
	}
	reject(request, span_of("-ERR slipring: the pool has no shard of that name"));
	return true;
}

static void start_all(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	if (local_answers(client, request, command))
		return;
	if (unlikely(request->command->merge == MERGE_INFO) && asks_one_shard(request, command))
		return;
	script_note(request, command);
	plan_take_bytes(request, command);
	request->n_keys = command->parsed->args->n - 1;
	fanout_all_start(request);
}

static void refuse(struct client *client, struct request *request,
		   const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reject_unsupported(request, request->command->why);
}

/* A command between MULTI and EXEC, all of whose keys must be on the transaction's shard. */
static void start_queued(struct request *request, const struct command_bytes *command)
{
	const struct command *row = request->command;
	const struct shard *shard = NULL;

	if (row->split == SPLIT_ANY || (row->flags & CMD_QUEUES)) {
		transaction_queue(request, command, NULL);
		return;
	}
	if (row->split > SPLIT_PAIRS) {
		reject_unsupported(request, row->why != NULL ? row->why
							     : "it is not one shard's, which a "
							       "transaction is");
		return;
	}
	shard = common_shard(request, command);
	if (shard == NULL)
		return;
	bool has_keys = request->engine->keys.n > 0;
	if (row->flags & CMD_SCRIPT)
		script_note(request, command);
	if ((row->flags & CMD_PATTERNS) && !admit_patterns(request, command, shard))
		reject_unsupported(request, PATTERNS_WHY);
	else
		transaction_queue(request, command, has_keys ? shard : NULL);
}

static void start(struct client *client, struct request *request,
		  const struct command_bytes *command)
{
	static void (*const starts[])(struct client *, struct request *,
				      const struct command_bytes *) = {
		[SPLIT_NONE] = start_keyed,	 [SPLIT_KEYS] = start_split,
		[SPLIT_PAIRS] = start_split,	 [SPLIT_ALL] = start_all,
		[SPLIT_ANY] = start_any,	 [SPLIT_SCAN] = start_scan,
		[SPLIT_SESSION] = start_session, [SPLIT_PUBSUB] = start_pubsub,
		[SPLIT_LOCAL] = local_run,	 [SPLIT_REFUSE] = refuse,
	};

	/* Those that end a transaction, or the client's state with it, are not part of it. */
	if (unlikely(transaction_is_open(&client->session)) &&
	    request->command->split != SPLIT_SESSION && !(request->command->flags & CMD_ENDS)) {
		start_queued(request, command);
		return;
	}
	if (likely(request->command->split == SPLIT_NONE))
		start_keyed(client, request, command);
	else
		starts[request->command->split](client, request, command);
}

/* Does it change what connections the client's calls take, so that those before it come first? */
static bool must_wait(const struct client *client, const struct command_bytes *command)
{
	const struct command *row = command->parsed->command;

	if (row->split == SPLIT_SESSION)
		return client->session.transaction == NULL;
	if (row->flags & CMD_ALONE)
		return true;
	return !transaction_is_open(&client->session) &&
	       resp_request_blocks(command->parsed, command->start);
}

/* What has been looked at by serve/admit. */
static void start_watched(struct client *client, struct request *request,
			  const struct command_bytes *command)
{
	if (!client->pool->coalesces || !coalesce(request, command))
		start(client, request, command);
}

static bool carry_out(struct client *client, const struct command_bytes *command,
		      const struct request_events *events)
{
	const struct parsed *p = command->parsed;
	const struct command *row = p->command;
	struct request *request = dispatch_request(client, row, events);

	if (unlikely(client->session.is_watched))
		admit_reply(client, request);
	if (unlikely(row == NULL))
		reject_unknown(request, command);
	else if (unlikely((row->flags & CMD_CONTAINER) && (p->args->n > 1 || row->arity != -1)))
		reject_subcommand(request, command);
	else if (unlikely(!resp_request_arity_fits(row, p->args->n)))
		reject_arity(request, row->name);
	else if (likely(!client->session.is_watched))
		start(client, request, command);
	else if (admit(client, request, command))
		start_watched(client, request, command);
	return true;
}

/* What the table has not may be a module's, which the pool's settings have. */
static bool dispatch_module(struct client *client, const struct command_bytes *command,
			    const struct request_events *events)
{
	struct parsed parsed = *command->parsed;
	struct command_bytes its = {&parsed, command->chunk, command->start};

	parsed.command = modules_find(client->pool, era_modules(client->era, client->pool),
				      parsed_arg(&parsed, command->start, 0));
	return carry_out(client, &its, events);
}

static bool dispatch_resp(struct client *client, const struct command_bytes *command,
			  const struct request_events *events)
{
	const struct command *row = command->parsed->command;

	if (unlikely(client->era != client->engine->era)) {
		client_renew(client);
		if (client->alone && client->in_flight > 0)
			return false;
	}
	if (unlikely(row == NULL) && client->pool->n_commands > 0)
		return dispatch_module(client, command, events);
	if (unlikely(row != NULL && (row->flags & (CMD_ALONE | CMD_BLOCKING))) &&
	    client->in_flight > 0 && must_wait(client, command))
		return false;
	return carry_out(client, command, events);
}

void dispatch_line(struct client *client, struct request *request,
		   const struct command_bytes *command)
{
	request->command = command->parsed->command;
	if (command->parsed->error != NULL)
		reject(request, span_of(command->parsed->error));
	else
		start(client, request, command);
}

bool dispatch(struct client *client, const struct command_bytes *command,
	      const struct request_events *events)
{
	if (client->pool->protocol == PROTOCOL_MEMCACHED)
		dispatch_mc(client, command, events);
	else if (command->parsed->args->n > 0)
		return dispatch_resp(client, command, events);
	return true;
}
