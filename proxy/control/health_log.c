#include "control/health_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

#define US_A_S 1e6

const char *const health_state_names[] = {
	[HEALTH_UNKNOWN] = "unknown",
	[HEALTH_UP] = "up",
	[HEALTH_DOWN] = "down",
};

const char *const health_role_names[] = {
	[HEALTH_ROLE_UNKNOWN] = "unknown",
	[HEALTH_PRIMARY] = "primary",
	[HEALTH_REPLICA] = "replica",
};

static void log_state(const struct endpoint *endpoint, const struct health_of *before,
		      const struct health_of *of, uint32_t failed, uint64_t now_us)
{
	static struct log_site site;
	const char *pool = endpoint->pool->name, *shard = endpoint->shard->name;
	double lasted = (double)(now_us - before->since_us) / US_A_S;
	char was[64] = "";

	if (before->state == HEALTH_UP)
		snprintf(was, sizeof(was), "; it was up for %.1f s", lasted);
	if (of->state == HEALTH_DOWN)
		log_limited(&site, LOG_LEVEL_WARN,
			    "pool %s: shard %s: %s is down: %s (%u probe%s in a row failed)%s",
			    pool, shard, endpoint->text, of->why, (unsigned)failed,
			    failed == 1 ? "" : "s", was);
	else if (before->state == HEALTH_DOWN)
		log_limited(&site, LOG_LEVEL_INFO, "pool %s: shard %s: %s is up again after %.1f s",
			    pool, shard, endpoint->text, lasted);
	else /* as is to be expected of all, when they are watched first */
		log_limited(&site, LOG_LEVEL_DEBUG, "pool %s: shard %s: %s is up", pool, shard,
			    endpoint->text);
}

/* What it is configured to be is no news. */
static bool is_expected(const struct endpoint *endpoint, const struct health_of *before,
			const struct health_of *of)
{
	bool is_replica = of->role == HEALTH_REPLICA;

	return before->role == HEALTH_ROLE_UNKNOWN && is_replica == endpoint->is_replica;
}

static void log_role(const struct endpoint *endpoint, const struct health_of *before,
		     const struct health_of *of)
{
	static struct log_site site;
	const char *pool = endpoint->pool->name, *shard = endpoint->shard->name;

	if (of->role == HEALTH_ROLE_UNKNOWN)
		log_limited(&site, LOG_LEVEL_WARN,
			    "pool %s: shard %s: %s does not let the proxy ask for its role now",
			    pool, shard, endpoint->text);
	else if (is_expected(endpoint, before, of))
		return;
	else if (of->role == HEALTH_PRIMARY)
		log_limited(&site, LOG_LEVEL_INFO, "pool %s: shard %s: %s says it is a primary now",
			    pool, shard, endpoint->text);
	else
		log_limited(&site, LOG_LEVEL_INFO,
			    "pool %s: shard %s: %s says it is a replica of %s now", pool, shard,
			    endpoint->text, of->leader[0] != '\0' ? of->leader : "nobody");
}

void health_log(const struct endpoint *endpoint, const struct health_of *before,
		const struct health_of *of, uint32_t failed, uint64_t now_us)
{
	if (of->state != before->state)
		log_state(endpoint, before, of, failed, now_us);
	if (of->role != before->role || strcmp(of->leader, before->leader) != 0)
		log_role(endpoint, before, of);
}
