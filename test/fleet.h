/* Two pools and the counters of their workers, for tests of what reads them. */
#ifndef TEST_FLEET_H
#define TEST_FLEET_H

#include "control/view.h"
#include "core/stats.h"
#include "route/topology.h"

#define FLEET_WORKERS 3

/* Endpoint ids: the shards in the order of the pools. */
enum { FLEET_A, FLEET_B, FLEET_ODD, FLEET_REDIS, FLEET_REPLICA, FLEET_ENDPOINTS };

#define FLEET_ODD_NAME "odd \"name\" \\"

/*
 * "pages": memcached, shards a, b (weight 2) and FLEET_ODD_NAME; "sessions": redis, one shard that
 * is called by its address and has a replica. stats[FLEET_WORKERS] is the control thread's.
 */
struct fleet {
	struct topology *topology;
	struct stats *stats[FLEET_WORKERS + 1];
};

void fleet_init(struct fleet *fleet);
void fleet_fini(struct fleet *fleet);

/* A view of it, as the admin's pages have. */
struct view fleet_view(const struct fleet *fleet);

/* Counters of worker w. */
struct pool_stats *fleet_pool(struct fleet *fleet, int w, const char *pool);
struct endpoint_stats *fleet_endpoint(struct fleet *fleet, int w, int endpoint);
struct command_stats *fleet_command(struct fleet *fleet, int w, const char *pool,
				    const char *command);

/* Put an endpoint in a state at all workers. */
void fleet_set_state(struct fleet *fleet, int endpoint, enum endpoint_state state);

#endif
