/*
 * registry.h - the one writer of topologies: what is configured, made into snapshots and told to the workers.
 *
 * The control thread's. Layer: control. Includes: config, crew.
 */
#ifndef CONTROL_REGISTRY_H
#define CONTROL_REGISTRY_H

#include "control/config.h"
#include "control/crew.h"

struct registry;

/* Borrowed for the registry's life. */
struct registry_setup {
	struct loop *loop;
	struct crew *crew;
	/* The workers have been told of `now`; `before` is NULL at the first. */
	void (*on_published)(void *arg, const struct topology *before, const struct topology *now);
	void *arg;
};

NODISCARD struct registry *registry_new(const struct registry_setup *setup);

/*
 * What the workers would be told with `config`: a topology that is numbered but told to nobody yet, for
 * registry_commit() or registry_discard(). NULL with `error` where none can be made.
 */
NODISCARD struct topology *registry_prepare(struct registry *registry, const struct config *config,
					    struct error *error);

/* Tell it; `config`, which it was made of, is borrowed until the next one is committed. */
void registry_commit(struct registry *registry, const struct config *config,
		     struct topology *topology);
void registry_discard(struct registry *registry, struct topology *topology);

/* What the workers were told last, or NULL. */
struct topology *registry_topology(const struct registry *registry);

void registry_free(struct registry *registry);

#endif
