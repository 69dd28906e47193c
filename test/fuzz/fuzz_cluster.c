/*
 * Any bytes as what nodes of a Redis Cluster answer, up to four of them with a zero byte between:
 * views that hold together or none, and of those that vote a list whose slots have one owner each.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/cluster_names.h"

#define VIEWS_MAX 4
#include "told_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_view(const struct cluster_view *view)
{
	assert(cluster_view_myself(view) != NULL);
	assert(cluster_view_equal(view, view));
	for (size_t i = 0; i < view->n; i++) {
		const struct cluster_node *node = &view->nodes[i];

		assert(cluster_view_find(view, node->id) == node);
		assert(node->n_slots == 0 || node->is_primary);
		if (node->address[0] != '\0')
			check_address(node->address);
		else
			assert(node->n_slots == 0);
	}
}

static void check_shards(const struct cluster_shards *shards)
{
	bool *is_owned = alloc_zeroed(CLUSTER_SLOTS, sizeof(is_owned[0]));

	for (size_t i = 0; i < shards->n; i++) {
		const struct cluster_shard *shard = &shards->v[i];

		check_address(shard->address);
		assert(shard->name != NULL && shard->n_slots > 0);
		for (size_t j = 0; j < i; j++)
			assert(strcmp(shards->v[j].name, shard->name) != 0);
		for (size_t j = 0; j < shard->n_slots; j++)
			for (uint32_t k = shard->slots[j].first; k <= shard->slots[j].last; k++) {
				assert(k < CLUSTER_SLOTS && !is_owned[k]);
				is_owned[k] = true;
			}
		for (size_t j = 0; j < shard->replicas.n; j++)
			check_address(shard->replicas.v[j]);
	}
	free(is_owned);
}

/* Twice, as the second list is named after the first. */
static void vote(const struct cluster_view *const *views, size_t n)
{
	struct cluster_shards last = {0}, now;
	struct error error;

	for (size_t first = 0; first < 2 && first <= n; first++) {
		if (cluster_vote(views + first, n - first, &last, &now, &error) != 0) {
			assert(now.n == 0);
			continue;
		}
		cluster_names_give(&now, &last);
		check_shards(&now);
		cluster_shards_fini(&last);
		last = now;
	}
	cluster_shards_fini(&last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cluster_view views[VIEWS_MAX] = {{0}};
	const struct cluster_view *read[VIEWS_MAX];
	struct span in = span_make((const char *)data, size);
	size_t n = 0;

	for (size_t i = 0; i < VIEWS_MAX && in.len > 0; i++) {
		const char *end = memchr(in.p, '\0', in.len);
		size_t len = end != NULL ? (size_t)(end - in.p) : in.len;
		struct error error;

		if (!cluster_read_info(span_make(in.p, len), &views[i]))
			views[i].epoch = 0;
		if (cluster_read_nodes(span_make(in.p, len), "asked", &views[i], &error) == 0) {
			check_view(&views[i]);
			views[i].is_ok = true;
			read[n++] = &views[i];
		}
		in = span_skip(in, len + (end != NULL));
	}
	vote(read, n);
	for (size_t i = 0; i < VIEWS_MAX; i++)
		cluster_view_fini(&views[i]);
	return 0;
}
