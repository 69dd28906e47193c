/*
 * Clients that read the same key at the same time share one call to the node: of pools and prefixes
 * with `coalesce`, and only reads of one key that do not wait. Not in a transaction, nor where a
 * client must see what it has just written elsewhere, nor what is to be random. Each client has
 * its reply in its own order; the first one's time limit is that of all. A write to the key parts
 * who came before it from who comes after, whichever worker it takes.
 */

#include "core/connset.h"
#include "core/herd.h"
#include "core/session.h"
#include "plan/binary.h"
#include "plan/plan.h"
#include "proto/mc_meta.h"
#include "proto/resp_request.h"
#include "route/policy.h"

/* What is left of the reply is each one's; the last takes it, the others share it. */
static void give(struct request *from, struct request *member, bool is_last)
{
	struct engine *engine = from->engine;

	member->is_error = from->is_error;
	member->broken = from->broken && member->first.pieces_taken;
	if (is_last)
		chain_move(&engine->chunks, &member->reply, &from->reply);
	else if (member->client != NULL)
		chain_share(&engine->chunks, &member->reply, &from->reply);
}

/* The reply is there: hand it on to all who wait. They may send more meanwhile, but not to here. */
static void on_finished(struct request *request)
{
	struct engine *engine = request->engine;
	struct herd *herd = request->herd;
	bool counts = (request->command->flags & CMD_HITS) && !request->is_error;
	bool is_first = true;
	struct call *call;

	herds_close(engine->herds, herd);
	while ((call = TAILQ_FIRST(&herd->waiting)) != NULL) {
		struct request *member = call->request;

		TAILQ_REMOVE(&herd->waiting, call, fifo);
		member->herd = NULL;
		give(request, member, TAILQ_EMPTY(&herd->waiting));
		/* The first one's key is counted with the call. */
		if (counts && !is_first)
			plan_count_hits(member, &request->first);
		is_first = false;
		request_finish(member);
	}
	herds_drop(engine->herds, herd);
	request_free(request);
}

static bool is_wanted(const struct herd *herd)
{
	const struct call *call;

	TAILQ_FOREACH (call, &herd->waiting, fifo)
		if (call->request->client != NULL)
			return true;
	return false;
}

/* A long reply is passed on as it comes only where one client waits for it, and none can join then;
 * for several it is collected. */
static bool on_piece(struct request *request, struct chain *piece)
{
	struct engine *engine = request->engine;
	struct herd *herd = request->herd;
	struct request *member = TAILQ_FIRST(&herd->waiting)->request;

	if (!is_wanted(herd)) {
		herds_close(engine->herds, herd);
		chain_clear(&engine->chunks, piece);
		return true;
	}
	/* What a binary client sent of its own is put into a reply that is whole. */
	if (herd->n_waiting > 1 || member->convert != NULL ||
	    !member->events->on_piece(member, piece))
		return false;
	herds_close(engine->herds, herd);
	member->first.pieces_taken = true;
	return true;
}

static const struct request_events herd_events = {
	.on_finished = on_finished,
	.on_piece = on_piece,
};

static void join(struct herd *herd, struct request *member)
{
	member->herd = herd;
	member->first.request = member;
	TAILQ_INSERT_TAIL(&herd->waiting, &member->first, fifo);
	herd->n_waiting++;
}

/* Send it in the name of nobody, so that any of those who wait may leave. */
static void begin(struct herd *herd, struct request *member, struct span key)
{
	struct engine *engine = member->engine;
	struct request_list list = TAILQ_HEAD_INITIALIZER(list);
	struct request *request = request_new(engine, member->pool, member->command, &list);

	TAILQ_REMOVE(&list, request, order);
	request->client_id = member->client_id;
	request->kind = member->kind;
	request->reads = member->reads;
	request->first.barrier = member->first.barrier;
	request->events = &herd_events;
	request->herd = herd;
	herd->request = request;
	chain_move(&engine->chunks, &request->first.bytes, &member->first.bytes);
	join(herd, member);
	single_start(request, route_key(request->pool, key, engine->digest, &engine->rng), 1);
}

/* False if its command is too long to be kept. */
static bool share_read(struct request *request, const struct command_bytes *command,
		       struct span key)
{
	struct engine *engine = request->engine;
	struct chain *bytes = &request->first.bytes;
	char sent[HERD_BYTES_MAX];
	struct herd_key herd_key = {
		.pool = request->pool,
		.kind = request->kind,
		.reads = request->reads,
		.place = connset_place(engine, request->pool->settings.connections,
				       request->client_id),
	};

