/*
 * subscriber.h - who is subscribed to what at this worker, and what a message does then.
 *
 *      topic -> its members -> their subscribers -> the clients' sessions
 *      subscriber -> its members, by kind, in the order of subscribing
 *
 * A client has a subscriber from its first SUBSCRIBE until its last subscription goes. Members are
 * found by topic and subscriber in one table of the worker, so that a client with one channel does
 * not pay for a table of its own.
 * One worker's. Layer: plan. Includes: topic.
 */
#ifndef PLAN_SUBSCRIBER_H
#define PLAN_SUBSCRIBER_H

#include "plan/topic.h"

struct waiting;

struct subscriber {
	struct session *session;
	struct waiting *waiting; /* its SUBSCRIBE under way, or NULL: pubsub.c's */
	struct member_list members[PUBSUB_KINDS];
	uint32_t n[PUBSUB_KINDS];
	uint64_t name_bytes; /* of all of them */
};

/* The session's, made where it has none. */
struct subscriber *subscriber_of(struct session *session);

/* Free the session's if it has nothing left: it is a client like any other then. */
void subscriber_tidy(struct session *session);

/* What confirmations count: shard channels on their own. NULL has none. */
uint32_t subscriber_count(const struct subscriber *subscriber, enum pubsub_kind kind);

bool subscriber_has(const struct subscriber *subscriber, const struct topic *topic);

/* Subscribe to the topic, with a reference of its own, or no more; nothing where it is so already. */
void subscriber_join(struct subscriber *subscriber, struct topic *topic);
void subscriber_quit(struct subscriber *subscriber, struct topic *topic);

/* The first topic of that kind, or NULL; and the session of any subscriber that has one. */
struct topic *subscriber_first(const struct subscriber *subscriber, enum pubsub_kind kind);
struct session *subscriber_any(const struct pubsub *pubsub);

#endif
