#include <check.h>

#include "route/dist.h"
#include "suites.h"

static struct digest *digest;
static struct rng rng;
static struct error error;

static void set_up(void)
{
	digest = digest_new();
	rng_init(&rng, 1);
	error = (struct error){0};
}

static void tear_down(void)
{
	digest_free(digest);
}

static size_t owner(const struct dist *dist, struct span key)
{
	return dist_lookup(dist, key, digest, &rng);
}

/* Four nodes 10.0.1.1 to .4 on port 11211: libmemcached, twemproxy, last.fm and Dalli say so. */
static const struct {
	const char *key;
	size_t ketama_md5, ketama_fnv, lastfm, dalli;
} four_nodes[] = {
	{"foo", 2, 1, 1, 0},
	{"bar", 3, 0, 3, 0},
	{"user:1", 0, 2, 0, 3},
	{"user:1000", 1, 0, 3, 2},
	{"session:abcdef", 1, 3, 1, 1},
	{"caf\xc3\xa9", 1, 0, 3, 3},
};

static struct dist *build_four(enum dist_kind kind, enum hash_kind hash)
{
	static char labels[4][DIST_LABEL_MAX + 1];
	static const char *const hosts[] = {"10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4"};
	struct dist_node nodes[4];

	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(dist_label(kind, NULL, hosts[i], 11211, labels[i], &error), 0);
		nodes[i] = (struct dist_node){labels[i], 1};
	}

	struct dist *dist = dist_build(kind, hash, nodes, 4, &error);

	ck_assert_msg(dist != NULL, "%s", error.text);
	return dist;
}

START_TEST(places_four_nodes_as_each_client_does)
{
	struct dist *md5 = build_four(DIST_KETAMA, HASH_DEFAULT);
	struct dist *fnv = build_four(DIST_KETAMA, HASH_FNV1A_64);
	struct dist *lastfm = build_four(DIST_LASTFM, HASH_DEFAULT);
	struct dist *dalli = build_four(DIST_DALLI, HASH_DEFAULT);
	struct span key = span_of(four_nodes[_i].key);

	ck_assert_uint_eq(owner(md5, key), four_nodes[_i].ketama_md5);
	ck_assert_uint_eq(owner(fnv, key), four_nodes[_i].ketama_fnv);
	ck_assert_uint_eq(owner(lastfm, key), four_nodes[_i].lastfm);
	ck_assert_uint_eq(owner(dalli, key), four_nodes[_i].dalli);
	dist_free(md5);
	dist_free(fnv);
	dist_free(lastfm);
	dist_free(dalli);
}
END_TEST

/* libmemcached's own fixture: eight servers of weights 100 to 1000, and the owner of a key. */
static const struct dist_node fleet[] = {
	{"10.0.1.1", 600},  {"10.0.1.2", 300}, {"10.0.1.3", 200}, {"10.0.1.4", 350},
	{"10.0.1.5", 1000}, {"10.0.1.6", 800}, {"10.0.1.7", 950}, {"10.0.1.8", 100},
};
static const struct {
	const char *key;
	size_t node;
} fleet_keys[] = {
	{"*/Z;?V(.\\8", 0}, {"30C1*Z*S/_", 1}, {"D[HE+cFXDK", 2}, {"EM75N0+[X1", 3},
	{"1I=cTMNTKF", 4},  {"SVa_]_V41)", 6}, {"P1[Ma3=K1/", 7}, {"VDEAAAAA", 2},
};

START_TEST(agrees_with_libmemcached_on_weights)
{
	struct dist *dist = dist_build(DIST_KETAMA, HASH_DEFAULT, fleet, ARRAY_LEN(fleet), &error);

	ck_assert_uint_eq(owner(dist, span_of(fleet_keys[_i].key)), fleet_keys[_i].node);
	dist_free(dist);
}
END_TEST

/* Against Java's TreeMap: of two nodes with one point the later has it. All points collide here. */
START_TEST(spymemcached_gives_a_collision_to_the_later_node)
{
	static const struct dist_node twins[] = {{"a", 1}, {"b", 1}, {"a", 1}};
	struct dist *spy = dist_build(DIST_SPYMEMCACHED, HASH_DEFAULT, twins, 3, &error);
	struct dist *ketama = dist_build(DIST_KETAMA, HASH_DEFAULT, twins, 3, &error);

	for (int i = 0; i < 1000; i++) {
		ck_assert_uint_ne(owner(spy, span_make((const char *)&i, sizeof(i))), 0);
		ck_assert_uint_ne(owner(ketama, span_make((const char *)&i, sizeof(i))), 2);
	}
	dist_free(spy);
	dist_free(ketama);
}
END_TEST

