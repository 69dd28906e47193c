/*
 * probe.h - one connection to one node, to ask it questions now and then: made at the first, kept
 * between them, made again at the next one if it broke.
 *
 *      probe_ask -> [question | question | ...] -> the oldest is sent once the login is answered
 *                                                  and nothing else is under way -> fn
 *
 * A question ends in one answer, never before probe_ask() returns. What ends a connection (an answer out of
 * protocol or too late, a node that is away) ends all questions that wait for it, alike.
 * The control thread's. Layer: control. Includes: io/loop, route/endpoint, route/spec, base/span.
 */
#ifndef CONTROL_PROBE_H
#define CONTROL_PROBE_H

#include "base/span.h"
#include "io/loop.h"
#include "route/endpoint.h"
#include "route/spec.h"

struct resolver; /* io/resolver.h */

#define PROBE_REPLY_MAX (1024 * 1024) /* bytes: a node says less of itself, a longer reply lies */

enum probe_result {
	PROBE_REPLY,
	PROBE_ERROR,	 /* the node answered with an error, to the question or to the login */
	PROBE_REFUSED,	 /* no connection could be made */
	PROBE_TIMED_OUT, /* connecting, or waiting for the answer */
	PROBE_BROKEN,	 /* the connection was closed or lost first */
	PROBE_GARBAGE	 /* an answer out of protocol, or longer than PROBE_REPLY_MAX */
};

/* Valid in the callback alone. */
struct probe_answer {
	enum probe_result result;
	struct span
		reply; /* whole, if the question itself was answered, by an error too; else empty */
	const char *why; /* what went wrong, for people, the node named; "" of PROBE_REPLY */
};

/* Copied, but for arg. */
struct probe_setup {
	struct address
		address; /* an IP, a socket's path, or a name, which is looked up for each connection */
	struct resolver *resolver; /* whom names are asked of, borrowed; NULL: the system's way */
	const char *shown;	   /* what people know the node as; NULL: the address */
	enum pool_protocol protocol;
	bool is_binary;		     /* of memcached: ask in packets */
	const char *user, *password; /* to log in with; NULL: none */
	bool is_login_optional;	     /* go on if the login is refused: the question may need none */
	uint32_t connect_ms;	     /* for the connection with its login */
	/* A message that nobody asked for: a push of RESP3, or what SUBSCRIBE brings. NULL: there
	 * should be none. */
	void (*on_push)(void *arg, struct span message);
	void *arg;
};

struct probe;

/* A probe without a connection yet. loop has a chunk pool. */
NODISCARD struct probe *probe_new(struct loop *loop, const struct probe_setup *setup);

/*
 * Ask; the bytes are copied, and one reply answers them. fn(arg, answer) comes once, within connect_ms
 * and timeout_ms of the question's turn, and what its resolver takes for a name. It may ask again or free
 * the probe.
 */
void probe_ask(struct probe *probe, struct span question, uint32_t timeout_ms,
	       void (*fn)(void *arg, const struct probe_answer *answer), void *arg);

/* Close and free it; no callback comes any more. NULL is fine. */
void probe_free(struct probe *probe);

#endif
