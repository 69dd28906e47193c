#include "control/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "route/gutter.h"

#define SAMPLE_KEYS                                                                                \
	4096	    /* where the shares cannot be worked out: the control thread has more to do */
#define NAMED_MAX 8 /* of a kind that are told by name; the rest is counted */

/* One line being written: what stands before the next thing told. */
struct line {
	struct text *out;
	const struct pool *pool;
	bool has_pool; /* its name stands there */
	int n_named;
	int n_more;
};

/* The place for one more thing about the pool. */
static struct text *next(struct line *line)
{
	if (line->has_pool)
		text_puts(line->out, ", ");
	else
		text_printf(line->out, "%spool %s: ", line->out->len > 0 ? "; " : "",
			    line->pool->name);
	line->has_pool = true;
	return line->out;
}

static bool may_name(struct line *line)
{
	if (line->n_named < NAMED_MAX) {
		line->n_named++;
		return true;
	}
	line->n_more++;
	return false;
}

static void end_names(struct line *line)
{
	if (line->n_more > 0)
		text_printf(next(line), "%d more like these", line->n_more);
	line->n_named = line->n_more = 0;
}

static bool same_ips(const struct endpoint *a, const struct endpoint *b)
{
	return a->n_ips == b->n_ips &&
	       (a->n_ips == 0 || memcmp(a->ips, b->ips, a->n_ips * sizeof(*a->ips)) == 0);
}

static const char *target_of(const struct endpoint *endpoint)
{
	return endpoint->n_ips > 0 ? endpoint->ips[0] : "nothing known";
}

static void tell_primary(struct line *line, const struct shard *was, const struct shard *is)
{
	const struct endpoint *from = was->primary, *to = is->primary;

	if (strcmp(from->text, to->text) != 0 && may_name(line))
		text_printf(next(line), "shard %s moves from %s to %s", is->name, from->text,
			    to->text);
	else if (!same_ips(from, to) && may_name(line))
		text_printf(next(line), "shard %s: %s is at %s now, was at %s", is->name, to->text,
			    target_of(to), target_of(from));
}

static bool has_replica(const struct shard *shard, const struct endpoint *replica)
{
	for (uint16_t i = 0; i < shard->n_replicas; i++)
		if (strcmp(shard->replicas[i].text, replica->text) == 0 &&
		    same_ips(&shard->replicas[i], replica))
			return true;
	return false;
}

static void tell_replicas(struct line *line, const struct shard *was, const struct shard *is)
{
	for (uint16_t i = 0; i < is->n_replicas; i++)
		if (!has_replica(was, &is->replicas[i]) && may_name(line))
			text_printf(next(line), "shard %s: replica +%s", is->name,
				    is->replicas[i].text);
	for (uint16_t i = 0; i < was->n_replicas; i++)
		if (!has_replica(is, &was->replicas[i]) && may_name(line))
			text_printf(next(line), "shard %s: replica -%s", is->name,
				    was->replicas[i].text);
}

static void tell_state(struct line *line, const struct shard *was, const struct shard *is)
{
	const char *now = gutter_state(is);

	if (strcmp(gutter_state(was), now) == 0 || !may_name(line))
		return;
	if (is->is_away)
		text_printf(next(line), "shard %s is down: its keys go to the %s", is->name,
			    strcmp(now, "gutter") == 0 ? "gutter" : "other shards");
	else
		text_printf(next(line), "shard %s is %s%s", is->name, now,
			    is->primary->is_barred ? "" : " again");
}

static bool has_gutter(const struct pool *pool, const char *address)
{
	for (uint16_t i = 0; i < pool->n_gutters; i++)
		if (strcmp(pool->gutters[i].primary->text, address) == 0)
			return true;
	return false;
}

static void tell_gutters(struct line *line, const struct pool *was, const struct pool *is)
{
	for (uint16_t i = 0; i < is->n_gutters; i++)
		if (!has_gutter(was, is->gutters[i].primary->text) && may_name(line))
			text_printf(next(line), "gutter +%s", is->gutters[i].primary->text);
	for (uint16_t i = 0; i < was->n_gutters; i++)
		if (!has_gutter(is, was->gutters[i].primary->text) && may_name(line))
			text_printf(next(line), "gutter -%s", was->gutters[i].primary->text);
}

