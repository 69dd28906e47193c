/*
 * Some nodes, ASKED_MAX at most, are asked each by itself, every `every`, first whether the cluster is
 * well and then what it is; the votes are counted after each one's answers (cluster_vote.h has the rule).
 * Who is asked follows what is found: the nodes first, the seeds of the settings behind them, and one that
 * gives no answer makes room for another.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "control/cluster_names.h"
#include "control/discovery.h"
#include "control/probe.h"

#define EVERY_MS  1000
#define SOON_MS	  5 /* from a reason to ask until it is done: several come together */
#define ASKED_MAX 7 /* at a time: one that lies is outvoted, and a cluster of 1,000 asked little */

#define INFO_QUESTION  "*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n"
#define NODES_QUESTION "*2\r\n$7\r\nCLUSTER\r\n$5\r\nNODES\r\n"

struct source;

/* One node that is asked. */
struct asker {
	struct source *source;
	char text[ADDRESS_TEXT_MAX];
	struct address address;
	struct probe *probe;
	struct timer *timer;
	struct cluster_view view, coming; /* the last, and that of the look that is under way */
	bool is_heard;			  /* it has answered, or failed to, at least once */
	bool is_valid;			  /* the last look came to a view */
	bool is_looking;
	bool is_due;   /* another look is wanted after this one, or soon */
	char why[256]; /* there was no view */
};

struct source {
	struct discovery base;
	struct string_list seeds;
	struct asker *askers[ASKED_MAX];
	size_t n_askers;
	struct cluster_shards shards; /* as told last */
	size_t misses; /* looks at a node after which nothing could be said, in a row */
	size_t turn;   /* of the candidates, who comes next */
	char *user, *password;
	uint32_t every_ms, connect_ms, request_ms;
};

static struct source *of(struct discovery *discovery)
{
	return container_of(discovery, struct source, base);
}

static void look(void *arg);

/* ------------------------------------------------------------------ who is asked */

static void free_asker(struct asker *asker)
{
	probe_free(asker->probe);
	timer_free(asker->timer);
	cluster_view_fini(&asker->view);
	cluster_view_fini(&asker->coming);
	free(asker);
}

static void add_asker(struct source *source, const char *text, uint32_t after_ms)
{
	struct asker *asker = alloc_zeroed(1, sizeof(*asker));
	struct probe_setup setup = {
		.resolver = source->base.resolver,
		.protocol = PROTOCOL_REDIS,
		.user = source->user,
		.password = source->password,
		.connect_ms = source->connect_ms,
	};
	struct error error;

	if (address_parse(text, 0, &setup.address, &error) != 0)
		abort(); /* it was checked with the settings, or by found_address() */
	asker->source = source;
	asker->address = setup.address;
	address_format(&asker->address, asker->text);
	asker->probe = probe_new(source->base.loop, &setup);
	asker->timer = timer_new(source->base.loop, look, asker);
	timer_start(asker->timer, after_ms);
	source->askers[source->n_askers++] = asker;
}

static bool is_asked(const struct source *source, const char *text)
{
	for (size_t i = 0; i < source->n_askers; i++)
		if (strcmp(source->askers[i]->text, text) == 0)
			return true;
	return false;
}

static bool is_node(const struct source *source, const char *text)
{
	const struct found *last = &source->base.last;

	for (size_t i = 0; i < last->n; i++) {
		if (strcmp(last->shards[i].primary, text) == 0)
			return true;
		for (size_t j = 0; j < last->shards[i].n_replicas; j++)
			if (strcmp(last->shards[i].replicas[j], text) == 0)
				return true;
	}
	return false;
}

/* Does one of the nodes that were found answer? While none does, the seeds are asked too. */
static bool has_node(const struct source *source)
{
	for (size_t i = 0; i < source->n_askers; i++)
		if (source->askers[i]->is_valid && is_node(source, source->askers[i]->text))
			return true;
	return false;
}

