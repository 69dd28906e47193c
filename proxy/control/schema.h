/*
 * schema.h - the one table of settings: key, type, range, default, help.
 *
 * The parser, `slipring check`, conf/slipring.yaml and the manual all read it: a new setting is a
 * row here and a field in the struct that it is written to. Layer: control. Includes: base/error,
 * base/text.
 */
#ifndef CONTROL_SCHEMA_H
#define CONTROL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/text.h"

#define SECRET_MAX 4096 /* bytes of a password */

/* Which struct a setting is written to. */
enum setting_scope {
	SCOPE_FILE,    /* struct config: the file's top */
	SCOPE_POOL,    /* struct pool_spec: below pools.NAME */
	SCOPE_SHARD,   /* struct shard_spec: an item of a pool's shards */
	SCOPE_REPLICA, /* struct replica_spec: an item of a shard's replicas */
	SCOPE_USER,    /* struct user_spec: an item of a pool's users */
	SCOPE_PREFIX,  /* struct prefix_spec: an item of a pool's prefixes */
	SCOPE_COMMAND, /* struct command_spec: an item of a pool's commands */
	SCOPE_COUNT
};

/* What its text may be, and the type of its field. */
enum setting_type {
	SETTING_NUMBER,	   /* uint32_t */
	SETTING_SIZE,	   /* uint64_t, bytes */
	SETTING_DURATION,  /* uint32_t, ms */
	SETTING_SECONDS,   /* uint32_t, s: a duration of whole seconds */
	SETTING_PERCENT,   /* uint32_t, parts of 10,000 */
	SETTING_WORD,	   /* int, the index of the word */
	SETTING_TEXT,	   /* char *, owned; no control characters */
	SETTING_TAG,	   /* char *, owned; two ASCII characters */
	SETTING_ADDRESS,   /* char *, owned; HOST:PORT or unix:PATH */
	SETTING_HOST,	   /* char *, owned; HOST:PORT */
	SETTING_ADDRESSES, /* struct string_list, owned: one address or a list */
	SETTING_HOSTS,	   /* struct string_list, owned: one HOST:PORT or a list; `zero`: none */
	SETTING_SERVERS,   /* struct string_list, owned: one IP or IP:PORT of DNS, or a list */
	SETTING_TEXTS,	   /* struct string_list, owned: one text or a list */
	SETTING_KEYS,	   /* int[3]: first, last and step of a command's keys */
	SETTING_LIST,	   /* a pointer to structs, owned: a list of maps */
	SETTING_POOLS	   /* the map of pools */
};

/* Of a SETTING_LIST: what its items are. */
struct setting_items {
	enum setting_scope scope; /* of the keys of an item */
	size_t size;		  /* of an item's struct */
	size_t count_offset;	  /* of the size_t beside the pointer */
	const char *plain;	  /* the key that an item which is no map stands for; or NULL */
	const char *form;	  /* what an item looks like, for people */
};

struct setting {
	enum setting_scope scope;
	const char *path; /* below its scope: "timeouts.connect" */
	enum setting_type type;
	size_t offset;	   /* of the field in the scope's struct */
	uint64_t min, max; /* in the field's unit; of texts in bytes; of a list in items */
	const char *(*word)(size_t i); /* of a SETTING_WORD: its words, then NULL */
	int unset;	  /* of a word or number without a default: what stands for none */
	const char *zero; /* the word for 0: "auto", "off"; or NULL */
	struct setting_items items; /* of a SETTING_LIST */
	bool is_required;
	const char *unless;   /* the section that may stand in a required one's place; or NULL */
	bool is_secret;	      /* no message may repeat its value */
	bool is_redis;	      /* means something to the protocol redis alone */
	bool is_memcached;    /* likewise */
	const char *standard; /* the default, as text; NULL: none */
	const char *example;  /* for one without a default */
	const char *help;     /* what it does, as sentences */
};

/* All rows: by scope, sections together. */
const struct setting *schema_settings(size_t *n);

/* The row of a path below a scope, or NULL. */
const struct setting *schema_find(enum setting_scope scope, const char *path);

/* Is there a row below this path: "timeouts" in SCOPE_POOL? */
bool schema_is_section(enum setting_scope scope, const char *path);

/* Append the keys that may stand below `prefix` ("" or "timeouts."), with commas between. */
void schema_children(enum setting_scope scope, const char *prefix, struct text *out);

/* Append the key below `prefix` that a misspelt one must mean, or the whole path of one that
 * stands elsewhere in the scope. False if there is none. */
bool schema_suggest(enum setting_scope scope, const char *prefix, const char *key,
		    struct text *out);

/* Where a scope's paths begin, for people: "", "pools.NAME.", "pools.NAME.shards[].". */
const char *schema_prefix(enum setting_scope scope);

/* Write the defaults of a scope to its zeroed struct. */
void schema_defaults(enum setting_scope scope, void *base);

/*
 * Read `text` as the row's type to its field in *base; of SETTING_ADDRESSES, _HOSTS, _SERVERS and _TEXTS it
 * is one more item; of SETTING_KEYS all three numbers with blanks or commas between. 0, or -1 with "what is wrong; what is expected" in `error` and the field untouched.
 */
NODISCARD int schema_parse(const struct setting *setting, const char *text, void *base,
			   struct error *error);

/* Append what the row's text may be: "a duration from 1ms to 1h, as 250ms". */
void schema_expects(const struct setting *setting, struct text *out);

/* Make room for n zeroed items of a SETTING_LIST in *base, and count them. Returns the first. */
void *schema_items(const struct setting *setting, size_t n, void *base);

/* Free what the rows of a scope own in *base, the items of lists with all of theirs. */
void schema_release(enum setting_scope scope, void *base);

#endif
