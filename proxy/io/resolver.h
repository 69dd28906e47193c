/*
 * resolver.h - asks DNS for a name's addresses and services, on a loop, without blocking it.
 *
 * Wraps c-ares. Of a name, /etc/hosts is asked first, then the servers; a server whose answer is cut is
 * asked again over TCP. Each server has RESOLVER_TRIES tries, the first of RESOLVER_TRY_MS, the
 * later twice as long: with one server no question is open for longer than 6 seconds, whatever comes.
 * A reply to another question, with another id or from elsewhere is no reply.
 * One thread's. Layer: io. Includes: ip, loop, srv, base/error.
 */
#ifndef IO_RESOLVER_H
#define IO_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "io/ip.h"
#include "io/loop.h"
#include "io/srv.h"

#define RESOLVER_TRY_MS 2000
#define RESOLVER_TRIES	2
#define RESOLVER_MAX	1024 /* addresses or services that are taken of one answer */

enum resolver_status {
	RESOLVER_OK,
	RESOLVER_NO_NAME, /* NXDOMAIN: no record of any type */
	RESOLVER_NO_DATA, /* the name is there, or leads round in a circle, but has none of those records */
	RESOLVER_FAILED /* no answer, one that says that it failed, or garbage: nothing is known */
};

struct resolver_answer {
	enum resolver_status status;
	const char *why; /* for people, where it is not OK; else NULL */
	uint32_t ttl_s;	 /* the least of all records and CNAMEs; 0 from /etc/hosts */
	const struct ip
		*ips; /* in ip_compare's order, each once: a server that rotates changes nothing */
	size_t n_ips;
	bool lacks_v4, lacks_v6; /* of OK: asking for this family failed, the other's are there */
	const struct service *services; /* in srv.h's order */
	size_t n_services;
};

struct resolver;
struct resolver_query;

/* All borrowed during resolver_new() alone, but for the loop. */
struct resolver_setup {
	struct loop *loop;
	char *const
		*servers; /* "10.0.0.2", "10.0.0.2:53" or "[::1]:53" each, tried in this order */
	size_t n_servers; /* 0: those of /etc/resolv.conf */
	uint32_t try_ms;  /* 0: RESOLVER_TRY_MS */
};

/* A resolver, or NULL with `error` saying which server is none. */
NODISCARD struct resolver *resolver_new(const struct resolver_setup *setup, struct error *error);

/*
 * Ask for the addresses of a host (an address is its own answer). fn(arg) runs once, at the end of a
 * turn, never before this returned; the answer is lent until it returns, and the query is gone by
 * then. Search domains of /etc/resolv.conf apply; a dot at the name's end keeps them off.
 */
typedef void resolver_fn(void *arg, const struct resolver_answer *answer);
struct resolver_query *resolver_addresses(struct resolver *resolver, const char *host,
					  resolver_fn *fn, void *arg);

/* Ask for the services of a name, as "_redis._tcp.example.org"; otherwise as above. */
struct resolver_query *resolver_services(struct resolver *resolver, const char *name,
					 resolver_fn *fn, void *arg);

/*
 * The addresses of an OK answer, with those of known[0..n_known) that are of a family which it lacks:
 * what was known stays, as it does when both fail. Sorted, for free(); *n: how many.
 */
NODISCARD struct ip *resolver_merge(const struct resolver_answer *answer, const struct ip *known,
				    size_t n_known, size_t *n);

/* The query's fn will not run. Not after it has run. */
void resolver_cancel(struct resolver_query *query);

/* Cancels what is open. The loop must get another turn, or be run out. NULL is fine. */
void resolver_free(struct resolver *resolver);

#endif
