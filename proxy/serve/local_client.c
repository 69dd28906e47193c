#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "serve/census.h"
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
		reply_null(request);
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

static void client_info(struct client *client, struct request *request,
			const struct command_bytes *command)
{
	struct text line = {0};

	(void)command;
	census_line(client, &line);
	reply_text(request, span_make(line.p, line.len));
	text_free(&line);
}

static bool take_switch(struct request *request, struct span word, bool *on)
{
	*on = span_equal_nocase(word, "on");
	if (*on || span_equal_nocase(word, "off"))
		return true;
	reply_error(request, "-ERR syntax error");
	return false;
}

static void client_no_evict(struct client *client, struct request *request,
			    const struct command_bytes *command)
{
	if (take_switch(request, reply_arg(command, 2), &client->session.is_slow_ok))
		reply_line(request, "+OK");
}

/* Of the modes only ON is answered. */
static void client_reply(struct client *client, struct request *request,
			 const struct command_bytes *command)
{
	struct span mode = reply_arg(command, 2);
	struct session *session = &client->session;

	if (span_equal_nocase(mode, "on")) {
		session->reply = REPLY_ON;
		request->quiet = false;
		reply_line(request, "+OK");
	} else if (span_equal_nocase(mode, "off")) {
		session->reply = REPLY_OFF;
		request->quiet = true;
	} else if (span_equal_nocase(mode, "skip")) {
		if (session->reply != REPLY_OFF)
			session->reply = REPLY_SKIP_NEXT;
		request->quiet = true;
	} else {
		reply_error(request, "-ERR syntax error");
	}
	session_changed(session);
}

/* As a server says it of a client that tracks nothing. */
static void client_getredir(struct client *client, struct request *request,
			    const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_header(request, ':', -1);
}

static void client_trackinginfo(struct client *client, struct request *request,
				const struct command_bytes *command)
{
	(void)client;
	(void)command;
	reply_map(request, 3);
	reply_bulk(request, span_of("flags"));
	reply_header(request, request->kind.resp == 3 ? '~' : '*', 1);
	reply_bulk(request, span_of("off"));
	reply_bulk(request, span_of("redirect"));
	reply_header(request, ':', -1);
	reply_bulk(request, span_of("prefixes"));
	reply_header(request, '*', 0);
}

void reply_client(struct client *client, struct request *request,
		  const struct command_bytes *command)
{
	static const struct {
		const char *name;
		void (*run)(struct client *, struct request *, const struct command_bytes *);
	} subcommands[] = {
		{"id", client_id},
		{"getname", client_getname},
		{"setname", client_setname},
		{"info", client_info},
		{"list", reply_client_list},
		{"kill", reply_client_kill},
		{"no-evict", client_no_evict},
		{"reply", client_reply},
		{"getredir", client_getredir},
		{"trackinginfo", client_trackinginfo},
	};
	struct span sub = reply_arg(command, 1);

	for (size_t i = 0; i < ARRAY_LEN(subcommands); i++) {
		if (!span_equal_nocase(sub, subcommands[i].name))
			continue;
		subcommands[i].run(client, request, command);
		return;
	}
	reply_error(request,
		    "-ERR slipring: '%s' is not supported: it is about a connection to one node",
		    request->command->name);
}
