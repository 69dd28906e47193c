/*
 * admin_get.h - one page of a proxy's admin address, asked for the plain way: HTTP/1.0 by hand.
 * Layer: cli. Includes: base/error, base/text.
 */
#ifndef CLI_ADMIN_GET_H
#define CLI_ADMIN_GET_H

#include "base/attr.h"
#include "base/error.h"
#include "base/text.h"

#define ADMIN_PORT 9601 /* of an address that has none */

/*
 * Append the page at `path` of `address` (HOST[:PORT] or unix:PATH) to `body`. Waits, at most two
 * seconds. -1 with `error` naming the address and what went wrong, also for any answer but 200.
 */
NODISCARD int admin_get(const char *address, const char *path, struct text *body,
			struct error *error);

#endif
