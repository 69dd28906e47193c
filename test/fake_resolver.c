/*
 * On the fake io there is no DNS: a test plays it for what asks for addresses; what asks for services is
 * tested on the real one.
 */
#include "fake_resolver.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/alloc.h"

#define IPS_MAX 8

struct resolver_query {
	TAILQ_ENTRY(resolver_query) link;
	struct resolver *resolver;
	char *host;
	resolver_fn *fn;
	void *arg;
};

struct resolver {
	TAILQ_HEAD(, resolver_query) queries;
};

struct resolver *fake_resolver_new(void)
{
	struct resolver *resolver = alloc_zeroed(1, sizeof(*resolver));

	TAILQ_INIT(&resolver->queries);
	return resolver;
}

void fake_resolver_free(struct resolver *resolver)
{
	ck_assert_uint_eq(fake_resolver_open(resolver), 0);
	free(resolver);
}

size_t fake_resolver_open(const struct resolver *resolver)
{
	const struct resolver_query *query;
	size_t n = 0;

	TAILQ_FOREACH (query, &resolver->queries, link)
		n++;
	return n;
}

void fake_resolver_answer(struct resolver *resolver, const char *host, const char *const *ips,
			  size_t n)
{
	struct resolver_query *query = TAILQ_FIRST(&resolver->queries);
	struct ip addresses[IPS_MAX] = {0};
	const struct resolver_answer answer = {
		.status = n > 0 ? RESOLVER_OK : RESOLVER_NO_NAME,
		.why = n > 0 ? NULL : "there is no such name",
		.ips = addresses,
		.n_ips = n,
	};

	ck_assert_ptr_nonnull(query);
	ck_assert_str_eq(query->host, host);
	ck_assert_uint_le(n, IPS_MAX);
	for (size_t i = 0; i < n; i++)
		snprintf(addresses[i].text, sizeof(addresses[i].text), "%s", ips[i]);
	resolver_fn *fn = query->fn;
	void *arg = query->arg;
	resolver_cancel(query);
	fn(arg, &answer);
}

struct resolver_query *resolver_addresses(struct resolver *resolver, const char *host,
					  resolver_fn *fn, void *arg)
{
	struct resolver_query *query = alloc_zeroed(1, sizeof(*query));

	*query = (struct resolver_query){.resolver = resolver,
					 .host = alloc_string(host),
					 .fn = fn,
					 .arg = arg};
	TAILQ_INSERT_TAIL(&resolver->queries, query, link);
	return query;
}

void resolver_cancel(struct resolver_query *query)
{
	TAILQ_REMOVE(&query->resolver->queries, query, link);
	free(query->host);
	free(query);
}

struct resolver_query *resolver_services(struct resolver *resolver, const char *name,
					 resolver_fn *fn, void *arg)
{
	(void)resolver;
	(void)name;
	(void)fn;
	(void)arg;
	abort();
}

struct ip *resolver_merge(const struct resolver_answer *answer, const struct ip *known,
			  size_t n_known, size_t *n)
{
	(void)answer;
	(void)known;
	(void)n_known;
	(void)n;
	abort();
}
