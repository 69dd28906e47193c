/*
 * sentinel_board.h - what all Sentinels say of all primaries, and which are in use after it: counts
 * the votes, remembers what was elected, logs changes and quarrels.
 * The control thread's. Layer: control. Includes: sentinel_vote.
 */
#ifndef CONTROL_SENTINEL_BOARD_H
#define CONTROL_SENTINEL_BOARD_H

#include "control/sentinel_vote.h"

/* A primary, in use and as the log last told of it. */
struct board_master {
	char *name;
	char *primary;	     /* in use; NULL: none yet */
	struct text quarrel; /* who says what, as logged; empty: they agree */
};

struct sentinel_board {
	const char *pool; /* borrowed, for the log */
	struct board_master *masters;
	size_t n_masters, n_sentinels;
	struct sentinel_view *views; /* private: [master * n_sentinels + sentinel] */
};

/* Names are copied; the Sentinels' addresses and the pool's name are borrowed. */
void sentinel_board_init(struct sentinel_board *board, const char *pool,
			 const struct string_list *masters, const struct string_list *sentinels);
void sentinel_board_fini(struct sentinel_board *board);

/* The view of one Sentinel on one primary takes the place of its last; its replicas move. */
void sentinel_board_take(struct sentinel_board *board, size_t master, size_t sentinel,
			 struct sentinel_view *view);

/*
 * Count the votes: `found` gets a shard for each primary, in their order, also one without an address.
 * What no majority says stays as it was told last. `trouble` gets what keeps the first of them
 * from a majority. True if there is one primary at least.
 */
bool sentinel_board_count(struct sentinel_board *board, const struct found *last,
			  struct found *found, struct error *trouble);

#endif
