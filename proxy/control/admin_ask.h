/*
 * admin_ask.h - what an operator asks for by POST: its path and arguments taken apart, and done.
 *
 *      /v1/reload  /v1/drain  /v1/pools/NAME/refresh  /v1/pools/NAME/pause?for=30s&only=writes  .../resume
 *
 * Layer: control. Includes: admin_http.
 */
#ifndef CONTROL_ADMIN_ASK_H
#define CONTROL_ADMIN_ASK_H

#include "control/admin_http.h"

#define ADMIN_POOL_MAX 256 /* bytes of a pool's name in a path */

enum admin_result { ADMIN_DONE, ADMIN_FAILED, ADMIN_NO_POOL, ADMIN_BAD_ARGUMENT };

struct admin_verb;

struct admin_ask {
	const struct admin_verb *verb;
	char pool[ADMIN_POOL_MAX]; /* unescaped; "" where the verb is of no pool */
	uint32_t for_ms;	   /* 0: not said */
	enum pause pause;
	const char *wrong; /* with an argument; or NULL */
};

/* False if the path asks for nothing that there is. */
NODISCARD bool admin_ask_parse(const char *path, struct admin_ask *ask);

/* One argument behind the path's "?"; value may be NULL. */
void admin_ask_argument(struct admin_ask *ask, const char *key, const char *value);

/* Do it. Why it was not done is appended to `errors`. */
NODISCARD enum admin_result admin_ask_run(const struct admin_ask *ask, const struct view *view,
					  const struct admin_actions *actions, void *arg,
					  struct text *errors);

#endif
