/*
 * spec.h - pools and their shards as plain data: what configuration says and a snapshot is
 * built from. Strings are owned by the spec. Layer: route. Includes: dist, failover, shard_spec, ttl.
 */
#ifndef ROUTE_SPEC_H
#define ROUTE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route/dist.h"
#include "route/failover.h"
#include "route/shard_spec.h"
#include "route/ttl.h"

enum pool_protocol { PROTOCOL_MEMCACHED, PROTOCOL_REDIS };
enum multiget_errors { MULTIGET_PARTIAL, MULTIGET_FAIL };

/* What an operator has wait. */
enum pause { PAUSE_NONE, PAUSE_WRITES, PAUSE_ALL };

enum node_protocol { NODE_PROTOCOL_TEXT, NODE_PROTOCOL_BINARY };

/* Where a read may go. */
enum reads { READS_PRIMARY, READS_PREFER_REPLICA, READS_REPLICA, READS_UNSET };

/* Which of the replicas that will do is read. */
enum replica_choice { CHOICE_LATENCY, CHOICE_TURN };

/* Whose later reads see a client's write (read_your_writes). */
enum identity { IDENTITY_CONNECTION, IDENTITY_ADDRESS, IDENTITY_USER };

struct string_list {
	char **v;
	size_t n;
};

/* A password: as it stands, in a variable of the environment, or in a file. */
struct secret_spec {
	char *text; /* once the settings are read: the password, wherever it came from; NULL: none */
	char *env, *file;
};

/* A client that says who it is. */
struct user_spec {
	char *name;
	struct secret_spec password; /* none: any password will do */
	struct string_list commands; /* "+read", "-flushall": in order, from nothing; none: all */
	struct string_list prefixes; /* of the keys it may name; none: all */
	uint64_t *allowed;	     /* made of `commands`: a bit a command id; NULL: all */
	size_t allowed_words;
};

/* What holds for the keys that begin with `match`. */
struct prefix_spec {
	char *match;
	int reads; /* enum reads; READS_UNSET: the pool's */
	struct string_list refuse;
	uint64_t *refused; /* made of `refuse`: a bit a command id; NULL: none */
	size_t refused_words;
	struct ttl_rule ttl; /* TTL_UNSET: the pool's */
	int coalesce;	     /* bool; -1: the pool's */
};

#define COMMANDS_OWN_MAX 1000 /* of a pool */

/* A command that the table has not: a module's. */
struct command_spec {
	char *name;
	int first, last, step; /* where its keys are, as in COMMAND's reply; first 0: none */
	int writes;	       /* bool */
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
	int multiget_errors;		   /* enum multiget_errors */
	struct failover_settings failover; /* of memcached alone */
	int node_protocol;		   /* enum node_protocol */
	uint32_t leases;    /* connections to each endpoint that clients of one worker may hold for
			    transactions and blocking commands */
	int reads;	    /* enum reads */
	int replica_choice; /* enum replica_choice */
	uint64_t max_lag_bytes;	      /* of replication, that a replica may be behind; 0: any */
	uint32_t read_your_writes_ms; /* 0: off */
	int identity;		      /* enum identity */
	uint32_t health_every_ms, health_timeout_ms;
	uint32_t hold_ms; /* that what needs a primary waits where there is none; 0: not at all */
	uint32_t hold_requests;		   /* that wait so at most, over all workers */
	uint32_t health_fall, health_rise; /* probes in a row until down, and until up again */
	struct ttl_rule ttl;
	int coalesce; /* bool */
};

/* Where shards are found that are not listed: one of dns, srv, elasticache, sentinel, cluster. */
struct discover_spec {
	char *dns;				       /* NAME:PORT, each address a shard */
	char *srv;				       /* NAME of SRV records */
	char *elasticache;			       /* HOST:PORT of a configuration endpoint */
	struct string_list sentinel, masters, cluster; /* HOST:PORT, names, HOST:PORT */
	uint32_t every_ms;			       /* 0: as suits the source */
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
	size_t n_shards; /* 0 where discovery finds them */
	struct discover_spec discover;
	struct string_list gutter;	     /* spare nodes of memcached */
	struct string_list cluster_config;   /* HOST:PORT told to clients; none: the nodes */
	char *zone;			     /* of this proxy, or NULL */
	struct user_spec credentials;	     /* towards the nodes: name and password alone */
	struct secret_spec clients_password; /* asked of clients: the user "default" */
	struct user_spec *users;
	size_t n_users;
	struct prefix_spec *prefixes;
	size_t n_prefixes;
	struct command_spec *commands;
	size_t n_commands;
	struct pool_settings settings;
	enum pause pause; /* no setting: an operator asks for it */
};

#endif