	/* A line that ends without a carriage return is sent with one. */
	if (command->parsed->len >= HERD_BYTES_MAX)
		return false;
	if (command->parsed->is_binary)
		binary_take_shared(request, command);
	else
		plan_take_bytes(request, command);
	herd_key.bytes = span_make(sent, chain_peek(bytes, sent, sizeof(sent)));
	herds_stand(engine, key, &herd_key);
	struct herd *herd = herds_find(engine->herds, &herd_key);
	if (herd == NULL) {
		begin(herds_open(engine->herds, &herd_key), request, key);
		return true;
	}
	chain_clear(&engine->chunks, bytes);
	join(herd, request);
	stat_add(&engine->stats->counter[STAT_COALESCED], 1);
	return true;
}

/* SRANDMEMBER and its like: who asks for something random does not want the neighbour's. */
static bool is_random(const struct command *row)
{
	return strstr(row->name, "rand") != NULL;
}

/* The argument that is the one key of the command, or 0. */
static uint32_t key_of(const struct command *row, const struct parsed *p)
{
	const struct keys_spec *spec = &row->specs[0];

	if (p->key_count > 0)
		return p->key_count == 1 ? p->key_first : 0;
	if (row->n_specs != 1 || spec->kind != KEYS_KIND_RANGE)
		return 0;
	bool is_one = spec->first == spec->last ||
		      (spec->last < 0 && p->args->n == (uint32_t)spec->first + 1);
	return is_one ? (uint32_t)spec->first : 0;
}

/* Not what the proxy answers itself. */
static bool may_share(const struct request *request, struct span key)
{
	if (request->pool->cluster.payload != NULL && span_equal_str(key, CLUSTER_CONFIG_KEY))
		return false;
	const struct policy *policy = pool_policy(request->pool, key);
	return policy != NULL ? policy->coalesce : request->pool->settings.coalesce != 0;
}

static bool read_key(struct request *request, const struct command_bytes *command)
{
	const struct command *row = request->command;
	uint16_t others = CMD_BLOCKING | CMD_SCRIPT | CMD_PATTERNS | CMD_MOVABLE;
	uint32_t at = key_of(row, command->parsed);

	if (at == 0 || (row->flags & others) != 0 || is_random(row) || request->reads_own ||
	    request->session->transaction != NULL)
		return false;
	char decoded[MC_META_KEY_MAX];
	struct span key = command->parsed->key_encoded
				  ? mc_meta_key(command->parsed, command->start, decoded)
				  : parsed_arg(command->parsed, command->start, at);
	return may_share(request, key) && share_read(request, command, key);
}

static void note_write(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct arg_list *keys = &request->engine->keys;
	bool is_redis = request->pool->protocol == PROTOCOL_REDIS;
	char decoded[MC_META_KEY_MAX];

	if (p->key_encoded)
		herds_note_write(request, mc_meta_key(p, command->start, decoded));
	for (uint32_t i = 0; !is_redis && !p->key_encoded && i < p->key_count; i++)
		herds_note_write(request, parsed_arg(p, command->start, p->key_first + i));
	if (is_redis && request->command->n_specs > 0 &&
	    resp_request_keys(p, command->start, keys) == NULL)
		for (uint32_t i = 0; i < keys->n; i++)
			herds_note_write(request, parsed_arg(p, command->start, keys->v[i].at));
	if (!request->marks)
		herds_note_write_all(request);
}

/* What is queued runs with EXEC, which has no key and whose row does not say that it writes. */
static bool is_exec(const struct command *row)
{
	return row->split == SPLIT_SESSION && strcmp(row->name, "exec") == 0;
}

void coalesce_note(struct request *request, const struct command_bytes *command)
{
	const struct command *row = request->command;
	bool writes = (row->flags & CMD_WRITE) || command->parsed->writes || is_exec(row);

	if (writes && request->engine->herds != NULL)
		note_write(request, command);
}

bool coalesce(struct request *request, const struct command_bytes *command)
{
	if (!(request->command->flags & CMD_READ) || command->parsed->writes) {
		coalesce_note(request, command);
		return false;
	}
	return request->engine->herds != NULL && read_key(request, command);
}
