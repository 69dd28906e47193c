#include "route/policy.h"

#include "base/alloc.h"

static int longest_first(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;

	if (x->match_len != y->match_len)
		return x->match_len > y->match_len ? -1 : 1;
	return strcmp(x->match, y->match);
}

static uint64_t *copy_bits(const uint64_t *bits, size_t words)
{
	return bits == NULL
		       ? NULL
		       : (uint64_t *)(void *)alloc_copy((const char *)bits, words * sizeof(*bits));
}

void policies_fill(struct pool *pool, const struct pool_spec *spec)
{
	const struct pool_settings *settings = &spec->settings;

	pool->policies = alloc_zeroed(spec->n_prefixes + 1, sizeof(*pool->policies));
	pool->n_policies = spec->n_prefixes;
	pool->reads_replicas = settings->reads != READS_PRIMARY;
	pool->has_ttl_rules = ttl_is_set(&settings->ttl);
	pool->coalesces = settings->coalesce != 0;
	for (size_t i = 0; i < spec->n_prefixes; i++) {
		const struct prefix_spec *from = &spec->prefixes[i];
		struct policy *policy = &pool->policies[i];
		int reads = from->reads == READS_UNSET ? settings->reads : from->reads;

		*policy = (struct policy){
			.match = alloc_string(from->match),
			.match_len = strlen(from->match),
			.reads = (enum reads)reads,
			.refused = copy_bits(from->refused, from->refused_words),
			.refused_words = from->refused_words,
			.ttl = ttl_resolve(&from->ttl, &settings->ttl),
			.coalesce = (from->coalesce < 0 ? settings->coalesce : from->coalesce) != 0,
		};
		pool->reads_replicas = pool->reads_replicas || reads != READS_PRIMARY;
		pool->has_ttl_rules = pool->has_ttl_rules || ttl_is_set(&policy->ttl);
		pool->coalesces = pool->coalesces || policy->coalesce;
	}
	qsort(pool->policies, pool->n_policies, sizeof(*pool->policies), longest_first);
}

void policies_free(struct pool *pool)
{
	for (size_t i = 0; i < pool->n_policies; i++) {
		free(pool->policies[i].match);
		free(pool->policies[i].refused);
	}
	free(pool->policies);
}

const struct policy *pool_policy(const struct pool *pool, struct span key)
{
	for (size_t i = 0; i < pool->n_policies; i++) {
		const struct policy *policy = &pool->policies[i];

		if (span_starts_with(key, span_make(policy->match, policy->match_len)))
			return policy;
	}
	return NULL;
}

const struct ttl_rule *pool_ttl(const struct pool *pool, struct span key)
{
	const struct policy *policy = pool_policy(pool, key);

	return policy != NULL ? &policy->ttl : &pool->settings.ttl;
}
