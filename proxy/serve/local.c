#include "serve/local.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/text.h"
#include "core/stats_text.h"
#include "proto/resp_write.h"
#include "serve/local_reply.h"

#define MEMCACHED_VERSION "1.6.18" /* what the text protocol's behaviour is modelled on */
#define REDIS_VERSION	  "7.0.15"

void reply_header(struct request *request, char type, int64_t n)
{
	char header[RESP_HEADER_MAX];
	size_t len = resp_write_header(header, type, n);

	chain_copy(&request->engine->chunks, &request->reply, span_make(header, len));
}

void reply_bulk(struct request *request, struct span bytes)
{
	reply_header(request, '$', (int64_t)bytes.len);
	chain_copy(&request->engine->chunks, &request->reply, bytes);
	chain_append(&request->engine->chunks, &request->reply, NULL, span_of("\r\n"));
}

void reply_status(struct request *request, struct span word)
{
	struct chunk_pool *chunks = &request->engine->chunks;

	chain_append(chunks, &request->reply, NULL, span_of("+"));
	chain_copy(chunks, &request->reply, word);
	chain_append(chunks, &request->reply, NULL, span_of("\r\n"));
}

void reply_line(struct request *request, const char *line)
{
	chain_copy(&request->engine->chunks, &request->reply, span_of(line));
	chain_append(&request->engine->chunks, &request->reply, NULL, span_of("\r\n"));
}

void reply_error(struct request *request, const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	/* A client's own words in it must not end the line. */
	for (char *p = line; *p != '\0'; p++)
		if (*p == '\r' || *p == '\n')
			*p = ' ';
	reply_line(request, line);
	request->is_error = true;
	stat_add(&request->engine->stats->counter[STAT_COMMANDS_INVALID], 1);
}

struct span reply_arg(const struct command_bytes *command, uint32_t i)
{
	if (i >= command->parsed->args->n)
		return span_make("", 0);
	return parsed_arg(command->parsed, command->start, i);
}

static void resp_ping(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	uint32_t n = command->parsed->args->n;

	(void)client;
	if (n > 2)
		reply_error(request, "-ERR wrong number of arguments for 'ping' command");
	else if (n == 2)
		reply_bulk(request, reply_arg(command, 1));
	else
		reply_line(request, "+PONG");
}

static void resp_echo(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	(void)client;
	reply_bulk(request, reply_arg(command, 1));
}

static void resp_quit(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	(void)command;
	reply_line(request, "+OK");
	client->closing = true;
}

static void resp_select(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	int64_t db;

	(void)client;
	if (!number_parse_i64(reply_arg(command, 1), &db))
		reply_error(request, "-ERR value is not an integer or out of range");
	else if (db != 0)
		reply_error(request, "-ERR slipring: only database 0 is supported");
	else
		reply_line(request, "+OK");
}

/* The map of HELLO, as RESP2 flattens it. */
static void append_hello(struct client *client, struct request *request)
{
	static const char *const pairs[][2] = {{"server", "redis"}, {"version", REDIS_VERSION}};

	reply_header(request, '*', 14);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		reply_bulk(request, span_of(pairs[i][0]));
		reply_bulk(request, span_of(pairs[i][1]));
	}
	reply_bulk(request, span_of("proto"));
	reply_header(request, ':', 2);
	reply_bulk(request, span_of("id"));
	reply_header(request, ':', (int64_t)client->id);
	reply_bulk(request, span_of("mode"));
	reply_bulk(request, span_of("standalone"));
	reply_bulk(request, span_of("role"));
	reply_bulk(request, span_of("master"));
	reply_bulk(request, span_of("modules"));
	reply_header(request, '*', 0);
}

static void resp_hello(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	struct span name = {0};
	int64_t version = 2;
	uint32_t n = command->parsed->args->n;

	if (n > 1 && !number_parse_i64(reply_arg(command, 1), &version)) {
		reply_error(request, "-ERR Protocol version is not an integer or out of range");
		return;
	}
	if (version != 2) {
		reply_error(request, "-NOPROTO unsupported protocol version");
		return;
	}
	for (uint32_t i = 2; i < n; i++) {
		struct span option = reply_arg(command, i);

		if (span_equal_nocase(option, "setname") && i + 1 < n) {
			name = reply_arg(command, ++i);
		} else if (span_equal_nocase(option, "auth")) {
			reply_error(request, "-ERR slipring: 'hello' with AUTH is not supported");
			return;
		} else {
			reply_error(request, "-ERR Syntax error in HELLO option '%.*s'",
				    (int)option.len, option.p);
			return;
		}
	}
	if (name.p != NULL && !client_set_name(client, name)) {
		reply_error(request, "-ERR Client names cannot contain spaces, newlines or special "
				     "characters.");
		return;
	}
	append_hello(client, request);
}

static void resp_reset(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	(void)command;
	free(client->name);
	client->name = NULL;
	reply_line(request, "+RESET");
}

static void mc_version(struct client *client, struct request *request,
		       const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_line(request, "VERSION " MEMCACHED_VERSION);
}

static void mc_verbosity(struct client *client, struct request *request,
			 const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_line(request, "OK");
}

static void mc_quit(struct client *client, struct request *request,
		    const struct command_bytes *command)
{
	(void)request;
	(void)command;
	client->closing = true;
}

struct local {
	const char *name;
	void (*run)(struct client *, struct request *, const struct command_bytes *);
};

static const struct local resp_locals[] = {
	{"ping", resp_ping},	    {"echo", resp_echo},      {"quit", resp_quit},
	{"select", resp_select},    {"hello", resp_hello},    {"reset", resp_reset},
	{"command", reply_command}, {"client", reply_client},
};

static const struct local mc_locals[] = {
	{"version", mc_version},
	{"verbosity", mc_verbosity},
	{"quit", mc_quit},
};

void local_run(struct client *client, struct request *request, const struct command_bytes *command)
{
	bool redis = client->pool->protocol == PROTOCOL_REDIS;
	const struct local *locals = redis ? resp_locals : mc_locals;
	size_t n = redis ? ARRAY_LEN(resp_locals) : ARRAY_LEN(mc_locals);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(locals[i].name, request->command->name) != 0)
			continue;
		locals[i].run(client, request, command);
		break;
	}
	request_finish(request);
}

bool local_answers(struct client *client, struct request *request,
		   const struct command_bytes *command)
{
	struct engine *engine = client->engine;
	struct text text = {0};

	if (request->command->merge != MERGE_STATS ||
	    !span_equal_str(reply_arg(command, 1), "proxy"))
		return false;
	stats_text(engine->all_stats, engine->n_workers, client->pool, &text);
	chain_copy(&engine->chunks, &request->reply, span_make(text.p, text.len));
	text_free(&text);
	reply_line(request, "END");
	request_finish(request);
	return true;
}
