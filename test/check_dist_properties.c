/* What every distribution promises, whatever its dialect. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route/dist.h"
#include "suites.h"

#define KEYS	  20000
#define NODES_MAX 4096

static struct digest *digest;
static struct rng rng;

/* Labels that outlive the nodes made of them. */
static char labels[NODES_MAX][48];
static struct dist_node nodes[NODES_MAX];

static void set_up(void)
{
	digest = digest_new();
	rng_init(&rng, 1);
	for (size_t i = 0; i < NODES_MAX; i++) {
		(void)snprintf(labels[i], sizeof(labels[i]), "cache-%zu:11212", i);
		nodes[i] = (struct dist_node){labels[i], 1};
	}
}

static void tear_down(void)
{
	digest_free(digest);
}

static struct dist *build(int kind, const struct dist_node *from, size_t n)
{
	struct error error;
	struct dist *dist = dist_build((enum dist_kind)kind, HASH_DEFAULT, from, n, &error);

	ck_assert_msg(dist != NULL, "%s", error.text);
	return dist;
}

/* The i-th test key: text of changing length, every third with bytes above 0x7f. */
static struct span key_at(int i, char buf[64])
{
	int len = snprintf(buf, 64, i % 3 ? "user:%d" : "user:%d:\xc3\xa9\xff\x80", i * 7919);

	return span_make(buf, (size_t)len);
}

static size_t owner(const struct dist *dist, int i)
{
	char buf[64];

	return dist_lookup(dist, key_at(i, buf), digest, &rng);
}

static bool is_steady(int kind)
{
	return kind != DIST_MODULA && kind != DIST_JUMP && kind != DIST_RANDOM;
}

/* Twelve and a half nodes' keys must not move because the thirteenth's must. */
START_TEST(a_shard_that_leaves_moves_only_its_keys)
{
	enum { N = 13, GONE = 4 };
	struct dist_node left[N - 1];
	int moved = 0;

	if (!is_steady(_i))
		return;
	for (size_t i = 0, j = 0; i < N; i++)
		if (i != GONE)
			left[j++] = nodes[i];

	struct dist *before = build(_i, nodes, N), *after = build(_i, left, N - 1);
	for (int i = 0; i < KEYS; i++) {
		size_t a = owner(before, i), b = owner(after, i);

		if (a == GONE)
			moved++;
		else
			ck_assert_str_eq(nodes[a].label, left[b].label);
	}
	ck_assert_int_gt(moved, KEYS / N / 2);
	ck_assert_int_lt(moved, KEYS / N * 2);
	dist_free(before);
	dist_free(after);
}
END_TEST

START_TEST(jump_moves_only_to_the_shard_that_is_appended)
{
	struct dist *before = build(DIST_JUMP, nodes, 12), *after = build(DIST_JUMP, nodes, 13);
	int moved = 0;

	for (int i = 0; i < KEYS; i++) {
		size_t a = owner(before, i), b = owner(after, i);

		ck_assert(a == b || b == 12);
		moved += a != b;
	}
	ck_assert_int_lt(abs(moved - KEYS / 13), 200);
	dist_free(before);
	dist_free(after);
}
END_TEST

/* Where order decides nothing, a list in another order places each key on the same label. */
START_TEST(the_order_of_the_list_does_not_matter)
{
	enum { N = 7 };
	struct dist_node turned[N];

	if (!is_steady(_i))
		return;
	for (size_t i = 0; i < N; i++)
		turned[i] = nodes[N - 1 - i];

	struct dist *a = build(_i, nodes, N), *b = build(_i, turned, N);
	for (int i = 0; i < KEYS; i++)
		ck_assert_str_eq(nodes[owner(a, i)].label, turned[owner(b, i)].label);
	dist_free(a);
	dist_free(b);
}
END_TEST

/* Rings scatter by chance, a few percent of a share; the others only as far as the keys do. */
START_TEST(shares_follow_the_weights)
{
	enum { N = 4 };
	struct dist_node weighted[N];
	int seen[N] = {0};

	if (_i == DIST_PYMEMCACHE)
		return;
	for (uint32_t i = 0; i < N; i++)
		weighted[i] = (struct dist_node){labels[i], i + 1};

	struct dist *dist = build(_i, weighted, N);
	for (int i = 0; i < KEYS; i++)
		seen[owner(dist, i)]++;
	for (int i = 0; i < N; i++) {
		int fair = KEYS * (i + 1) / 10;

		ck_assert_msg(abs(seen[i] - fair) < fair / 4, "%s: node %d has %d of %d",
			      dist_name((enum dist_kind)_i), i, seen[i], fair);
	}
	dist_free(dist);
}
END_TEST

