/*
 * succession.h - where a process gets its listening sockets from, and to whom it leaves them.
 *
 * From the process that runs already (takeover.h) and from the service manager (systemd.h); to
 * the next process. What this process does as the old one is decided here. The control thread's.
 * Layer: control. Includes: admin_http, entrances, io/inherited, base/error.
 */
#ifndef CONTROL_SUCCESSION_H
#define CONTROL_SUCCESSION_H

#include "base/attr.h"
#include "base/error.h"
#include "control/admin_http.h"
#include "control/entrances.h"

/* What a succession asks and tells; a change of the configuration may change the answers. */
struct succession_events {
	struct admin *(*admin)(void *arg); /* by which the process serves now; NULL: none */
	uint64_t (*clients)(void *arg);	   /* how many it has now */
	uint32_t (*grace_ms)(void *arg);   /* how long they stay after the next one accepts */
	void (*on_taken)(void *arg);	   /* the entrances are closed for good */
	void (*leave)(void *arg, const char *why); /* as at TERM; may be called more than once */
};

struct succession_setup {
	struct loop *loop;
	const char *path; /* where processes meet; copied. NULL: no process asks or is asked */
	struct entrances *entrances; /* borrowed; told where to look for sockets */
	const struct succession_events *events;
	void *arg;
};

struct succession;

/*
 * Gather the sockets that are passed to this process. NULL with `error` where the path cannot be
 * had or the process there does not give its own up; it is as it was then. May wait for 5 seconds.
 */
NODISCARD struct succession *succession_new(const struct succession_setup *setup,
					    struct error *error);

/* The sockets, for what is opened besides the entrances. */
struct inherited *succession_sockets(struct succession *succession);

/* All is open and the workers know where to send requests: accept from now on. */
void succession_begin(struct succession *succession);

/* The next process accepts in place of this one: nothing may be opened any more. */
bool succession_is_taken(const struct succession *succession);

/* Before listeners are closed for good: files of unix sockets that the next one may have are left. */
void succession_before_close(struct succession *succession);

/* This process leaves now: nobody can take over any more. */
void succession_end(struct succession *succession);

/* Did the process that was to be taken over change its mind? Then this one was told to leave. */
bool succession_has_failed(const struct succession *succession);

void succession_free(struct succession *succession); /* NULL is fine */

#endif
