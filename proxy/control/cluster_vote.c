#include "control/cluster_vote.h"

#include <stdlib.h>

#include "base/alloc.h"

#define NOBODY UINT16_MAX

/* The views that have a vote, and all nodes that they name. */
struct count {
	const struct cluster_view *voters[CLUSTER_VOTERS_MAX];
	size_t n;
	const char **ids; /* in order, each once */
	size_t n_ids;
	uint16_t *owners; /* of each slot: an index into ids, or NOBODY */
};

/* ------------------------------------------------------------------ voters */

static bool has_voted(const struct count *count, const struct cluster_view *view)
{
	const char *id = cluster_view_myself(view)->id;

	for (size_t i = 0; i < count->n; i++)
		if (strcmp(cluster_view_myself(count->voters[i])->id, id) == 0)
			return true;
	return false;
}

/* True if they may change what is so far. */
static bool find_voters(struct count *count, const struct cluster_view *const *views, size_t n,
			size_t n_shards, struct error *error)
{
	size_t cut_off = 0;

	for (size_t i = 0; i < n && count->n < CLUSTER_VOTERS_MAX; i++) {
		if (views[i]->n == 0 || !views[i]->is_ok || !cluster_view_has_majority(views[i]))
			cut_off++;
		else if (!has_voted(count, views[i]))
			count->voters[count->n++] = views[i];
	}
	if (count->n == 0 && n == 0)
		error_set(error, "no node answers");
	else if (count->n == 0)
		error_set(error,
			  "each of %zu nodes that answer says that the cluster is down, or "
			  "sees less than half of it",
			  cut_off);
	else if (count->n < 2 && n_shards > 2)
		error_set(error, "one node alone says what the cluster is; expected two");
	return count->n > (n_shards > 2 ? 1 : 0);
}

/* ------------------------------------------------------------------ nodes */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void gather_ids(struct count *count)
{
	size_t total = 0, n = 0;

	for (size_t i = 0; i < count->n; i++)
		total += count->voters[i]->n;
	count->ids = alloc_zeroed(total, sizeof(count->ids[0]));
	for (size_t i = 0; i < count->n; i++)
		for (size_t j = 0; j < count->voters[i]->n; j++)
			count->ids[n++] = count->voters[i]->nodes[j].id;
	qsort(count->ids, n, sizeof(count->ids[0]), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(count->ids[count->n_ids - 1], count->ids[i]) != 0)
			count->ids[count->n_ids++] = count->ids[i];
}

/* The index of an id, or NOBODY where no voter names it. */
static uint16_t index_of(const struct count *count, const char *id)
{
	const char **at = bsearch(&id, count->ids, count->n_ids, sizeof(count->ids[0]), by_text);

	return at != NULL ? (uint16_t)(at - count->ids) : NOBODY;
}

/* What each voter says of a node; NULL where one does not name it. */
static void find_node(const struct count *count, const char *id, const struct cluster_node **said)
{
	for (size_t i = 0; i < count->n; i++)
		said[i] = cluster_view_find(count->voters[i], id);
}

/* Where most say that a node is; "" if nobody knows. */
static const char *address_of(const struct cluster_node *const *said, size_t n)
{
	const char *best = "";
	size_t best_votes = 0;

	for (size_t i = 0; i < n && 2 * best_votes <= n; i++) {
		size_t votes = 0;

		if (said[i] == NULL || said[i]->address[0] == '\0')
			continue;
		for (size_t k = 0; k < n; k++)
			votes += said[k] != NULL && strcmp(said[k]->address, said[i]->address) == 0;
		if (votes > best_votes) {
			best = said[i]->address;
			best_votes = votes;
		}
	}
	return best;
}

/* ------------------------------------------------------------------ slots */

/* Whom one voter names for each slot. */
static void read_owners(const struct count *count, const struct cluster_view *view,
			uint16_t *owners)
{
	memset(owners, 0xff, CLUSTER_SLOTS * sizeof(owners[0]));
	for (size_t i = 0; i < view->n; i++) {
		uint16_t index = index_of(count, view->nodes[i].id);

		for (size_t j = 0; j < view->nodes[i].n_slots; j++)
			for (uint32_t slot = view->nodes[i].slots[j].first;
			     slot <= view->nodes[i].slots[j].last; slot++)
				owners[slot] = index;
	}
}

/* Of n votes the one that more than half are for, or `otherwise`. */
static uint16_t majority(const uint16_t *votes, size_t n, uint16_t otherwise)
{
	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		for (size_t k = 0; k < n; k++)
			same += votes[k] == votes[i];
		if (2 * same > n)
			return votes[i];
	}
	return otherwise;
}

static void read_last_owners(const struct count *count, const struct cluster_shards *last,
			     uint16_t *owners)
{
	memset(owners, 0xff, CLUSTER_SLOTS * sizeof(owners[0]));
	for (size_t i = 0; i < last->n; i++) {
		uint16_t index = index_of(count, last->v[i].members.v[0]);

		for (size_t j = 0; j < last->v[i].n_slots; j++)
			for (uint32_t slot = last->v[i].slots[j].first;
			     slot <= last->v[i].slots[j].last; slot++)
				owners[slot] = index;
	}
}