static const struct {
	enum dist_kind kind;
	const char *host;
	uint16_t port;
	const char *label; /* NULL: there is none */
	const char *node_string;
} labels[] = {
	{DIST_KETAMA, "cache-1", 11211, "cache-1", NULL},
	{DIST_KETAMA, "cache-1", 11212, "cache-1:11212", NULL},
	{DIST_KETAMA, "/run/a.sock", 0, "/run/a.sock:0", NULL},
	{DIST_LASTFM, "/run/a.sock", 0, "/run/a.sock", NULL},
	{DIST_KETAMA, "::1", 11212, "::1:11212", NULL},
	{DIST_LIBMEMCACHED_CONSISTENT, "cache-1", 11211, "cache-1", NULL},
	{DIST_LASTFM, "cache-1", 11211, "cache-1:11211", NULL},
	{DIST_DALLI, "cache-1", 11211, "cache-1:11211", NULL},
	{DIST_DALLI, "/run/a.sock", 0, "/run/a.sock", NULL},
	{DIST_SPYMEMCACHED, "10.0.2.1", 11211, "10.0.2.1:11211", NULL},
	{DIST_SPYMEMCACHED, "10.0.2.1", 11211, "10.0.2.1:11211", "{host}/{ip}:{port}"},
	{DIST_SPYMEMCACHED, "cache-1", 11211, NULL, NULL},
	{DIST_SPYMEMCACHED, "cache-1", 11211, NULL, "{ip}"},
	{DIST_SPYMEMCACHED, "cache-1", 11211, "cache-1/cache-1:11211", "{host}/{host}:{port}"},
	{DIST_SPYMEMCACHED, "cache-1", 11211, "{cache-1}", "{{host}}"},
	{DIST_SPYMEMCACHED, "cache-1", 11211, NULL, ""},
	{DIST_PYMEMCACHE, "cache-1", 11211, "cache-1:11211", NULL},
	{DIST_RENDEZVOUS, "cache-1", 11211, "cache-1:11211", NULL},
	{DIST_KETAMA, "cache-1", 80, "cache-1:80", "ignored"},
};

START_TEST(labels_as_the_dialect_writes_them)
{
	char label[DIST_LABEL_MAX + 1];
	int result = dist_label(labels[_i].kind, labels[_i].node_string, labels[_i].host,
				labels[_i].port, label, &error);

	ck_assert_int_eq(result, labels[_i].label != NULL ? 0 : -1);
	if (labels[_i].label != NULL)
		ck_assert_str_eq(label, labels[_i].label);
	else
		ck_assert_str_ne(error.text, "");
}
END_TEST

START_TEST(labels_have_a_limit)
{
	char template[DIST_LABEL_MAX + 2], label[DIST_LABEL_MAX + 1];

	memset(template, 'x', sizeof(template));
	template[DIST_LABEL_MAX] = '\0';
	ck_assert_int_eq(dist_label(DIST_SPYMEMCACHED, template, "h", 1, label, &error), 0);
	ck_assert_str_eq(label, template);
	template[DIST_LABEL_MAX] = 'x';
	template[DIST_LABEL_MAX + 1] = '\0';
	ck_assert_int_eq(dist_label(DIST_SPYMEMCACHED, template, "h", 1, label, &error), -1);
}
END_TEST

static char too_long[DIST_LABEL_MAX + 2];

static const struct {
	enum dist_kind kind;
	struct dist_node nodes[2];
	size_t n;
	const char *says;
} refused[] = {
	{DIST_KETAMA, {{"a", 1}}, 0, "0 shards"},
	{DIST_KETAMA, {{"a", 1}}, DIST_NODES_MAX + 1, "4097 shards"},
	{DIST_KETAMA, {{"a", 1}, {"b", 0}}, 2, "shard b has weight 0"},
	{DIST_KETAMA, {{"", 1}, {"b", 1}}, 2, "shard 1 is 0 bytes"},
	{DIST_KETAMA, {{"a", 1}, {too_long, 1}}, 2, "shard 2 is 513 bytes"},
	{DIST_MODULA, {{"a", INT32_MAX}, {"b", 1}}, 2, "add up to more than 2147483647"},
	{DIST_PYMEMCACHE, {{"a", 1}, {"b", 2}}, 2, "pymemcache has no weights"},
};

START_TEST(refuses_what_makes_no_distribution)
{
	memset(too_long, 'x', DIST_LABEL_MAX + 1);
	ck_assert_ptr_null(dist_build(refused[_i].kind, HASH_DEFAULT, refused[_i].nodes,
				      refused[_i].n, &error));
	ck_assert_msg(strstr(error.text, refused[_i].says) != NULL, "%s", error.text);
}
END_TEST

