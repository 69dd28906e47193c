/* dist_shares(): the exact sums against counting, and against what theory says. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "route/dist.h"
#include "suites.h"

#define NODES_MAX 60

static struct dist *build(enum dist_kind kind, enum hash_kind hash, size_t n, uint32_t weight)
{
	static char labels[NODES_MAX][48];
	struct dist_node nodes[NODES_MAX];
	struct error error;

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(labels[i], sizeof(labels[i]), "cache-%zu", i);
		nodes[i] = (struct dist_node){labels[i], i == 0 ? weight : 1};
	}

	struct dist *dist = dist_build(kind, hash, nodes, n, &error);

	ck_assert_msg(dist != NULL, "%s", error.text);
	return dist;
}

/* The shares between two rings of n and m nodes, and whether they are exact. */
static bool share_between(enum dist_kind kind, const enum hash_kind hashes[2], size_t n, size_t m,
			  double *share)
{
	bool exact;
	struct dist *from = build(kind, hashes[0], n, 1);
	struct dist *to = build(kind, hashes[1], m, 1);

	dist_shares(from, to, DIST_SAMPLE, share, &exact);
	dist_free(from);
	dist_free(to);
	return exact;
}

static const enum hash_kind same_hash[] = {HASH_DEFAULT, HASH_DEFAULT};

static void check_sums_to_one(const double *share, size_t cells)
{
	double sum = 0;

	for (size_t i = 0; i < cells; i++) {
		ck_assert_double_ge(share[i], 0);
		sum += share[i];
	}
	ck_assert_double_eq_tol(sum, 1, 1e-9);
}

static const struct {
	enum dist_kind from, to;
	size_t n, m;
	uint32_t from_weight, to_weight;
} pairs[] = {
	{DIST_KETAMA, DIST_KETAMA, 3, 4, 1, 1},
	{DIST_KETAMA, DIST_KETAMA, 25, 24, 1, 3},
	{DIST_KETAMA, DIST_DALLI, 5, 5, 1, 1},
	{DIST_DALLI, DIST_DALLI, 5, 6, 2, 1},
	{DIST_SPYMEMCACHED, DIST_LASTFM, 4, 7, 1, 1},
	{DIST_KETAMA, DIST_MODULA, 4, 5, 1, 1},
	{DIST_MODULA, DIST_KETAMA, 5, 4, 2, 1},
	{DIST_MODULA, DIST_MODULA, 4, 5, 1, 1},
	{DIST_MODULA, DIST_MODULA, 6, 4, 1, 1},
	{DIST_MODULA, DIST_MODULA, 3, 3, 100003, 99991}, /* no period below 2^32 */
	{DIST_MODULA, DIST_MODULA, 50, 60, 1, 1},
	{DIST_KETAMA, DIST_KETAMA, 1, 3, 1, 1},
	{DIST_MODULA, DIST_KETAMA, 3, 1, 5, 1},
	{DIST_JUMP, DIST_KETAMA, 1, 2, 1, 1},
	{DIST_MODULA, DIST_PYMEMCACHE, 2, 1, 1, 1},
};

/* 200,000 random keys, whose counts must lie within five standard deviations of the shares. */
START_TEST(exact_shares_agree_with_counting)
{
	enum { KEYS = 200000 };
	static double share[NODES_MAX * NODES_MAX];
	static int counted[NODES_MAX * NODES_MAX];
	struct dist *from = build(pairs[_i].from, HASH_MURMUR3, pairs[_i].n, pairs[_i].from_weight);
	struct dist *to = build(pairs[_i].to, HASH_MURMUR3, pairs[_i].m, pairs[_i].to_weight);
	struct digest *digest = digest_new();
	size_t cells = pairs[_i].n * pairs[_i].m;
	struct rng rng;
	bool exact = false;

	memset(counted, 0, sizeof(counted));
	dist_shares(from, to, DIST_SAMPLE, share, &exact);
	ck_assert(exact);
	check_sums_to_one(share, cells);
	rng_init(&rng, 99);
	for (int i = 0; i < KEYS; i++) {
		uint64_t bytes = rng_next(&rng);
		struct span key = span_make((const char *)&bytes, sizeof(bytes));
		size_t a = dist_lookup(from, key, digest, &rng);

		counted[a * pairs[_i].m + dist_lookup(to, key, digest, &rng)]++;
	}
	for (size_t i = 0; i < cells; i++) {
		double expected = share[i] * KEYS;

		ck_assert_double_le(fabs(counted[i] - expected), 5 * sqrt(expected) + 1);
	}
	dist_free(from);
	dist_free(to);
	digest_free(digest);
}
END_TEST

START_TEST(nothing_moves_between_equals)
{
	double share[5 * 5];
	bool exact;
	struct dist *dist = build((enum dist_kind)_i, HASH_DEFAULT, 5, 1);

	dist_shares(dist, dist, DIST_SAMPLE, share, &exact);
	check_sums_to_one(share, 25);
	for (size_t i = 0; i < 5; i++)
		for (size_t j = 0; j < 5; j++)
			if (i != j && _i != DIST_RANDOM)
				ck_assert_double_eq(share[i * 5 + j], 0);
	dist_free(dist);
}
END_TEST

/* 2^32 is no multiple of 3 x 5, so the last, incomplete period counts as well. */
START_TEST(modula_is_exact_to_the_last_hash)
{
	double share[3 * 5];

	ck_assert(share_between(DIST_MODULA, same_hash, 3, 5, share));
	for (uint64_t rest = 0; rest < 15; rest++) {
		uint64_t hashes = ((uint64_t)1 << 32) / 15 + (rest < ((uint64_t)1 << 32) % 15);

		ck_assert_double_eq_tol(share[rest % 3 * 5 + rest % 5],
					(double)hashes / 4294967296.0, 1e-15);
	}
}
END_TEST

START_TEST(samples_where_the_hashes_differ)
{
	static const enum hash_kind hashes[] = {HASH_MD5, HASH_MURMUR3};
	double share[4 * 4];

	ck_assert(!share_between(DIST_KETAMA, hashes, 4, 4, share));
	check_sums_to_one(share, 16);
	/* Two hashes know nothing of each other: about a sixteenth each. */
	for (size_t i = 0; i < 16; i++)
		ck_assert_double_eq_tol(share[i], 1.0 / 16, 0.03);
}
END_TEST

START_TEST(jump_moves_a_fair_share_to_a_fifth_shard)
{
	double share[4 * 5];

	ck_assert(!share_between(DIST_JUMP, same_hash, 4, 5, share));
	for (size_t i = 0; i < 4; i++) {
		ck_assert_double_eq_tol(share[i * 5 + i], 0.2, 0.002);
		ck_assert_double_eq_tol(share[i * 5 + 4], 0.05, 0.002);
	}
}
END_TEST

Suite *share_suite(void)
{
	Suite *suite = suite_create("share");
	TCase *tcase = tcase_create("share");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, exact_shares_agree_with_counting, 0, ARRAY_LEN(pairs));
	tcase_add_loop_test(tcase, nothing_moves_between_equals, 0, DIST_COUNT);
	tcase_add_test(tcase, modula_is_exact_to_the_last_hash);
	tcase_add_test(tcase, samples_where_the_hashes_differ);
	tcase_add_test(tcase, jump_moves_a_fair_share_to_a_fifth_shard);
	suite_add_tcase(suite, tcase);
	return suite;
}
