#include "serve/census.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "plan/pubsub.h"
#include "plan/transaction.h"
#include "serve/local_reply.h"

/* A request that waits for its census. */
struct census_ticket {
	LIST_ENTRY(census_ticket) link;
	uint64_t number;
	struct request *request;
};

static bool is_pubsub(const struct client *client)
{
	return client->session.subscriber != NULL;
}

void census_line(const struct client *client, struct text *out)
{
	const struct session *session = &client->session;
	uint64_t now = loop_now_us(client->engine->loop);
	char peer[128], local[128];

	stream_peer(client->stream, peer, sizeof(peer));
	stream_local(client->stream, local, sizeof(local));
	text_printf(out, "id=%llu addr=%s laddr=%s name=%s age=%llu idle=%llu flags=%s%s%s",
		    (unsigned long long)client->id, peer, local,
		    client->name == NULL ? "" : client->name,
		    (unsigned long long)(now - client->connected_us) / 1000000,
		    (unsigned long long)(now - client->active_us) / 1000000,
		    is_pubsub(client) ? "P" : "", session->pinned != NULL ? "b" : "",
		    transaction_is_open(session) ? "x" : "");
	if (!is_pubsub(client) && session->pinned == NULL && !transaction_is_open(session))
		text_puts(out, "N");
	text_printf(out,
		    " db=%u sub=%u psub=%u ssub=%u multi=%d omem=%llu cmd=%s user=%s resp=%u\n",
		    (unsigned)session->kind.db, pubsub_count(session, PUBSUB_CHANNEL),
		    pubsub_count(session, PUBSUB_PATTERN), pubsub_count(session, PUBSUB_SHARD),
		    transaction_length(session), (unsigned long long)stream_unsent(client->stream),
		    client->last == NULL ? "NULL" : client->last->name,
		    session->user == NULL ? "default" : session->user->name,
		    (unsigned)session->kind.resp);
}

static bool has_id(const struct census_filter *filter, uint64_t id)
{
	for (size_t i = 0; i < filter->n_ids; i++)
		if (filter->ids[i] == id)
			return true;
	return filter->n_ids == 0;
}

static bool is_at(const struct client *client, const char *wanted,
		  void (*name)(const struct stream *, char *, size_t))
{
	char text[128];

	if (wanted == NULL)
		return true;
	name(client->stream, text, sizeof(text));
	return strcmp(text, wanted) == 0;
}

static bool is_meant(const struct census_filter *filter, const struct client *client)
{
	const struct user *user = client->session.user;

	if (client->pool->index != filter->pool || client->gone || client->finished)
		return false;
	if ((filter->id != 0 && client->id != filter->id) || client->id == filter->not_id ||
	    !has_id(filter, client->id))
		return false;
	if (filter->type != CLIENT_ANY &&
	    filter->type != (is_pubsub(client) ? CLIENT_PUBSUB : CLIENT_NORMAL))
		return false;
	if (filter->user != NULL &&
	    strcmp(filter->user, user == NULL ? "default" : user->name) != 0)
		return false;
	return is_at(client, filter->addr, stream_peer) &&
	       is_at(client, filter->laddr, stream_local);
}

static void take_part(struct clients *clients, struct census *census)
{
	struct client *client, *next;

	for (client = TAILQ_FIRST(&clients->list); client != NULL; client = next) {
		next = TAILQ_NEXT(client, link);
		if (!is_meant(&census->filter, client))
			continue;
		census->n++;
		if (!census->kills)
			census_line(client, &census->lines);
		else if (client->asks)
			client_close_after_replies(client); /* it is told first */
		else
			client_close(client);
	}
}

static void answer(struct request *request, const struct census *census)
{
	if (request->client != NULL)
		request->client->asks = false;
	if (!census->kills)
		reply_text(request, span_make(census->lines.p, census->lines.len));
	else if (!census->is_old_form)
		reply_header(request, ':', (int64_t)census->n);
	else if (census->n > 0)
		reply_line(request, "+OK");
	else
		reply_error(request, "-ERR No such client");
	request_finish(request);
}

void census_free(struct census *census)
{
	free(census->filter.ids);
	free(census->filter.addr);
	free(census->filter.laddr);
	free(census->filter.user);
	text_free(&census->lines);
	free(census);
}

void census_begin(struct client *client, struct request *request, struct census *census)
{
	struct clients *clients = client->clients;
	struct census_ticket *ticket = alloc_zeroed(1, sizeof(*ticket));

	ticket->request = request;
	ticket->number = census->ticket = ++clients->next_ticket;
	LIST_INSERT_HEAD(&clients->tickets, ticket, link);
	client->asks = true;
	census->origin = client->engine->worker;
	census->filter.pool = client->pool->index;
	clients->pass_on(clients->pass_on_arg, census);
}

static struct request *take_ticket(struct clients *clients, uint64_t number)
{
	struct census_ticket *ticket;

	LIST_FOREACH (ticket, &clients->tickets, link) {
		if (ticket->number != number)
			continue;
		struct request *request = ticket->request;
		LIST_REMOVE(ticket, link);
		free(ticket);
		return request;
	}
	return NULL;
}

void census_visit(struct clients *clients, struct census *census)
{
	if (census->next <= clients->engine->n_workers) {
		take_part(clients, census);
		clients->pass_on(clients->pass_on_arg, census);
		return;
	}
	struct request *request = take_ticket(clients, census->ticket);
	if (request != NULL)
		answer(request, census);
	census_free(census);
}

void census_end(struct clients *clients)
{
	while (!LIST_EMPTY(&clients->tickets)) {
		struct request *request =
			take_ticket(clients, LIST_FIRST(&clients->tickets)->number);

		request_fail(request, "the proxy is stopping");
	}
}
