#include "plan/subscriber.h"

#include <stdlib.h>

#include "base/alloc.h"

struct member_key {
	const struct topic *topic;
	const struct subscriber *subscriber;
};

/* One client's subscription to one topic, which it has a reference to. */
struct member {
	UT_hash_handle hh; /* in pubsub->members */
	struct member_key key;
	struct topic *topic;
	struct subscriber *subscriber;
	TAILQ_ENTRY(member) of_topic, of_subscriber;
};

uint32_t pubsub_count(const struct session *session, enum pubsub_kind kind)
{
	return session->subscriber != NULL ? session->subscriber->n[kind] : 0;
}

struct subscriber *subscriber_of(struct session *session)
{
	if (session->subscriber == NULL) {
		struct subscriber *subscriber = alloc_zeroed(1, sizeof(*subscriber));

		subscriber->session = session;
		for (int i = 0; i < PUBSUB_KINDS; i++)
			TAILQ_INIT(&subscriber->members[i]);
		session->subscriber = subscriber;
		session_changed(session);
	}
	return session->subscriber;
}

static bool is_idle(const struct subscriber *subscriber)
{
	return subscriber->n[PUBSUB_CHANNEL] + subscriber->n[PUBSUB_PATTERN] +
			       subscriber->n[PUBSUB_SHARD] ==
		       0 &&
	       subscriber->waiting == NULL;
}

void subscriber_tidy(struct session *session)
{
	if (session->subscriber == NULL || !is_idle(session->subscriber))
		return;
	free(session->subscriber);
	session->subscriber = NULL;
	session_changed(session);
}

static struct member *find_member(const struct pubsub *pubsub, const struct subscriber *subscriber,
				  const struct topic *topic)
{
	const struct member_key key = {topic, subscriber};
	struct member *member;

	/* The analyzer does not see that two pointers fill the key. NOLINTNEXTLINE(clang-analyzer-*) */
	HASH_FIND(hh, pubsub->members, &key, sizeof(key), member);
	return member;
}

void subscriber_join(struct subscriber *subscriber, struct topic *topic)
{
	struct pubsub *pubsub = topic->pubsub;

	if (find_member(pubsub, subscriber, topic) != NULL)
		return;
	struct member *member = alloc_zeroed(1, sizeof(*member));
	member->key = (struct member_key){topic, subscriber};
	member->topic = topic;
	member->subscriber = subscriber;
	topic->refs++;
	subscriber->n[topic->kind]++;
	subscriber->name_bytes += topic->name.len;
	TAILQ_INSERT_TAIL(&topic->members, member, of_topic);
	TAILQ_INSERT_TAIL(&subscriber->members[topic->kind], member, of_subscriber);
	HASH_ADD(hh, pubsub->members, key, sizeof(member->key), member);
}

bool subscriber_has(const struct subscriber *subscriber, const struct topic *topic)
{
	return find_member(topic->pubsub, subscriber, topic) != NULL;
}

void subscriber_quit(struct subscriber *subscriber, struct topic *topic)
{
	struct member *member = find_member(topic->pubsub, subscriber, topic);

	if (member == NULL)
		return;
	HASH_DEL(topic->pubsub->members, member);
	TAILQ_REMOVE(&topic->members, member, of_topic);
	TAILQ_REMOVE(&subscriber->members[topic->kind], member, of_subscriber);
	subscriber->n[topic->kind]--;
	subscriber->name_bytes -= topic->name.len;
	free(member);
	topic_unref(topic);
}

struct topic *subscriber_first(const struct subscriber *subscriber, enum pubsub_kind kind)
{
	const struct member *member = TAILQ_FIRST(&subscriber->members[kind]);

	return member != NULL ? member->topic : NULL;
}

struct session *subscriber_any(const struct pubsub *pubsub)
{
	return pubsub->members != NULL ? pubsub->members->subscriber->session : NULL;
}

uint32_t subscriber_count(const struct subscriber *subscriber, enum pubsub_kind kind)
{
	if (subscriber == NULL)
		return 0;
	if (kind == PUBSUB_SHARD)
		return subscriber->n[PUBSUB_SHARD];
	return subscriber->n[PUBSUB_CHANNEL] + subscriber->n[PUBSUB_PATTERN];
}

/* The frame as RESP3 has it: a push in place of an array. */
static void make_push(struct chunk_pool *chunks, struct chain *push, const struct chain *frame)
{
	chain_share(chunks, push, frame);
	chain_consume(chunks, push, 1);
	struct chain rest = *push;
	*push = (struct chain){0};
	chain_append(chunks, push, NULL, span_of(">"));
	chain_move(chunks, push, &rest);
}

void pubsub_on_message(struct topic *topic, const struct chain *frame)
{
	struct engine *engine = topic->pubsub->engine;
	struct chain push = {0};
	struct member *next;

	make_push(&engine->chunks, &push, frame);
	/* A client that is closed for being slow takes its own membership away, and no other's. */
	for (struct member *member = TAILQ_FIRST(&topic->members); member != NULL; member = next) {
		struct session *session = member->subscriber->session;
		struct chain bytes = {0};

		next = TAILQ_NEXT(member, of_topic);
		chain_share(&engine->chunks, &bytes, session->kind.resp == 3 ? &push : frame);
		stat_add(&engine->stats->counter[STAT_PUBSUB_MESSAGES], 1);
		session->push(session, &bytes);
	}
	chain_clear(&engine->chunks, &push);
}
