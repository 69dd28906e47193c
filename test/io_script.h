/*
 * io_script.h - tests of the io layer on real sockets: a loop, and steps that it comes to.
 *
 * A step is a function that is called again and again, each time in a new turn, until it returns
 * true; then the next one's turn comes. A script that does not end in time fails, naming its step.
 * Includes: io/stream, base/text.
 */
#ifndef TEST_IO_SCRIPT_H
#define TEST_IO_SCRIPT_H

#include "base/text.h"
#include "io/stream.h"

struct io_step {
	const char *name;
	bool (*is_done)(void);
};

/* A new loop with a pool of chunks, which the test may look at. */
struct loop *script_begin(void);
struct chunk_pool *script_pool(void);

/* Run the loop through the steps, then call close_all, then run the loop out and free it. */
void script_run(const struct io_step *steps, size_t n, void (*close_all)(void));

/* Two connected, non-blocking sockets: of TCP on the loopback, or a unix pair. */
void script_pair(bool is_unix, int fds[2]);

/* A TCP socket that listens on a free port of the loopback. */
int script_listen(uint16_t *port);

/* A port of the loopback at which nobody listens. */
uint16_t script_free_port(void);

/* Write bytes to a descriptor that has room for them. */
void script_send(int fd, struct span bytes);

/* A stream of the test's, what its owner was told, and the other end of its socket. */
struct io_end {
	struct stream *stream; /* NULL: closed by script_close() */
	struct text got;       /* the bytes that `take` took */
	size_t (*take)(struct span bytes);
	uint64_t expect; /* for stream_expect() after each incomplete take */
	int n_connected, connect_err;
	int n_written;
	int n_ends, end_err;
	int peer; /* a descriptor, or -1 */
	struct text at_peer;
	bool peer_ended;
};

extern const struct stream_events io_end_events; /* for an owner that is a struct io_end */

/* As `take`: all bytes, or whole lines only. */
size_t take_all(struct span bytes);
size_t take_lines(struct span bytes);

/* script_begin(), and `end` on one half of script_pair(), with its other half as peer. */
struct loop *script_accept(struct io_end *end, bool is_unix, size_t (*take)(struct span bytes));
void script_close(struct io_end *end);

/* Close the peer and free what was recorded, after script_run(). */
void script_forget(struct io_end *end);

/* Queue text to be sent; take in what has arrived at the peer. */
void script_write(struct io_end *end, struct span bytes);
void script_read_peer(struct io_end *end);

#endif
