/*
 * On the fake io there is no DNS: what asks it is tested on the real one. Here so that the sources that
 * ask it link beside those that do not.
 */
#include <stdlib.h>

#include "io/resolver.h"

struct resolver_query *resolver_addresses(struct resolver *resolver, const char *host,
					  resolver_fn *fn, void *arg)
{
	(void)resolver;
	(void)host;
	(void)fn;
	(void)arg;
	abort();
}

struct resolver_query *resolver_services(struct resolver *resolver, const char *name,
					 resolver_fn *fn, void *arg)
{
	return resolver_addresses(resolver, name, fn, arg);
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

void resolver_cancel(struct resolver_query *query)
{
	(void)query;
	abort();
}
