#include "data_path.h"

#include "plan/pubsub.h"
#include "serve/census.h"
#include "serve/clients.h"

/* As a worker does. */
static void relieve(void *arg)
{
	struct data_path *dp = arg;

	clients_close_slowest(&dp->clients);
}

/* As the control thread does for its one worker: later. */
static void run_passing(struct deferred *deferred)
{
	struct data_path *dp = container_of(deferred, struct data_path, passing);

	dp->census->next++;
	census_visit(&dp->clients, dp->census);
}

static void pass_on(void *arg, struct census *census)
{
	struct data_path *dp = arg;

	dp->census = census;
	dp->passing.run = run_passing;
	loop_defer(dp->loop, &dp->passing);
}

static void close_clients(struct data_path *dp)
{
	clients_close_all(&dp->clients);
	pubsub_shut(&dp->engine);
}

struct fake_peer *data_path_client(struct data_path *dp)
{
	dp->close_clients = close_clients;
	dp->clients.pass_on = pass_on;
	dp->clients.pass_on_arg = dp;
	dp->engine.relieve = relieve;
	dp->engine.relieve_arg = dp;
	client_accept(&dp->clients, dp->pool, ++dp->next_fd, false);
	return fake_client(dp->loop, dp->next_fd);
}

/* As a worker does: clients before subscriptions. */
void data_path_move(struct data_path *dp, struct topology *topology)
{
	data_path_adopt(dp, topology);
	clients_renew(&dp->clients);
	pubsub_adopt(&dp->engine);
	fake_settle(dp->loop);
}

void data_path_lose_pool(struct data_path *dp)
{
	static const struct shard_spec another[] = {
		{.name = "x", .primary = "x:7004", .weight = 1}};
	struct topology *topology = data_path_build(dp, another, ARRAY_LEN(another));

	topology->pools[0].index = 1;
	data_path_move(dp, topology);
}

void data_path_serve(struct data_path *dp, struct data_path_setup setup)
{
	data_path_init(dp, setup);
	dp->client = data_path_client(dp);
}

void data_path_serve_memcached(struct data_path *dp)
{
	data_path_serve(dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
}

void data_path_serve_redis(struct data_path *dp)
{
	data_path_serve(dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS});
}

void data_path_serve_binary(struct data_path *dp)
{
	data_path_serve(dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						     .node_protocol = NODE_PROTOCOL_BINARY});
}

void data_path_pass(struct data_path *dp, struct fake_peer *node, const char *asked,
		    const char *reply)
{
	answer_to(node, asked, reply);
	expect(dp->client, reply);
}

void data_path_pass_words(struct data_path *dp, struct fake_peer *node, const char *words,
			  const char *reply)
{
	data_path_pass(dp, node, array_of(words), reply);
}
