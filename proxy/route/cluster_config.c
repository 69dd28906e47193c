#include "route/cluster_config.h"

#include <inttypes.h>

#include "base/text.h"
#include "route/topology.h"

#define MEMCACHED_PORT 11211

/* Clients split at blanks and bars and resolve the host themselves where there is no IP. */
static void add_node(struct text *nodes, const struct address *address)
{
	if (address->is_unix)
		return;
	text_printf(nodes, "%s%s|%s|%u", nodes->len > 0 ? " " : "", address->host,
		    address_host_is_ip(address->host) ? address->host : "",
		    (unsigned)address->port);
}

static int add_nodes(struct text *nodes, const struct pool *pool, const struct string_list *hosts,
		     struct error *error)
{
	struct address address;

	/* The address of a node that no source has named yet is the source's: clients would take it for the
	 * whole ring. */
	for (uint16_t i = 0; hosts->n == 0 && i < pool->n_shards; i++)
		if (!pool->shards[i].primary->is_unknown)
			add_node(nodes, &pool->shards[i].primary->address);
	for (size_t i = 0; i < hosts->n; i++) {
		if (address_parse(hosts->v[i], MEMCACHED_PORT, &address, error) != 0)
			return -1;
		add_node(nodes, &address);
	}
	return 0;
}

int cluster_config_fill(struct pool *pool, const struct string_list *hosts, uint64_t version,
			struct error *error)
{
	struct text nodes = {0}, payload = {0};
	int result;

	if (pool->protocol != PROTOCOL_MEMCACHED)
		return 0;
	result = add_nodes(&nodes, pool, hosts, error);
	if (result == 0 && nodes.len > 0) {
		text_printf(&payload, "%" PRIu64 "\n%s\n", version, nodes.p);
		pool->cluster = (struct cluster_config){payload.p, payload.len, version};
	}
	text_free(&nodes);
	return result;
}
