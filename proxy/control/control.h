/*
 * control.h - the control thread: signals, listeners, admin, and the workers' lives.
 * Layer: control. Includes: config, base/error.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/attr.h"
#include "base/error.h"
#include "control/config.h"

/*
 * Serve `config`, which it takes over, until TERM or INT has been obeyed: the first drains (no new
 * connections, what is under way is finished, at most shutdown_grace), a second leaves at once. HUP and
 * changes of the file at `path` (NULL: there is none) have it read again. 0, or -1 with `error`
 * where it could not begin: an address is taken, a pool cannot be built.
 */
NODISCARD int control_run(struct config *config, const char *path, struct error *error);

#endif
