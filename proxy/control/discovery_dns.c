/*
 * Shards that DNS knows: each address of a name (`dns`), or each service of one (`srv`) that is of the
 * lowest priority there is. A shard has no name of its own: its address, or its target's name with the
 * port, is what places it, so the order of records is no change. A node with an address of either
 * family would be two shards: give such a name records of one.
 *
 * The name is asked for again when its time to live is over, or every `every`; at a refresh; and after
 * a failure (pace.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "control/discovery.h"
#include "control/pace.h"
#include "io/resolver.h"
#include "route/endpoint.h"

#define MIN_TTL_MS 1000 /* where the settings of DNS are not given */
#define MAX_TTL_MS 300000

struct source {
	struct discovery base;
	char *name;
	uint16_t port; /* of addresses */
	struct pace pace;
	struct timer *timer;
	struct resolver_query *query; /* NULL: none is under way */
	uint64_t asked_us;
	uint32_t failures; /* in a row */
	bool is_again;	   /* refreshed while it was asked for: that answer may be older */
	struct ip *ips;	   /* the last ones: a family that fails keeps its own */
	size_t n_ips;
};

static struct source *of(struct discovery *discovery)
{
	return container_of(discovery, struct source, base);
}

/* ------------------------------------------------------------------ answers */

static void add(struct found *found, const char *host, uint16_t port)
{
	char address[ADDRESS_TEXT_MAX];

	/* What cannot be an address is not taken from DNS either. */
	if (found_address(span_of(host), port, address))
		found_add(found, NULL, address);
}

static void take_addresses(struct source *source, const struct resolver_answer *answer,
			   struct found *found)
{
	size_t n;
	struct ip *ips = resolver_merge(answer, source->ips, source->n_ips, &n);

	free(source->ips);
	source->ips = ips;
	source->n_ips = n;
	for (size_t i = 0; i < n; i++)
		add(found, ips[i].text, source->port);
}

/* They come by priority, then target and port; what differs in its weight alone is one shard. */
static void take_services(struct source *source, const struct resolver_answer *answer,
			  struct found *found)
{
	const struct service *s = answer->services;

	(void)source;
	for (size_t i = 0; i < answer->n_services && s[i].priority == s[0].priority; i++)
		if (i == 0 || s[i].port != s[i - 1].port ||
		    strcmp(s[i].target, s[i - 1].target) != 0)
			add(found, s[i].target, s[i].port);
}

static bool is_srv(const struct source *source)
{
	return source->base.ops == &discovery_srv_ops;
}

static uint64_t until_refresh_ms(const struct source *source)
{
	return pace_until_refresh(source->asked_us, loop_now_us(source->base.loop));
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	struct source *source = arg;
	struct found found = {0};
	bool is_ok = answer->status == RESOLVER_OK;

	source->query = NULL;
	source->failures = is_ok ? 0 : source->failures + 1;
	uint64_t ms = is_ok ? pace_after_answer(&source->pace, answer->ttl_s)
			    : pace_after_failure(&source->pace, source->failures);
	timer_start(source->timer, source->is_again ? until_refresh_ms(source) : ms);
	if (!is_ok) {
		discovery_fail(&source->base, "%s: %s", source->name, answer->why);
		return;
	}
	if (is_srv(source))
		take_services(source, answer, &found);
	else
		take_addresses(source, answer, &found);
	discovery_tell(&source->base, &found);
	found_fini(&found);
}

/* ------------------------------------------------------------------ questions */

static void ask(void *arg)
{
	struct source *source = arg;

	timer_stop(source->timer);
	source->is_again = false;
	source->asked_us = loop_now_us(source->base.loop);
	source->query = is_srv(source) ? resolver_services(source->base.resolver, source->name,
							   on_answer, source)
				       : resolver_addresses(source->base.resolver, source->name,
							    on_answer, source);
}

static void refresh(struct discovery *discovery)
{
	struct source *source = of(discovery);
	uint64_t ms = until_refresh_ms(source);

	if (source->query != NULL)
		source->is_again = true;
	else if (ms > 0)
		timer_start(source->timer, ms);
	else
		ask(source);
}

/* ------------------------------------------------------------------ life */

static void free_source(struct discovery *discovery)
{
	struct source *source = of(discovery);

	if (source->query != NULL)
		resolver_cancel(source->query);
	timer_free(source->timer);
	discovery_fini(discovery);
	free(source->ips);
	free(source->name);
	free(source);
}

static struct discovery *begin(const struct discovery_setup *setup, const struct discovery_ops *ops,
			       const char *name, uint16_t port)
{
	struct source *source = alloc_zeroed(1, sizeof(*source));
	uint32_t every_ms = setup->pool->discover.every_ms;
	uint32_t min_ms = setup->min_ttl_ms > 0 ? setup->min_ttl_ms : MIN_TTL_MS;
	uint32_t max_ms = setup->max_ttl_ms > 0 ? setup->max_ttl_ms : MAX_TTL_MS;

	discovery_init(&source->base, ops, setup);
	source->name = alloc_string(name);
	source->port = port;
	pace_init(&source->pace, every_ms > 0 ? every_ms : min_ms, every_ms > 0 ? every_ms : max_ms,
		  loop_real_ms(setup->loop) ^ loop_now_us(setup->loop) << 20);
	source->timer = timer_new(setup->loop, ask, source);
	ask(source);
	return &source->base;
}

static struct discovery *new_dns(const struct discovery_setup *setup)
{
	struct address address;
	struct error error;

	/* The settings have been checked. */
	if (address_parse(setup->pool->discover.dns, 0, &address, &error) != 0)
		abort();
	return begin(setup, &discovery_dns_ops, address.host, address.port);
}

static struct discovery *new_srv(const struct discovery_setup *setup)
{
	return begin(setup, &discovery_srv_ops, setup->pool->discover.srv, 0);
}

const struct discovery_ops discovery_dns_ops = {
	.name = "dns",
	.new = new_dns,
	.refresh = refresh,
	.free = free_source,
};

const struct discovery_ops discovery_srv_ops = {
	.name = "srv",
	.new = new_srv,
	.refresh = refresh,
	.free = free_source,
};
