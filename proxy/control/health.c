#include "control/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/rng.h"
#include "control/checkup.h"

#define FIRST_US   1000000 /* within which an endpoint is probed first, if not sooner */
#define SELDOM_MAX 5	   /* times health.every, that there may be between two probes while DOWN */
#define US_A_MS	   1000
#define US_A_S	   1e6

struct watched {
	struct health *health;
	const struct endpoint *endpoint; /* of the newest topology */
	char text[ADDRESS_TEXT_MAX];	 /* its address, when the topology is gone */
	struct health_of of;
	struct checkup *checkup;
	struct timer *timer; /* for the next probe, while none is under way */
	uint64_t due_us;
	uint64_t began_us;	   /* the last probe; 0: none yet */
	uint32_t failed, answered; /* probes in a row */
	bool is_asked;		   /* one more is wanted as soon as can be */
};

struct health {
	struct health_setup setup;
	struct health_counts counts;
	struct rng rng;
	struct watched **by_id; /* NULL where there is none */
	uint32_t n_ids;
	uint32_t n_watched;
};

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

static uint64_t now_us(const struct watched *watched)
{
	return loop_now_us(watched->health->setup.loop);
}

static const struct pool_settings *settings_of(const struct watched *watched)
{
	return &watched->endpoint->pool->settings;
}

/* ------------------------------------------------------------------ when to probe */

static void schedule(struct watched *watched, uint64_t at_us)
{
	uint64_t now = now_us(watched);

	watched->due_us = at_us;
	timer_start(watched->timer, at_us <= now ? 0 : (at_us - now + US_A_MS - 1) / US_A_MS);
}

/* health.every, or what so many endpoints have to make do with. */
static uint64_t every_us(const struct watched *watched)
{
	uint64_t least = (uint64_t)watched->health->n_watched * 1000000 / HEALTH_PROBES_A_SECOND;
	uint64_t every = (uint64_t)settings_of(watched)->health_every_ms * US_A_MS;

	return every > least ? every : least;
}

/* Those of a topology are not probed all at once. */
static void schedule_first(struct watched *watched)
{
	uint64_t least = (uint64_t)watched->health->n_watched * 1000000 / HEALTH_PROBES_A_SECOND;
	uint64_t within = every_us(watched), most = least > FIRST_US ? least : FIRST_US;

	schedule(watched, now_us(watched) + rng_below(&watched->health->rng,
						      (within < most ? within : most) + 1));
}

/* A node that stays away is asked ever more seldom, and at no time that others are. */
static uint64_t backoff_us(const struct watched *watched)
{
	uint32_t fall = settings_of(watched)->health_fall;
	uint32_t over = watched->failed > fall ? watched->failed - fall : 0;
	uint32_t most = over < SELDOM_MAX - 2 ? 2 + over : SELDOM_MAX;
	uint64_t every = every_us(watched);

	return every + rng_below(&watched->health->rng, every * (most - 1) + 1);
}

static void schedule_next(struct watched *watched)
{
	uint64_t every = every_us(watched);

	if (watched->is_asked)
		schedule(watched, watched->began_us + (uint64_t)HEALTH_ASK_MS * US_A_MS);
	else if (watched->of.state == HEALTH_DOWN && !watched->of.is_fresh)
		schedule(watched, now_us(watched) + backoff_us(watched));
	else
		schedule(watched, watched->began_us + every - every / 8 +
					  rng_below(&watched->health->rng, every / 4 + 1));
}

static void on_timer(void *arg)
{
	struct watched *watched = arg;

	watched->is_asked = false;
	watched->began_us = now_us(watched);
	watched->health->counts.probes++;
	checkup_begin(watched->checkup);
}

/* ------------------------------------------------------------------ what to say of it */

static double seconds_since(const struct watched *watched, uint64_t us)
{
	return (double)(now_us(watched) - us) / US_A_S;
}

