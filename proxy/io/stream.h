/*
 * stream.h - a byte stream over TCP or a unix socket: reads into chunks, writes a chain.
 *
 *      socket -> [reading chunk, lent by the pool] -> on_bytes
 *                [own chunk: what on_bytes left of an incomplete message]
 *      stream_write -> out chain -> one flush a turn -> socket
 *
 * A connection without an incomplete message or unsent bytes holds no buffer. Nothing is freed in
 * a callback: after stream_close() no callback comes, and the memory goes once libuv lets go.
 * One thread's. Layer: io. Includes: loop, base/chain.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/chain.h"
#include "base/span.h"
#include "io/loop.h"

struct stream;

/* What the owner is told; one static const table a role. Any but on_bytes may be NULL. */
struct stream_events {
	/* The connection stands (err 0) or could not be made (negative errno): stream_connect(). */
	void (*on_connected)(void *owner, int err);
	/*
	 * `bytes` lie in `chunk`, to be referenced by chain_append(). Returns how many were
	 * used; the rest comes again, first, with what arrives next.
	 */
	size_t (*on_bytes)(void *owner, struct chunk *chunk, struct span bytes);
	/* stream_written() has grown. */
	void (*on_written)(void *owner);
	/* The peer will send no more (UV_EOF as -4095) or the connection broke (negative errno).
	 * After an end of file the stream can still be written, and may break later, which comes as
	 * a second call. The owner closes it, now or later. */
	void (*on_end)(void *owner, int err);
};

#define STREAM_EOF (-4095) /* libuv's UV_EOF */

enum stream_role { STREAM_SERVER, STREAM_CLIENT }; /* whom it leads to; servers flush first */

/*
 * Adopt a connected socket (TCP, or unix if is_unix): it reads from the next turn on. The stream
 * owns fd. NULL with errno if libuv refuses it; fd is closed then.
 */
NODISCARD struct stream *stream_accept(struct loop *loop, int fd, bool is_unix,
				       const struct stream_events *events, void *owner);

/*
 * Begin to connect to host:port (a name is looked up each time, its addresses taken in turn by
 * `attempt`), or to the unix socket at path `host` when port is 0. on_connected always follows,
 * never before this returns. Bytes written meanwhile wait.
 */
NODISCARD struct stream *stream_connect(struct loop *loop, const char *host, uint16_t port,
					uint32_t attempt, const struct stream_events *events,
					void *owner);

/* Move all of `bytes` to the end of what is to be sent. */
void stream_write(struct stream *stream, struct chain *bytes);

/* What is to be sent, to append to; call stream_flush_soon() after. */
struct chain *stream_out(struct stream *stream);
void stream_flush_soon(struct stream *stream);

/* Bytes not yet taken by the kernel; the same and what it keeps of an incomplete message; bytes
 * since the beginning that the kernel has taken or may have. */
uint64_t stream_unsent(const struct stream *stream);
uint64_t stream_held(const struct stream *stream);
uint64_t stream_written(const struct stream *stream);

/* At least n bytes of the message that on_bytes did not finish are known to come. */
void stream_expect(struct stream *stream, uint64_t n);

/* Stop and start reading; kept bytes are delivered at the end of the turn of a resume. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/*
 * Take no more bytes in; on_end comes when everything is sent and the peer has closed or a moment
 * has passed, or when the connection breaks before. stream_close() closes now, without a callback;
 * NULL is fine.
 */
void stream_finish(struct stream *stream);
void stream_close(struct stream *stream);

/* The peer's address, and our own, as text to out[0..cap), "unix" for a unix socket. */
void stream_peer(const struct stream *stream, char *out, size_t cap);
void stream_local(const struct stream *stream, char *out, size_t cap);

/* A few words for a negative errno, as this layer gives them (names that cannot be looked up
 * have codes of libuv's own). */
const char *stream_error_text(int err);

#endif
