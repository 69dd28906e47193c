/*
 * ttl_care.h - expiry times of commands are changed on their way to a node: ttl_jitter, max_ttl,
 * default_ttl; and those of keys that are elsewhere while their own node is down.
 *
 * memcached: set, add, replace, cas, touch, gat, gats, incr and decr of the binary protocol, T and N of
 * the meta commands. Redis: SET, SETEX, PSETEX, GETEX, EXPIRE,
 * PEXPIRE, EXPIREAT, PEXPIREAT, in a transaction too. What removes an expiry time on purpose
 * (PERSIST, KEEPTTL) or has no place for one (GETSET, MSET, append) goes as it came, and so does what
 * a node will refuse. One worker's. Layer: plan. Includes: plan,
 * proto/mc_binary.
 */
#ifndef PLAN_TTL_CARE_H
#define PLAN_TTL_CARE_H

#include "plan/plan.h"
#include "proto/mc_binary.h"

#define TTL_CHANGES_MAX 2  /* of a command: T and N */
#define TTL_CHANGE_MAX	48 /* bytes: "$4\r\nPX\r\n$20\r\n...\r\n" */

/* Bytes of a command that go, and what comes in their place. */
struct ttl_change {
	uint32_t at, len; /* from the command's first byte */
	uint32_t n_text;
	uint32_t n_words; /* RESP: by which the command grows */
	char text[TTL_CHANGE_MAX];
};

/*
 * As plan_take_bytes(), of a pool with has_ttl_rules: the command's own bytes, with the expiry time
 * that its keys' rules make of it. False, with nothing done, where it goes as it came.
 */
NODISCARD bool ttl_care_take(struct request *request, const struct command_bytes *command);

/*
 * memcached: the same for one part of a command that is split, with keys order[0..n) of those from
 * argument `first`: what changes in the words before the keys. Keys with rules of their own go by
 * the strictest. False where nothing does.
 */
NODISCARD bool ttl_care_part(struct request *request, const struct command_bytes *command,
			     uint32_t first, const uint32_t *order, uint32_t n,
			     struct ttl_change *out);

/*
 * memcached binary: the same as ttl_care_take(), with the header that is to be sent instead of its
 * own.
 */
NODISCARD bool ttl_care_take_binary(struct request *request, const struct command_bytes *command,
				    const char header[MCB_HEADER]);

#endif