START_TEST(warns_of_hashes_that_cannot_serve)
{
	ck_assert_ptr_nonnull(dist_hash_trouble(DIST_KETAMA, HASH_CRC32));
	ck_assert_ptr_nonnull(dist_hash_trouble(DIST_LASTFM, HASH_CRC32));
	ck_assert_ptr_nonnull(dist_hash_trouble(DIST_DALLI, HASH_CRC32));
	ck_assert_ptr_nonnull(dist_hash_trouble(DIST_PYMEMCACHE, HASH_MD5));
	ck_assert_ptr_null(dist_hash_trouble(DIST_PYMEMCACHE, HASH_DEFAULT));
	ck_assert_ptr_null(dist_hash_trouble(DIST_MODULA, HASH_CRC32));
	ck_assert_ptr_null(dist_hash_trouble(DIST_KETAMA, HASH_CRC32A));
	for (int kind = 0; kind < DIST_COUNT; kind++)
		ck_assert_ptr_null(dist_hash_trouble((enum dist_kind)kind,
						     dist_default_hash((enum dist_kind)kind)));
}
END_TEST

/* Why it warns: all of crc32's 2^15 values lie before a ring's first points. */
START_TEST(crc32_on_a_ring_sends_all_to_one)
{
	struct dist *dist = build_four(DIST_KETAMA, HASH_CRC32);
	size_t first = owner(dist, span_of("key:0"));

	for (int i = 0; i < 20000; i++)
		ck_assert_uint_eq(owner(dist, span_make((const char *)&i, sizeof(i))), first);
	dist_free(dist);
}
END_TEST

START_TEST(one_node_owns_all_keys)
{
	static const struct dist_node one = {"only", 3};
	struct dist *dist = dist_build((enum dist_kind)_i, HASH_DEFAULT,
				       &(struct dist_node){"only", 1}, 1, &error);

	ck_assert_uint_eq(dist_nodes(dist), 1);
	ck_assert_uint_eq(owner(dist, span_of("")), 0);
	ck_assert_uint_eq(owner(dist, span_of("key")), 0);
	/* No hash is computed, so none of what hashing needs has to be there. */
	ck_assert_uint_eq(dist_lookup(dist, span_of("key"), NULL, NULL), 0);
	ck_assert_uint_gt(dist_points(dist, 0), 0);
	dist_free(dist);
	if (_i != DIST_PYMEMCACHE) {
		dist = dist_build((enum dist_kind)_i, HASH_DEFAULT, &one, 1, &error);
		ck_assert_uint_eq(owner(dist, span_of("key")), 0);
		dist_free(dist);
	}
}
END_TEST

START_TEST(names_are_as_configured)
{
	ck_assert_str_eq(dist_name(DIST_LIBMEMCACHED_CONSISTENT), "libmemcached-consistent");
	ck_assert_str_eq(dist_name(DIST_RANDOM), "random");
	ck_assert_int_eq(dist_default_hash(DIST_KETAMA), HASH_MD5);
	ck_assert_int_eq(dist_default_hash(DIST_MODULA), HASH_ONE_AT_A_TIME);
	ck_assert_int_eq(dist_default_hash(DIST_DALLI), HASH_CRC32A);
	ck_assert_int_eq(dist_default_hash(DIST_PYMEMCACHE), HASH_COUNT);
}
END_TEST

Suite *dist_suite(void)
{
	Suite *suite = suite_create("dist");
	TCase *tcase = tcase_create("dist");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, places_four_nodes_as_each_client_does, 0, ARRAY_LEN(four_nodes));
	tcase_add_loop_test(tcase, agrees_with_libmemcached_on_weights, 0, ARRAY_LEN(fleet_keys));
	tcase_add_test(tcase, spymemcached_gives_a_collision_to_the_later_node);
	tcase_add_loop_test(tcase, labels_as_the_dialect_writes_them, 0, ARRAY_LEN(labels));
	tcase_add_test(tcase, labels_have_a_limit);
	tcase_add_loop_test(tcase, refuses_what_makes_no_distribution, 0, ARRAY_LEN(refused));
	tcase_add_test(tcase, warns_of_hashes_that_cannot_serve);
	tcase_add_test(tcase, crc32_on_a_ring_sends_all_to_one);
	tcase_add_loop_test(tcase, one_node_owns_all_keys, 0, DIST_COUNT);
	tcase_add_test(tcase, names_are_as_configured);
	suite_add_tcase(suite, tcase);
	return suite;
}
