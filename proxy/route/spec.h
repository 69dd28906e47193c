/*
 * spec.h - pools and their shards as plain data: what configuration says and a snapshot is
 * built from. Strings are owned by the spec. Layer: route. Includes: dist, endpoint.
 */
#ifndef ROUTE_SPEC_H
#define ROUTE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route/dist.h"

enum pool_protocol { PROTOCOL_MEMCACHED, PROTOCOL_REDIS };
enum multiget_errors { MULTIGET_PARTIAL, MULTIGET_FAIL };

struct shard_spec {
	char *name;    /* NULL: its address is its name, and its ring label follows the dialect */
	char *primary; /* HOST:PORT or unix:PATH */
	uint32_t weight;
};

struct string_list {
	char **v;
	size_t n;
};

/* What clients and nodes may do and for how long; every field has a default in the schema. */
struct pool_settings {
	uint32_t connect_ms, request_ms;
	uint32_t idle_ms;     /* 0: never close an idle client */
	uint32_t clients;     /* connections, over all workers */
	uint64_t request;     /* bytes of the largest command or value */
	uint64_t output;      /* bytes of replies a client may leave unread */
	uint32_t in_flight;   /* requests of one client waiting for their replies */
	uint32_t connections; /* to each endpoint from each worker */
	uint32_t retries;
	int multiget_errors; /* enum multiget_errors */
};

struct pool_spec {
	char *name;
	int protocol; /* enum pool_protocol */
	struct string_list listen;
	int distribution;	  /* enum dist_kind */
	int hash;		  /* enum hash_kind; HASH_DEFAULT when not given */
	char *hash_tag;		  /* two characters, or NULL */
	char *key_prefix_ignored; /* or NULL */
	char *node_string;	  /* or NULL */
	struct shard_spec *shards;
	size_t n_shards;
	struct pool_settings settings;
};

#endif
