/*
 * command.h - the command tables: what each command of a protocol is, as data.
 *
 * A command is one row of mc_commands.def or resp_commands.def; behaviour follows from the row
 * (keys, flags, split, merge), never from a list elsewhere.
 * Layer: proto. Includes: base/attr, base/span.
 */
#ifndef PROTO_COMMAND_H
#define PROTO_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"

/* How a request is spread over shards. */
enum split {
	SPLIT_NONE,    /* all keys on one shard, or it is refused */
	SPLIT_KEYS,    /* each key is a part: MGET, DEL, memcached get */
	SPLIT_PAIRS,   /* each key with the argument after it is a part: MSET */
	SPLIT_ALL,     /* the same bytes to every shard: flush_all */
	SPLIT_ANY,     /* the same bytes to some one shard: what all would answer alike */
	SPLIT_SCAN,    /* to one shard after the other, the cursor says which */
	SPLIT_SESSION, /* changes its connection's transaction: MULTI, EXEC, WATCH */
	SPLIT_PUBSUB,  /* changes its connection's subscriptions */
	SPLIT_LOCAL,   /* answered by the proxy itself */
	SPLIT_REFUSE   /* known, and not supported: refused by name, with the row's `why` */
};

/* How the parts' replies become one. */
enum merge {
	MERGE_NONE,   /* one part only */
	MERGE_ARRAY,  /* elements in key order */
	MERGE_SUM,    /* integers added */
	MERGE_ALL_OK, /* the first part's reply unless another is an error: then that error */
	MERGE_VALUES, /* memcached VALUE blocks, one END */
	MERGE_STATS,  /* memcached STAT lines, summed or listed node by node */
	MERGE_CONCAT, /* all elements of the parts' arrays: KEYS */
	MERGE_UNION,  /* the same, each element once: PUBSUB CHANNELS */
	MERGE_MIN,    /* the least integer: LASTSAVE */
	MERGE_AND,    /* integers of an array, place by place, 1 where all are: SCRIPT EXISTS */
	MERGE_ANY_OK, /* the first reply that is no error, else the first error: SCRIPT KILL */
	MERGE_RANDOM, /* one of those that are not nil, at random: RANDOMKEY */
	MERGE_PAIRS,  /* names and integers in turn, added up by place: PUBSUB NUMSUB */
	MERGE_INFO    /* INFO's sections, summed or listed shard by shard */
};

enum command_flag {
	CMD_READ = 1 << 0,	  /* only reads: may be sent again */
	CMD_WRITE = 1 << 1,	  /* may change data: never sent twice */
	CMD_BLOCKING = 1 << 2,	  /* may wait at the server */
	CMD_SUBSCRIBE = 1 << 3,	  /* pub/sub state */
	CMD_BODY = 1 << 4,	  /* memcached: a data block follows the line */
	CMD_NOREPLY = 1 << 5,	  /* memcached: takes a trailing noreply */
	CMD_MOVABLE = 1 << 6,	  /* RESP: key positions depend on the arguments */
	CMD_CONTAINER = 1 << 7,	  /* RESP: the rows of its subcommands follow its own */
	CMD_PRIMARY = 1 << 8,	  /* reads, but what a replica says is of no use: SCAN's cursors */
	CMD_SCRIPT = 1 << 9,	  /* RESP: runs a script that a node may not know: EVAL, EVALSHA */
	CMD_NO_AUTH = 1 << 10,	  /* RESP: may be sent before the client has said who it is */
	CMD_ALONE = 1 << 11,	  /* RESP: waits until all before it are answered: it changes what
				   connections the client's calls take */
	CMD_QUEUES = 1 << 12,	  /* RESP: the proxy's to answer, but a node's in a transaction */
	CMD_SUBSCRIBED = 1 << 13, /* RESP: may be sent by a RESP2 client that is subscribed */
	CMD_ENDS = 1 << 14,	  /* RESP: ends a transaction by ending what it is part of */
	CMD_PATTERNS = 1 << 15,	  /* RESP: BY and GET make names of further keys: SORT */
	CMD_META = 1 << 16,	  /* memcached: a meta command: flags behind the key */
	CMD_HITS = 1 << 17	  /* memcached: its reply says how many items were there */
};

/* Where keys are among the arguments; argument 0 is the command's name. */
enum keys_kind {
	KEYS_KIND_RANGE,   /* from `first` to `last` by `step`; last < 0 counts from the end */
	KEYS_KIND_NUMKEYS, /* argument `first` holds the count; keys start at `first` + 1 */
	KEYS_KIND_STREAMS, /* XREAD: the first half of what follows the word STREAMS */
	KEYS_KIND_STORE	   /* what follows the word STORE or STOREDIST, from `first` on */
};

struct keys_spec {
	uint8_t kind;
	int8_t first, last, step;
};

#define COMMAND_SPECS_MAX 3

struct command {
	const char *name;     /* lower case; a subcommand's is "config|get" */
	uint16_t id;	      /* index in its protocol's table, and so into the statistics */
	int16_t arity;	      /* as Redis: counts the name; negative is a minimum */
	uint32_t flags;	      /* enum command_flag */
	uint8_t split, merge; /* enum split, enum merge */
	uint8_t n_specs;      /* 0: it has no keys */
	struct keys_spec specs[COMMAND_SPECS_MAX];
	const char *wire_flags; /* RESP: as COMMAND prints them, space-separated; else "" */
	uint32_t categories;	/* RESP: a bit a row of resp_categories.def */
	const char *why;	/* SPLIT_REFUSE: the reason, as words of a sentence; else NULL */
};

/*
 * The row of the command named `name` (RESP: in any case; memcached: as it is), or NULL. Cost:
 * one hash, one comparison; reads no memory but the table. Subcommands are not found here.
 */
const struct command *resp_command_find(struct span name);
const struct command *mc_command_find(struct span name);

/*
 * The row of subcommand `sub` (any case) of a CMD_CONTAINER row, e.g. "memory|usage", or NULL if
 * it has none of that name. A command without CMD_CONTAINER goes by its own row. Cost: a
 * comparison a subcommand.
 */
const struct command *resp_command_resolve(const struct command *container, struct span sub);

/* The name of a bit of `categories`, as "admin"; NULL past the last. */
const char *resp_category_name(uint32_t bit);

/* The whole table, in id order. */
const struct command *resp_command_table(size_t *n);
const struct command *mc_command_table(size_t *n);

#endif
