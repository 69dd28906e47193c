/*
 * client.h - one client connection: bytes -> commands -> dispatch; replies out in order.
 *
 *      requests: [oldest] [..] [..] [newest]   replies are handed over from the head only
 *
 * One worker's. A client that has gone leaves its unfinished requests to end by themselves.
 * Layer: serve. Includes: core/request, core/session, io/stream.
 */
#ifndef SERVE_CLIENT_H
#define SERVE_CLIENT_H

#include "core/request.h"
#include "core/session.h"
#include "io/stream.h"
#include "proto/parsed.h"

TAILQ_HEAD(client_list, client);

/* A question to all workers about their clients; census.h. */
struct census;
struct census_ticket;
LIST_HEAD(ticket_list, census_ticket);

/* A worker's clients. */
struct clients {
	struct engine *engine;
	struct client_list list;
	uint32_t n;
	uint32_t n_paused; /* of them, whose next command waits for the end of a pause */
	uint64_t next_id;
	bool draining;
	struct ticket_list tickets; /* census.c: requests that wait */
	uint64_t next_ticket;
	void (*pass_on)(void *arg, struct census *census); /* to the control thread */
	void *pass_on_arg;
	void (*on_empty)(void *arg); /* told when the last one of a drain has gone */
	void *on_empty_arg;
};

/* There may be ten thousand idle ones: see that it has no holes. */
struct client {
	union {
		TAILQ_ENTRY(client) link;
		struct deferred freeing; /* once it is off the list */
	};
	struct clients *clients;
	struct engine *engine;
	struct era *era; /* whose topology has `pool` */
	const struct pool *pool;
	const struct codec *codec;
	struct pool_stats *stats;
	struct stream *stream;
	struct request_list requests;
	struct session session;
	struct chain pushes; /* that wait for the end of a long reply */
	struct parse_state parse;
	uint64_t swallow; /* bytes of input to drop before the next command */
	uint64_t id;
	uint64_t connected_us, active_us;
	const struct command *last; /* that it sent, or NULL */
	char *name;		    /* CLIENT SETNAME, or NULL */
	uint32_t in_flight;
	bool asks;     /* its CLIENT KILL is under way, which it is told of even if it is meant */
	bool blocked;  /* bytes wait to be parsed until there is room again */
	bool is_known; /* memcached: its first byte has said what it speaks */
	bool paused;   /* its next command waits for the end of a pause */
	bool alone;    /* the next command waits until all before it are answered */
	bool ended;    /* it sends no more, and what it sent before still waits */
	bool closing;  /* no command is taken any more: close once all is answered */
	bool finished; /* all is answered: what is left is to be sent, then it goes */
	bool gone;
};

/* Take over a connected socket for a pool; it owns itself from then on. */
void client_accept(struct clients *clients, const struct pool *pool, int fd, bool is_unix);

/*
 * The engine has another topology: go over to its pool of the same index, unless a transaction is
 * open, which ends where it began. The client of a pool that is gone is closed, after its replies.
 */
void client_renew(struct client *client);

/* A pause may be over: look at its next command again. */
void client_resume(struct client *client);

/* Work out whose writes its reads must see, after it has said who it is. */
void client_identify(struct client *client);

/* Close now, whatever is under way. */
void client_close(struct client *client);

/* Take no more commands; close once what was taken is answered and sent. */
void client_close_after_replies(struct client *client);

#endif
