/*
 * request.h - one client command: its place in the order of replies, and its reply.
 *
 * Made by the client, carried out by a plan; it lives until its reply is handed to the client's
 * stream, or, once the client has gone, until its last call is back.
 * Layer: core. Includes: call, era, writes.
 */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include "core/call.h"
#include "core/era.h"
#include "core/writes.h"

struct client;
struct session;
struct herd;

/* What the client is told; a static const table. */
struct request_events {
	void (*on_finished)(struct request *request); /* the reply is whole */
	/* A piece of a long reply: true if it was taken, false if it must wait for the rest. */
	bool (*on_piece)(struct request *request, struct chain *piece);
};

struct request {
	TAILQ_ENTRY(request) order; /* in client->requests */
	struct engine *engine;
	struct era *era;       /* that it was begun under */
	struct client *client; /* NULL once the client has gone */
	uint64_t client_id;
	const struct request_events *events;
	const struct pool *pool;
	const struct command *command; /* NULL: unknown */
	struct chain reply;
	struct session *session; /* its client's, while it is being started; see session.h */
	struct conn_kind kind;	 /* of the connections that it takes */
	uint64_t begun_us;
	struct call *parts;    /* of a split request, by shard as first seen; from engine->calls */
	struct chunk *key_map; /* MERGE_ARRAY: holds part_of_key */
	uint16_t *part_of_key; /* by key: the number of its part */
	uint32_t n_keys;       /* of a command to all shards: its words behind the name */
	uint32_t n_parts, calls_left;
	enum reads reads;			  /* where its reads may go */
	struct written written;			  /* marked again at its end */
	void (*convert)(struct request *request); /* memcached binary: a reply of text -> packets */
	struct chain line; /* memcached: the words of a command whose reply is translated */
	uint32_t opaque;   /* memcached binary: as its client sent it */
	uint8_t opcode;	   /* likewise */
	bool is_waiting;   /* the proxy's own answer comes later */
	uint16_t mark;	   /* of herd.h, where `marks`: split again at its end */
	bool marks;
	bool reads_own; /* it reads what its client has just written */
	bool finished;
	bool broken; /* some of the reply has gone out and the rest never will: close the client */
	bool quiet;  /* the reply is to be dropped */
	bool is_error;
	bool writes;	   /* meta: though its row says that it reads */
	struct herd *herd; /* that it waits in, or whose call it has; or NULL */
	struct call first; /* most requests need no other */
};

TAILQ_HEAD(request_list, request);

/* A request at the end of `list`. Aborts with no memory: the engine bounds them before. */
struct request *request_new(struct engine *engine, const struct pool *pool,
			    const struct command *command, struct request_list *list);
void request_free(struct request *request); /* off its list */

/* It looks at the pool as an older era has it. */
void request_begin_under(struct request *request, struct era *era);

/* Its client has gone: drop what there is of the reply. It goes on until its calls are back. */
void request_abandon(struct request *request);

/* Is there anybody to be answered? */
static inline bool request_is_wanted(const struct request *request)
{
	return request->client != NULL || request->herd != NULL;
}

/* Bytes of reply that it holds, whole or in parts. */
uint64_t request_held(const struct request *request);

/* The reply is complete in request->reply. */
void request_finish(struct request *request);

/* Finish with one line, to which the line end is added. */
void request_finish_line(struct request *request, struct span line, bool is_error);

/* Finish with an error of the proxy's own; `text` goes behind the protocol's prefix. */
void request_fail(struct request *request, const char *text);

#endif
