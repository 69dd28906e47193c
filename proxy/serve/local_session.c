#include <stdlib.h>

#include "base/number.h"
#include "plan/pinned.h"
#include "plan/pubsub.h"
#include "plan/transaction.h"
#include "serve/local_reply.h"
#include "serve/login.h"

#define REDIS_VERSION "7.0.15" /* what RESP's behaviour is modelled on */

/* These change what the connection is, which a transaction's commands cannot. */
static bool is_in_transaction(struct client *client, struct request *request)
{
	if (!transaction_is_open(&client->session))
		return false;
	transaction_spoil(&client->session);
	reply_error(request,
		    "-ERR slipring: '%s' is not supported: it changes the connection, and it "
		    "is in a transaction",
		    request->command->name);
	return true;
}

/* Whether there is such a database, a node knows. */
void reply_select(struct client *client, struct request *request,
		  const struct command_bytes *command)
{
	struct session *session = &client->session;
	int64_t db;

	if (!number_parse_i64(reply_arg(command, 1), &db)) {
		reply_error(request, "-ERR value is not an integer or out of range");
	} else if (db < 0 || db > UINT16_MAX) {
		reply_error(request, "-ERR DB index is out of range");
	} else if (session->transaction != NULL) {
		reply_error(request, "-ERR slipring: 'select' is not supported: keys are watched");
	} else if (db != 0 && db != session->kind.db) {
		select_start(request, command, (uint16_t)db);
		return;
	} else {
		session->kind.db = (uint16_t)db;
		reply_line(request, "+OK");
	}
	request_finish(request);
}

static void refuse_login(struct request *request)
{
	reply_error(request, "-WRONGPASS invalid username-password pair or user is disabled.");
}

void reply_auth(struct client *client, struct request *request, const struct command_bytes *command)
{
	uint32_t n = command->parsed->args->n;
	bool has_name = n == 3;

	if (is_in_transaction(client, request))
		return;
	if (n > 3) {
		reply_error(request, "-ERR syntax error");
		return;
	}
	if (!has_name && pool_user(client->pool, span_of("default")) == NULL) {
		reply_error(request,
			    "-ERR AUTH <password> called without any password configured for the "
			    "default user. Are you sure your configuration is correct?");
		return;
	}
	if (login_as(client, has_name ? reply_arg(command, 1) : span_of("default"),
		     reply_arg(command, n - 1)))
		reply_line(request, "+OK");
	else
		refuse_login(request);
}

static void append_hello(struct client *client, struct request *request)
{
	reply_map(request, 7);
	reply_bulk(request, span_of("server"));
	reply_bulk(request, span_of("redis"));
	reply_bulk(request, span_of("version"));
	reply_bulk(request, span_of(REDIS_VERSION));
	reply_bulk(request, span_of("proto"));
	reply_header(request, ':', request->kind.resp);
	reply_bulk(request, span_of("id"));
	reply_header(request, ':', (int64_t)client->id);
	reply_bulk(request, span_of("mode"));
	reply_bulk(request, span_of("standalone"));
	reply_bulk(request, span_of("role"));
	reply_bulk(request, span_of("master"));
	reply_bulk(request, span_of("modules"));
	reply_header(request, '*', 0);
}

/* What follows the version; false after telling what is wrong. */
static bool take_options(struct client *client, struct request *request,
			 const struct command_bytes *command, struct span *name)
{
	uint32_t n = command->parsed->args->n;

	for (uint32_t i = 2; i < n; i++) {
		struct span option = reply_arg(command, i);

		if (span_equal_nocase(option, "auth") && i + 2 < n) {
			if (!login_as(client, reply_arg(command, i + 1),
				      reply_arg(command, i + 2))) {
				refuse_login(request);
				return false;
			}
			i += 2;
		} else if (span_equal_nocase(option, "setname") && i + 1 < n) {
			*name = reply_arg(command, ++i);
		} else {
			reply_error(request, "-ERR Syntax error in HELLO option '%.*s'",
				    (int)(option.len < 128 ? option.len : 128), option.p);
			return false;
		}
	}
	return true;
}

void reply_hello(struct client *client, struct request *request,
		 const struct command_bytes *command)
{
	int64_t version = client->session.kind.resp;
	struct span name = {0};

	if (is_in_transaction(client, request))
		return;
	if (command->parsed->args->n > 1 && !number_parse_i64(reply_arg(command, 1), &version)) {
		reply_error(request, "-ERR Protocol version is not an integer or out of range");
		return;
	}
	if (version != 2 && version != 3) {
		reply_error(request, "-NOPROTO unsupported protocol version");
		return;
	}
	if (!take_options(client, request, command, &name))
		return;
	if (client->session.needs_auth) {
		reply_error(request,
			    "-NOAUTH HELLO must be called with the client already authenticated, "
			    "otherwise the HELLO AUTH <user> <pass> option can be used to "
			    "authenticate the client and select the RESP protocol version at the "
			    "same time");
		return;
	}
	if (name.p != NULL && !client_set_name(client, name)) {
		reply_error(request, "-ERR Client names cannot contain spaces, newlines or special "
				     "characters.");
		return;
	}
	client->session.kind.resp = request->kind.resp = (uint16_t)version;
	append_hello(client, request);
}

void reply_reset(struct client *client, struct request *request,
		 const struct command_bytes *command)
{
	(void)command;
	plan_client_left(client->engine, &client->session);
	session_reset(&client->session);
	client_identify(client);
	free(client->name);
	client->name = NULL;
	request->kind = client->session.kind;
	reply_line(request, "+RESET");
}

/* Whether this connection's reads may go to replicas, whatever the pool says. */
void reply_reads(struct client *client, struct request *request,
		 const struct command_bytes *command)
{
	bool only_reads = span_equal_nocase(reply_arg(command, 0), "readonly");

	client->session.reads = only_reads ? READS_PREFER_REPLICA : READS_PRIMARY;
	session_changed(&client->session);
	reply_line(request, "+OK");
}
