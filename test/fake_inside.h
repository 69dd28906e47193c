/*
 * fake_inside.h - the inside of the fake loop, between its files.
 * Includes: fake_io.
 */
#ifndef TEST_FAKE_INSIDE_H
#define TEST_FAKE_INSIDE_H

#include "fake_io.h"

struct stream {
	TAILQ_ENTRY(stream) link, dirty_link, again_link;
	struct loop *loop;
	struct fake_peer *peer;
	const struct stream_events *events;
	void *owner;
	struct chain out;
	uint64_t written, told, expect; /* told: of written, how many the owner knows of */
	struct chunk *kept;		/* what on_bytes left lies at kept_at of it */
	uint32_t kept_at, kept_len;
	enum stream_role role;
	bool connected, is_unix, paused, finishing, closing, ended;
	bool is_dirty, is_again;
	bool blocked;	      /* the socket was full */
	struct timer *linger; /* all is sent: runs until the end is told */
};

TAILQ_HEAD(stream_list, stream);
TAILQ_HEAD(timer_list, timer);
TAILQ_HEAD(peer_list, fake_peer);

struct loop {
	uint64_t now_us;
	struct chunk_pool *pool;
	struct stream_list streams, dirty[2], again;
	uint32_t n_again;
	struct timer_list timers;
	struct peer_list peers;
	struct deferred *deferred, **deferred_end;
	bool progress; /* something has happened in this turn */
};

/* fake_io.c, called by the loop in a turn and at its end. */
void fake_stream_poll(struct stream *stream);
void fake_stream_deliver_again(struct stream *stream);
void fake_stream_flush(struct stream *stream);

/* fake_peer.c: a peer at the end of the loop's list, which frees it. */
NODISCARD struct fake_peer *fake_peer_new(struct loop *loop, struct stream *stream);
void fake_peer_free(struct fake_peer *peer);

/* Room for n more bytes; memory grows and stays, so that a warm test allocates nothing. */
char *fake_reserve(struct fake_bytes *bytes, size_t n);

#endif
