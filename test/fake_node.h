/*
 * fake_node.h - nodes that a discovery source asks, played by a table: at each port what is answered to
 * what. On the fake io; a connection to a port without a node is refused.
 * Includes: control/discovery, fake_io.
 */
#ifndef TEST_FAKE_NODE_H
#define TEST_FAKE_NODE_H

#include "control/discovery.h"
#include "fake_io.h"

/* A discovery on a fake loop, and what it told. */
struct fake_fleet {
	struct chunk_pool chunks;
	struct loop *loop;
	struct pool_spec pool;	   /* the test's to fill in before fake_fleet_begin() */
	struct resolver *resolver; /* likewise; NULL: names need none */
	struct discovery *discovery;
	struct found found; /* the last that was told */
	size_t n_told;
};

/* The pool's name, protocol and timeouts (250ms to connect, 1s to answer) are set. */
void fake_fleet_init(struct fake_fleet *fleet, enum pool_protocol protocol);

/* Begin to look; nodes may be set before and after. Settles. */
void fake_fleet_begin(struct fake_fleet *fleet);

/* Free all; nothing may be left. */
void fake_fleet_end(struct fake_fleet *fleet);

/*
 * What the node at a port answers to a question, as long as its bytes begin with `question`; a later
 * call for the same two takes the place of the first. NULL: nothing, ever. The texts are borrowed.
 */
void fake_node_answer(uint16_t port, const char *question, const char *answer);
void fake_node_answer_bytes(uint16_t port, const char *question, struct span answer);

/* The node is away, or is back: connections are refused, and those that stand are closed. */
void fake_node_away(struct fake_fleet *fleet, uint16_t port);
void fake_node_back(uint16_t port);

/* How often a question has come to a port since fake_fleet_init(). */
uint32_t fake_node_asked(uint16_t port, const char *question);

/* Have a node say something of itself. Settles. */
void fake_node_say(struct fake_fleet *fleet, uint16_t port, const char *bytes);

/* Let time pass, the nodes answering. */
void fake_fleet_advance_ms(struct fake_fleet *fleet, uint64_t ms);
void fake_fleet_settle(struct fake_fleet *fleet);

/* The last list as text: "name=primary+replica+replica[0-99,200-300] name=..."; sorted. */
const char *fake_fleet_text(const struct fake_fleet *fleet);

/* That list is this. */
void fake_fleet_expect(const struct fake_fleet *fleet, const char *text);

/* What the discovery is in trouble with has this in it. */
void fake_fleet_expect_trouble(const struct fake_fleet *fleet, const char *text);

#endif
