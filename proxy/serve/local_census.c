#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/number.h"
#include "serve/census.h"
#include "serve/local_reply.h"

/* Each option takes its argument, or answers why it cannot. */

static bool take_id(struct request *request, struct census *census, struct span text)
{
	if (number_parse_u64(text, &census->filter.id) && census->filter.id > 0)
		return true;
	reply_error(request, "-ERR client-id should be greater than 0");
	return false;
}

static bool take_type(struct request *request, struct census *census, struct span text)
{
	static const struct {
		const char *name;
		enum client_type type;
	} types[] = {
		{"normal", CLIENT_NORMAL}, {"pubsub", CLIENT_PUBSUB}, {"master", CLIENT_NONE},
		{"replica", CLIENT_NONE},  {"slave", CLIENT_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!span_equal_nocase(text, types[i].name))
			continue;
		census->filter.type = types[i].type;
		return true;
	}
	reply_error(request, "-ERR Unknown client type '%.*s'",
		    (int)(text.len < 64 ? text.len : 64), text.p);
	return false;
}

static bool take_text(char **to, struct span text)
{
	free(*to);
	*to = alloc_copy(text.p, text.len);
	return true;
}

static bool take_addr(struct request *request, struct census *census, struct span text)
{
	(void)request;
	return take_text(&census->filter.addr, text);
}

static bool take_laddr(struct request *request, struct census *census, struct span text)
{
	(void)request;
	return take_text(&census->filter.laddr, text);
}

static bool take_user(struct request *request, struct census *census, struct span text)
{
	char name[64];

	if (request->pool->n_users > 0 ? pool_user(request->pool, text) != NULL
				       : span_equal_str(text, "default"))
		return take_text(&census->filter.user, text);
	snprintf(name, sizeof(name), "%.*s", (int)(text.len < 63 ? text.len : 63), text.p);
	reply_error(request, "-ERR No such user '%s'", name);
	return false;
}

static bool take_skipme(struct request *request, struct census *census, struct span text)
{
	if (span_equal_nocase(text, "yes"))
		census->filter.not_id = request->client_id;
	else if (span_equal_nocase(text, "no"))
		census->filter.not_id = 0;
	else
		reply_error(request, "-ERR syntax error");
	return !request->is_error;
}

static bool take_kill_option(struct request *request, struct census *census, struct span name,
			     struct span text)
{
	static const struct {
		const char *name;
		bool (*take)(struct request *, struct census *, struct span);
	} options[] = {
		{"id", take_id},       {"type", take_type}, {"addr", take_addr},
		{"laddr", take_laddr}, {"user", take_user}, {"skipme", take_skipme},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (span_equal_nocase(name, options[i].name))
			return options[i].take(request, census, text);
	reply_error(request, "-ERR syntax error");
	return false;
}

static bool read_kill(struct request *request, const struct command_bytes *command,
		      struct census *census)
{
	uint32_t n = command->parsed->args->n;

	census->kills = true;
	if (n == 3) {
		census->is_old_form = true;
		return take_addr(request, census, reply_arg(command, 2));
	}
	if (n % 2 != 0) {
		reply_error(request, "-ERR syntax error");
		return false;
	}
	census->filter.not_id = request->client_id;
	for (uint32_t i = 2; i + 1 < n; i += 2)
		if (!take_kill_option(request, census, reply_arg(command, i),
				      reply_arg(command, i + 1)))
			return false;
	return true;
}

static bool take_ids(struct request *request, const struct command_bytes *command,
		     struct census *census)
{
	uint32_t n = command->parsed->args->n;

	census->filter.ids = alloc_zeroed(n, sizeof(uint64_t));
	for (uint32_t i = 3; i < n; i++) {
		if (!number_parse_u64(reply_arg(command, i),
				      &census->filter.ids[census->filter.n_ids++])) {
			reply_error(request, "-ERR Invalid client ID");
			return false;
		}
	}
	return true;
}

static bool read_list(struct request *request, const struct command_bytes *command,
		      struct census *census)
{
	uint32_t n = command->parsed->args->n;

	if (n == 2)
		return true;
	if (n == 4 && span_equal_nocase(reply_arg(command, 2), "type"))
		return take_type(request, census, reply_arg(command, 3));
	if (n > 3 && span_equal_nocase(reply_arg(command, 2), "id"))
		return take_ids(request, command, census);
	reply_error(request, "-ERR syntax error");
	return false;
}

static void run(struct client *client, struct request *request, const struct command_bytes *command,
		bool (*read)(struct request *, const struct command_bytes *, struct census *))
{
	struct census *census = alloc_zeroed(1, sizeof(*census));

	if (read(request, command, census)) {
		request->is_waiting = true;
		census_begin(client, request, census);
	} else {
		census_free(census);
	}
}

void reply_client_list(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	run(client, request, command, read_list);
}

void reply_client_kill(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	run(client, request, command, read_kill);
}
