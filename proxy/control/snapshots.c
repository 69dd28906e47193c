#include "control/snapshots.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"

struct snapshot {
	TAILQ_ENTRY(snapshot) link;
	struct topology *topology;
};

TAILQ_HEAD(snapshot_list, snapshot);

struct snapshots {
	struct ids *ids;
	struct snapshot_list list;
};

struct snapshots *snapshots_new(struct ids *ids)
{
	struct snapshots *snapshots = alloc_zeroed(1, sizeof(*snapshots));

	snapshots->ids = ids;
	TAILQ_INIT(&snapshots->list);
	return snapshots;
}

void snapshots_drop(struct snapshots *snapshots, struct topology *topology)
{
	ids_drop(snapshots->ids, topology);
	topology_unref(topology);
}

static void forget(struct snapshots *snapshots, struct snapshot *snapshot)
{
	TAILQ_REMOVE(&snapshots->list, snapshot, link);
	snapshots_drop(snapshots, snapshot->topology);
	free(snapshot);
}

void snapshots_free(struct snapshots *snapshots)
{
	if (snapshots == NULL)
		return;
	while (!TAILQ_EMPTY(&snapshots->list))
		/* It is off the list by then, which the analyzer does not see.
		 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		forget(snapshots, TAILQ_FIRST(&snapshots->list));
	free(snapshots);
}

void snapshots_add(struct snapshots *snapshots, struct topology *topology)
{
	struct snapshot *snapshot = alloc_zeroed(1, sizeof(*snapshot));

	snapshot->topology = topology;
	TAILQ_INSERT_HEAD(&snapshots->list, snapshot, link);
}

struct topology *snapshots_newest(const struct snapshots *snapshots)
{
	const struct snapshot *snapshot = TAILQ_FIRST(&snapshots->list);

	return snapshot != NULL ? snapshot->topology : NULL;
}

void snapshots_tidy(struct snapshots *snapshots)
{
	struct snapshot *snapshot, *next;

	for (snapshot = TAILQ_FIRST(&snapshots->list); snapshot != NULL; snapshot = next) {
		next = TAILQ_NEXT(snapshot, link);
		if (topology_refs(snapshot->topology) == 1)
			forget(snapshots, snapshot);
	}
}
