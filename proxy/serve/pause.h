/*
 * pause.h - commands that wait because an operator has paused their pool.
 *
 * The client that sends one is parsed no further until the pause is over, so that its order is kept;
 * what it sends meanwhile is read up to a limit. One worker's. Layer: serve. Includes: client.
 */
#ifndef SERVE_PAUSE_H
#define SERVE_PAUSE_H

#include "serve/client.h"

enum pause_verdict {
	PAUSE_PASS,
	PAUSE_WAIT,
	PAUSE_FULL /* it should wait, but as many do as may: it is to be refused */
};

/* What becomes of a client's next command. One that is refused spoils the transaction that it is in. */
enum pause_verdict pause_verdict(struct client *client, const struct parsed *parsed);

/* What one that is refused is told. */
#define PAUSE_FULL_TEXT "the pool is paused, and as many requests wait as may (hold.requests)"

#endif
