#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "serve/local_reply.h"

#define NAME_MAX_BYTES 512

bool client_set_name(struct client *client, struct span name)
{
	if (name.len > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] < '!' || name.p[i] > '~')
			return false;
	free(client->name);
	client->name = name.len == 0 ? NULL : alloc_copy(name.p, name.len);
	return true;
}

static void client_id(struct client *client, struct request *request,
		      const struct command_bytes *command)
{
	(void)command;
	reply_header(request, ':', (int64_t)client->id);
}

static void client_getname(struct client *client, struct request *request,
			   const struct command_bytes *command)
{
	(void)command;
	if (client->name == NULL)
		reply_line(request, "$-1");
	else
		reply_bulk(request, span_of(client->name));
}

static void client_setname(struct client *client, struct request *request,
			   const struct command_bytes *command)
{
	if (client_set_name(client, reply_arg(command, 2)))
		reply_line(request, "+OK");
	else
		reply_error(request, "-ERR Client names cannot contain spaces, newlines or special "
				     "characters.");
}

/* Redis 7.2's: the library's name and version, which nobody here asks for again. */
static void client_setinfo(struct client *client, struct request *request,
			   const struct command_bytes *command)
{
	struct span what = reply_arg(command, 2);

	(void)client;
	if (span_equal_nocase(what, "lib-name") || span_equal_nocase(what, "lib-ver"))
		reply_line(request, "+OK");
	else
		reply_error(request, "-ERR Unrecognized option '%.*s'",
			    (int)(what.len < 64 ? what.len : 64), what.p);
}

/* The line that redis-server has for each client, with what means something here. */
static void client_info(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	uint64_t now = loop_now_us(client->engine->loop);
	char line[512], peer[128];

	(void)command;
	stream_peer(client->stream, peer, sizeof(peer));
	int n = snprintf(line, sizeof(line),
			 "id=%llu addr=%s name=%s age=%llu idle=%llu flags=N db=0 sub=0 psub=0 "
			 "multi=-1 omem=%llu cmd=client|info user=default resp=2\n",
			 (unsigned long long)client->id, peer,
			 client->name == NULL ? "" : client->name,
			 (unsigned long long)(now - client->connected_us) / 1000000,
			 (unsigned long long)(now - client->active_us) / 1000000,
			 (unsigned long long)stream_unsent(client->stream));

	reply_bulk(request,
		   span_make(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1));
}

void reply_client(struct client *client, struct request *request,
		  const struct command_bytes *command)
{
	static const struct {
		const char *name;
		uint32_t n_args; /* CLIENT and its name counted */
		void (*run)(struct client *, struct request *, const struct command_bytes *);
	} subcommands[] = {
		{"id", 2, client_id},		{"getname", 2, client_getname},
		{"setname", 3, client_setname}, {"setinfo", 4, client_setinfo},
		{"info", 2, client_info},
	};
	struct span sub = reply_arg(command, 1);

	for (size_t i = 0; i < ARRAY_LEN(subcommands); i++) {
		if (!span_equal_nocase(sub, subcommands[i].name))
			continue;
		if (command->parsed->args->n == subcommands[i].n_args)
			subcommands[i].run(client, request, command);
		else
			reply_error(request,
				    "-ERR wrong number of arguments for 'client|%s' command",
				    subcommands[i].name);
		return;
	}
	reply_error(request, "-ERR slipring: 'client %.*s' is not supported",
		    (int)(sub.len < 64 ? sub.len : 64), sub.p);
}
