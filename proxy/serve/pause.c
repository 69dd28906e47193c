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

enum pause_verdict pause_verdict(const struct client *client, const struct parsed *parsed)
{
	const struct engine *engine = client->engine;
	const struct pool *pool = topology_pool_at(engine->topology, client->pool->index);

	if (pool == NULL || pool->pause == PAUSE_NONE || parsed->error != NULL ||
	    is_own(parsed->command))
		return PAUSE_PASS;
	if (pool->pause == PAUSE_WRITES && !writes(client, parsed))
		return PAUSE_PASS;
	return client->clients->n_paused < hold_limit(engine, pool) ? PAUSE_WAIT : PAUSE_FULL;
}
