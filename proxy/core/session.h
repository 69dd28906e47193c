/*
 * session.h - what a client has set its connection to: who it is, RESP version, database, and what
 * it holds for itself.
 *
 * Embedded in the client, zero at first but for session_init(). Requests point to it while their
 * client lives. One worker's. Layer: core. Includes: connset, writes.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/connset.h"
#include "core/writes.h"

/* CLIENT REPLY: which replies are sent. */
enum reply_mode {
	REPLY_ON,
	REPLY_OFF,
	REPLY_SKIP_NEXT, /* the next command's is not sent */
};

/* A MULTI or WATCH that has begun; plan/transaction.c. */
struct transaction;

/* What a client is subscribed to; plan/pubsub.c. */
struct subscriber;

struct session {
	const struct pool *pool;
	const struct user *user; /* NULL where nobody has to say who it is */
	struct conn_kind kind;
	struct written written; /* by what was queued since MULTI */
	enum reads reads;	/* READONLY and READWRITE say it; else READS_UNSET */
	enum reply_mode reply;
	bool needs_auth;      /* it must say who it is first */
	bool has_begun_login; /* memcached binary: SASL_STEP may come */
	bool is_held;	      /* its next command waits until the one under way is answered */
	bool is_watched;      /* each command is looked at by serve/admit */
	bool is_slow_ok;      /* CLIENT NO-EVICT: not closed for the memory it holds */
	uint64_t identity;    /* whose writes its reads must see: see pool_settings.identity */
	struct transaction *transaction;
	struct call *pinned; /* a blocking command, or SELECT, under way; or NULL */
	struct subscriber *subscriber;
	/* Send bytes that answer no request: a message to a subscriber. They are used up. */
	void (*push)(struct session *session, struct chain *bytes);
};

void session_init(struct session *session, const struct pool *pool);

/* As session_init, for RESET: what is held must have been given back. */
void session_reset(struct session *session);

/* The client is `user` now; or nobody, which it must be where the pool has users. */
void session_login(struct session *session, const struct user *user);
void session_logout(struct session *session);

/* Work out is_watched again, after anything that it depends on has changed. */
void session_changed(struct session *session);

#endif
