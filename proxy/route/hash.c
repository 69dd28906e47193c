#include "route/hash.h"

#include <xxhash.h>

#include "route/bits.h"
#include "route/crc.h"
#include "route/murmur3.h"

#define FNV_64_INIT	0xcbf29ce484222325
#define FNV_64_PRIME	0x100000001b3
#define FNV_32_INIT	2166136261
#define FNV_32_PRIME	16777619
#define MURMUR_SEED	0xdeadbeef /* times the length, in both murmur and murmur3 */
#define JENKINS_INITIAL 13

/*
 * The originals add up plain chars, which are signed on the machines that the caches were filled
 * from: a byte above 0x7f counts as a negative number, here on every platform.
 */
static uint32_t signed_byte(const char *p)
{
	return (uint32_t)(int32_t)(int8_t)*p;
}

static uint64_t hash_md5(struct span key, struct digest *digest)
{
	uint8_t md5[DIGEST_MD5_LEN];

	digest_md5(digest, key, md5);
	return load_le32(md5);
}

/*
 * A 32-bit state, whatever the name says. The low half of a product depends on the low halves of
 * its factors alone, so it is also the low half of the true 64-bit hash.
 */
static uint64_t hash_fnv1a_64(struct span key, struct digest *digest)
{
	uint32_t h = (uint32_t)FNV_64_INIT;

	(void)digest;
	for (size_t i = 0; i < key.len; i++)
		h = (h ^ signed_byte(key.p + i)) * (uint32_t)FNV_64_PRIME;
	return h;
}

static uint64_t hash_fnv1_64(struct span key, struct digest *digest)
{
	uint32_t h = (uint32_t)FNV_64_INIT;

	(void)digest;
	for (size_t i = 0; i < key.len; i++)
		h = (h * (uint32_t)FNV_64_PRIME) ^ signed_byte(key.p + i);
	return h;
}

static uint64_t hash_fnv1a_32(struct span key, struct digest *digest)
{
	uint32_t h = FNV_32_INIT;

	(void)digest;
	for (size_t i = 0; i < key.len; i++)
		h = (h ^ signed_byte(key.p + i)) * FNV_32_PRIME;
	return h;
}

static uint64_t hash_fnv1_32(struct span key, struct digest *digest)
{
	uint32_t h = FNV_32_INIT;

	(void)digest;
	for (size_t i = 0; i < key.len; i++)
		h = (h * FNV_32_PRIME) ^ signed_byte(key.p + i);
	return h;
}

static uint64_t hash_one_at_a_time(struct span key, struct digest *digest)
{
	uint32_t h = 0;

	(void)digest;
	for (size_t i = 0; i < key.len; i++) {
		h += signed_byte(key.p + i);
		h += h << 10;
		h ^= h >> 6;
	}
	h += h << 3;
	h ^= h >> 11;
	return h + (h << 15);
}

static uint64_t hash_crc16(struct span key, struct digest *digest)
{
	(void)digest;
	return crc16_unmasked(key);
}

/* The originals keep 15 bits of it, which modula can use and a ring cannot. */
static uint64_t hash_crc32(struct span key, struct digest *digest)
{
	(void)digest;
	return crc32_ieee(key) >> 16 & 0x7fff;
}

static uint64_t hash_crc32a(struct span key, struct digest *digest)
{
	(void)digest;
	return crc32_ieee(key);
}

/* MurmurHash2, with a seed of its own from the length. */
static uint64_t hash_murmur(struct span key, struct digest *digest)
{
	const uint32_t m = 0x5bd1e995;
	uint32_t len = (uint32_t)key.len;
	uint32_t h = (MURMUR_SEED * len) ^ len;

	(void)digest;
	for (; key.len >= 4; key = span_skip(key, 4)) {
		uint32_t k = load_le32(key.p) * m;

		h = (h * m) ^ ((k ^ k >> 24) * m);
	}
	if (key.len > 0)
		h = (h ^ load_le_tail(key.p, (uint32_t)key.len)) * m;
	h = (h ^ h >> 13) * m;
	return h ^ h >> 15;
}

/* The last one to three bytes of Hsieh's hash; the third is again a signed one. */
static uint32_t hsieh_tail(uint32_t h, struct span rest)
{
	switch (rest.len) {
	case 3:
		h += load_le_tail(rest.p, 2);
		h ^= h << 16;
		h ^= signed_byte(rest.p + 2) << 18;
		return h + (h >> 11);
	case 2:
		h += load_le_tail(rest.p, 2);
		h ^= h << 11;
		return h + (h >> 17);
	case 1:
		h += (uint8_t)rest.p[0];
		h ^= h << 10;
		return h + (h >> 1);
	default:
		return h;
	}
}

