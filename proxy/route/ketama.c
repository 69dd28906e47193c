#include "route/ketama.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "route/bits.h"

#define WORDS_PER_MD5 4 /* one 16-byte digest gives four 32-bit points */

/* A node's weight among the others', as the counting rules see it. */
struct share {
	uint32_t weight;
	uint64_t total;
	size_t n;
};

struct point {
	uint32_t hash;
	uint16_t node;
};

struct dialect {
	uint32_t (*count)(struct share share); /* labels to hash for one node */
	void (*place)(struct span label, enum hash_kind hash, struct digest *digest, uint32_t *out);
	unsigned points; /* of each label */
	char separator;	 /* between the node's label and the count */
	bool last_wins;	 /* of colliding points; else the node that is listed first */
	bool previous;	 /* a key belongs to the last point at or before it; else the next */
};

/*
 * In float, with the constants and in the order of libmemcached and twemproxy: 25 equal nodes get
 * 39 labels, not 40, and a double would move keys.
 */
static uint32_t count_libmemcached(struct share share)
{
	float part = (float)share.weight / (float)share.total;

	return (uint32_t)(float)(part * 160 / WORDS_PER_MD5 * (float)share.n + 0.0000000001);
}

/* last.fm's part is a float, but its constant makes the product a double, rounded once. */
static uint32_t count_lastfm(struct share share)
{
	float part = (float)share.weight / (float)share.total;

	return (uint32_t)(float)(part * 40.0 * (double)share.n);
}

static uint32_t count_dalli(struct share share)
{
	return (uint32_t)((double)(share.n * 160 * share.weight) / (double)share.total);
}

static uint32_t count_40(struct share share)
{
	(void)share;
	return 40;
}

static uint32_t count_100(struct share share)
{
	(void)share;
	return 100;
}

static uint32_t count_160(struct share share)
{
	(void)share;
	return 160;
}

static void place_md5(struct span label, enum hash_kind hash, struct digest *digest, uint32_t *out)
{
	uint8_t md5[DIGEST_MD5_LEN];

	(void)hash;
	digest_md5(digest, label, md5);
	for (size_t i = 0; i < WORDS_PER_MD5; i++)
		out[i] = load_le32(md5 + 4 * i);
}

static void place_sha1(struct span label, enum hash_kind hash, struct digest *digest, uint32_t *out)
{
	uint8_t sha1[DIGEST_SHA1_LEN];

	(void)hash;
	digest_sha1(digest, label, sha1);
	*out = (uint32_t)sha1[0] << 24 | (uint32_t)sha1[1] << 16 | (uint32_t)sha1[2] << 8 | sha1[3];
}

static void place_key(struct span label, enum hash_kind hash, struct digest *digest, uint32_t *out)
{
	*out = (uint32_t)hash_key(hash, label, digest);
}

/* Where the originals leave colliding points to their sort, the node that is listed first wins. */
static const struct dialect ketama = {count_libmemcached, place_md5, 4, '-', false, false};
static const struct dialect consistent = {count_100, place_key, 1, '-', false, false};
static const struct dialect lastfm = {count_lastfm, place_md5, 4, '-', false, false};
static const struct dialect dalli = {count_dalli, place_sha1, 1, ':', true, true};
static const struct dialect spy_md5 = {count_40, place_md5, 4, '-', true, false};
static const struct dialect spy_hashed = {count_160, place_key, 1, '-', true, false};
static const struct dialect spy_weighted = {count_libmemcached, place_md5, 4, '-', true, false};

/*
 * Any weight above 1 turns libmemcached's plain ring into its weighted one, whose points are MD5s
 * whatever the key hash; spymemcached's weighted locator counts as libmemcached does, too.
 */