static void tell_state(const struct watched *watched, const struct health_of *before)
{
	static struct log_site site;
	const struct endpoint *endpoint = watched->endpoint;
	const char *pool = endpoint->pool->name, *shard = endpoint->shard->name;
	double lasted = seconds_since(watched, before->since_us);
	char was[64] = "";

	if (before->state == HEALTH_UP)
		snprintf(was, sizeof(was), "; it was up for %.1f s", lasted);
	if (watched->of.state == HEALTH_DOWN)
		log_limited(&site, LOG_LEVEL_WARN,
			    "pool %s: shard %s: %s is down: %s (%u probe%s in a row failed)%s",
			    pool, shard, endpoint->text, watched->of.why, (unsigned)watched->failed,
			    watched->failed == 1 ? "" : "s", was);
	else if (before->state == HEALTH_DOWN)
		log_limited(&site, LOG_LEVEL_INFO, "pool %s: shard %s: %s is up again after %.1f s",
			    pool, shard, endpoint->text, lasted);
	else /* as is to be expected of all, when they are watched first */
		log_limited(&site, LOG_LEVEL_DEBUG, "pool %s: shard %s: %s is up", pool, shard,
			    endpoint->text);
}

/* What it is configured to be is no news. */
static bool is_role_expected(const struct watched *watched, const struct health_of *before)
{
	bool is_replica = watched->of.role == HEALTH_REPLICA;

	return before->role == HEALTH_ROLE_UNKNOWN && is_replica == watched->endpoint->is_replica;
}

static void tell_role(const struct watched *watched, const struct health_of *before)
{
	static struct log_site site;
	const struct endpoint *endpoint = watched->endpoint;
	const struct health_of *of = &watched->of;
	const char *pool = endpoint->pool->name, *shard = endpoint->shard->name;

	if (of->role == HEALTH_ROLE_UNKNOWN)
		log_limited(&site, LOG_LEVEL_WARN,
			    "pool %s: shard %s: %s does not let the proxy ask for its role now",
			    pool, shard, endpoint->text);
	else if (of->role == HEALTH_PRIMARY && !is_role_expected(watched, before))
		log_limited(&site, LOG_LEVEL_INFO, "pool %s: shard %s: %s says it is a primary now",
			    pool, shard, endpoint->text);
	else if (of->role == HEALTH_REPLICA && !is_role_expected(watched, before))
		log_limited(&site, LOG_LEVEL_INFO,
			    "pool %s: shard %s: %s says it is a replica of %s now", pool, shard,
			    endpoint->text, of->leader[0] != '\0' ? of->leader : "nobody");
}

/* The last that is done with it: it may be watched no more when this returns. */
static void tell(struct watched *watched, const struct health_of *before)
{
	const struct health_of *of = &watched->of;
	bool has_state = of->state != before->state;
	bool has_role = of->role != before->role || strcmp(of->leader, before->leader) != 0;

	if (has_state)
		tell_state(watched, before);
	if (has_role)
		tell_role(watched, before);
	if (has_state || has_role)
		watched->health->setup.on_change(watched->health->setup.arg, watched->endpoint);
}

/* ------------------------------------------------------------------ what a probe came to */

static void set_state(struct watched *watched, enum health_state state)
{
	if (watched->of.state == state)
		return;
	watched->of.state = state;
	watched->of.since_us = now_us(watched);
}

static void fail(struct watched *watched, const char *why)
{
	struct health_of *of = &watched->of;

	watched->health->counts.failures++;
	watched->answered = 0;
	watched->failed++;
	of->is_fresh = false;
	snprintf(of->why, sizeof(of->why), "%s", why);
	if (watched->failed < settings_of(watched)->health_fall)
		return;
	of->was_replica = false;
	set_state(watched, HEALTH_DOWN);
}

static void succeed(struct watched *watched, const struct checkup_result *result)
{
	struct health_of *of = &watched->of;

	watched->failed = 0;
	watched->answered++;
	of->is_fresh = true;
	of->role = !result->has_role		       ? HEALTH_ROLE_UNKNOWN
		   : result->role.kind == ROLE_PRIMARY ? HEALTH_PRIMARY
						       : HEALTH_REPLICA;
	of->was_replica |= of->role == HEALTH_REPLICA;
	of->offset = result->role.offset;
	memcpy(of->leader, result->role.leader, sizeof(of->leader));
	if (of->state != HEALTH_DOWN || watched->answered >= settings_of(watched)->health_rise)
		set_state(watched, HEALTH_UP);
}

