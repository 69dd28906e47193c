/*
 * registry.h - the one writer of topologies: what is configured, found, resolved and known of roles becomes a
 * snapshot that the workers are told.
 *
 *      config, members, dns, health -> roles -> specs -> topology -> ids -> crew
 *
 * Changes within REGISTRY_SOON_MS are one change. The control thread's.
 * Layer: control. Includes: config, crew, health, members.
 */
#ifndef CONTROL_REGISTRY_H
#define CONTROL_REGISTRY_H

#include "control/config.h"
#include "control/crew.h"
#include "control/health.h"
#include "control/members.h"

#define REGISTRY_SOON_MS 20 /* from the first sign of a change to the snapshot that has it */
#define REGISTRY_NAMES_MS                                                                          \
	2000 /* that what is configured or found waits for names it brings to be resolved */

struct registry;

/* Borrowed for the registry's life. */
struct registry_setup {
	struct loop *loop;
	struct crew *crew;
	/* The workers have been told of `now`; `before` is NULL at the first. */
	void (*on_published)(void *arg, const struct topology *before, const struct topology *now);
	void *arg;
	struct stats *stats; /* the control thread's own; NULL: nothing is counted */
};

NODISCARD struct registry *registry_new(const struct registry_setup *setup);

/*
 * What the workers would be told with `config`: a topology that is numbered but told to nobody yet, for
 * registry_commit() or registry_discard(). NULL with `error` where none can be made.
 */
NODISCARD struct topology *registry_prepare(struct registry *registry, const struct config *config,
					    struct error *error);

/*
 * Follow `config`, of which `topology` was prepared, and which is borrowed until the next one is committed.
 * Where it brings names that are still to be resolved the workers are told a little later.
 */
void registry_commit(struct registry *registry, const struct config *config,
		     struct topology *topology);
void registry_discard(struct registry *registry, struct topology *topology);

/* Resolve, discover and ask the nodes of a pool now, or of all pools (NULL). False: there is no such pool. */
bool registry_refresh(struct registry *registry, const char *pool);

/* Have what `pause` says wait for at most for_ms, in place of what waited before; PAUSE_NONE ends it. False:
 * there is no such pool. */
bool registry_pause(struct registry *registry, const char *pool, enum pause pause, uint32_t for_ms);

/* A worker saw the node of this id refuse a connection or a write: find out what has become of its shard. */
void registry_suspect(struct registry *registry, uint16_t endpoint_id);

const struct health *registry_health(const struct registry *registry);
const struct members *registry_members(const struct registry *registry);

/* Look no longer; then, when the loop has run out, free. */
void registry_stop(struct registry *registry);
void registry_free(struct registry *registry);

#endif
