#include "route/rendezvous.h"

#include <math.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "route/murmur3.h"

struct node {
	char *label;
	double weight;
	uint64_t seed;	       /* the label, hashed */
	struct murmur3 prefix; /* "LABEL-", hashed so far */
};

struct rendezvous {
	size_t n;
	struct node nodes[];
};

struct rendezvous *rendezvous_build(const struct dist_node *nodes, size_t n)
{
	struct rendezvous *rendezvous =
		alloc_zeroed(1, sizeof(*rendezvous) + n * sizeof(rendezvous->nodes[0]));

	rendezvous->n = n;
	for (size_t i = 0; i < n; i++) {
		struct node *node = &rendezvous->nodes[i];

		node->label = alloc_string(nodes[i].label);
		node->weight = nodes[i].weight;
		node->seed = XXH3_64bits(node->label, strlen(node->label));
		node->prefix = murmur3_start(0);
		murmur3_add(&node->prefix, span_of(node->label));
		murmur3_add(&node->prefix, span_of("-"));
	}
	return rendezvous;
}

void rendezvous_free(struct rendezvous *rendezvous)
{
	if (rendezvous == NULL)
		return;
	for (size_t i = 0; i < rendezvous->n; i++)
		free(rendezvous->nodes[i].label);
	free(rendezvous);
}

static double score(const struct node *node, uint64_t hash)
{
	uint64_t mixed = XXH3_64bits_withSeed(&hash, sizeof(hash), node->seed);
	/* The top 53 bits, which a double holds, and a half: never 0 and never 1. */
	double h = ((double)(mixed >> 11) + 0.5) * 0x1p-53;

	return -node->weight / log(h);
}

size_t rendezvous_owner(const struct rendezvous *rendezvous, uint64_t hash)
{
	double best = -1;
	size_t owner = 0;

	for (size_t i = 0; i < rendezvous->n; i++) {
		double candidate = score(&rendezvous->nodes[i], hash);

		if (candidate > best) {
			best = candidate;
			owner = i;
		}
	}
	return owner;
}

size_t rendezvous_owner_pymemcache(const struct rendezvous *rendezvous, struct span key)
{
	const struct node *nodes = rendezvous->nodes;
	uint32_t best = 0;
	size_t owner = 0;

	for (size_t i = 0; i < rendezvous->n; i++) {
		struct murmur3 state = nodes[i].prefix;

		murmur3_add(&state, key);

		uint32_t candidate = murmur3_end(state);
		if (candidate < best)
			continue;
		if (candidate > best || strcmp(nodes[i].label, nodes[owner].label) > 0)
			owner = i;
		best = candidate;
	}
	return owner;
}
