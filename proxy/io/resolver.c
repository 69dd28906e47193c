#include "io/resolver.h"

#include <ares.h>
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/log.h"
#include "io/dns_channel.h"

#define DNS_CLASS_IN 1
#define DNS_TYPE_SRV 33

/* What one family's question came to. */
struct family {
	struct resolver_query *query;
	int status; /* of c-ares */
};

/*
 * Lives, cancelled or not, until c-ares has answered all of its `waiting` questions, for it cannot be
 * told to forget one, and then until the end of that turn.
 */
struct resolver_query {
	struct deferred deliver;
	struct loop *loop;
	struct resolver *resolver; /* NULL once it is freed */
	resolver_fn *fn;	   /* NULL once this is cancelled */
	void *arg;
	char *name;
	struct family families[2]; /* of IPv4 and IPv6; of services the first */
	int waiting;
	struct resolver_answer answer;
	struct ip *ips; /* collected: all of them, until they are sorted */
	size_t n_ips, cap;
	struct srv_answer services;
	LIST_ENTRY(resolver_query) link;
};

LIST_HEAD(query_list, resolver_query);

struct resolver {
	struct loop *loop;
	struct dns_channel *channel;
	struct query_list queries;
};

/* ------------------------------------------------------------------ answers */

static void query_free(struct resolver_query *query)
{
	if (query->resolver != NULL)
		LIST_REMOVE(query, link);
	srv_answer_fini(&query->services);
	free(query->ips);
	free(query->name);
	free(query);
}

static void deliver(struct deferred *deferred)
{
	struct resolver_query *query = container_of(deferred, struct resolver_query, deliver);

	if (query->fn != NULL)
		query->fn(query->arg, &query->answer);
	query_free(query);
}

static enum resolver_status meaning_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return RESOLVER_OK;
	case ARES_ENOTFOUND:
		return RESOLVER_NO_NAME;
	case ARES_ENODATA:
		return RESOLVER_NO_DATA;
	default:
		return RESOLVER_FAILED;
	}
}

static const char *text_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return NULL;
	case ARES_ENOTFOUND:
		return "no such name";
	case ARES_ENODATA:
		return "the name has no such record";
	case ARES_ETIMEOUT:
		return "no answer in time";
	case ARES_ECONNREFUSED: /* c-ares' word for the sum of what its servers did */
		return "no server can be reached, or none gives an answer";
	case ARES_EBADRESP:
		return "the answer is garbage";
	case ARES_EBADNAME:
	case ARES_EBADQUERY:
		return "it is no name that DNS can be asked for";
	default:
		return ares_strerror(status);
	}
}

/* How many of n found are taken; that some are not is told. */
static size_t at_most(const struct resolver_query *query, size_t n, const char *what)
{
	static struct log_site site;

	if (n <= RESOLVER_MAX)
		return n;
	log_limited(&site, LOG_LEVEL_ERROR, "dns: %s has %zu %s: only the first %d are taken",
		    query->name, n, what, RESOLVER_MAX);
	return RESOLVER_MAX;
}

/* All questions are answered, by `status` in sum; to the caller at the end of the turn. */
static void finish(struct resolver_query *query, int status)
{
	struct resolver_answer *answer = &query->answer;

	answer->status = meaning_of(status);
	answer->why = text_of(status);
	if (answer->status == RESOLVER_OK) {
		answer->n_ips = at_most(query, ip_sort(query->ips, query->n_ips), "addresses");
		answer->ips = query->ips;
		answer->n_services = at_most(query, query->services.n, "services");
		answer->services = query->services.services;
	} else {
		answer->ttl_s = 0;
	}
	loop_defer(query->loop, &query->deliver);
}

static void shorten_ttl(struct resolver_query *query, int ttl)
{
	uint32_t ttl_s = ttl > 0 ? (uint32_t)ttl : 0; /* RFC 2181, 8 */

	if (ttl_s < query->answer.ttl_s)
		query->answer.ttl_s = ttl_s;
}

static void add_ip(struct resolver_query *query, struct ip ip)
{
	if (query->n_ips == query->cap) {
		query->cap = query->cap > 0 ? query->cap * 2 : 4;
		query->ips = alloc_resize(query->ips, query->cap * sizeof(query->ips[0]));
	}
	query->ips[query->n_ips++] = ip;
}

static void collect(struct resolver_query *query, const struct ares_addrinfo *info)
{
	for (const struct ares_addrinfo_cname *c = info->cnames; c != NULL; c = c->next)
		shorten_ttl(query, c->ttl);
	for (const struct ares_addrinfo_node *n = info->nodes; n != NULL; n = n->ai_next) {
		const void *addr = n->ai_addr;
		bool is_v6 = n->ai_family == AF_INET6;

		shorten_ttl(query, n->ai_ttl);
		add_ip(query, is_v6 ? ip_of(&((const struct sockaddr_in6 *)addr)->sin6_addr, true)
				    : ip_of(&((const struct sockaddr_in *)addr)->sin_addr, false));
	}
}

/*
 * What two families come to: what one has counts; where neither has anything, a failure is more
 * than "nothing there", and a name that is there is more than one that is not.
 */
static int sum_of(struct resolver_query *query)
{
	int v4 = query->families[0].status, v6 = query->families[1].status;

	if (v4 == ARES_SUCCESS || v6 == ARES_SUCCESS) {
		query->answer.lacks_v4 = meaning_of(v4) == RESOLVER_FAILED;
		query->answer.lacks_v6 = meaning_of(v6) == RESOLVER_FAILED;
		return ARES_SUCCESS;
	}
	if (meaning_of(v4) == RESOLVER_FAILED)
		return v4;
	if (meaning_of(v6) == RESOLVER_FAILED)
		return v6;
	return v4 == ARES_ENODATA ? v4 : v6;
}

