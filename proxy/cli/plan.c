#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "route/topology.h"

/* A part of the key space that changes its shard. */
struct move {
	const struct shard *from, *to;
	double share;
};

struct plan {
	const struct pool *old, *new;
	struct move *moves; /* the greatest first */
	size_t n;
	double moved;
	bool exact;
};

/* The greater share first, then in the order of the old file and the new. */
static int by_share(const void *a, const void *b)
{
	const struct move *x = a, *y = b;

	if (x->share > y->share || x->share < y->share)
		return x->share > y->share ? -1 : 1;
	if (x->from != y->from)
		return x->from->index < y->from->index ? -1 : 1;
	return (x->to->index > y->to->index) - (x->to->index < y->to->index);
}

/* Shards of one name are one shard, wherever they stand and whatever their address. */
static void find_moves(struct plan *plan)
{
	size_t n = plan->old->n_shards, m = plan->new->n_shards;
	double *share = alloc_zeroed(n * m, sizeof(share[0]));

	dist_shares(plan->old->dist, plan->new->dist, DIST_SAMPLE, share, &plan->exact);
	for (size_t i = 0; i < n * m; i++) {
		const struct shard *from = &plan->old->shards[i / m];
		const struct shard *to = &plan->new->shards[i % m];

		if (share[i] <= 0 || strcmp(from->name, to->name) == 0)
			continue;
		/* Powers of two keep the copying down to the moves' own number. */
		if ((plan->n & (plan->n - 1)) == 0)
			plan->moves = alloc_resize(plan->moves, (plan->n > 0 ? plan->n * 2 : 1) *
									sizeof(plan->moves[0]));
		plan->moves[plan->n++] = (struct move){from, to, share[i]};
		plan->moved += share[i];
	}
	if (plan->n > 0)
		qsort(plan->moves, plan->n, sizeof(plan->moves[0]), by_share);
	free(share);
}

static void print_moves(const struct plan *plan)
{
	int from_width = (int)strlen("FROM"), to_width = (int)strlen("TO");

	for (size_t i = 0; i < plan->n; i++) {
		int from = (int)strlen(plan->moves[i].from->name);
		int to = (int)strlen(plan->moves[i].to->name);

		from_width = from > from_width ? from : from_width;
		to_width = to > to_width ? to : to_width;
	}
	if (plan->n > 0)
		printf("  %-*s  %-*s  %10s\n", from_width, "FROM", to_width, "TO", "SHARE");
	for (size_t i = 0; i < plan->n; i++)
		printf("  %-*s  %-*s  %9.5f%%\n", from_width, plan->moves[i].from->name, to_width,
		       plan->moves[i].to->name, 100 * plan->moves[i].share);
}

/* What the shares cannot say: names that stay while what is behind them changes. */
static void print_notes(const struct pool *old, const struct pool *new)
{
	if (memcmp(old->hash_tag, new->hash_tag, sizeof(old->hash_tag)) != 0)
		puts("  hash_tag differs: keys with such a tag move besides");
	if (strcmp(old->prefix_ignored, new->prefix_ignored) != 0)
		puts("  key_prefix_ignored differs: keys with such a prefix move besides");
	for (size_t i = 0; i < new->n_shards; i++) {
		const struct shard *to = &new->shards[i];

		for (size_t j = 0; j < old->n_shards; j++) {
			const struct shard *from = &old->shards[j];

			if (strcmp(from->name, to->name) == 0 &&
			    strcmp(from->primary->text, to->primary->text) != 0)
				printf("  shard %s: its address changes from %s to %s; its keys "
				       "stay with its name\n",
				       to->name, from->primary->text, to->primary->text);
		}
	}
}

static void plan_pool(const struct pool *old, const struct pool *new)
{
	struct plan plan = {.old = old, .new = new};

	if (old->distribution == DIST_RANDOM || new->distribution == DIST_RANDOM) {
		printf("pool %s: with 'random' keys have no shard, so none moves\n", new->name);
		return;
	}
	find_moves(&plan);
	printf("pool %s: %.5f%% of the key space moves%s\n", new->name, 100 * plan.moved,
	       plan.exact ? "" : " (not exact: counted over a sample of 1048576 keys)");
	print_moves(&plan);
	print_notes(old, new);
	free(plan.moves);
}

struct side {
	const char *file;
	struct config *config;
	struct topology *topology;
};

static bool open_side(struct side *side, const char *file)
{
	side->file = file;
	side->config = cli_load(file, false);
	if (side->config != NULL)
		side->topology = cli_topology(side->config, file);
	return side->topology != NULL;
}

static void close_side(struct side *side)
{
	if (side->topology != NULL)
		topology_unref(side->topology);
	config_free(side->config);
}

static int plan_named(const struct side *old, const struct side *new, const char *name)
{
	const struct pool *from = topology_pool(old->topology, name);
	const struct pool *to = topology_pool(new->topology, name);

	if (from == NULL)
		return cli_no_pool(old->config, old->file, name);
	if (to == NULL)
		return cli_no_pool(new->config, new->file, name);
	plan_pool(from, to);
	return CLI_DONE;
}

static int plan_all(const struct side *old, const struct side *new)
{
	for (size_t i = 0; i < new->topology->n_pools; i++) {
		const struct pool *to = &new->topology->pools[i];
		const struct pool *from = topology_pool(old->topology, to->name);

		if (from != NULL)
			plan_pool(from, to);
		else
			printf("pool %s: only in %s\n", to->name, new->file);
	}
	for (size_t i = 0; i < old->topology->n_pools; i++)
		if (topology_pool(new->topology, old->topology->pools[i].name) == NULL)
			printf("pool %s: only in %s\n", old->topology->pools[i].name, old->file);
	return CLI_DONE;
}

int cli_plan(int argc, char **argv)
{
	struct side old = {0}, new = {0};
	int status, first = cli_parse_plain(argc, argv, &status);

	if (first < 0)
		return status;
	if (argc - first < 2 || argc - first > 3)
		return cli_misused(argv[0], "expected OLD NEW [POOL]");
	/* Both are read whatever the first says, so that all errors are told in one go. */
	bool is_open = open_side(&old, argv[first]);
	is_open = open_side(&new, argv[first + 1]) && is_open;
	status = CLI_FAILED;
	if (is_open)
		status = argc - first == 3 ? plan_named(&old, &new, argv[first + 2])
					   : plan_all(&old, &new);
	close_side(&old);
	close_side(&new);
	return status;
}