static void on_checked(void *arg, const struct checkup_result *result)
{
	struct watched *watched = arg;
	const struct health_of before = watched->of;

	if (result->why != NULL)
		fail(watched, result->why);
	else
		succeed(watched, result);
	schedule_next(watched);
	tell(watched, &before);
}

/* ------------------------------------------------------------------ who is watched */

static struct watched *watched_new(struct health *health, const struct endpoint *endpoint)
{
	struct watched *watched = alloc_zeroed(1, sizeof(*watched));

	watched->health = health;
	memcpy(watched->text, endpoint->text, sizeof(watched->text));
	watched->checkup = checkup_new(health->setup.loop, on_checked, watched);
	watched->timer = timer_new(health->setup.loop, on_timer, watched);
	watched->of.since_us = now_us(watched);
	return watched;
}

static void forget(struct health *health, uint32_t id)
{
	struct watched *watched = health->by_id[id];

	if (watched == NULL)
		return;
	checkup_free(watched->checkup);
	timer_free(watched->timer);
	free(watched);
	health->by_id[id] = NULL;
}

/* There is no connecting to it; what it was before its name was lost says nothing. */
static void rest(struct watched *watched)
{
	timer_stop(watched->timer);
	watched->failed = watched->answered = 0;
	set_state(watched, HEALTH_UNKNOWN);
	watched->of = (struct health_of){
		.since_us = watched->of.since_us,
		.why = "its name is not resolved",
	};
}

static void watch(struct health *health, const struct endpoint *endpoint)
{
	struct watched **slot = &health->by_id[endpoint->id];

	if (*slot != NULL && strcmp((*slot)->text, endpoint->text) != 0)
		forget(health, endpoint->id);
	if (*slot == NULL)
		*slot = watched_new(health, endpoint);
	struct watched *watched = *slot;
	watched->endpoint = endpoint;
	bool is_other = checkup_adopt(watched->checkup, endpoint);
	if (endpoint->is_unresolved)
		rest(watched);
	else if (is_other)
		schedule_first(watched);
}

void health_watch(struct health *health, const struct topology *topology)
{
	if (topology->n_ids > health->n_ids) {
		size_t more = topology->n_ids - health->n_ids;

		health->by_id =
			alloc_resize(health->by_id, topology->n_ids * sizeof(*health->by_id));
		memset(health->by_id + health->n_ids, 0, more * sizeof(*health->by_id));
		health->n_ids = topology->n_ids;
	}
	for (uint32_t id = 0; id < health->n_ids; id++)
		if (topology_endpoint(topology, (uint16_t)id) == NULL)
			forget(health, id);
	health->n_watched = topology->n_endpoints;
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		watch(health, &topology->endpoints[i]);
}

void health_ask(struct health *health, uint16_t id)
{
	struct watched *watched = id < health->n_ids ? health->by_id[id] : NULL;

	if (watched == NULL || watched->endpoint->is_unresolved)
		return;
	watched->is_asked = true;
	if (checkup_is_under_way(watched->checkup))
		return;
	uint64_t soonest = watched->began_us + (uint64_t)HEALTH_ASK_MS * US_A_MS;
	if (watched->began_us == 0 || soonest < now_us(watched))
		soonest = now_us(watched);
	if (soonest < watched->due_us)
		schedule(watched, soonest);
}

const struct health_of *health_get(const struct health *health, uint16_t id)
{
	const struct watched *watched = id < health->n_ids ? health->by_id[id] : NULL;

	return watched != NULL ? &watched->of : NULL;
}

const struct health_counts *health_counts(const struct health *health)
{
	return &health->counts;
}

struct health *health_new(const struct health_setup *setup)
{
	struct health *health = alloc_zeroed(1, sizeof(*health));

	health->setup = *setup;
	rng_init(&health->rng, setup->seed);
	return health;
}

void health_free(struct health *health)
{
	if (health == NULL)
		return;
	for (uint32_t id = 0; id < health->n_ids; id++)
		forget(health, id);
	free(health->by_id);
	free(health);
}
