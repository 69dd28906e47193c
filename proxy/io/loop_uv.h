/*
 * loop_uv.h - the inside of struct loop, for the io layer alone.
 * Layer: io. Includes: loop, stream; libuv.
 */
#ifndef IO_LOOP_UV_H
#define IO_LOOP_UV_H

#include <sys/queue.h>
#include <uv.h>

#include "io/loop.h"
#include "io/stream.h"

#define LOOP_SCRATCH 65536 /* bytes in which a flush gathers small segments */

struct connecting; /* stream_connect.c's */

struct stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	struct loop *loop;
	const struct stream_events *events;
	void *owner;
	struct chain out;   /* not yet taken by the kernel */
	uint64_t written;   /* bytes taken by it */
	uint64_t told;	    /* of those, how many the owner was told of */
	uint64_t expect;    /* what stream_expect() said since the last on_bytes */
	struct chunk *kept; /* holds bytes that on_bytes left, or NULL */
	uint32_t kept_at, kept_len;
	uint8_t role; /* enum stream_role */
	bool connected, is_unix, paused, finishing, closing, ended;
	bool is_dirty, is_again; /* which lists it is on */
	TAILQ_ENTRY(stream) dirty_link, again_link;
	uv_write_t *blocked; /* a write that waits for the socket, or NULL */
	struct connecting *connecting;
	struct timer *linger;
};

TAILQ_HEAD(stream_list, stream);

struct loop {
	uv_loop_t uv;
	uv_prepare_t at_end; /* libuv's prepare step, before each poll, is the end of our turn */
	uv_async_t stop;
	bool stopping;
	uint64_t now_us; /* 0: not read in this turn */
	struct chunk_pool *pool;
	struct stream_list dirty[2]; /* by enum stream_role */
	struct stream_list again;    /* resumed, with kept bytes to deliver */
	uint32_t n_again;
	uv_idle_t spin; /* active while `again` must not wait for the poll */
	struct deferred *deferred, **deferred_end;
	char scratch[LOOP_SCRATCH];
};

/* Called by the loop at the end of a turn; the stream is off the list by then. */
void stream_flush(struct stream *stream);
void stream_deliver_again(struct stream *stream);

/* Between stream.c and stream_read.c: reading, what is kept, and the end of it. */
int stream_start_reading(struct stream *stream);
void stream_drop_kept(struct stream *stream);
void stream_end(struct stream *stream, int err);

/* Between stream.c and stream_connect.c. */
NODISCARD struct stream *stream_new(struct loop *loop, bool is_unix,
				    const struct stream_events *events, void *owner);
void stream_connected(struct stream *stream, int err);
void connecting_abandon(struct connecting *connecting);

#endif