static void tell_shards(struct line *line, const struct pool *was, const struct pool *is)
{
	for (uint16_t i = 0; i < is->n_shards; i++)
		if (pool_shard(was, is->shards[i].name) == NULL && may_name(line))
			text_printf(next(line), "shard +%s", is->shards[i].name);
	for (uint16_t i = 0; i < was->n_shards; i++)
		if (pool_shard(is, was->shards[i].name) == NULL && may_name(line))
			text_printf(next(line), "shard -%s", was->shards[i].name);
	end_names(line);
	for (uint16_t i = 0; i < is->n_shards; i++) {
		const struct shard *before = pool_shard(was, is->shards[i].name);

		if (before == NULL)
			continue;
		tell_primary(line, before, &is->shards[i]);
		tell_replicas(line, before, &is->shards[i]);
		tell_state(line, before, &is->shards[i]);
	}
	tell_gutters(line, was, is);
	end_names(line);
}

/* Do both place each key on a shard of the same name? */
static bool same_ring(const struct pool *a, const struct pool *b)
{
	if (a->is_cluster || b->is_cluster || a->distribution != b->distribution ||
	    a->hash != b->hash || a->n_shards != b->n_shards)
		return false;
	for (uint16_t i = 0; i < a->n_shards; i++)
		if (strcmp(a->shards[i].name, b->shards[i].name) != 0 ||
		    strcmp(a->shards[i].label, b->shards[i].label) != 0 ||
		    a->shards[i].weight != b->shards[i].weight)
			return false;
	return true;
}

static void tell_moved(struct line *line, const struct pool *was, const struct pool *is)
{
	size_t n = was->n_shards, m = is->n_shards;
	double moved = 0;
	bool exact;

	if (same_ring(was, is) || is->distribution == DIST_RANDOM ||
	    was->distribution == DIST_RANDOM)
		return;
	double *share = alloc_zeroed(n * m, sizeof(share[0]));
	dist_shares(was->dist, is->dist, SAMPLE_KEYS, share, &exact);
	for (size_t i = 0; i < n * m; i++)
		if (strcmp(was->shards[i / m].name, is->shards[i % m].name) != 0)
			moved += share[i];
	free(share);
	/* As in a cluster whose nodes change and whose slots do not. */
	if (exact && moved <= 0)
		return;
	text_printf(next(line), "%s%.3f%% of the key space moves", exact ? "" : "about ",
		    100 * moved);
}

static void tell_settings(struct line *line, const struct pool *was, const struct pool *is)
{
	/* Both were copied from structs that began as zeroes. NOLINTNEXTLINE(bugprone-*,cert-*) */
	if (memcmp(&was->settings, &is->settings, sizeof(is->settings)) != 0)
		text_puts(next(line), "settings change");
}

void changes_write(const struct topology *before, const struct topology *now, struct text *out)
{
	for (uint16_t i = 0; i < now->n_pools; i++) {
		const struct pool *is = &now->pools[i], *was = topology_pool(before, is->name);
		struct line line = {.out = out, .pool = is};

		if (was == NULL || was->protocol != is->protocol) {
			text_puts(next(&line), "new");
			continue;
		}
		tell_shards(&line, was, is);
		tell_moved(&line, was, is);
		tell_settings(&line, was, is);
	}
	for (uint16_t i = 0; i < before->n_pools; i++) {
		struct line line = {.out = out, .pool = &before->pools[i]};

		if (topology_pool(now, before->pools[i].name) == NULL)
			text_puts(next(&line), "gone");
	}
}

bool changes_any(const struct topology *before, const struct topology *now)
{
	if (before == NULL || before->n_endpoints != now->n_endpoints)
		return true;
	for (uint16_t i = 0; i < before->n_endpoints; i++) {
		const struct endpoint *one = &before->endpoints[i], *other = &now->endpoints[i];

		if (one->id != other->id || one->is_replica != other->is_replica ||
		    one->is_barred != other->is_barred ||
		    one->shard->is_away != other->shard->is_away)
			return true;
	}
	return false;
}
