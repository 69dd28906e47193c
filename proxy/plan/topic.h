/*
 * topic.h - what this worker is subscribed to at the nodes: each channel and pattern once.
 *
 *      topic "news" --- part, shard b ---+
 *      topic "n*"  -+-- part, shard a --- | --- feed of a
 *                   +-- part, shard b ---+----- feed of b
 *
 * A channel has one part, a pattern one a shard. A topic lives while it is referenced: by those who
 * are subscribed, by requests that wait for it. Who they are is pubsub.c's.
 * One worker's. Layer: plan. Includes: core/call, core/feed, pubsub.
 */
#ifndef PLAN_TOPIC_H
#define PLAN_TOPIC_H

#include <uthash.h>

#include "core/call.h"
#include "core/feed.h"
#include "plan/pubsub.h"

struct topic;
struct topic_part;

/* A command under way at a node. It may outlive what it is about. */
struct topic_ask {
	struct feed_ask feed_ask;
	struct topic_part *part; /* NULL: nobody cares for the answer */
};

/* One shard's share of a topic. */
struct topic_part {
	LIST_ENTRY(topic_part) of_feed;
	struct topic *topic;
	struct topic_feed *feed;
	struct topic_ask *ask; /* SUBSCRIBE under way, or NULL */
	char *refusal;	       /* the node's error line, or NULL */
	bool is_confirmed;
	bool was_confirmed; /* on a connection that is lost */
};

LIST_HEAD(topic_part_list, topic_part);

/* A shard's connection, and what goes over it. */
struct topic_feed {
	struct feed feed;
	struct pubsub *pubsub;
	const struct shard *shard;
	struct topic_part_list parts;
};

TAILQ_HEAD(member_list, member);
TAILQ_HEAD(topic_wait_list, topic_wait);

struct topic {
	UT_hash_handle hh; /* by name */
	struct pubsub *pubsub;
	const struct pool *pool;
	enum pubsub_kind kind;
	uint32_t refs;
	uint32_t n_parts;
	struct topic_part *parts;
	struct member_list members;   /* pubsub.c's */
	struct topic_wait_list waits; /* pubsub.c's */
	struct span name;	      /* behind the topic */
};

/* A pool's topics, by kind and name. */
struct pool_topics {
	struct topic *topics[PUBSUB_KINDS];
};

struct member;

/* A worker's part in subscriptions. */
struct pubsub {
	struct engine *engine;
	struct topic_feed **feeds; /* by endpoint id; NULL where there is none */
	uint32_t n_feeds;
	struct pool_topics *pools; /* by index */
	uint32_t n_pools;
	struct member *members; /* all, by topic and subscriber: pubsub.c's */
	char *scratch;		/* for a name that lies in pieces */
	size_t scratch_cap;
};

enum topic_state {
	TOPIC_PENDING, /* some node that can be reached has not confirmed it yet */
	TOPIC_ACTIVE,  /* all that can be reached have */
	TOPIC_FAILED   /* none can be reached, or they refuse it */
};

struct pubsub *topics_new(struct engine *engine);

/* Close the feeds; then free, when no topic is left. */
void topics_shut(struct pubsub *pubsub);
void topics_free(struct pubsub *pubsub);

/* Go over to the engine's newest topology: subscribe where a name belongs now, and no longer elsewhere. */
void topics_adopt(struct pubsub *pubsub);

/* A reference to the topic of that name, which is subscribed to now if it was not. */
struct topic *topic_ref(struct pubsub *pubsub, const struct pool *pool, enum pubsub_kind kind,
			struct span name);

/* The topic of that name, without a reference, or NULL. */
struct topic *topic_find(const struct pubsub *pubsub, const struct pool *pool,
			 enum pubsub_kind kind, struct span name);

/* Give one back: the last unsubscribes at the nodes. */
void topic_unref(struct topic *topic);

/* For TOPIC_FAILED, why, as the text of an error. */
enum topic_state topic_state(const struct topic *topic, char why[CALL_TEXT_MAX]);

/* Between topic.c and topic_move.c. A part that begins, is asked for if its node is up, and ends. */
void topics_make_room(struct pubsub *pubsub);
void topic_make_parts(struct topic *topic);
void topic_part_subscribe(struct topic_part *part);
void topic_part_fini(struct topic_part *part);
void topic_settle(struct topic *topic);

/* pubsub.c: the topic is not TOPIC_PENDING any more, or has got a message, whole as a node sent it.
 * The topic stays as long as the call takes. */
void pubsub_on_settled(struct topic *topic);
void pubsub_on_message(struct topic *topic, const struct chain *frame);

#endif
