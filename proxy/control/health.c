#include "control/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "control/checkup.h"
#include "control/health_log.h"

#define FIRST_US   1000000 /* within which an endpoint is probed first, if not sooner */
#define SELDOM_MAX 5	   /* times health.every, that there may be between two probes while DOWN */
#define SLICE_MAX_US                                                                               \
	50000	   /* probes begin at multiples of it, or of a part of health.every: together */
#define SLICES	16 /* of health.every */
#define NEVER	UINT64_MAX
#define US_A_MS 1000
#define US_A_S	1e6

struct watched {
	struct health *health;
	const struct endpoint *endpoint; /* of the newest topology */
	char text[ADDRESS_TEXT_MAX];	 /* its address, when the topology is gone */
	struct health_of of;
	struct checkup *checkup;
	uint64_t began_us;	   /* the last probe; 0: none yet */
	uint32_t failed, answered; /* probes in a row */
	bool is_asked;		   /* one more is wanted as soon as can be */
};

struct health {
	struct health_setup setup;
	struct health_counts counts;
	struct rng rng;
	struct watched **by_id; /* NULL where there is none */
	uint64_t *due_us;	/* of the next probe, by id; NEVER where none waits for its time */
	uint32_t n_ids;
	uint32_t n_watched;
	struct timer *timer;
	uint64_t wakes_us; /* when it fires; NEVER: it does not run */
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

static void wake_at(struct health *health, uint64_t at_us)
{
	uint64_t now = loop_now_us(health->setup.loop);

	if (at_us >= health->wakes_us)
		return;
	health->wakes_us = at_us;
	timer_start(health->timer, at_us <= now ? 0 : (at_us - now + US_A_MS - 1) / US_A_MS);
}

static void schedule(struct watched *watched, uint64_t at_us)
{
	watched->health->due_us[watched->endpoint->id] = at_us;
	wake_at(watched->health, at_us);
}

/* health.every, or what so many endpoints have to make do with. */
static uint64_t every_us(const struct watched *watched)
{
	uint64_t least = (uint64_t)watched->health->n_watched * 1000000 / HEALTH_PROBES_A_SECOND;
	uint64_t every = (uint64_t)settings_of(watched)->health_every_ms * US_A_MS;

	return every > least ? every : least;
}

/* What is not urgent begins together with others: most of what a probe costs is waking up for it. */
static void schedule_slice(struct watched *watched, uint64_t at_us)
{
	uint64_t part = every_us(watched) / SLICES;
	uint64_t slice = part < SLICE_MAX_US ? part : SLICE_MAX_US;

	schedule(watched, (at_us + slice - 1) / slice * slice);
}

/* Those of a topology are not probed all at once. */
static void schedule_first(struct watched *watched)
{
	uint64_t least = (uint64_t)watched->health->n_watched * 1000000 / HEALTH_PROBES_A_SECOND;
	uint64_t within = every_us(watched), most = least > FIRST_US ? least : FIRST_US;

	schedule_slice(watched, now_us(watched) + rng_below(&watched->health->rng,
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
		schedule_slice(watched, now_us(watched) + backoff_us(watched));
	else
		schedule_slice(watched, watched->began_us + every - every / 8 - every / SLICES / 2 +
						rng_below(&watched->health->rng, every / 4 + 1));
}

static void begin(struct watched *watched)
{
	watched->is_asked = false;
	watched->began_us = now_us(watched);
	watched->health->counts.probes++;
	checkup_begin(watched->checkup);
}

static void on_timer(void *arg)
{
	struct health *health = arg;
	uint64_t now = loop_now_us(health->setup.loop), next = NEVER;

	for (uint32_t id = 0; id < health->n_ids; id++) {
		if (health->due_us[id] <= now) {
			health->due_us[id] = NEVER;
			begin(health->by_id[id]);
		} else if (health->due_us[id] < next) {
			next = health->due_us[id];
		}
	}
	health->wakes_us = NEVER;
	wake_at(health, next);
}

/* ------------------------------------------------------------------ what a probe came to */

/* The last that is done with it: it may be watched no more when this returns. */
static void tell(struct watched *watched, const struct health_of *before)
{
	const struct health_of *of = &watched->of;

	if (of->state == before->state && of->role == before->role &&
	    strcmp(of->leader, before->leader) == 0)
		return;
	health_log(watched->endpoint, before, of, watched->failed, now_us(watched));
	watched->health->setup.on_change(watched->health->setup.arg, watched->endpoint);
}

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
	watched->of.since_us = now_us(watched);
	return watched;
}

static void forget(struct health *health, uint32_t id)
{
	struct watched *watched = health->by_id[id];

	if (watched == NULL)
		return;
	checkup_free(watched->checkup);
	free(watched);
	health->by_id[id] = NULL;
	health->due_us[id] = NEVER;
}

/* There is no connecting to it; what it was before its name was lost says nothing. */
static void rest(struct watched *watched)
{
	watched->health->due_us[watched->endpoint->id] = NEVER;
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

static void make_room(struct health *health, uint32_t n_ids)
{
	if (n_ids <= health->n_ids)
		return;
	health->by_id = alloc_resize(health->by_id, n_ids * sizeof(*health->by_id));
	health->due_us = alloc_resize(health->due_us, n_ids * sizeof(*health->due_us));
	for (; health->n_ids < n_ids; health->n_ids++) {
		health->by_id[health->n_ids] = NULL;
		health->due_us[health->n_ids] = NEVER;
	}
}

void health_watch(struct health *health, const struct topology *topology)
{
	make_room(health, topology->n_ids);
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
	if (soonest < health->due_us[id])
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
	health->timer = timer_new(setup->loop, on_timer, health);
	health->wakes_us = NEVER;
	return health;
}

void health_free(struct health *health)
{
	if (health == NULL)
		return;
	for (uint32_t id = 0; id < health->n_ids; id++)
		forget(health, id);
	timer_free(health->timer);
	free(health->by_id);
	free(health->due_us);
	free(health);
}