/* Primaries, replicas, seeds; the texts are borrowed, the caller frees the list. */
static const char **list_candidates(const struct source *source, size_t *n)
{
	const struct found *last = &source->base.last;
	size_t max = source->seeds.n;

	for (size_t i = 0; i < last->n; i++)
		max += 1 + last->shards[i].n_replicas;
	const char **candidates = alloc_zeroed(max, sizeof(candidates[0]));
	*n = 0;
	for (size_t i = 0; i < last->n; i++)
		candidates[(*n)++] = last->shards[i].primary;
	for (size_t i = 0; i < last->n; i++)
		for (size_t j = 0; j < last->shards[i].n_replicas; j++)
			candidates[(*n)++] = last->shards[i].replicas[j];
	for (size_t i = 0; !has_node(source) && i < source->seeds.n; i++)
		if (!is_node(source, source->seeds.v[i]))
			candidates[(*n)++] = source->seeds.v[i];
	return candidates;
}

/* Let go of those that are of no more use. True if one of them failed. */
static bool drop_askers(struct source *source, size_t n_candidates)
{
	bool are_seeds_idle = has_node(source), any_failed = false;
	size_t n = source->n_askers, kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct asker *asker = source->askers[i];
		bool has_failed = asker->is_heard && !asker->is_valid;

		/* While there is nobody else to ask, a failed one is asked on. */
		any_failed = any_failed || has_failed;
		if ((has_failed && n_candidates > n) ||
		    (are_seeds_idle && !is_node(source, asker->text)))
			free_asker(asker);
		else
			source->askers[kept++] = asker;
	}
	source->n_askers = kept;
	return any_failed;
}

/* Ask others in place of those that are of no more use. Where many are away, they take their turns: going
 * through all of them at once would be a storm. */
static void choose_askers(struct source *source)
{
	size_t n;
	const char **candidates = list_candidates(source, &n);
	uint32_t after_ms = drop_askers(source, n) ? source->every_ms : 0;

	for (size_t i = 0; i < n && source->n_askers < ASKED_MAX; i++) {
		const char *text = candidates[source->turn++ % n];

		if (!is_asked(source, text))
			add_asker(source, text, after_ms);
	}
	free(candidates);
}

/* ------------------------------------------------------------------ judging */

static void tell(struct source *source, struct cluster_shards *shards)
{
	struct found found = {.version = shards->epoch};

	cluster_names_give(shards, &source->shards);
	for (size_t i = 0; i < shards->n; i++) {
		const struct cluster_shard *from = &shards->v[i];
		struct found_shard *to = found_add(&found, from->name, from->address);

		for (size_t j = 0; j < from->replicas.n; j++)
			found_add_replica(to, from->replicas.v[j]);
		for (size_t j = 0; j < from->n_slots; j++)
			found_add_slots(to, from->slots[j].first, from->slots[j].last);
	}
	cluster_shards_fini(&source->shards);
	source->shards = *shards;
	source->misses = 0;
	discovery_tell(&source->base, &found);
	found_fini(&found);
}

/* What most say now; before anything is known, once all that are asked have been heard. */
static void judge(struct source *source)
{
	const struct cluster_view *views[ASKED_MAX];
	struct cluster_shards shards;
	struct error error;
	const char *why = "";
	size_t n = 0, heard = 0;

	for (size_t i = 0; i < source->n_askers; i++) {
		const struct asker *asker = source->askers[i];

		heard += asker->is_heard;
		if (asker->is_valid)
			views[n++] = &asker->view;
		else if (asker->is_heard && why[0] == '\0')
			why = asker->why;
	}
	if (source->shards.n == 0 && heard < source->n_askers)
		return;
	if (cluster_vote(views, n, &source->shards, &shards, &error) == 0)
		tell(source, &shards);
	/* Those that are asked for the first time may yet say more. */
	else if (++source->misses >= ASKED_MAX || heard == source->n_askers)
		discovery_fail(&source->base, "%s%s%s", error.text, why[0] != '\0' ? "; " : "",
			       why);
}

/* ------------------------------------------------------------------ asking */

