/*
 * snapshots.h - the topologies that some worker may still look at, the newest first. Each holds the ids
 * of its endpoints until it is let go of.
 * The control thread's. Layer: control. Includes: ids.
 */
#ifndef CONTROL_SNAPSHOTS_H
#define CONTROL_SNAPSHOTS_H

#include "control/ids.h"

struct snapshots;

/* ids is borrowed; it numbers the topologies. */
NODISCARD struct snapshots *snapshots_new(struct ids *ids);

/* Lets go of all of them, whoever still has a reference. NULL is fine. */
void snapshots_free(struct snapshots *snapshots);

/* Takes the caller's reference. */
void snapshots_add(struct snapshots *snapshots, struct topology *topology);

/* Lent; NULL while there is none. */
struct topology *snapshots_newest(const struct snapshots *snapshots);

/* Let go of those that nobody but this list has a reference to. O(n). */
void snapshots_tidy(struct snapshots *snapshots);

/* Let go of a topology that was numbered and is not to be added: the caller's reference is taken. */
void snapshots_drop(struct snapshots *snapshots, struct topology *topology);

#endif