static void on_family(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct family *family = arg;
	struct resolver_query *query = family->query;

	(void)timeouts;
	if (status == ARES_SUCCESS && info->nodes == NULL)
		status = ARES_ENODATA;
	family->status = status;
	if (status == ARES_SUCCESS)
		collect(query, info);
	ares_freeaddrinfo(info);
	if (--query->waiting == 0)
		finish(query, sum_of(query));
}

static void on_services(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
	struct resolver_query *query = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS && srv_parse(bytes, (size_t)len, &query->services) != 0)
		status = ARES_EBADRESP;
	else if (status == ARES_SUCCESS && query->services.n == 0)
		status = ARES_ENODATA;
	query->answer.ttl_s = query->services.ttl_s;
	query->waiting = 0;
	finish(query, status);
}

/* ------------------------------------------------------------------ questions */

static struct resolver_query *query_new(struct resolver *resolver, const char *name,
					resolver_fn *fn, void *arg)
{
	struct resolver_query *query = alloc_zeroed(1, sizeof(*query));

	query->deliver.run = deliver;
	query->loop = resolver->loop;
	query->resolver = resolver;
	query->fn = fn;
	query->arg = arg;
	query->name = alloc_string(name);
	query->families[0].query = query->families[1].query = query;
	query->answer.ttl_s = INT32_MAX; /* the longest that DNS has */
	LIST_INSERT_HEAD(&resolver->queries, query, link);
	return query;
}

/* The order is our own; c-ares' takes a socket for each address. */
static struct ares_addrinfo_hints hints_for(int family)
{
	return (struct ares_addrinfo_hints){.ai_flags = ARES_AI_NOSORT,
					    .ai_family = family,
					    .ai_socktype = SOCK_STREAM};
}

/* Has /etc/hosts the name? It is asked for both families at once: one of them is the whole answer. */
static void on_files(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct resolver_query *query = arg;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		collect(query, info);
	ares_freeaddrinfo(info);
}

/* Each family by a question of its own: a failure of one must not look as if it had no addresses. */
static void ask_servers(struct resolver_query *query)
{
	struct resolver *resolver = query->resolver;
	struct ares_addrinfo_hints v4 = hints_for(AF_INET), v6 = hints_for(AF_INET6);

	query->waiting = 2;
	ares_getaddrinfo(dns_channel_servers(resolver->channel), query->name, NULL, &v4, on_family,
			 &query->families[0]);
	ares_getaddrinfo(dns_channel_servers(resolver->channel), query->name, NULL, &v6, on_family,
			 &query->families[1]);
	dns_channel_set_timer(resolver->channel);
}

struct resolver_query *resolver_addresses(struct resolver *resolver, const char *host,
					  resolver_fn *fn, void *arg)
{
	struct resolver_query *query = query_new(resolver, host, fn, arg);
	struct ares_addrinfo_hints any = hints_for(AF_UNSPEC);
	struct ip ip;

	if (ip_parse(host, &ip))
		add_ip(query, ip);
	else
		ares_getaddrinfo(dns_channel_files(resolver->channel), host, NULL, &any, on_files,
				 query);
	if (query->n_ips > 0)
		finish(query, ARES_SUCCESS);
	else
		ask_servers(query);
	return query;
}

struct resolver_query *resolver_services(struct resolver *resolver, const char *name,
					 resolver_fn *fn, void *arg)
{
	struct resolver_query *query = query_new(resolver, name, fn, arg);

	query->waiting = 1;
	ares_search(dns_channel_servers(resolver->channel), name, DNS_CLASS_IN, DNS_TYPE_SRV,
		    on_services, query);
	dns_channel_set_timer(resolver->channel);
	return query;
}

struct ip *resolver_merge(const struct resolver_answer *answer, const struct ip *known,
			  size_t n_known, size_t *n)
{
	struct ip *ips = alloc_zeroed(answer->n_ips + n_known, sizeof(ips[0]));

	*n = answer->n_ips;
	memcpy(ips, answer->ips, *n * sizeof(ips[0]));
	for (size_t i = 0; i < n_known; i++)
		if (known[i].is_v6 ? answer->lacks_v6 : answer->lacks_v4)
			ips[(*n)++] = known[i];
	*n = ip_sort(ips, *n);
	return ips;
}

void resolver_cancel(struct resolver_query *query)
{
	query->fn = NULL;
}

/* ------------------------------------------------------------------ life */

struct resolver *resolver_new(const struct resolver_setup *setup, struct error *error)
{
	struct dns_channel *channel = dns_channel_new(setup, error);

	if (channel == NULL)
		return NULL;
	struct resolver *resolver = alloc_zeroed(1, sizeof(*resolver));
	resolver->loop = setup->loop;
	resolver->channel = channel;
	LIST_INIT(&resolver->queries);
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	struct resolver_query *query;

	if (resolver == NULL)
		return;
	/* c-ares calls back for each question that is open; the callers want to hear no more. */
	while ((query = LIST_FIRST(&resolver->queries)) != NULL) {
		LIST_REMOVE(query, link);
		query->resolver = NULL;
		query->fn = NULL;
	}
	dns_channel_free(resolver->channel);
	free(resolver);
}
