/*
 * parsed.h - what each request parser returns: facts about one command in place.
 *
 * Offsets, never pointers: all `at` count from the command's first byte, so the bytes may move
 * between calls. Layer: proto. Includes: command, base/span.
 */
#ifndef PROTO_PARSED_H
#define PROTO_PARSED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "proto/command.h"

enum parse_result {
	PARSE_DONE, /* one whole command, `len` bytes long */
	PARSE_MORE, /* incomplete: call again with the same bytes and more behind them */
	PARSE_BAD   /* not the protocol: send `error`, then close */
};

struct arg {
	uint32_t at, len;
};

/* A worker's scratch for the arguments of the command being parsed; grows, never shrinks. */
struct arg_list {
	struct arg *v;
	uint32_t n, cap;
};

/* Room for more; false with no memory. */
NODISCARD bool arg_list_grow(struct arg_list *list);

/* Append one; false with no memory. */
NODISCARD static inline bool arg_list_push(struct arg_list *list, uint32_t at, uint32_t len)
{
	if (unlikely(list->n == list->cap) && !arg_list_grow(list))
		return false;
	list->v[list->n++] = (struct arg){at, len};
	return true;
}

void arg_list_fini(struct arg_list *list);

/* What a connection keeps while its command is incomplete; zero at a command's start. */
struct parse_state {
	uint32_t scanned; /* bytes framed so far: whole arguments only */
	uint32_t owed;	  /* arguments not yet seen */
};

/* Limits that a pool sets. */
struct parse_limits {
	bool is_stranger; /* who has not said who it is may not send much */
	uint32_t request; /* bytes of the largest command (RESP) or value (memcached) */
};

struct parsed {
	const struct command *command; /* NULL: unknown name (RESP: args[0] has it) */
	struct arg_list *args;	       /* borrowed. RESP: all arguments, args[0] the name.
	                                  memcached: the words of the line, likewise */
	uint32_t len;		       /* bytes of the whole command, body included */
	uint32_t need; /* PARSE_MORE: bytes it will have at least, or 0 if unknown */
	uint32_t key_first, key_count; /* memcached: keys are args[key_first..+key_count) */
	uint32_t line_len;	       /* memcached: the command line, its line end included */
	uint64_t swallow;	       /* bytes after `len` that belong to it and must be dropped */
	uint32_t line_at, line_end;    /* memcached: what of the line is to be sent, see line_cut */
	bool line_cut;		       /* memcached: send only bytes line_at..line_end and a line
	                                  end: the rest is noreply, blanks, or follows a NUL */
	bool is_binary;		       /* memcached: see mc_binary.h */
	bool noreply;		       /* memcached: the reply is to be dropped, error too */
	bool barrier;		       /* meta: q: whether a reply comes only the node knows */
	bool key_encoded;    /* meta: b: the key is routed by what its base64 stands for */
	bool writes;	     /* meta: a flag changes the item, though the row says it reads */
	bool drops_key;	     /* memcached, with `error`: a set that is refused. What the
	                                  key has must go, lest it be read as what was set */
	bool inlined;	     /* RESP: an inline command: it must be rewritten to be sent */
	const char *error;   /* a reply line without its line end, or NULL. With PARSE_DONE
	                                  the command is answered with it and the connection stays */
	char error_text[48]; /* private: an error with a byte of the input in it, for `error` */
};

/* The bytes of argument i of a command that begins at `start`. */
static inline struct span parsed_arg(const struct parsed *p, const char *start, uint32_t i)
{
	return (struct span){start + p->args->v[i].at, p->args->v[i].len};
}

#endif