/* Paul Hsieh's SuperFastHash, begun from zero. */
static uint64_t hash_hsieh(struct span key, struct digest *digest)
{
	uint32_t h = 0;

	(void)digest;
	for (; key.len >= 4; key = span_skip(key, 4)) {
		uint32_t block = load_le32(key.p);

		h += block & 0xffff;
		h = h << 16 ^ (block >> 16 << 11 ^ h);
		h += h >> 11;
	}
	h = hsieh_tail(h, key);
	h ^= h << 3;
	h += h >> 5;
	h ^= h << 4;
	h += h >> 17;
	h ^= h << 25;
	return h + (h >> 6);
}

static void jenkins_mix(uint32_t *a, uint32_t *b, uint32_t *c)
{
	static const uint8_t rotations[] = {4, 6, 8, 16, 19, 4};
	uint32_t *x = a, *y = b, *z = c;

	/* Each round does the same to the three words, one place on. */
	for (size_t i = 0; i < ARRAY_LEN(rotations); i++) {
		*x = (*x - *z) ^ rotate_left32(*z, rotations[i]);
		*z += *y;

		uint32_t *first = x;

		x = y;
		y = z;
		z = first;
	}
}

static uint32_t jenkins_final(uint32_t a, uint32_t b, uint32_t c)
{
	c = (c ^ b) - rotate_left32(b, 14);
	a = (a ^ c) - rotate_left32(c, 11);
	b = (b ^ a) - rotate_left32(a, 25);
	c = (c ^ b) - rotate_left32(b, 16);
	a = (a ^ c) - rotate_left32(c, 4);
	b = (b ^ a) - rotate_left32(a, 14);
	return (c ^ b) - rotate_left32(b, 24);
}

/* Bob Jenkins' lookup3 (hashlittle); an empty key skips the last mixing, as in the original. */
static uint64_t hash_jenkins(struct span key, struct digest *digest)
{
	uint32_t a = 0xdeadbeef + (uint32_t)key.len + JENKINS_INITIAL, b = a, c = a;
	char last[12] = {0};

	(void)digest;
	if (key.len == 0)
		return c;
	for (; key.len > 12; key = span_skip(key, 12)) {
		a += load_le32(key.p);
		b += load_le32(key.p + 4);
		c += load_le32(key.p + 8);
		jenkins_mix(&a, &b, &c);
	}
	memcpy(last, key.p, key.len);
	return jenkins_final(a + load_le32(last), b + load_le32(last + 4), c + load_le32(last + 8));
}

static uint64_t hash_murmur3(struct span key, struct digest *digest)
{
	struct murmur3 state = murmur3_start(MURMUR_SEED * (uint32_t)key.len);

	(void)digest;
	murmur3_add(&state, key);
	return murmur3_end(state);
}

static uint64_t hash_xxh3(struct span key, struct digest *digest)
{
	(void)digest;
	return XXH3_64bits(key.p, key.len);
}

static const struct {
	const char *name;
	uint64_t (*run)(struct span key, struct digest *digest);
} rows[HASH_COUNT] = {
	[HASH_MD5] = {"md5", hash_md5},
	[HASH_FNV1A_64] = {"fnv1a_64", hash_fnv1a_64},
	[HASH_FNV1_64] = {"fnv1_64", hash_fnv1_64},
	[HASH_FNV1A_32] = {"fnv1a_32", hash_fnv1a_32},
	[HASH_FNV1_32] = {"fnv1_32", hash_fnv1_32},
	[HASH_ONE_AT_A_TIME] = {"one_at_a_time", hash_one_at_a_time},
	[HASH_CRC16] = {"crc16", hash_crc16},
	[HASH_CRC32] = {"crc32", hash_crc32},
	[HASH_CRC32A] = {"crc32a", hash_crc32a},
	[HASH_MURMUR] = {"murmur", hash_murmur},
	[HASH_HSIEH] = {"hsieh", hash_hsieh},
	[HASH_JENKINS] = {"jenkins", hash_jenkins},
	[HASH_MURMUR3] = {"murmur3", hash_murmur3},
	[HASH_XXH3] = {"xxh3", hash_xxh3},
};

const char *hash_name(enum hash_kind kind)
{
	return (unsigned)kind < HASH_COUNT ? rows[kind].name : "own";
}

uint64_t hash_key(enum hash_kind kind, struct span key, struct digest *digest)
{
	return rows[kind].run(key, digest);
}
