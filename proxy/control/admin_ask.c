#include "control/admin_ask.h"

#include <string.h>

#include "control/pauses.h"
#include "control/value.h"

#define POOLS "/v1/pools/"

struct admin_verb {
	const char *name; /* the path; of a pool's the last word of it */
	bool is_pools;
	bool takes_time;
	bool (*run)(const struct admin_ask *ask, const struct admin_actions *actions, void *arg,
		    struct text *errors);
};

static bool run_reload(const struct admin_ask *ask, const struct admin_actions *actions, void *arg,
		       struct text *errors)
{
	(void)ask;
	return actions->reload(arg, errors);
}

static bool run_drain(const struct admin_ask *ask, const struct admin_actions *actions, void *arg,
		      struct text *errors)
{
	(void)ask;
	return actions->drain(arg, errors);
}

static bool run_refresh(const struct admin_ask *ask, const struct admin_actions *actions, void *arg,
			struct text *errors)
{
	(void)errors;
	return actions->refresh(arg, ask->pool);
}

static bool run_pause(const struct admin_ask *ask, const struct admin_actions *actions, void *arg,
		      struct text *errors)
{
	(void)errors;
	return actions->pause(arg, ask->pool, ask->pause, ask->for_ms);
}

static bool run_resume(const struct admin_ask *ask, const struct admin_actions *actions, void *arg,
		       struct text *errors)
{
	(void)errors;
	return actions->pause(arg, ask->pool, PAUSE_NONE, 0);
}

static const struct admin_verb verbs[] = {
	{"/v1/reload", false, false, run_reload}, {"/v1/drain", false, false, run_drain},
	{"refresh", true, false, run_refresh},	  {"pause", true, true, run_pause},
	{"resume", true, false, run_resume},
};

static const struct admin_verb *verb_of(const char *name, bool is_pools)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].is_pools == is_pools && strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%41" is "A"; a percent sign that no two digits follow stands for itself. */
static bool unescape(const char *p, size_t len, char out[ADMIN_POOL_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = p[i];

		if (c == '%' && i + 2 < len && digit(p[i + 1]) >= 0 && digit(p[i + 2]) >= 0) {
			c = (char)(digit(p[i + 1]) * 16 + digit(p[i + 2]));
			i += 2;
		}
		if (n + 1 >= ADMIN_POOL_MAX || c == '\0')
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return n > 0;
}

bool admin_ask_parse(const char *path, struct admin_ask *ask)
{
	const char *slash = strrchr(path, '/');

	*ask = (struct admin_ask){.pause = PAUSE_ALL};
	if (strncmp(path, POOLS, strlen(POOLS)) != 0) {
		ask->verb = verb_of(path, false);
		return ask->verb != NULL;
	}
	const char *pool = path + strlen(POOLS);
	if (slash <= pool || !unescape(pool, (size_t)(slash - pool), ask->pool))
		return false;
	ask->verb = verb_of(slash + 1, true);
	return ask->verb != NULL;
}

static void take_time(struct admin_ask *ask, const char *value)
{
	uint64_t ms;

	if (!value_parse_duration(span_of(value), &ms) || ms < 1 || ms > PAUSE_MAX_MS)
		ask->wrong = "'for' is no time; expected 1ms to 1h, as 30s";
	else
		ask->for_ms = (uint32_t)ms;
}

void admin_ask_argument(struct admin_ask *ask, const char *key, const char *value)
{
	const char *text = value != NULL ? value : "";

	if (!ask->verb->takes_time)
		ask->wrong = "an argument is given; expected none";
	else if (strcmp(key, "for") == 0)
		take_time(ask, text);
	else if (strcmp(key, "only") == 0 && strcmp(text, "writes") == 0)
		ask->pause = PAUSE_WRITES;
	else if (strcmp(key, "only") == 0)
		ask->wrong = "'only' is wrong; expected writes";
	else
		ask->wrong = "an unknown argument is given; expected for and only";
}

enum admin_result admin_ask_run(const struct admin_ask *ask, const struct view *view,
				const struct admin_actions *actions, void *arg, struct text *errors)
{
	const char *wrong = ask->wrong;

	if (ask->verb->is_pools && topology_pool(view->topology, ask->pool) == NULL) {
		text_printf(errors, "there is no pool %s\n", ask->pool);
		return ADMIN_NO_POOL;
	}
	if (wrong == NULL && ask->verb->takes_time && ask->for_ms == 0)
		wrong = "'for' is missing; expected how long, as for=30s";
	if (wrong != NULL) {
		text_printf(errors, "%s\n", wrong);
		return ADMIN_BAD_ARGUMENT;
	}
	return ask->verb->run(ask, actions, arg, errors) ? ADMIN_DONE : ADMIN_FAILED;
}
