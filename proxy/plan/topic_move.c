#include <stdlib.h>

#include "base/alloc.h"
#include "plan/topic.h"

/* What an old part has at a node, the new one of the same node goes on with. */
static void inherit(struct topic_part *part, struct topic_part *old)
{
	part->ask = old->ask;
	if (part->ask != NULL)
		part->ask->part = part;
	part->refusal = old->refusal;
	part->is_confirmed = old->is_confirmed;
	part->was_confirmed = old->was_confirmed;
	LIST_REMOVE(old, of_feed);
	feed_release(&old->feed->feed);
	old->feed = NULL;
}

/* The new ones are subscribed before the old ones end, so that nothing is missed where a node has
 * both; elsewhere a message may be missed, as at any reconnection. */
static void move_topic(struct topic *topic, const struct pool *pool)
{
	struct topic_part *old = topic->parts;
	uint32_t n_old = topic->n_parts;

	topic->pool = pool;
	topic_make_parts(topic);
	for (uint32_t i = 0; i < topic->n_parts; i++)
		for (uint32_t j = 0; j < n_old; j++)
			if (old[j].feed == topic->parts[i].feed)
				inherit(&topic->parts[i], &old[j]);
	for (uint32_t i = 0; i < topic->n_parts; i++)
		topic_part_subscribe(&topic->parts[i]);
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].feed != NULL)
			topic_part_fini(&old[i]);
	free(old);
}

/* One that somebody waits for and that is pending no more. Each is looked for anew: with it others may
 * go that were waited for together. */
static struct topic *settled_of(const struct pool_topics *topics)
{
	struct topic *topic, *next;
	char why[CALL_TEXT_MAX];

	for (int kind = 0; kind < PUBSUB_KINDS; kind++)
		HASH_ITER(hh, topics->topics[kind], topic, next)
	if (!TAILQ_EMPTY(&topic->waits) && topic_state(topic, why) != TOPIC_PENDING)
		return topic;
	return NULL;
}

static void move_pool(struct pubsub *pubsub, const struct pool *pool)
{
	struct pool_topics *topics = &pubsub->pools[pool->index];
	struct topic *topic, *next;

	for (int kind = 0; kind < PUBSUB_KINDS; kind++)
		HASH_ITER(hh, topics->topics[kind], topic, next)
	move_topic(topic, pool);
	while ((topic = settled_of(topics)) != NULL)
		topic_settle(topic);
}

static void adopt_feed(struct pubsub *pubsub, uint16_t id)
{
	struct topic_feed *feed = pubsub->feeds[id];
	const struct endpoint *endpoint = topology_endpoint(pubsub->engine->topology, id);

	if (feed == NULL || endpoint == NULL)
		return;
	feed->shard = endpoint->shard;
	feed->feed.endpoint = endpoint;
	feed->feed.pool = endpoint->pool;
}

/* A node that is no part of the topology any more. Nothing is left on it: subscribers of a pool that is
 * gone are closed before. */
static void drop_feed(struct pubsub *pubsub, uint16_t id)
{
	struct topic_feed *feed = pubsub->feeds[id];

	if (feed == NULL || topology_endpoint(pubsub->engine->topology, id) != NULL ||
	    !LIST_EMPTY(&feed->parts))
		return;
	feed_shut(&feed->feed);
	free(feed);
	pubsub->feeds[id] = NULL;
}

void topics_adopt(struct pubsub *pubsub)
{
	const struct topology *topology = pubsub->engine->topology;

	topics_make_room(pubsub);
	for (uint32_t i = 0; i < pubsub->n_feeds; i++)
		adopt_feed(pubsub, (uint16_t)i);
	for (uint16_t i = 0; i < topology->n_pools; i++)
		move_pool(pubsub, &topology->pools[i]);
	for (uint32_t i = 0; i < pubsub->n_feeds; i++)
		drop_feed(pubsub, (uint16_t)i);
}
