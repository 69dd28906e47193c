#include "control/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct names {
	struct loop *loop;
	struct resolver *resolver; /* NULL until names_use() */
	struct resolver *before;   /* of older settings: freed when the next one comes */
	struct text key;	   /* what `resolver` was made from */
	struct dns *dns;
	void (*on_change)(void *arg);
	void *arg;
};

struct names *names_new(struct loop *loop, void (*on_change)(void *arg), void *arg)
{
	struct names *names = alloc_zeroed(1, sizeof(*names));

	names->loop = loop;
	names->on_change = on_change;
	names->arg = arg;
	return names;
}

void names_free(struct names *names)
{
	if (names == NULL)
		return;
	dns_free(names->dns);
	resolver_free(names->resolver);
	resolver_free(names->before);
	text_free(&names->key);
	free(names);
}

struct resolver *names_resolver(const struct names *names)
{
	return names->resolver;
}

static void write_key(const struct config *config, struct text *key)
{
	for (size_t i = 0; i < config->dns_servers.n; i++)
		text_printf(key, "%s ", config->dns_servers.v[i]);
	text_printf(key, "%u %u", config->dns_min_ttl_ms, config->dns_max_ttl_ms);
}

static void ask_by(struct names *names, struct resolver *resolver, const struct config *config)
{
	const struct dns_setup setup = {
		.loop = names->loop,
		.resolver = resolver,
		.min_ttl_ms = config->dns_min_ttl_ms,
		.max_ttl_ms = config->dns_max_ttl_ms,
		.on_change = names->on_change,
		.arg = names->arg,
	};

	if (names->dns == NULL)
		names->dns = dns_new(&setup);
	else
		dns_use(names->dns, resolver, setup.min_ttl_ms, setup.max_ttl_ms);
}

/* Sources of shards still ask the resolver that was before: it is freed when they have the new one. */
int names_use(struct names *names, const struct config *config, bool *is_new, struct error *error)
{
	const struct resolver_setup setup = {names->loop, config->dns_servers.v,
					     config->dns_servers.n, 0};
	struct text key = {0};

	*is_new = false;
	write_key(config, &key);
	if (names->resolver != NULL && strcmp(key.p, names->key.p) == 0) {
		text_free(&key);
		return 0;
	}
	struct resolver *now = resolver_new(&setup, error);
	if (now == NULL) {
		text_free(&key);
		return -1;
	}
	ask_by(names, now, config);
	resolver_free(names->before);
	names->before = names->resolver;
	names->resolver = now;
	text_free(&names->key);
	names->key = key;
	*is_new = true;
	return 0;
}

static bool is_name(const struct endpoint *endpoint)
{
	return !endpoint->is_unknown && !endpoint->address.is_unix &&
	       !address_host_is_ip(endpoint->address.host);
}

static size_t add_names(const struct topology *topology, char **hosts, size_t n)
{
	for (uint16_t i = 0; topology != NULL && i < topology->n_endpoints; i++)
		if (is_name(&topology->endpoints[i]))
			hosts[n++] = topology->endpoints[i].address.host;
	return n;
}

void names_want(struct names *names, const struct topology *a, const struct topology *b)
{
	size_t most = a->n_endpoints + (b != NULL ? b->n_endpoints : 0U), n;
	char **hosts = alloc_zeroed(most, sizeof(*hosts));

	n = add_names(a, hosts, 0);
	n = add_names(b, hosts, n);
	dns_want(names->dns, hosts, n);
	free(hosts);
}

static void resolve(const struct names *names, struct endpoint *endpoint)
{
	size_t n = 0;
	const struct ip *ips = dns_addresses(names->dns, endpoint->address.host, &n);
	const char **texts = alloc_zeroed(n, sizeof(*texts));

	if (ips == NULL)
		n = 0;
	for (size_t i = 0; i < n; i++)
		texts[i] = ips[i].text;
	endpoint_resolve(endpoint, texts, n);
	free(texts);
}

void names_resolve(const struct names *names, struct topology *topology)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++)
		if (is_name(&topology->endpoints[i]))
			resolve(names, &topology->endpoints[i]);
}

bool names_are_pending(const struct names *names, const struct topology *topology)
{
	for (uint16_t i = 0; i < topology->n_endpoints; i++) {
		const struct endpoint *endpoint = &topology->endpoints[i];

		if (is_name(endpoint) && endpoint->is_unresolved &&
		    dns_trouble(names->dns, endpoint->address.host) == NULL)
			return true;
	}
	return false;
}

void names_refresh(struct names *names, const struct endpoint *endpoint)
{
	if (endpoint == NULL)
		dns_refresh(names->dns, NULL);
	else if (is_name(endpoint))
		dns_refresh(names->dns, endpoint->address.host);
}
