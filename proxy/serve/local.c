#include "serve/local.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "core/stats_text.h"
#include "proto/resp_write.h"
#include "serve/local_reply.h"

#define MEMCACHED_VERSION "1.6.18" /* what the text protocol's behaviour is modelled on */

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

void reply_text(struct request *request, struct span bytes)
{
	static const char format[] = "txt:";

	if (request->kind.resp != 3) {
		reply_bulk(request, bytes);
		return;
	}
	reply_header(request, '=', (int64_t)(strlen(format) + bytes.len));
	chain_append(&request->engine->chunks, &request->reply, NULL, span_of(format));
	chain_copy(&request->engine->chunks, &request->reply, bytes);
	chain_append(&request->engine->chunks, &request->reply, NULL, span_of("\r\n"));
}

void reply_map(struct request *request, int64_t n)
{
	bool is_map = request->kind.resp == 3;

	reply_header(request, is_map ? '%' : '*', is_map ? n : 2 * n);
}

void reply_null(struct request *request)
{
	reply_line(request, request->kind.resp == 3 ? "_" : "$-1");
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

	if (n > 2) {
		reply_error(request, "-ERR wrong number of arguments for 'ping' command");
	} else if (client->session.subscriber != NULL && client->session.kind.resp == 2) {
		reply_header(request, '*', 2);
		reply_bulk(request, span_of("pong"));
		reply_bulk(request, reply_arg(command, 1));
	} else if (n == 2) {
		reply_bulk(request, reply_arg(command, 1));
	} else {
		reply_line(request, "+PONG");
	}
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

static void resp_time(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	struct timespec now;
	char text[24];

	(void)client;
	(void)command;
	clock_gettime(CLOCK_REALTIME, &now);
	reply_header(request, '*', 2);
	snprintf(text, sizeof(text), "%lld", (long long)now.tv_sec);
	reply_bulk(request, span_of(text));
	snprintf(text, sizeof(text), "%ld", now.tv_nsec / 1000);
	reply_bulk(request, span_of(text));
}

/* To its clients the proxy is one primary without replicas. */
static void resp_role(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_header(request, '*', 3);
	reply_bulk(request, span_of("master"));
	reply_header(request, ':', 0);
	reply_header(request, '*', 0);
}

/* As a server that is no part of a cluster; clients ask to learn just that. */
static void resp_cluster(struct client *client, struct request *request,
			 const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_error(request, "-ERR This instance has cluster support disabled");
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

/* All before it are answered when its turn comes: that is what it asks for. */
static void mc_noop(struct client *client, struct request *request,
		    const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_line(request, "MN");
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
	bool finishes; /* the request is run's to finish, and may be gone when it returns */
};

static const struct local resp_locals[] = {
	{"ping", resp_ping, false},	     {"echo", resp_echo, false},
	{"quit", resp_quit, false},	     {"time", resp_time, false},
	{"role", resp_role, false},	     {"select", reply_select, true},
	{"hello", reply_hello, false},	     {"auth", reply_auth, false},
	{"reset", reply_reset, false},	     {"readonly", reply_reads, false},
	{"readwrite", reply_reads, false},   {"asking", resp_cluster, false},
	{"cluster", resp_cluster, false},    {"client", reply_client, false},
	{"config|get", reply_config, false},
};

static const struct local mc_locals[] = {
	{"version", mc_version, false},	  {"verbosity", mc_verbosity, false},
	{"quit", mc_quit, false},	  {"mn", mc_noop, false},
	{"config", reply_cluster, false},
};

/* The row's name, or that of the container which it is a subcommand of. */
static bool is_of(const char *name, const char *row)
{
	size_t len = strlen(name);

	return strncmp(name, row, len) == 0 && (row[len] == '\0' || row[len] == '|');
}

void local_run(struct client *client, struct request *request, const struct command_bytes *command)
{
	bool redis = client->pool->protocol == PROTOCOL_REDIS;
	const struct local *locals = redis ? resp_locals : mc_locals;
	size_t n = redis ? ARRAY_LEN(resp_locals) : ARRAY_LEN(mc_locals);

	for (size_t i = 0; i < n; i++) {
		if (!is_of(locals[i].name, request->command->name))
			continue;
		locals[i].run(client, request, command);
		if (locals[i].finishes)
			return;
		break;
	}
	if (!request->is_waiting)
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
