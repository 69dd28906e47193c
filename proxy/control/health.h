/*
 * health.h - what the control thread knows of each endpoint by asking it: is it up, and which role does
 * it say it has.
 *
 *             success                `fall` failures in a row
 *   UNKNOWN ------------------> UP ------------------------> DOWN
 *      |                        ^    `rise` successes in a row |
 *      |                        +------------------------------+
 *      +--- `fall` failures in a row --------------------------^
 *
 * Each endpoint is probed over one connection of health's own, every health.every give or take an eighth;
 * while it is DOWN up to five times as seldom. Where that would be more than HEALTH_PROBES_A_SECOND of all
 * together, each is probed less often. The control thread's.
 * Layer: control. Includes: io/loop, route/topology.
 */
#ifndef CONTROL_HEALTH_H
#define CONTROL_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/loop.h"
#include "route/topology.h"

#define HEALTH_PROBES_A_SECOND 500 /* of all endpoints together: what it costs has a limit */
#define HEALTH_ASK_MS	       50  /* health_ask() makes no probe sooner after the last one began */
#define HEALTH_WHY_MAX	       256 /* bytes */

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum health_role { HEALTH_ROLE_UNKNOWN, HEALTH_PRIMARY, HEALTH_REPLICA };

extern const char *const health_state_names[]; /* "unknown", "up", "down" */
extern const char *const health_role_names[];  /* "unknown", "primary", "replica" */

struct health_of {
	enum health_state state;
	enum health_role role; /* of Redis: what it said when it last answered */
	bool is_fresh;	       /* the last probe was answered well */
	bool was_replica;      /* it said REPLICA before PRIMARY, and was not down since */
	char leader
		[ADDRESS_TEXT_MAX]; /* of a replica: host:port that it follows; "" if not known */
	uint64_t since_us;	    /* of the loop's clock: when the state began */
	uint64_t offset;	    /* of replication, as it said; 0 if not known */
	char why[HEALTH_WHY_MAX];   /* of the last failure; "" none so far */
};

struct health_counts {
	uint64_t probes, failures;
};

struct health_setup {
	struct loop *loop; /* with a chunk pool */
	uint64_t seed;	   /* of the jitter */
	/* Its state, role or leader has changed. Never from within a call of health's own functions; may
	 * call any of them. */
	void (*on_change)(void *arg, const struct endpoint *endpoint);
	void *arg;
};

struct health;
NODISCARD struct health *health_new(const struct health_setup *setup);
void health_free(struct health *health); /* NULL is fine */

/*
 * Follow these endpoints, and no others, until the next call; the topology is borrowed until then. What is
 * known of an id that stays is kept, unless another address has got it. One whose name is not resolved is
 * not probed.
 */
void health_watch(struct health *health, const struct topology *topology);

/*
 * Somebody saw it fail, or heard READONLY: probe it now, or as soon as HEALTH_ASK_MS allows; after the
 * probe that is under way, if one is. An id that is not watched is fine.
 */
void health_ask(struct health *health, uint16_t id);

/* What is known of an endpoint, for as long as it is watched; NULL: it is not. */
const struct health_of *health_get(const struct health *health, uint16_t id);

/* Probes made, and those of them that failed, since health_new(). */
const struct health_counts *health_counts(const struct health *health);

#endif
