/*
 * fake_io.h - the io layer in memory, for tests: io/loop.h and io/stream.h with a clock that the
 * test turns and peers that the test plays. It takes the place of the io library at link time.
 *
 *      stream_write -> out chain -> flush (flush_max) -> peer->got -> the test looks and takes
 *      on_bytes <- chunk <- read (read_max) <- what the test gave to fake_send()
 *
 * Nothing moves but in fake_turn(): connects are told, bytes are read, then the turn ends as
 * io/loop.h says: delivered again, servers flushed, clients flushed, deferred work. Using a stream
 * or timer after it was closed, and freeing a loop with something open, fails an assertion.
 * One thread's. Includes: io/stream.
 */
#ifndef TEST_FAKE_IO_H
#define TEST_FAKE_IO_H

#include <sys/queue.h>

#include "io/stream.h"

#define FAKE_START_US  1000000		       /* what the clock of a new loop shows */
#define FAKE_REAL_MS   UINT64_C(1700000000500) /* and what the real time is then */
#define FAKE_LINGER_MS 500		       /* from a finished stream's last byte to its end */

enum fake_state {
	FAKE_CONNECTING, /* the proxy waits for fake_connect() */
	FAKE_OPEN,
	FAKE_FINISHED, /* the proxy has sent all that it will */
	FAKE_CLOSED    /* closed by the proxy at once */
};

/* Bytes in a row; the first `at` of them are used up. */
struct fake_bytes {
	char *p;
	size_t at, len, cap;
};

/* The other end of a stream: a server that the proxy connects to, or a client of it. It stays
 * until the loop is freed, so that a test can look at it after its end. */
struct fake_peer {
	size_t read_max;  /* bytes that one read gives; the test's to set */
	size_t flush_max; /* bytes that one flush takes, 0: the socket is full; the test's to set */
	enum fake_state state;
	char host[64]; /* a server's; "" for a client */
	uint16_t port;
	int fd;		       /* a client's */
	struct fake_bytes got; /* written to it and not yet taken by fake_take() */

	/* private: */
	TAILQ_ENTRY(fake_peer) link;
	struct loop *loop;
	struct stream *stream; /* NULL once closed */
	struct fake_bytes given;
	int connect_err, end_err;
	bool connect_is_due, end_is_due;
};

/* The newest connection to a port, or NULL; and how many there ever were. */
struct fake_peer *fake_server(struct loop *loop, uint16_t port);
uint32_t fake_connects(struct loop *loop, uint16_t port);

/* The peer of stream_accept(fd); a negative fd is refused there. */
struct fake_peer *fake_client(struct loop *loop, int fd);

/* From the next turn on: the connection stands (0) or cannot be made (negative errno). */
void fake_connect(struct fake_peer *peer, int err);

/* Have bytes read, and after all of them the end: STREAM_EOF, or a negative errno, which also
 * makes writing fail. */
void fake_send(struct fake_peer *peer, struct span bytes);
void fake_end(struct fake_peer *peer, int err);

/* What was written to the peer so far; forget the first n bytes of it. */
struct span fake_got(const struct fake_peer *peer);
void fake_take(struct fake_peer *peer, size_t n);

/* One turn: true if anything came of it. Or turns, until nothing does. */
bool fake_turn(struct loop *loop);
void fake_settle(struct loop *loop);

/* Turn the clock on, firing each timer at its time, in a turn of its own; then settle. */
void fake_advance_ms(struct loop *loop, uint64_t ms);

#endif
