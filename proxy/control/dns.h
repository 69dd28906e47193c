/*
 * dns.h - the addresses of the names that a topology needs, kept fresh.
 *
 * A name is asked for again when its time to live is over, within bounds; after a failure sooner, and
 * then less and less often (pace.h). Whatever happens its last good addresses stay: a name whose records are
 * gone, or whose server is, loses nothing. The control thread's.
 * Layer: control. Includes: io/loop, io/resolver.
 */
#ifndef CONTROL_DNS_H
#define CONTROL_DNS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/loop.h"
#include "io/resolver.h"

#define DNS_UNDER_WAY_MAX 64 /* names that are asked for at once: a burst would be dropped */
#define DNS_COALESCE_MS	  50 /* changes within this time are told as one */

struct dns;

struct dns_setup {
	struct loop *loop;
	struct resolver *resolver; /* borrowed until dns_free() or dns_use() */
	uint32_t min_ttl_ms, max_ttl_ms;
	/* A wanted name has other addresses than before, or its first. May call all below. */
	void (*on_change)(void *arg);
	void *arg;
};

/* All since dns_new(). */
struct dns_counters {
	uint64_t queries;  /* names asked for */
	uint64_t failures; /* of those, how many came to no address */
	uint64_t changes;  /* of a name's addresses, the first ones included */
};

/* With no name wanted yet. Never NULL. */
NODISCARD struct dns *dns_new(const struct dns_setup *setup);

/* No on_change after this. NULL is fine. */
void dns_free(struct dns *dns);

/*
 * The names that are wanted from now on, copied; one may stand there twice. Those known keep their
 * addresses and their times, new ones are asked for at once, others are forgotten. An IP is a name
 * whose address is known. O(n).
 */
void dns_want(struct dns *dns, char *const *names, size_t n);

/* The addresses of a wanted name, IPv4 first, lent until the next turn; NULL while there are none yet. */
NODISCARD const struct ip *dns_addresses(const struct dns *dns, const char *name, size_t *n);

/* Why the last question for a wanted name came to nothing; NULL if it did not, or is the first. */
NODISCARD const char *dns_trouble(const struct dns *dns, const char *name);

/*
 * Ask for a name now, or for all (NULL): one of its addresses failed, or an operator wants it. What
 * comes sooner than PACE_REFRESH_MS after the last question waits until then.
 */
void dns_refresh(struct dns *dns, const char *name);

/* Settings changed: another resolver and other bounds; what was asked of the old one is asked again. */
void dns_use(struct dns *dns, struct resolver *resolver, uint32_t min_ttl_ms, uint32_t max_ttl_ms);

const struct dns_counters *dns_counters(const struct dns *dns);

#endif
