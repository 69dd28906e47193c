/*
 * bench_formats.h - how scripts/bench_load.c says its requests and checks the replies to them: a
 * row of functions for each format, which know no socket.
 *
 * A value is a slice of one random pattern, its place a function of the key, so every byte of
 * every reply is compared and nothing is remembered. The first wrong byte ends the program.
 */
#ifndef BENCH_FORMATS_H
#define BENCH_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MULTI_MAX     128 /* keys of one request: bits of reply.seen_bits */
#define HEAD_MAX      128 /* bytes of a reply before its value */
#define KEY_LEN	      14  /* "b%06u:%06u": value size and number, so that sizes do not mix */
#define REQUEST_FIXED 64  /* bytes of a request beside its keys and its value, at the most */
#define KEY_ROOM      (KEY_LEN + 24) /* and of a key with what is around it */

/*
 * One request under way: `count` keys from number `first` on in steps of data.stride, round past
 * the last; a count of 0 is a SET.
 */
struct op {
	uint32_t first;
	uint32_t count;
	uint32_t opaque; /* of the first packet, where the format has opaques; then ascending */
};

/* How far the reply to one op has come. */
struct reply {
	uint32_t seen;	    /* values that have come */
	bool in_array;	    /* "*n" has come */
	bool done;	    /* all of it has come */
	bool value_is_last; /* nothing follows the value under way */
	const char *value;  /* what the value must be */
	const char *value_end;
	size_t value_len; /* of both */
	size_t value_left;
	uint64_t seen_bits[MULTI_MAX / 64];
};

/* What all requests of a run share. The heads are the format's own, made once. */
struct data {
	uint32_t keys;
	uint32_t size;	 /* bytes of a value */
	uint32_t multi;	 /* keys of a request */
	uint32_t stride; /* from one of them to the next; multi * stride <= keys */
	const char *pattern;
	char value_head[64]; /* before a value, or in text before its key's number */
	char value_tail[64]; /* in text: behind that number */
	char array_head[16];
	size_t value_head_len;
	size_t value_tail_len;
};

struct format {
	const char *name;
	void (*prepare)(struct data *data); /* make its heads; NULL: it has none */
	/* Write a request at `to`; the end of it. */
	char *(*put_get)(char *to, const struct data *data, const struct op *op);
	char *(*put_set)(char *to, const struct data *data, const struct op *op);
	/* How long the reply's head at p is; 0 when it is not there to its end. */
	size_t (*head_len)(const char *p, size_t len);
	/* A head is there: check it, and start a value or say that the reply is done. */
	void (*on_head)(const struct data *data, const struct op *op, struct reply *reply,
			const char *head, size_t len);
};

/* The format of this name, or NULL. */
const struct format *format_of(const char *name);

/* Make the pattern and the format's heads for the keys, size and multi in `data`. */
void data_prepare(struct data *data, const struct format *format, uint64_t *rng);

uint64_t next_random(uint64_t *state);

/* Check the next bytes of the value under way; how many there were of it. */
size_t take_value(const struct data *data, struct reply *reply, const char *p, size_t len);

_Noreturn void wrong(const char *expected, const char *got, size_t len);
void *take(size_t n, size_t size);

#endif
