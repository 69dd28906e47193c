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

/* Which struct a setting is written to. */
enum setting_scope {
	SCOPE_FILE,  /* struct config: the file's top */
	SCOPE_POOL,  /* struct pool_spec: below pools.NAME */
	SCOPE_SHARD, /* struct shard_spec: an item of a pool's shards */
	SCOPE_COUNT
};

/* What its text may be, and the type of its field. */
enum setting_type {
	SETTING_NUMBER,	   /* uint32_t */
	SETTING_SIZE,	   /* uint64_t, bytes */
	SETTING_DURATION,  /* uint32_t, ms */
	SETTING_WORD,	   /* int, the index of the word */
	SETTING_TEXT,	   /* char *, owned; no control characters */
	SETTING_TAG,	   /* char *, owned; two ASCII characters */
	SETTING_ADDRESS,   /* char *, owned; HOST:PORT or unix:PATH */
	SETTING_ADDRESSES, /* struct string_list, owned: one address or a list */
	SETTING_SHARDS,	   /* the list of shards of a pool */
	SETTING_POOLS	   /* the map of pools */
};

struct setting {
	enum setting_scope scope;
	const char *path; /* below its scope: "timeouts.connect" */
	enum setting_type type;
	size_t offset;		       /* of the field in the scope's struct */
	uint64_t min, max;	       /* in the field's unit; of a text its length in bytes */
	const char *(*word)(size_t i); /* of a SETTING_WORD: its words, then NULL */
	int unset;		       /* of a SETTING_WORD without a default */
	const char *zero;	       /* the word for 0: "auto", "off"; or NULL */
	bool is_required;
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
 * Read `text` as the row's type to its field in *base; of a SETTING_ADDRESSES it is one more
 * item. 0, or -1 with "what is wrong; what is expected" in `error` and the field untouched.
 */
NODISCARD int schema_parse(const struct setting *setting, const char *text, void *base,
			   struct error *error);

/* Append what the row's text may be: "a duration from 1ms to 1h, as 250ms". */
void schema_expects(const struct setting *setting, struct text *out);

/* Free what the rows of a scope own in *base. */
void schema_release(enum setting_scope scope, void *base);

#endif