/* A look at one node is over. The node may not be asked any more after it. */
static void end_look(struct asker *asker, bool is_valid)
{
	struct source *source = asker->source;
	bool is_news = !asker->is_heard || is_valid != asker->is_valid || !is_valid ||
		       discovery_trouble(&source->base) != NULL ||
		       !cluster_view_equal(&asker->view, &asker->coming);

	asker->is_looking = false;
	asker->is_heard = true;
	asker->is_valid = is_valid;
	cluster_view_fini(&asker->view);
	asker->view = asker->coming;
	asker->coming = (struct cluster_view){0};
	timer_start(asker->timer, asker->is_due ? SOON_MS : source->every_ms);
	if (!is_news)
		return;
	judge(source);
	choose_askers(source);
}

static void fail(struct asker *asker, const char *why)
{
	snprintf(asker->why, sizeof(asker->why), "%s", why);
	end_look(asker, false);
}

static void on_nodes(void *arg, const struct probe_answer *answer)
{
	struct asker *asker = arg;
	struct error error, told;

	if (answer->result != PROBE_REPLY) {
		fail(asker, answer->why);
	} else if (cluster_read_nodes(answer->reply, asker->address.host, &asker->coming, &told) !=
		   0) {
		error_set(&error, "%s: %s", asker->text, told.text);
		fail(asker, error.text);
	} else {
		end_look(asker, true);
	}
}

static void on_info(void *arg, const struct probe_answer *answer)
{
	struct asker *asker = arg;
	struct error error;

	if (answer->result != PROBE_REPLY) {
		fail(asker, answer->why);
	} else if (!cluster_read_info(answer->reply, &asker->coming)) {
		error_set(&error, "%s: an answer that is not about a cluster", asker->text);
		fail(asker, error.text);
	} else {
		probe_ask(asker->probe, span_of(NODES_QUESTION), asker->source->request_ms,
			  on_nodes, asker);
	}
}

static void look(void *arg)
{
	struct asker *asker = arg;

	asker->is_due = false;
	asker->is_looking = true;
	probe_ask(asker->probe, span_of(INFO_QUESTION), asker->source->request_ms, on_info, asker);
}

static void refresh(struct discovery *discovery)
{
	struct source *source = of(discovery);

	for (size_t i = 0; i < source->n_askers; i++) {
		struct asker *asker = source->askers[i];

		if (!asker->is_due && !asker->is_looking)
			timer_start(asker->timer, SOON_MS);
		asker->is_due = true;
	}
}

/* ------------------------------------------------------------------ life */

static char *copy_of(const char *text)
{
	return text != NULL ? alloc_string(text) : NULL;
}

/* As the nodes' addresses are written, so that one is not taken for two. */
static void add_seed(struct source *source, const char *text)
{
	char canonical[ADDRESS_TEXT_MAX];
	struct address address;
	struct error error;

	if (address_parse(text, 0, &address, &error) != 0)
		abort(); /* it was checked with the settings */
	address_format(&address, canonical);
	found_list_add(&source->seeds, canonical);
}

static struct discovery *new (const struct discovery_setup *setup)
{
	struct source *source = alloc_zeroed(1, sizeof(*source));
	const struct pool_spec *pool = setup->pool;

	discovery_init(&source->base, &discovery_cluster_ops, setup);
	for (size_t i = 0; i < pool->discover.cluster.n; i++)
		add_seed(source, pool->discover.cluster.v[i]);
	source->user = copy_of(pool->credentials.name);
	source->password = copy_of(pool->credentials.password.text);
	source->connect_ms = pool->settings.connect_ms;
	source->request_ms = pool->settings.request_ms;
	source->every_ms = pool->discover.every_ms > 0 ? pool->discover.every_ms : EVERY_MS;
	choose_askers(source);
	return &source->base;
}

static void free_source(struct discovery *discovery)
{
	struct source *source = of(discovery);

	for (size_t i = 0; i < source->n_askers; i++)
		free_asker(source->askers[i]);
	cluster_shards_fini(&source->shards);
	found_list_free(&source->seeds);
	discovery_fini(discovery);
	free(source->user);
	free(source->password);
	free(source);
}

const struct discovery_ops discovery_cluster_ops = {
	.name = "cluster",
	.new = new,
	.refresh = refresh,
	.free = free_source,
};
