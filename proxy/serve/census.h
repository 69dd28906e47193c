/*
 * census.h - CLIENT LIST and KILL: a question that goes round all workers and comes back.
 *
 *      worker of the client -> control -> worker 0 -> control -> worker 1 -> ... -> its worker
 *
 * One thread has it at a time, so that nothing in it is shared. The control thread passes it on,
 * since it alone knows which workers there are. Layer: serve. Includes: client, io/mailbox.
 */
#ifndef SERVE_CENSUS_H
#define SERVE_CENSUS_H

#include "base/text.h"
#include "io/mailbox.h"
#include "serve/client.h"

enum client_type { CLIENT_ANY, CLIENT_NORMAL, CLIENT_PUBSUB, CLIENT_NONE };

/* Which clients of a pool are meant; what is zero does not matter. */
struct census_filter {
	uint16_t pool;
	enum client_type type;
	uint64_t id, not_id;
	uint64_t *ids; /* any of these, n_ids of them, for free() */
	size_t n_ids;
	char *addr, *laddr, *user; /* for free() */
};

struct census {
	struct mail mail;
	struct census_filter filter;
	bool kills;	       /* else it lists */
	bool is_old_form;      /* CLIENT KILL ADDR: answered with OK or an error */
	uint16_t origin, next; /* worker */
	uint64_t ticket;       /* the origin's, for the request that waits */
	struct text lines;
	uint64_t n;
};

/* Begin it for a request of this client, which waits; census is of alloc_zeroed(), its filter and
 * `kills` set. */
void census_begin(struct client *client, struct request *request, struct census *census);

/* It has come to a worker: take part, or answer the request if it is back. */
void census_visit(struct clients *clients, struct census *census);

/* The worker ends: those of its requests that still wait are answered. */
void census_end(struct clients *clients);

void census_free(struct census *census);

/* One client's line of CLIENT LIST and INFO, with its line end. */
void census_line(const struct client *client, struct text *out);

#endif