static void count_slots(struct count *count, const struct cluster_shards *last)
{
	uint16_t *said = alloc_zeroed(count->n * CLUSTER_SLOTS, sizeof(said[0]));

	count->owners = alloc_zeroed(CLUSTER_SLOTS, sizeof(count->owners[0]));
	read_last_owners(count, last, count->owners);
	for (size_t i = 0; i < count->n; i++)
		read_owners(count, count->voters[i], &said[i * CLUSTER_SLOTS]);
	for (size_t slot = 0; slot < CLUSTER_SLOTS; slot++) {
		uint16_t votes[CLUSTER_VOTERS_MAX];

		for (size_t i = 0; i < count->n; i++)
			votes[i] = said[i * CLUSTER_SLOTS + slot];
		count->owners[slot] = majority(votes, count->n, count->owners[slot]);
	}
	free(said);
}

/* ------------------------------------------------------------------ shards */

static void add_slot(struct cluster_shard *shard, uint16_t slot)
{
	if (shard->n_slots > 0 && shard->slots[shard->n_slots - 1].last + 1 == slot) {
		shard->slots[shard->n_slots - 1].last = slot;
		return;
	}
	shard->slots = alloc_resize(shard->slots, (shard->n_slots + 1) * sizeof(shard->slots[0]));
	shard->slots[shard->n_slots++] = (struct slot_range){slot, slot};
}

/* The shard of a node that owns slots; made at its first. NULL if nobody knows where it is. */
static struct cluster_shard *shard_of(const struct count *count, uint16_t node, uint16_t *places,
				      struct cluster_shards *out)
{
	const struct cluster_node *said[CLUSTER_VOTERS_MAX];

	if (places[node] != NOBODY)
		return &out->v[places[node]];
	find_node(count, count->ids[node], said);
	const char *address = address_of(said, count->n);
	if (address[0] == '\0')
		return NULL;
	places[node] = (uint16_t)out->n;
	out->v = alloc_resize(out->v, (out->n + 1) * sizeof(out->v[0]));
	struct cluster_shard *shard = &out->v[out->n++];
	*shard = (struct cluster_shard){0};
	memcpy(shard->address, address, strlen(address) + 1);
	found_list_add(&shard->members, count->ids[node]);
	return shard;
}

/* Of whom most say that a node is a replica, or NOBODY; and whether most say that it is well. */
static uint16_t primary_of(const struct count *count, const struct cluster_node *const *said,
			   bool *is_well)
{
	uint16_t votes[CLUSTER_VOTERS_MAX];
	size_t well = 0;

	for (size_t i = 0; i < count->n; i++) {
		votes[i] = said[i] != NULL ? index_of(count, said[i]->primary) : NOBODY;
		well += said[i] != NULL && !said[i]->is_failing;
	}
	*is_well = 2 * well > count->n;
	return majority(votes, count->n, NOBODY);
}

static void add_replicas(const struct count *count, const uint16_t *places,
			 struct cluster_shards *out)
{
	for (size_t i = 0; i < count->n_ids; i++) {
		const struct cluster_node *said[CLUSTER_VOTERS_MAX];
		bool is_well;

		find_node(count, count->ids[i], said);
		uint16_t primary = primary_of(count, said, &is_well);
		if (primary == NOBODY || places[primary] == NOBODY || places[i] != NOBODY)
			continue;
		struct cluster_shard *shard = &out->v[places[primary]];
		found_list_add(&shard->members, count->ids[i]);
		const char *address = address_of(said, count->n);
		if (is_well && address[0] != '\0')
			found_list_add(&shard->replicas, address);
	}
}

static void make_shards(const struct count *count, struct cluster_shards *out)
{
	uint16_t *places = alloc_zeroed(count->n_ids, sizeof(places[0])); /* of nodes, in `out` */

	memset(places, 0xff, count->n_ids * sizeof(places[0]));
	for (uint32_t slot = 0; slot < CLUSTER_SLOTS; slot++) {
		uint16_t owner = count->owners[slot];
		struct cluster_shard *shard =
			owner != NOBODY ? shard_of(count, owner, places, out) : NULL;

		if (shard != NULL)
			add_slot(shard, (uint16_t)slot);
	}
	add_replicas(count, places, out);
	free(places);
}

int cluster_vote(const struct cluster_view *const *views, size_t n,
		 const struct cluster_shards *last, struct cluster_shards *out, struct error *error)
{
	struct count count = {0};

	*out = (struct cluster_shards){0};
	if (!find_voters(&count, views, n, last->n, error))
		return -1;
	gather_ids(&count);
	count_slots(&count, last);
	make_shards(&count, out);
	for (size_t i = 0; i < count.n; i++)
		if (count.voters[i]->epoch > out->epoch)
			out->epoch = count.voters[i]->epoch;
	free(count.ids);
	free(count.owners);
	return out->n > 0 ? 0 : error_set(error, "no slot has an owner that most nodes name");
}

void cluster_shards_fini(struct cluster_shards *shards)
{
	for (size_t i = 0; i < shards->n; i++) {
		found_list_free(&shards->v[i].replicas);
		found_list_free(&shards->v[i].members);
		free(shards->v[i].slots);
		free(shards->v[i].name);
	}
	free(shards->v);
	*shards = (struct cluster_shards){0};
}
