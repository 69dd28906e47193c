#include "plan/redirect.h"

#include <string.h>

#include "base/number.h"
#include "core/connset.h"
#include "core/hold.h"

#define LINE_MAX 320 /* bytes of an error line that are looked at */
#define ATTEMPTS_MAX                                                                               \
	16	     /* sends of one call: nodes that send it round in a circle are given a rest */
#define HOPS_AGAIN 3 /* sends after it */

/* The next word of a line, off its front. */
static struct span cut_word(struct span *line)
{
	const char *blank = memchr(line->p, ' ', line->len);
	struct span word =
		span_make(line->p, blank != NULL ? (size_t)(blank - line->p) : line->len);

	*line = span_skip(*line, blank != NULL ? word.len + 1 : word.len);
	return word;
}

/* "HOST:PORT", an IPv6 host without brackets; a node that does not know its own name leaves it out. */
static bool parse_target(struct span target, const struct endpoint *from, struct address *out)
{
	size_t colon = target.len;
	uint64_t port;

	while (colon > 0 && target.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || colon > sizeof(out->host) ||
	    !number_parse_u64(span_skip(target, colon), &port) || port < 1 || port > UINT16_MAX)
		return false;
	*out = (struct address){.port = (uint16_t)port};
	if (colon == 1)
		memcpy(out->host, from->address.host, sizeof(out->host));
	else
		memcpy(out->host, target.p, colon - 1);
	return true;
}

static bool is_at(const struct endpoint *endpoint, const struct address *address)
{
	if (endpoint->address.port != address->port)
		return false;
	for (uint16_t i = 0; i < endpoint->n_ips; i++)
		if (strcmp(endpoint->ips[i], address->host) == 0)
			return true;
	return strcmp(endpoint->address.host, address->host) == 0;
}

/* The node of the pool, as the newest topology has it, at that address; or NULL. */
static const struct endpoint *find(const struct engine *engine, uint16_t pool_index,
				   const struct address *address)
{
	const struct pool *pool = topology_pool_at(engine->topology, pool_index);

	for (uint16_t i = 0; pool != NULL && i < pool->n_shards; i++) {
		const struct shard *shard = &pool->shards[i];

		if (is_at(shard->primary, address))
			return shard->primary;
		for (uint16_t j = 0; j < shard->n_replicas; j++)
			if (is_at(&shard->replicas[j], address))
				return &shard->replicas[j];
	}
	return NULL;
}

void redirect_ask(struct call *call, bool asks)
{
	struct chunk_pool *chunks = &call->request->engine->chunks;
	struct chain command = {0};

	if (call->asks == asks)
		return;
	call->asks = asks;
	call->skip = asks;
	if (!asks) {
		chain_consume(chunks, &call->bytes, strlen(REDIRECT_ASKING));
		return;
	}
	chain_move(chunks, &command, &call->bytes);
	chain_append(chunks, &call->bytes, NULL, span_of(REDIRECT_ASKING));
	chain_move(chunks, &call->bytes, &command);
}

static void go_to(struct call *call, const struct endpoint *endpoint, bool asks)
{
	struct request *request = call->request;

	chain_clear(&request->engine->chunks, &call->reply);
	redirect_ask(call, asks);
	call_point(call, endpoint->shard, endpoint);
	stat_add(&request->engine->stats->counter[STAT_REDIRECTED], 1);
	call_send(call);
}

/* It is tried again a little later: the keys are on their way, or the node is not known yet. */
static bool wait(struct call *call)
{
	redirect_ask(call, false);
	if (call->attempts > ATTEMPTS_MAX - HOPS_AGAIN)
		call->attempts = ATTEMPTS_MAX - HOPS_AGAIN;
	return hold_take_alone(call);
}

bool redirect(struct call *call)
{
	char buf[LINE_MAX];
	struct span line = span_make(buf, chain_peek(&call->reply, buf, sizeof(buf)));
	const char *end = memchr(line.p, '\r', line.len);
	struct engine *engine = call->request->engine;
	struct address address;

	if (call->pieces_taken || call->lease != NULL || chain_is_empty(&call->bytes) ||
	    end == NULL || !request_is_wanted(call->request))
		return false;
	line.len = (size_t)(end - line.p);
	struct span word = cut_word(&line);
	if (span_equal_str(word, "-TRYAGAIN") || span_equal_str(word, "-CLUSTERDOWN"))
		return wait(call);
	bool asks = span_equal_str(word, "-ASK");
	if (!asks && !span_equal_str(word, "-MOVED"))
		return false;
	cut_word(&line); /* the slot */
	if (!parse_target(line, call->endpoint, &address))
		return false;
	if (!asks)
		engine_suspect(engine, call->endpoint);
	const struct endpoint *endpoint = find(engine, call->endpoint->pool->index, &address);
	if (endpoint == NULL || call->attempts >= ATTEMPTS_MAX)
		return wait(call);
	go_to(call, endpoint, asks);
	return true;
}
