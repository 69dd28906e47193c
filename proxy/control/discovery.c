#include "control/discovery.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"

#define TOLD_US 10000000 /* between two lines of the log about one trouble that goes on */

static const struct discovery_ops *ops_of(const struct discover_spec *discover)
{
	const struct {
		bool is_named;
		const struct discovery_ops *ops;
	} rows[] = {
		{discover->elasticache != NULL, &discovery_elasticache_ops},
		{discover->dns != NULL, &discovery_dns_ops},
		{discover->srv != NULL, &discovery_srv_ops},
		{discover->sentinel.n > 0, &discovery_sentinel_ops},
		{discover->cluster.n > 0, &discovery_cluster_ops},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].is_named)
			return rows[i].ops;
	return NULL;
}

struct discovery *discovery_new(const struct discovery_setup *setup)
{
	const struct discovery_ops *ops = ops_of(&setup->pool->discover);

	assert(ops != NULL); /* the settings name one, or there is nothing to discover */
	return ops->new (setup);
}

void discovery_refresh(struct discovery *discovery)
{
	discovery->ops->refresh(discovery);
}

const char *discovery_trouble(const struct discovery *discovery)
{
	return discovery->trouble.text[0] != '\0' ? discovery->trouble.text : NULL;
}

void discovery_free(struct discovery *discovery)
{
	if (discovery != NULL)
		discovery->ops->free(discovery);
}

void discovery_init(struct discovery *discovery, const struct discovery_ops *ops,
		    const struct discovery_setup *setup)
{
	*discovery = (struct discovery){
		.ops = ops,
		.loop = setup->loop,
		.resolver = setup->resolver,
		.pool = alloc_string(setup->pool->name),
		.on_found = setup->on_found,
		.arg = setup->arg,
	};
	if (setup->before != NULL)
		found_copy(&discovery->last, &setup->before->last);
}

void discovery_fini(struct discovery *discovery)
{
	free(discovery->pool);
	found_fini(&discovery->last);
}

void discovery_offer(struct discovery *discovery, const struct found *found)
{
	struct found copy;

	assert(found->n > 0);
	if (found_equal(found, &discovery->last)) {
		discovery->last.version = found->version;
		return;
	}
	found_copy(&copy, found);
	found_sort(&copy);
	found_fini(&discovery->last);
	discovery->last = copy;
	log_write(LOG_LEVEL_INFO, "pool %s: discovery by %s: %zu shard%s", discovery->pool,
		  discovery->ops->name, copy.n, copy.n == 1 ? "" : "s");
	discovery->on_found(discovery->arg, &discovery->last);
}

void discovery_tell(struct discovery *discovery, const struct found *found)
{
	if (discovery->trouble.text[0] != '\0')
		log_write(LOG_LEVEL_INFO, "pool %s: discovery by %s: all is well again",
			  discovery->pool, discovery->ops->name);
	discovery->trouble.text[0] = '\0';
	discovery_offer(discovery, found);
}

void discovery_fail(struct discovery *discovery, const char *fmt, ...)
{
	char why[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	uint64_t now = loop_now_us(discovery->loop);
	bool is_first = discovery->trouble.text[0] == '\0';
	bool is_other = strcmp(why, discovery->trouble.text) != 0;
	memcpy(discovery->trouble.text, why, sizeof(why));
	/* A source that stays away is asked every second, and may say something else each time. */
	if (!is_first && (!is_other || now - discovery->told_us < TOLD_US))
		return;
	discovery->told_us = now;
	log_write(LOG_LEVEL_WARN, "pool %s: discovery by %s: %s%s", discovery->pool,
		  discovery->ops->name, why,
		  discovery->last.n > 0 ? "; the shards stay as they are" : "");
}
