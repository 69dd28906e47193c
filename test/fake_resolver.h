/*
 * fake_resolver.h - io/resolver.h with a test in place of DNS: questions stay open until it answers them.
 * Includes: io/resolver.
 */
#ifndef TEST_FAKE_RESOLVER_H
#define TEST_FAKE_RESOLVER_H

#include "io/resolver.h"

struct resolver *fake_resolver_new(void);

/* No question may be open. */
void fake_resolver_free(struct resolver *resolver);

/* Answer the oldest question, which must be for this host: n addresses, or none, as there is no such name. */
void fake_resolver_answer(struct resolver *resolver, const char *host, const char *const *ips,
			  size_t n);

size_t fake_resolver_open(const struct resolver *resolver); /* questions */

#endif
