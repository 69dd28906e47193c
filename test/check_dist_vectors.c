/* Placements of 1,000 keys by the real programs, from vectors/. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "route/dist.h"
#include "suites.h"

#define SERVERS 5

static const struct {
	const char *file;
	enum dist_kind kind;
	enum hash_kind hash;
	const char *names[SERVERS]; /* or by the address */
	uint32_t weights[SERVERS];
} fleets[] = {
	{"twemproxy.ketama.fnv1a_64.ports-w1.tsv",
	 DIST_KETAMA,
	 HASH_FNV1A_64,
	 {0},
	 {1, 1, 1, 1, 1}},
	{"twemproxy.modula.fnv1a_64.ports-w1.tsv",
	 DIST_MODULA,
	 HASH_FNV1A_64,
	 {0},
	 {1, 1, 1, 1, 1}},
	{"twemproxy.ketama.md5.named-w1.tsv",
	 DIST_KETAMA,
	 HASH_MD5,
	 {"alpha", "beta", "gamma", "delta", "epsilon"},
	 {1, 1, 1, 1, 1}},
	{"libmemcached.consistent.default.ports-w1.tsv",
	 DIST_LIBMEMCACHED_CONSISTENT,
	 HASH_DEFAULT,
	 {0},
	 {1, 1, 1, 1, 1}},
	{"libmemcached.ketama_weighted.default.ports-w12345.tsv",
	 DIST_KETAMA,
	 HASH_DEFAULT,
	 {0},
	 {1, 2, 3, 4, 5}},
	{"dalli-5.ring.ports-w1.tsv", DIST_DALLI, HASH_DEFAULT, {0}, {1, 1, 1, 1, 1}},
};

static struct dist *build_fleet(int fleet)
{
	char labels[SERVERS][DIST_LABEL_MAX + 1];
	struct dist_node nodes[SERVERS];
	struct error error;

	for (uint16_t i = 0; i < SERVERS; i++) {
		ck_assert_int_eq(dist_label(fleets[fleet].kind, NULL, "127.0.0.1",
					    (uint16_t)(7301 + i), labels[i], &error),
				 0);
		nodes[i].weight = fleets[fleet].weights[i];
		nodes[i].label = fleets[fleet].names[0] ? fleets[fleet].names[i] : labels[i];
	}

	struct dist *dist =
		dist_build(fleets[fleet].kind, fleets[fleet].hash, nodes, SERVERS, &error);

	ck_assert_msg(dist != NULL, "%s", error.text);
	return dist;
}

START_TEST(places_keys_as_the_real_program)
{
	struct dist *dist = build_fleet(_i);
	struct digest *digest = digest_new();
	char path[512], line[512], key[256];
	int port, keys = 0;

	(void)snprintf(path, sizeof(path), "%s/vectors/%s", TEST_DIR, fleets[_i].file);
	FILE *file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	/* Two lines say what it is; keys may begin with any byte. */
	for (int heading = 0; heading < 2; heading++)
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
	while (fgets(line, sizeof(line), file) != NULL) {
		ck_assert_int_eq(sscanf(line, "%255[^\t]\t127.0.0.1:%d", key, &port), 2);
		ck_assert_msg(dist_lookup(dist, span_of(key), digest, NULL) == (size_t)port - 7301,
			      "%s: %s", fleets[_i].file, key);
		keys++;
	}
	ck_assert_int_eq(keys, 1000);
	(void)fclose(file);
	digest_free(digest);
	dist_free(dist);
}
END_TEST

/* Twelve equal servers up to 4,096: where 160 in float is 160, and where it is 156. */
static const struct {
	size_t n;
	enum dist_kind kind;
	size_t points;
} counts[] = {
	{4, DIST_KETAMA, 160},	      {24, DIST_KETAMA, 160},
	{25, DIST_KETAMA, 156},	      {26, DIST_KETAMA, 160},
	{47, DIST_KETAMA, 156},	      {50, DIST_KETAMA, 156},
	{200, DIST_KETAMA, 156},      {199, DIST_KETAMA, 160},
	{25, DIST_LASTFM, 160},	      {25, DIST_DALLI, 160},
	{25, DIST_SPYMEMCACHED, 160}, {25, DIST_LIBMEMCACHED_CONSISTENT, 100},
};