static const struct dialect *dialect_of(enum dist_kind kind, enum hash_kind hash, bool weighted)
{
	switch (kind) {
	case DIST_LIBMEMCACHED_CONSISTENT:
		return weighted ? &ketama : &consistent;
	case DIST_LASTFM:
		return &lastfm;
	case DIST_DALLI:
		return &dalli;
	case DIST_SPYMEMCACHED:
		if (weighted)
			return &spy_weighted;
		return hash == HASH_MD5 ? &spy_md5 : &spy_hashed;
	default:
		return &ketama;
	}
}

/* A total order, so that every libc's qsort builds the same ring. */
static int point_cmp(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->node > y->node) - (x->node < y->node);
}

/* Drop all but one of the points of each hash; returns how many are left. */
static size_t settle_collisions(struct point *points, size_t n, bool last_wins)
{
	size_t kept = 0;

	for (size_t i = 1; i < n; i++) {
		if (points[i].hash != points[kept].hash)
			points[++kept] = points[i];
		else if (last_wins)
			points[kept] = points[i];
	}
	return kept + 1;
}

/* The arcs between n ascending points, with one more that goes round past the greatest hash. */
static struct arcs *arcs_between(const struct point *points, size_t n, bool previous)
{
	struct arc *arcs = alloc_zeroed(n + 1, sizeof(*arcs));
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (!previous)
			arcs[used++] = (struct arc){points[i].hash, points[i].node};
		else if (points[i].hash > 0)
			arcs[used++] = (struct arc){points[i].hash - 1,
						    points[i > 0 ? i - 1 : n - 1].node};
	}
	if (previous)
		arcs[used++] = (struct arc){UINT32_MAX, points[n - 1].node};
	else if (arcs[used - 1].last < UINT32_MAX)
		arcs[used++] = (struct arc){UINT32_MAX, points[0].node};

	struct arcs *built = arcs_build(arcs, used);

	free(arcs);
	return built;
}

/* A ring being built. */
struct build {
	const struct dialect *dialect;
	enum hash_kind hash;
	struct digest *digest;
	struct point *points;
	size_t n_points;
};

static void place_node(struct build *build, const char *label, uint16_t node, uint32_t n_points)
{
	char text[DIST_LABEL_MAX + 16];
	uint32_t hashes[WORDS_PER_MD5];
	unsigned per_label = build->dialect->points;

	for (uint32_t i = 0; i < n_points / per_label; i++) {
		int len = snprintf(text, sizeof(text), "%s%c%" PRIu32, label,
				   build->dialect->separator, i);

		build->dialect->place(span_make(text, (size_t)len), build->hash, build->digest,
				      hashes);
		for (unsigned j = 0; j < per_label; j++)
			build->points[build->n_points++] = (struct point){hashes[j], node};
	}
}

/* How many points each node gets; returns their sum. */
static size_t count_points(const struct dialect *dialect, const struct dist_node *nodes, size_t n,
			   uint32_t *counts)
{
	uint64_t total = 0;
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		total += nodes[i].weight;
	for (size_t i = 0; i < n; i++) {
		struct share share = {nodes[i].weight, total, n};

		counts[i] = dialect->count(share) * dialect->points;
		sum += counts[i];
	}
	return sum;
}

struct arcs *ketama_build(enum dist_kind kind, enum hash_kind hash, const struct dist_node *nodes,
			  size_t n, uint32_t *points)
{
	bool weighted = false;

	for (size_t i = 0; i < n; i++)
		weighted |= nodes[i].weight > 1;

	const struct dialect *dialect = dialect_of(kind, hash, weighted);
	size_t sum = count_points(dialect, nodes, n, points);
	struct build build = {dialect, hash, digest_new(), alloc_zeroed(sum, sizeof(struct point)),
			      0};

	for (size_t i = 0; i < n; i++)
		place_node(&build, nodes[i].label, (uint16_t)i, points[i]);
	digest_free(build.digest);
	qsort(build.points, sum, sizeof(struct point), point_cmp);

	size_t left = settle_collisions(build.points, sum, dialect->last_wins);
	struct arcs *arcs = arcs_between(build.points, left, dialect->previous);

	free(build.points);
	return arcs;
}
