#include "plan/topic.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/number.h"
#include "core/connset.h"
#include "proto/resp_write.h"

#define HEAD_MAX 64 /* bytes before a message's name: two headers, its kind, a length */

static const char *const subscribe_words[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"};
static const char *const unsubscribe_words[] = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"};

static const struct feed_events feed_events;

void topics_make_room(struct pubsub *pubsub)
{
	const struct topology *topology = pubsub->engine->topology;
	uint32_t n_pools = pubsub->n_pools;

	if (topology->n_ids > pubsub->n_feeds) {
		pubsub->feeds =
			alloc_resize(pubsub->feeds, topology->n_ids * sizeof(*pubsub->feeds));
		memset(pubsub->feeds + pubsub->n_feeds, 0,
		       (topology->n_ids - pubsub->n_feeds) * sizeof(*pubsub->feeds));
		pubsub->n_feeds = topology->n_ids;
	}
	for (uint16_t i = 0; i < topology->n_pools; i++)
		if (topology->pools[i].index >= n_pools)
			n_pools = topology->pools[i].index + 1U;
	if (n_pools == pubsub->n_pools)
		return;
	pubsub->pools = alloc_resize(pubsub->pools, n_pools * sizeof(*pubsub->pools));
	memset(pubsub->pools + pubsub->n_pools, 0,
	       (n_pools - pubsub->n_pools) * sizeof(*pubsub->pools));
	pubsub->n_pools = n_pools;
}

struct pubsub *topics_new(struct engine *engine)
{
	struct pubsub *pubsub = alloc_zeroed(1, sizeof(*pubsub));

	pubsub->engine = engine;
	topics_make_room(pubsub);
	return pubsub;
}

void topics_shut(struct pubsub *pubsub)
{
	for (uint32_t i = 0; i < pubsub->n_feeds; i++)
		if (pubsub->feeds[i] != NULL)
			feed_shut(&pubsub->feeds[i]->feed);
}

void topics_free(struct pubsub *pubsub)
{
	for (uint32_t i = 0; i < pubsub->n_feeds; i++)
		free(pubsub->feeds[i]);
	free(pubsub->scratch);
	free(pubsub->feeds);
	free(pubsub->pools);
	free(pubsub);
}

static struct topic_feed *feed_of(struct pubsub *pubsub, const struct shard *shard)
{
	struct topic_feed **feed = &pubsub->feeds[shard->primary->id];

	if (*feed == NULL) {
		*feed = alloc_zeroed(1, sizeof(**feed));
		(*feed)->pubsub = pubsub;
		(*feed)->shard = shard;
		feed_init(&(*feed)->feed, pubsub->engine, shard->primary, &feed_events, *feed);
	}
	return *feed;
}

static void set_refusal(struct topic_part *part, char *refusal)
{
	free(part->refusal);
	part->refusal = refusal;
}

void topic_settle(struct topic *topic)
{
	char why[CALL_TEXT_MAX];

	if (topic_state(topic, why) == TOPIC_PENDING)
		return;
	topic->refs++;
	pubsub_on_settled(topic);
	topic_unref(topic);
}

/* The first line of an error, without its line end. */
static char *line_of(const struct chain *frame)
{
	struct span line = chain_head(frame);

	return alloc_copy(line.p, line.len >= 2 ? line.len - 2 : 0);
}

static void note_refusal(struct topic_part *part, const struct chain *answer)
{
	static struct log_site site;

	set_refusal(part, line_of(answer));
	log_limited(&site, LOG_LEVEL_WARN, "pool %s: shard %s: subscription refused: %s",
		    part->topic->pool->name, part->feed->shard->name, part->refusal);
}

static void ask_done(struct feed_ask *feed_ask, const struct chain *answer)
{
	struct topic_ask *ask = container_of(feed_ask, struct topic_ask, feed_ask);
	struct topic_part *part = ask->part;

	free(ask);
	if (part == NULL)
		return;
	part->ask = NULL;
	if (answer == NULL)
		return; /* on_down sees to the rest */
	if (chain_head(answer).p[0] == '-')
		note_refusal(part, answer);
	else
		part->is_confirmed = true;
	topic_settle(part->topic);
}

/* Send a command about the part's topic; `part` is told of the answer unless it is NULL. */
static struct topic_ask *tell(struct topic_feed *feed, const char *word, struct span name,
			      struct topic_part *part)
{
	struct topic_ask *ask = alloc_zeroed(1, sizeof(*ask));
	const struct span words[] = {span_of(word), name};
	struct chain bytes = {0};

	ask->feed_ask.done = ask_done;
	ask->part = part;
	resp_write_command(&feed->pubsub->engine->chunks, &bytes, words, ARRAY_LEN(words));
	feed_send(&feed->feed, &ask->feed_ask, &bytes);
	return ask;
}

void topic_part_subscribe(struct topic_part *part)
{
	const struct topic *topic = part->topic;

	if (part->is_confirmed || part->ask != NULL || !feed_is_up(&part->feed->feed))
		return;
	if (part->was_confirmed)
		stat_add(&topic->pubsub->engine->stats->counter[STAT_PUBSUB_RESUBSCRIBED], 1);
	part->was_confirmed = false;
	set_refusal(part, NULL);
	part->ask = tell(part->feed, subscribe_words[topic->kind], topic->name, part);
}

static void init_part(struct topic *topic, struct topic_part *part, const struct shard *shard)
{
	part->topic = topic;
	part->feed = feed_of(topic->pubsub, shard);
	LIST_INSERT_HEAD(&part->feed->parts, part, of_feed);
	feed_hold(&part->feed->feed);
}

/* The parts that the topic has by its pool, each a new one. */
void topic_make_parts(struct topic *topic)
{
	struct engine *engine = topic->pubsub->engine;
	const struct pool *pool = topic->pool;

	topic->n_parts = topic->kind == PUBSUB_PATTERN ? pool->n_shards : 1;
	topic->parts = alloc_zeroed(topic->n_parts, sizeof(*topic->parts));
	if (topic->kind != PUBSUB_PATTERN)
		init_part(topic, &topic->parts[0],
			  route_key(pool, topic->name, engine->digest, &engine->rng));
	else
		for (uint32_t i = 0; i < topic->n_parts; i++)
			init_part(topic, &topic->parts[i], &pool->shards[i]);
}

static struct topic *new_topic(struct pubsub *pubsub, const struct pool *pool,
			       enum pubsub_kind kind, struct span name)
{
	struct topic *topic = alloc_zeroed(1, sizeof(*topic) + name.len);

	memcpy((char *)(topic + 1), name.p, name.len);
	topic->name = span_make((char *)(topic + 1), name.len);
	topic->pubsub = pubsub;
	topic->pool = pool;
	topic->kind = kind;
	TAILQ_INIT(&topic->members);
	TAILQ_INIT(&topic->waits);
	HASH_ADD_KEYPTR(hh, pubsub->pools[pool->index].topics[kind], topic->name.p, name.len,
			topic);
	topic_make_parts(topic);
	return topic;
}

struct topic *topic_find(const struct pubsub *pubsub, const struct pool *pool,
			 enum pubsub_kind kind, struct span name)
{
	struct topic *topic;

	HASH_FIND(hh, pubsub->pools[pool->index].topics[kind], name.p, name.len, topic);
	return topic;
}

struct topic *topic_ref(struct pubsub *pubsub, const struct pool *pool, enum pubsub_kind kind,
			struct span name)
{
	struct topic *topic = topic_find(pubsub, pool, kind, name);

	if (topic == NULL)
		topic = new_topic(pubsub, pool, kind, name);
	topic->refs++;
	for (uint32_t i = 0; i < topic->n_parts; i++)
		topic_part_subscribe(&topic->parts[i]);
	return topic;
}

void topic_part_fini(struct topic_part *part)
{
	struct topic_feed *feed = part->feed;
	const struct topic *topic = part->topic;
	bool is_known = part->is_confirmed || part->ask != NULL;

	if (part->ask != NULL)
		part->ask->part = NULL;
	if (is_known && feed_is_up(&feed->feed))
		tell(feed, unsubscribe_words[topic->kind], topic->name, NULL);
	set_refusal(part, NULL);
	LIST_REMOVE(part, of_feed);
	feed_release(&feed->feed);
}

void topic_unref(struct topic *topic)
{
	if (--topic->refs > 0)
		return;
	HASH_DEL(topic->pubsub->pools[topic->pool->index].topics[topic->kind], topic);
	for (uint32_t i = 0; i < topic->n_parts; i++)
		topic_part_fini(&topic->parts[i]);
	free(topic->parts);
	free(topic);
}

static void explain(const struct topic_part *part, char why[CALL_TEXT_MAX])
{
	const struct feed *feed = &part->feed->feed;
	char text[CONNSET_WHY_MAX];

	snprintf(why, CALL_TEXT_MAX, "shard %s: %.*s", part->feed->shard->name, CONNSET_WHY_MAX,
		 part->refusal != NULL ? part->refusal
				       : connset_fault_text(feed->fault, feed->endpoint, text));
}

enum topic_state topic_state(const struct topic *topic, char why[CALL_TEXT_MAX])
{
	enum topic_state state = TOPIC_FAILED;

	for (uint32_t i = 0; i < topic->n_parts; i++) {
		const struct topic_part *part = &topic->parts[i];

		if (part->is_confirmed)
			state = TOPIC_ACTIVE;
		else if (part->refusal != NULL || feed_is_down(&part->feed->feed))
			explain(part, why);
		else
			return TOPIC_PENDING;
	}
	return state;
}

/* ------------------------------------------------------------------ from the feeds */

static void on_up(void *owner)
{
	struct topic_feed *feed = owner;
	struct topic_part *part;

	LIST_FOREACH (part, &feed->parts, of_feed)
		topic_part_subscribe(part);
}

/* Parts, and others with them, may go while one is seen to: each is put back before. */
static void settle_all(struct topic_feed *feed)
{
	struct topic_part_list due = feed->parts;
	struct topic_part *part;

	if (LIST_EMPTY(&due))
		return;
	LIST_FIRST(&due)->of_feed.le_prev = &LIST_FIRST(&due);
	LIST_INIT(&feed->parts);
	while ((part = LIST_FIRST(&due)) != NULL) {
		LIST_REMOVE(part, of_feed);
		LIST_INSERT_HEAD(&feed->parts, part, of_feed);
		topic_settle(part->topic);
	}
}

static void on_down(void *owner)
{
	struct topic_feed *feed = owner;
	struct topic_part *part;

	LIST_FOREACH (part, &feed->parts, of_feed) {
		part->was_confirmed |= part->is_confirmed;
		part->is_confirmed = false;
	}
	if (feed_is_down(&feed->feed))
		settle_all(feed);
}

/* The first n bytes of a frame that has them, side by side. */
static struct span beginning(struct pubsub *pubsub, const struct chain *frame, size_t n)
{
	if (likely(chain_head(frame).len >= n))
		return span_make(chain_head(frame).p, n);
	if (pubsub->scratch_cap < n) {
		pubsub->scratch = alloc_resize(pubsub->scratch, n);
		pubsub->scratch_cap = n;
	}
	chain_peek(frame, pubsub->scratch, n);
	return span_make(pubsub->scratch, n);
}

/* The kind of a message and the name that it came for; false if it is not one. */
static bool parse_message(struct pubsub *pubsub, const struct chain *frame, enum pubsub_kind *kind,
			  struct span *name)
{
	size_t most = frame->bytes < HEAD_MAX ? (size_t)frame->bytes : HEAD_MAX;
	struct span head = beginning(pubsub, frame, most);
	const char *p = head.p, *line;
	uint64_t len = 0;

	/* "*3\r\n$7\r\nmessage\r\n$<len>\r\n": the kind is known by its first letter. */
	*kind = p[8] == 'p' ? PUBSUB_PATTERN : p[8] == 's' ? PUBSUB_SHARD : PUBSUB_CHANNEL;
	size_t at = *kind == PUBSUB_CHANNEL ? 17 : 18;

	line = head.len > at ? memchr(p + at, '\r', head.len - at) : NULL;
	if (line == NULL || p[at] != '$' ||
	    !number_parse_u64(span_make(p + at + 1, (size_t)(line - p) - at - 1), &len))
		return false;
	at = (size_t)(line - p) + 2;
	if (at > frame->bytes || len > frame->bytes - at)
		return false;
	*name = span_skip(beginning(pubsub, frame, at + (size_t)len), at);
	return true;
}

static void on_message(void *owner, const struct chain *frame)
{
	struct topic_feed *feed = owner;
	struct topic *topic = NULL;
	enum pubsub_kind kind;
	struct span name;

	if (parse_message(feed->pubsub, frame, &kind, &name))
		topic = topic_find(feed->pubsub, feed->feed.pool, kind, name);
	if (topic == NULL)
		return; /* nobody's any more */
	topic->refs++;
	pubsub_on_message(topic, frame);
	topic_unref(topic);
}

static const struct feed_events feed_events = {
	.on_up = on_up,
	.on_down = on_down,
	.on_message = on_message,
};