static struct dist *build_equal(enum dist_kind kind, size_t n, uint32_t weight)
{
	static char labels[DIST_NODES_MAX][48];
	static struct dist_node nodes[DIST_NODES_MAX];
	struct error error;

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(labels[i], sizeof(labels[i]), "10.0.%zu.%zu", i / 250, i % 250);
		nodes[i] = (struct dist_node){labels[i], weight};
	}

	struct dist *dist = dist_build(kind, HASH_DEFAULT, nodes, n, &error);

	ck_assert_msg(dist != NULL, "%s", error.text);
	return dist;
}

START_TEST(counts_points_as_the_original)
{
	struct dist *dist = build_equal(counts[_i].kind, counts[_i].n, 1);

	for (size_t i = 0; i < counts[_i].n; i++)
		ck_assert_uint_eq(dist_points(dist, i), counts[_i].points);
	dist_free(dist);
}
END_TEST

/* 105 of the first 1,024 counts have 156 points, nobody else but 160. */
START_TEST(loses_a_digest_to_float_as_often_as_the_original)
{
	size_t short_of = 0;

	for (size_t n = 1; n <= 1024; n++) {
		float part = 1.0F / (float)n;
		uint32_t labels = (uint32_t)(float)(part * 160 / 4 * (float)n + 0.0000000001);

		ck_assert(labels == 39 || labels == 40);
		short_of += labels == 39;
	}
	ck_assert_uint_eq(short_of, 105);
}
END_TEST

/* Weights change what libmemcached's plain ring and spymemcached's are made of. */
START_TEST(weights_change_the_ring_as_in_the_original)
{
	static const struct dist_node nodes[] = {{"a", 1}, {"b", 2}, {"c", 3}};
	struct error error;
	struct dist *plain =
		dist_build(DIST_LIBMEMCACHED_CONSISTENT, HASH_DEFAULT, nodes, 3, &error);
	struct dist *weighted = dist_build(DIST_KETAMA, HASH_ONE_AT_A_TIME, nodes, 3, &error);
	struct digest *digest = digest_new();

	for (int i = 0; i < 2000; i++) {
		struct span key = span_make((const char *)&i, sizeof(i));

		ck_assert_uint_eq(dist_lookup(plain, key, digest, NULL),
				  dist_lookup(weighted, key, digest, NULL));
	}
	ck_assert_uint_eq(dist_points(plain, 0), 80);
	ck_assert_uint_eq(dist_points(plain, 2), 240);
	dist_free(plain);
	dist_free(weighted);
	digest_free(digest);

	struct dist *spy = build_equal(DIST_SPYMEMCACHED, 25, 2);
	ck_assert_uint_eq(dist_points(spy, 0), 156);
	dist_free(spy);
}
END_TEST

START_TEST(a_tiny_weight_gets_no_point)
{
	static const struct dist_node nodes[] = {{"big", 1000}, {"tiny", 1}};
	struct error error;
	struct dist *dist = dist_build(DIST_KETAMA, HASH_DEFAULT, nodes, 2, &error);

	ck_assert_uint_eq(dist_points(dist, 0), 316);
	ck_assert_uint_eq(dist_points(dist, 1), 0);
	dist_free(dist);
}
END_TEST

Suite *dist_vectors_suite(void)
{
	Suite *suite = suite_create("dist_vectors");
	TCase *tcase = tcase_create("dist_vectors");

	tcase_add_loop_test(tcase, places_keys_as_the_real_program, 0, ARRAY_LEN(fleets));
	tcase_add_loop_test(tcase, counts_points_as_the_original, 0, ARRAY_LEN(counts));
	tcase_add_test(tcase, loses_a_digest_to_float_as_often_as_the_original);
	tcase_add_test(tcase, weights_change_the_ring_as_in_the_original);
	tcase_add_test(tcase, a_tiny_weight_gets_no_point);
	suite_add_tcase(suite, tcase);
	return suite;
}
