/*
 * io_script.h - tests of the io layer on real sockets: a loop, and steps that it comes to.
 *
 * A step is a function that is called again and again, each time in a new turn, until it returns
 * true; then the next one's turn comes. A script that does not end in time fails, naming its step.
 * Includes: io/stream.
 */
#ifndef TEST_IO_SCRIPT_H
#define TEST_IO_SCRIPT_H

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

#endif
