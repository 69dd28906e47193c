#include "control/sentinel_vote.h"

static bool names(const struct sentinel_view *view, const char *address)
{
	return view->is_valid && strcmp(view->address, address) == 0;
}

static size_t votes_for(const struct sentinel_view *views, size_t n, const char *address)
{
	size_t votes = 0;

	for (size_t i = 0; i < n; i++)
		votes += names(&views[i], address);
	return votes;
}

/* The address that most name, or NULL if none is named. */
static const char *favourite(const struct sentinel_view *views, size_t n, size_t *votes)
{
	const char *best = NULL;

	*votes = 0;
	for (size_t i = 0; i < n; i++) {
		if (!views[i].is_valid || views[i].address[0] == '\0')
			continue;
		size_t its = votes_for(views, n, views[i].address);
		if (its > *votes) {
			best = views[i].address;
			*votes = its;
		}
	}
	return best;
}

static size_t count(const struct sentinel_view *views, size_t n, bool *all_heard)
{
	size_t answers = 0;

	*all_heard = true;
	for (size_t i = 0; i < n; i++) {
		answers += views[i].is_valid;
		*all_heard = *all_heard && views[i].is_heard;
	}
	return answers;
}

const char *sentinel_elect(const struct sentinel_view *views, size_t n, const char *in_use,
			   bool *is_sure, struct error *why)
{
	bool all_heard;
	size_t votes, answers = count(views, n, &all_heard);
	const char *best = favourite(views, n, &votes);
	size_t of = in_use == NULL && all_heard ? answers : n;

	why->text[0] = '\0';
	*is_sure = best != NULL && 2 * votes > of;
	if (*is_sure)
		return best;
	if (best != NULL && in_use != NULL && strcmp(best, in_use) == 0)
		return in_use;
	if (answers == 0)
		error_set(why, "no Sentinel answers");
	else if (best == NULL)
		error_set(why, "no Sentinel that answers knows of it");
	else
		error_set(why, "%zu of %zu Sentinels say %s; expected more than half", votes, of,
			  best);
	return in_use;
}

static bool lists(const struct sentinel_view *view, const char *replica)
{
	for (size_t i = 0; i < view->replicas.n; i++)
		if (strcmp(view->replicas.v[i], replica) == 0)
			return true;
	return false;
}

static bool is_added(const struct found_shard *shard, const char *replica)
{
	for (size_t i = 0; i < shard->n_replicas; i++)
		if (strcmp(shard->replicas[i], replica) == 0)
			return true;
	return strcmp(shard->primary, replica) == 0;
}

void sentinel_add_replicas(const struct sentinel_view *views, size_t n, struct found_shard *shard)
{
	size_t voters = shard->primary != NULL ? votes_for(views, n, shard->primary) : 0;

	for (size_t i = 0; voters > 0 && i < n; i++) {
		if (!names(&views[i], shard->primary))
			continue;
		for (size_t j = 0; j < views[i].replicas.n; j++) {
			const char *replica = views[i].replicas.v[j];
			size_t votes = 0;

			for (size_t k = 0; k < n; k++)
				votes += names(&views[k], shard->primary) &&
					 lists(&views[k], replica);
			if (2 * votes > voters && !is_added(shard, replica))
				found_add_replica(shard, replica);
		}
	}
}

bool sentinel_disagree(const struct sentinel_view *views, size_t n, struct text *out)
{
	size_t votes;
	const char *best = favourite(views, n, &votes);
	size_t start = out->len;
	bool differ = false;

	for (size_t i = 0; i < n; i++) {
		if (!views[i].is_valid || views[i].address[0] == '\0')
			continue;
		differ = differ || strcmp(views[i].address, best) != 0;
		text_printf(out, "%s%s says %s", out->len > start ? ", " : "", views[i].sentinel,
			    views[i].address);
	}
	return differ;
}
