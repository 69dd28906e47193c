/*
 * names.h - what the hosts of a topology's endpoints stand for: asked of DNS, and put into the topology.
 *
 * The control thread's. Layer: control. Includes: config, dns, route/topology.
 */
#ifndef CONTROL_NAMES_H
#define CONTROL_NAMES_H

#include "control/config.h"
#include "control/dns.h"
#include "route/topology.h"

struct names;

/* on_change(arg): some name stands for something else. */
NODISCARD struct names *names_new(struct loop *loop, void (*on_change)(void *arg), void *arg);
void names_free(struct names *names); /* NULL is fine; the loop must get another turn */

/* Ask the servers that `config` names: *is_new is set where they are others than before, or there were none.
 * -1 with `error` where they are none. */
NODISCARD int names_use(struct names *names, const struct config *config, bool *is_new,
			struct error *error);
struct resolver *names_resolver(const struct names *names);

/* Keep the names of one topology fresh or, while it is not sure which will be told, of two (or NULL). */
void names_want(struct names *names, const struct topology *a, const struct topology *b);

/* Put what is known into a topology that nobody uses yet. */
void names_resolve(const struct names *names, struct topology *topology);

/* Is some name of it asked for the first time, and not answered yet? */
bool names_are_pending(const struct names *names, const struct topology *topology);

/* Ask again now, for the host of one endpoint or for all (NULL). */
void names_refresh(struct names *names, const struct endpoint *endpoint);

#endif