START_TEST(every_key_has_an_owner)
{
	static const size_t sizes[] = {1, 2, 25, 100};
	static const struct {
		const char *p;
		size_t len;
	} keys[] = {{"", 0}, {NULL, 0}, {"\0", 1}, {"\xff", 1}, {"\xff\xfe\x80\x7f\0a", 6}};

	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		struct dist *dist = build(_i, nodes, sizes[s]);

		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			ck_assert_uint_lt(dist_lookup(dist, span_make(keys[k].p, keys[k].len),
						      digest, &rng),
					  sizes[s]);
		for (int i = 0; i < 1000; i++)
			ck_assert_uint_lt(owner(dist, i), sizes[s]);
		dist_free(dist);
	}
}
END_TEST

START_TEST(looks_up_the_same_twice)
{
	if (_i == DIST_RANDOM)
		return;

	struct dist *a = build(_i, nodes, 25), *b = build(_i, nodes, 25);
	for (int i = 0; i < 1000; i++)
		ck_assert_uint_eq(owner(a, i), owner(b, i));
	dist_free(a);
	dist_free(b);
}
END_TEST

/* With so many nodes the front table is at its limit, and arcs are short. */
START_TEST(serves_4096_nodes)
{
	static bool seen[NODES_MAX];
	struct dist *dist = build(_i, nodes, NODES_MAX);
	size_t used = 0;

	memset(seen, 0, sizeof(seen));
	ck_assert_uint_eq(dist_nodes(dist), NODES_MAX);
	for (int i = 0; i < (is_steady(_i) && _i >= DIST_PYMEMCACHE ? 200 : KEYS); i++) {
		size_t node = owner(dist, i);

		ck_assert_uint_lt(node, NODES_MAX);
		used += !seen[node];
		seen[node] = true;
	}
	ck_assert_uint_gt(used, 150);
	dist_free(dist);
}
END_TEST

START_TEST(random_reaches_each_node_whatever_the_key)
{
	struct dist *dist = build(DIST_RANDOM, nodes, 3);
	bool seen[3] = {false};

	for (int i = 0; i < 200; i++)
		seen[owner(dist, 1)] = true;
	ck_assert(seen[0] && seen[1] && seen[2]);
	dist_free(dist);
}
END_TEST

/* Weights of jump and modula are slots in the listed order. */
START_TEST(modula_expands_weights_in_order)
{
	static const struct dist_node weighted[] = {{"a", 2}, {"b", 1}, {"c", 3}};
	static const size_t slots[] = {0, 0, 1, 2, 2, 2};
	struct dist *dist = build(DIST_MODULA, weighted, 3);

	for (int i = 0; i < 1000; i++) {
		char buf[64];
		uint64_t hash = hash_key(HASH_ONE_AT_A_TIME, key_at(i, buf), digest);

		ck_assert_uint_eq(owner(dist, i), slots[hash % 6]);
	}
	dist_free(dist);
}
END_TEST

Suite *dist_properties_suite(void)
{
	Suite *suite = suite_create("dist_properties");
	TCase *tcase = tcase_create("dist_properties");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, a_shard_that_leaves_moves_only_its_keys, 0, DIST_COUNT);
	tcase_add_test(tcase, jump_moves_only_to_the_shard_that_is_appended);
	tcase_add_loop_test(tcase, the_order_of_the_list_does_not_matter, 0, DIST_COUNT);
	tcase_add_loop_test(tcase, shares_follow_the_weights, 0, DIST_COUNT);
	tcase_add_loop_test(tcase, every_key_has_an_owner, 0, DIST_COUNT);
	tcase_add_loop_test(tcase, looks_up_the_same_twice, 0, DIST_COUNT);
	tcase_add_loop_test(tcase, serves_4096_nodes, 0, DIST_COUNT);
	tcase_add_test(tcase, random_reaches_each_node_whatever_the_key);
	tcase_add_test(tcase, modula_expands_weights_in_order);
	suite_add_tcase(suite, tcase);
	return suite;
}
