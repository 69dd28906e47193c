/*
 * reload.h - the configuration is read again: when its file changes, on HUP, on demand. All of it is taken
 * over, or nothing.
 *
 * The control thread's. Layer: control. Includes: config, entrances, registry.
 */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include <time.h>

#include "control/config.h"
#include "control/entrances.h"
#include "control/registry.h"

/* What status and metrics tell of it. */
struct reload_state {
	const char *file;   /* NULL: the settings came from the command line */
	uint64_t n, failed; /* reloads so far */
	time_t at;	    /* of the last that changed something, or of the start */
	struct text errors; /* of the last, a line each; empty: it was well */
};

/* Borrowed for the reload's life. */
struct reload_setup {
	struct loop *loop;
	struct registry *registry;
	struct entrances *entrances;
	struct stats *stats; /* the control thread's own */
	/* Something outside pools and listeners is to follow `config`: -1 with `error`, and nothing
	 * is changed. */
	int (*on_config)(void *arg, const struct config *config, struct error *error);
	/* Everything follows `config` now. */
	void (*on_changed)(void *arg, const struct config *config);
	void *arg;
};

struct reload;

/* `path` is the file, or NULL where there is none to read again. */
NODISCARD struct reload *reload_new(const struct reload_setup *setup, const char *path);

/* Take the first configuration over, which is the reload's from now on: 0, or -1 with `error`. */
NODISCARD int reload_begin(struct reload *reload, struct config *config, struct error *error);

/* Read the file again, because of `why` ("HUP"), whether it has changed or not. False with the reasons in
 * reload_state().errors if nothing was changed. */
bool reload_now(struct reload *reload, const char *why);

const struct config *reload_config(const struct reload *reload);
const struct reload_state *reload_state(const struct reload *reload);

/* Look no longer at the file; then, when the loop has run out, free. */
void reload_stop(struct reload *reload);
void reload_free(struct reload *reload);

#endif
