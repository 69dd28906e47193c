#include "data_path.h"

#include "plan/pubsub.h"
#include "serve/clients.h"

/* As a worker does. */
static void relieve(void *arg)
{
	struct data_path *dp = arg;

	clients_close_slowest(&dp->clients);
}

static void close_clients(struct data_path *dp)
{
	clients_close_all(&dp->clients);
	pubsub_shut(&dp->engine);
}

struct fake_peer *data_path_client(struct data_path *dp)
{
	dp->close_clients = close_clients;
	dp->engine.relieve = relieve;
	dp->engine.relieve_arg = dp;
	client_accept(&dp->clients, dp->pool, ++dp->next_fd, false);
	return fake_client(dp->loop, dp->next_fd);
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
