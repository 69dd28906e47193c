#include "control/cluster_names.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

#define NAME_MAX_BYTES 32

static bool has_member(const struct cluster_shard *shard, const char *id)
{
	for (size_t i = 0; i < shard->members.n; i++)
		if (strcmp(shard->members.v[i], id) == 0)
			return true;
	return false;
}

/* Members first..last of `shard` that the known shard has. */
static size_t shared_members(const struct cluster_shard *shard, const struct cluster_shard *known,
			     size_t first, size_t last)
{
	size_t n = 0;

	for (size_t i = first; i <= last && i < shard->members.n; i++)
		n += has_member(known, shard->members.v[i]);
	return n;
}

static size_t shared_slots(const struct cluster_shard *a, const struct cluster_shard *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_slots; i++)
		for (size_t j = 0; j < b->n_slots; j++) {
			const struct slot_range *x = &a->slots[i], *y = &b->slots[j];
			uint16_t first = x->first > y->first ? x->first : y->first;
			uint16_t last = x->last < y->last ? x->last : y->last;

			n += first <= last ? (size_t)(last - first) + 1 : 0;
		}
	return n;
}

static size_t by_primary(const struct cluster_shard *shard, const struct cluster_shard *known)
{
	return shared_members(shard, known, 0, 0);
}

static size_t by_replicas(const struct cluster_shard *shard, const struct cluster_shard *known)
{
	return shared_members(shard, known, 1, SIZE_MAX);
}

/* Let each shard without a name take that of the known one that is likest to it and still free. */
static void match(struct cluster_shards *now, const struct cluster_shards *last, bool *is_taken,
		  size_t (*likeness)(const struct cluster_shard *, const struct cluster_shard *))
{
	for (size_t i = 0; i < now->n; i++) {
		size_t best = 0, best_at = 0;

		for (size_t j = 0; now->v[i].name == NULL && j < last->n; j++) {
			size_t its = is_taken[j] ? 0 : likeness(&now->v[i], &last->v[j]);

			if (its > best) {
				best = its;
				best_at = j;
			}
		}
		if (best == 0)
			continue;
		now->v[i].name = alloc_string(last->v[best_at].name);
		is_taken[best_at] = true;
	}
}

static bool is_used(const struct cluster_shards *now, const char *name)
{
	for (size_t i = 0; i < now->n; i++)
		if (now->v[i].name != NULL && strcmp(now->v[i].name, name) == 0)
			return true;
	return false;
}

static void name_anew(struct cluster_shards *now, struct cluster_shard *shard)
{
	char name[NAME_MAX_BYTES];

	snprintf(name, sizeof(name), "shard-%u", (unsigned)shard->slots[0].first);
	for (unsigned n = 2; is_used(now, name); n++)
		snprintf(name, sizeof(name), "shard-%u-%u", (unsigned)shard->slots[0].first, n);
	shard->name = alloc_string(name);
}

void cluster_names_give(struct cluster_shards *now, const struct cluster_shards *last)
{
	bool *is_taken = alloc_zeroed(last->n, sizeof(is_taken[0]));

	match(now, last, is_taken, by_primary);
	match(now, last, is_taken, by_replicas);
	match(now, last, is_taken, shared_slots);
	for (size_t i = 0; i < now->n; i++)
		if (now->v[i].name == NULL)
			name_anew(now, &now->v[i]);
	free(is_taken);
}
