/*
 * takeover_fetch.h - the first half of a takeover: asking the running process for its sockets.
 * Layer: control. Includes: io/inherited, base/error.
 */
#ifndef CONTROL_TAKEOVER_FETCH_H
#define CONTROL_TAKEOVER_FETCH_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "io/inherited.h"

/* The process that runs already. */
struct takeover_old {
	int fd; /* non-blocking; by which it waits for our word */
	pid_t pid;
	size_t n_sockets; /* that it passed */
};

/*
 * As takeover_ask() has it, of the process that answers at `path`. Where it gives 1 the caller
 * owns old->fd; closing that without a word leaves the old process as it was.
 */
NODISCARD int takeover_fetch(const char *path, struct inherited *into, struct takeover_old *old,
			     struct error *error);

#endif
