#include "serve/pause.h"

#include "core/hold.h"
#include "plan/transaction.h"

/* What the proxy answers by itself goes on: a load balancer's PING must not wait. */
static bool is_own(const struct command *row)
{
	return row == NULL || row->split == SPLIT_LOCAL || row->split == SPLIT_REFUSE;
}

/* EXEC writes what was queued before the pause. */
static bool writes(const struct client *client, const struct parsed *parsed)
{
	const struct command *row = parsed->command;

	return (row->flags & CMD_WRITE) != 0 || parsed->writes ||
	       (row->split == SPLIT_SESSION && transaction_is_open(&client->session));
}

/* Nothing may run of a transaction that lacks a command. What ends it passes, and tells so. */
static enum pause_verdict refuse(struct client *client, const struct parsed *parsed)
{
	bool is_open = transaction_is_open(&client->session);

	transaction_spoil(&client->session);
	return is_open && parsed->command->split == SPLIT_SESSION ? PAUSE_PASS : PAUSE_FULL;
}

enum pause_verdict pause_verdict(struct client *client, const struct parsed *parsed)
{
	const struct engine *engine = client->engine;
	const struct pool *pool = topology_pool_at(engine->topology, client->pool->index);

	if (pool == NULL || pool->pause == PAUSE_NONE || parsed->error != NULL ||
	    is_own(parsed->command))
		return PAUSE_PASS;
	if (pool->pause == PAUSE_WRITES && !writes(client, parsed))
		return PAUSE_PASS;
	if (client->clients->n_paused < hold_limit(engine, pool))
		return PAUSE_WAIT;
	return refuse(client, parsed);
}
