/*
 * dns_channel.h - c-ares on a loop: its sockets watched, its deadlines kept; for resolver.c alone.
 * Layer: io. Includes: loop, base/error.
 */
#ifndef IO_DNS_CHANNEL_H
#define IO_DNS_CHANNEL_H

#include "base/attr.h"
#include "base/error.h"
#include "io/resolver.h"

struct ares_channeldata; /* c-ares' */
struct dns_channel;

/*
 * Two instances of c-ares: one that asks servers, and one that knows of /etc/hosts alone and answers
 * at once. NULL with `error` where a server is none.
 */
NODISCARD struct dns_channel *dns_channel_new(const struct resolver_setup *setup,
					      struct error *error);

struct ares_channeldata *dns_channel_servers(const struct dns_channel *channel);
struct ares_channeldata *dns_channel_files(const struct dns_channel *channel);

/* After each question to the servers: when c-ares must be called next. */
void dns_channel_set_timer(struct dns_channel *channel);

/* Every open question's callback runs, with ARES_EDESTRUCTION. NULL is fine. */
void dns_channel_free(struct dns_channel *channel);

#endif
