/*
 * endpoint.h - an address that a shard is served at.
 * Layer: route. Includes: base/error.
 */
#ifndef ROUTE_ENDPOINT_H
#define ROUTE_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

#define ADDRESS_HOST_MAX 255 /* bytes: a DNS name, an IP or the path of a unix socket */

/* HOST:PORT, [IPV6]:PORT or unix:PATH, taken apart. */
struct address {
	char host[ADDRESS_HOST_MAX + 1]; /* without brackets; or the socket's path */
	uint16_t port;			 /* 0 for a unix socket */
	bool is_unix;
};

/*
 * Take `text` apart. default_port 0 demands a port. 0, or -1 with `error` saying what is wrong
 * and what is expected.
 */
NODISCARD int address_parse(const char *text, uint16_t default_port, struct address *out,
			    struct error *error);

/* The canonical text: host:port, [v6]:port or unix:path; out holds ADDRESS_TEXT_MAX bytes. */
#define ADDRESS_TEXT_MAX (ADDRESS_HOST_MAX + 16)
void address_format(const struct address *address, char *out);

/* Is it an IPv4 or IPv6 address, and so no name? */
bool address_host_is_ip(const char *host);

#define ENDPOINT_IP_MAX 46 /* bytes of an address as text, with its NUL */

struct pool;
struct shard;

struct endpoint {
	uint16_t id; /* the same in every topology that has it: index into each worker's connsets */
	const struct pool *pool;
	const struct shard *shard;
	bool is_replica;
	bool is_near;	/* a replica in the zone of the proxy */
	bool is_gutter; /* a spare node, of none of the pool's shards */
	bool is_barred; /* it is not to be used, because it may have old values: see gutter.h */
	struct address address;
	char text[ADDRESS_TEXT_MAX]; /* address_format's */
	/* Of a host that is a name: what it stands for, tried in this order; none: the host is
	 * connected to as it is written. */
	char (*ips)[ENDPOINT_IP_MAX];
	uint16_t n_ips;
	bool is_unresolved; /* it is a name that stands for nothing yet: there is no connecting */
	bool is_unknown;    /* nor is it a node: it only says who should name one */
};

/* What to connect to at the attempt'th time. */
static inline const char *endpoint_host(const struct endpoint *endpoint, uint32_t attempt)
{
	return endpoint->n_ips > 0 ? endpoint->ips[attempt % endpoint->n_ips]
				   : endpoint->address.host;
}

/* What it is, as metrics and status say it: "primary", "replica" or "gutter". */
static inline const char *endpoint_role(const struct endpoint *endpoint)
{
	if (endpoint->is_gutter)
		return "gutter";
	return endpoint->is_replica ? "replica" : "primary";
}

#endif
