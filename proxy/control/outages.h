/*
 * outages.h - which shards of memcached pools are down, and what becomes of their nodes when they return.
 *
 *   USED --down--> DOWN --up--> [FLUSHING, where on_return is flush] --> USED
 *                   ^                | down again
 *                   +----------------+
 *
 * A shard that is down again so soon that its keys' last detour may still have values (failover_ttl_s) is
 * damped where on_return is flush: its keys go nowhere until those have expired.
 * The control thread's. Layer: control. Includes: health, core/stats, route/topology.
 */
#ifndef CONTROL_OUTAGES_H
#define CONTROL_OUTAGES_H

#include "control/health.h"
#include "core/stats.h"

/* Borrowed. */
struct outages_setup {
	struct loop *loop; /* with a chunk pool */
	/* outages_of() says something else for a shard. Never from within outages_follow(). */
	void (*on_change)(void *arg);
	void *arg;
	struct stats *stats; /* where ejections and returns are counted; NULL: nowhere */
};

struct outages;
NODISCARD struct outages *outages_new(const struct outages_setup *setup);
void outages_free(struct outages *outages); /* NULL is fine */

/*
 * Look at what health says of the primaries of `topology`, which is borrowed until the next call. True if
 * outages_of() says something else for a shard than before.
 */
bool outages_follow(struct outages *outages, const struct topology *topology,
		    const struct health *health);

enum outage { OUTAGE_NONE, OUTAGE_DOWN, OUTAGE_DAMPED };

/* How the shard of that name is whose primary has that address, as endpoint->text has it. */
enum outage outages_of(const struct outages *outages, const char *pool, const char *shard,
		       const char *address);

#endif
