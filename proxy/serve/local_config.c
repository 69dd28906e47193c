#include <ctype.h>
#include <stdio.h>

#include "base/text.h"
#include "serve/local_reply.h"

struct setting {
	const char *name; /* as a server's */
	uint64_t (*value)(const struct pool *pool);
};

static uint64_t maxclients(const struct pool *pool)
{
	return pool->settings.clients;
}

static uint64_t timeout(const struct pool *pool)
{
	return pool->settings.idle_ms / 1000;
}

static uint64_t max_bulk(const struct pool *pool)
{
	return pool->settings.request;
}

static const struct setting settings[] = {
	{"maxclients", maxclients},
	{"proto-max-bulk-len", max_bulk},
	{"timeout", timeout},
};

/* A glob of '*', '?' and letters, in any case: enough for names of settings. The last star seen is
 * where matching goes on after a mismatch, so that no pattern takes more than its product. */
static bool matches(struct span pattern, const char *name)
{
	size_t p = 0, star = SIZE_MAX, n = 0, from = 0;

	while (name[n] != '\0') {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = n;
		} else if (p < pattern.len && (pattern.p[p] == '?' ||
					       tolower((unsigned char)pattern.p[p]) == name[n])) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

static bool is_asked(const struct command_bytes *command, const char *name)
{
	for (uint32_t i = 2; i < command->parsed->args->n; i++)
		if (matches(reply_arg(command, i), name))
			return true;
	return false;
}

void reply_config(struct client *client, struct request *request,
		  const struct command_bytes *command)
{
	int64_t n = 0;
	char text[24];

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		n += is_asked(command, settings[i].name);
	reply_map(request, n);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!is_asked(command, settings[i].name))
			continue;
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)settings[i].value(client->pool));
		reply_bulk(request, span_of(settings[i].name));
		reply_bulk(request, span_of(text));
	}
}
