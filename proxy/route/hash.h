/*
 * hash.h - key hashes by name, bit for bit those of twemproxy and libmemcached.
 *
 * Bytes above 0x7f hash as signed char on every platform. Pure but for the digest's context.
 * Layer: route. Includes: base/digest, base/span.
 */
#ifndef ROUTE_HASH_H
#define ROUTE_HASH_H

#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/span.h"

enum hash_kind {
	HASH_MD5,
	HASH_FNV1A_64,
	HASH_FNV1_64,
	HASH_FNV1A_32,
	HASH_FNV1_32,
	HASH_ONE_AT_A_TIME,
	HASH_CRC16,
	HASH_CRC32,
	HASH_CRC32A,
	HASH_MURMUR,
	HASH_HSIEH,
	HASH_JENKINS,
	HASH_MURMUR3,
	HASH_XXH3,
	HASH_COUNT,
	HASH_DEFAULT /* what the distribution's row says */
};

/* The name of a kind, as configuration has it; "own" for HASH_COUNT and HASH_DEFAULT. */
const char *hash_name(enum hash_kind kind);

/* The hash of a key: 32 bits in the low half, but for xxh3's 64. */
uint64_t hash_key(enum hash_kind kind, struct span key, struct digest *digest);

#endif
