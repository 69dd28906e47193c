#include "serve/clients.h"

#include "core/writes.h"

void clients_close_idle(struct clients *clients)
{
	uint64_t now = loop_now_us(clients->engine->loop);
	struct client *client, *next;

	for (client = TAILQ_FIRST(&clients->list); client != NULL; client = next) {
		uint64_t idle_us = (uint64_t)client->pool->settings.idle_ms * 1000;

		next = TAILQ_NEXT(client, link);
		if (idle_us == 0 || client->in_flight > 0 || now - client->active_us < idle_us)
			continue;
		stat_add(&clients->engine->stats->counter[STAT_CLIENTS_IDLE], 1);
		client_close(client);
	}
}

/* Bytes that wait for the client to send more, to read, or behind another reply of it. */
static uint64_t held_bytes(const struct client *client)
{
	uint64_t held = stream_held(client->stream);
	const struct request *request;

	TAILQ_FOREACH (request, &client->requests, order)
		held += request_held(request);
	return held;
}

void clients_close_slowest(struct clients *clients)
{
	struct client *client, *slowest = NULL;
	uint64_t most = 0;

	TAILQ_FOREACH (client, &clients->list, link) {
		uint64_t held = held_bytes(client);

		if (held > most && !client->session.is_slow_ok) {
			most = held;
			slowest = client;
		}
	}
	if (slowest == NULL)
		return;
	stat_add(&clients->engine->stats->counter[STAT_CLIENTS_SLOW], 1);
	client_close(slowest);
}

void clients_drain(struct clients *clients)
{
	struct client *client, *next;

	clients->draining = true;
	if (clients->n == 0)
		clients->on_empty(clients->on_empty_arg);
	for (client = TAILQ_FIRST(&clients->list); client != NULL; client = next) {
		next = TAILQ_NEXT(client, link);
		client_close_after_replies(client);
	}
}

void clients_close_all(struct clients *clients)
{
	while (!TAILQ_EMPTY(&clients->list))
		client_close(TAILQ_FIRST(&clients->list));
}

void clients_renew(struct clients *clients)
{
	struct client *client, *next;

	for (client = TAILQ_FIRST(&clients->list); client != NULL; client = next) {
		next = TAILQ_NEXT(client, link);
		client_renew(client);
		if (!client->gone)
			client_resume(client);
	}
}

/* A subscriber has nothing to wait for any more. */
static void lose_pool(struct client *client)
{
	if (client->session.subscriber != NULL)
		client_close(client);
	else if (!client->closing)
		client_close_after_replies(client);
}

/* One that has gone from the settings must say again who it is. */
static void renew_user(struct client *client, const struct pool *pool)
{
	struct session *session = &client->session;

	if (session->user == NULL)
		return;
	const struct user *user = pool_user(pool, span_of(session->user->name));
	session->pool = pool;
	if (user != NULL)
		session->user = user;
	else
		session_logout(session);
}

void client_renew(struct client *client)
{
	struct era *newest = client->engine->era;
	const struct pool *pool;

	if (client->era == newest || client->session.transaction != NULL)
		return;
	pool = topology_pool_at(newest->topology, client->pool->index);
	if (pool == NULL) {
		lose_pool(client);
		return;
	}
	renew_user(client, pool);
	client->session.pool = pool;
	client->pool = pool;
	/* It may be a row of the older pool's own. */
	client->last = NULL;
	if (client->codec != &codec_mc_binary)
		client->session.kind.binary = engine_usual_kind(pool).binary;
	era_put(client->era);
	client->era = era_take(newest);
	/* What comes next may go to another node than what it sent before: that comes first. */
	if (client->in_flight > 0)
		client->alone = true;
	session_changed(&client->session);
}

/* The peer's address without its port, which differs for each connection. */
static uint64_t address_hash(const struct client *client)
{
	char peer[128];

	stream_peer(client->stream, peer, sizeof(peer));
	const char *colon = strrchr(peer, ':');
	return writes_hash(1,
			   span_make(peer, colon != NULL ? (size_t)(colon - peer) : strlen(peer)));
}

void client_identify(struct client *client)
{
	const struct user *user = client->session.user;

	client->session.identity = client->id;
	if (client->pool->settings.read_your_writes_ms == 0)
		return;
	if (client->pool->settings.identity == IDENTITY_USER && user != NULL)
		client->session.identity = writes_hash(2, span_of(user->name));
	else if (client->pool->settings.identity != IDENTITY_CONNECTION)
		client->session.identity = address_hash(client);
}
