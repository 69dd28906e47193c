#include <check.h>
#include <stdio.h>
#include <string.h>

#include "route/topology.h"
#include "suites.h"

static struct error error;

static struct shard_spec pages_shards[] = {
	{.primary = "cache-1.internal:11211", .weight = 1},
	{.primary = "cache-2.internal", .weight = 1},
	{.primary = "cache-3.internal:11212", .weight = 1},
	{.name = "b", .primary = "cache-4.internal:11211", .weight = 2},
};
static struct shard_spec sessions_shards[] = {
	{.name = "a", .primary = "redis-a.internal", .weight = 1},
	{.primary = "unix:/run/redis.sock", .weight = 1},
};

static struct pool_spec pages_spec(void)
{
	return (struct pool_spec){.name = "pages",
				  .protocol = PROTOCOL_MEMCACHED,
				  .distribution = DIST_KETAMA,
				  .hash = HASH_DEFAULT,
				  .shards = pages_shards,
				  .n_shards = ARRAY_LEN(pages_shards),
				  .settings = {.request_ms = 250}};
}

static struct pool_spec sessions_spec(void)
{
	return (struct pool_spec){.name = "sessions",
				  .protocol = PROTOCOL_REDIS,
				  .distribution = DIST_MODULA,
				  .hash = HASH_FNV1A_64,
				  .hash_tag = "{}",
				  .key_prefix_ignored = "app1:",
				  .shards = sessions_shards,
				  .n_shards = ARRAY_LEN(sessions_shards)};
}

static struct topology *build_both(void)
{
	struct pool_spec specs[] = {pages_spec(), sessions_spec()};
	struct topology *topology = topology_build(specs, 2, 17, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	return topology;
}

START_TEST(pools_have_what_the_spec_says)
{
	struct topology *topology = build_both();
	const struct pool *pages = topology_pool(topology, "pages");
	const struct pool *sessions = topology_pool(topology, "sessions");

	ck_assert_uint_eq(topology->version, 17);
	ck_assert_uint_eq(topology->n_pools, 2);
	ck_assert_ptr_eq(pages, &topology->pools[0]);
	ck_assert_uint_eq(sessions->index, 1);
	ck_assert_ptr_null(topology_pool(topology, "page"));
	ck_assert_int_eq(pages->protocol, PROTOCOL_MEMCACHED);
	ck_assert_int_eq(pages->hash, HASH_MD5);
	ck_assert_int_eq(pages->hash_tag[0], 0);
	ck_assert_uint_eq(pages->settings.request_ms, 250);
	ck_assert_int_eq(sessions->hash, HASH_FNV1A_64);
	ck_assert_mem_eq(sessions->hash_tag, "{}", 2);
	ck_assert_str_eq(sessions->prefix_ignored, "app1:");
	topology_unref(topology);
}
END_TEST

static const struct {
	size_t pool, shard;
	const char *name, *label, *address;
} shards[] = {
	{0, 0, "cache-1.internal:11211", "cache-1.internal", "cache-1.internal:11211"},
	{0, 1, "cache-2.internal:11211", "cache-2.internal", "cache-2.internal:11211"},
	{0, 2, "cache-3.internal:11212", "cache-3.internal:11212", "cache-3.internal:11212"},
	{0, 3, "b", "b", "cache-4.internal:11211"},
	{1, 0, "a", "a", "redis-a.internal:6379"},
	{1, 1, "unix:/run/redis.sock", "/run/redis.sock", "unix:/run/redis.sock"},
};

START_TEST(shards_have_names_labels_and_endpoints)
{
	struct topology *topology = build_both();
	const struct shard *shard = &topology->pools[shards[_i].pool].shards[shards[_i].shard];

	ck_assert_str_eq(shard->name, shards[_i].name);
	ck_assert_str_eq(shard->label, shards[_i].label);
	ck_assert_uint_eq(shard->index, shards[_i].shard);
	ck_assert_str_eq(shard->primary->text, shards[_i].address);
	ck_assert_uint_eq(shard->primary->id, (uintmax_t)_i);
	ck_assert_ptr_eq(shard->primary, &topology->endpoints[_i]);
	ck_assert_uint_eq(shard->primary->pool->index, shards[_i].pool);
	ck_assert_uint_eq(shard->primary->shard->index, shards[_i].shard);
	topology_unref(topology);
}
END_TEST

static const struct shard *route(const struct pool *pool, struct digest *digest, const char *key)
{
	return route_key(pool, span_of(key), digest, NULL);
}

START_TEST(routes_by_prefix_and_tag)
{
	static struct shard_spec many[] = {{.name = "a", .primary = "h:1", .weight = 1},
					   {.name = "b", .primary = "h:2", .weight = 1},
					   {.name = "c", .primary = "h:3", .weight = 1},
					   {.name = "d", .primary = "h:4", .weight = 1},
					   {.name = "e", .primary = "h:5", .weight = 1},
					   {.name = "f", .primary = "h:6", .weight = 1}};
	struct pool_spec spec = sessions_spec();
	spec.shards = many;
	spec.n_shards = ARRAY_LEN(many);

	struct topology *topology = topology_build(&spec, 1, 1, &error);
	struct digest *digest = digest_new();
	const struct pool *pool = topology_pool(topology, "sessions");
	int moved = 0;

	for (int i = 0; i < 50; i++) {
		char key[32], tagged[32], prefixed[32], other[32];

		(void)snprintf(key, sizeof(key), "user:%d", i);
		(void)snprintf(tagged, sizeof(tagged), "x{user:%d}y", i);
		(void)snprintf(prefixed, sizeof(prefixed), "app1:user:%d", i);
		(void)snprintf(other, sizeof(other), "app2:user:%d", i);

		const struct shard *owner = route(pool, digest, key);
		uint64_t hash = hash_key(HASH_FNV1A_64, span_of(key), digest);
		ck_assert_uint_eq(owner->index, hash % 6);
		ck_assert_ptr_eq(route(pool, digest, tagged), owner);
		ck_assert_ptr_eq(route(pool, digest, prefixed), owner);
		moved += route(pool, digest, other) != owner;
	}
	ck_assert_int_gt(moved, 10);
	ck_assert_ptr_eq(route(pool, digest, "app1:"), route(pool, digest, ""));
	digest_free(digest);
	topology_unref(topology);
}
END_TEST

/* The address may change; the name keeps each key where it is. */
START_TEST(a_named_shard_may_move_house)
{
	static struct shard_spec old[] = {{.name = "a", .primary = "h:1", .weight = 1},
					  {.name = "b", .primary = "h:2", .weight = 1},
					  {.name = "c", .primary = "h:3", .weight = 1}};
	static struct shard_spec new[] = {{.name = "a", .primary = "x:9", .weight = 1},
					  {.name = "b", .primary = "h:2", .weight = 1},
					  {.name = "c", .primary = "h:3", .weight = 1}};
	struct pool_spec spec = pages_spec();
	struct digest *digest = digest_new();

	spec.n_shards = 3;
	spec.shards = old;
	struct topology *before = topology_build(&spec, 1, 1, &error);
	spec.shards = new;
	struct topology *after = topology_build(&spec, 1, 2, &error);
	for (int i = 0; i < 1000; i++) {
		struct span key = span_make((const char *)&i, sizeof(i));

		ck_assert_str_eq(route_key(&before->pools[0], key, digest, NULL)->name,
				 route_key(&after->pools[0], key, digest, NULL)->name);
	}
	digest_free(digest);
	topology_unref(before);
	topology_unref(after);
}
END_TEST

START_TEST(lives_until_the_last_reference)
{
	struct topology *topology = build_both();

	ck_assert_ptr_eq(topology_ref(topology), topology);
	topology_unref(topology);
	ck_assert_str_eq(topology->pools[0].name, "pages");
	topology_unref(topology);
}
END_TEST

START_TEST(pymemcache_keeps_its_own_hash)
{
	struct pool_spec spec = pages_spec();

	spec.distribution = DIST_PYMEMCACHE;
	spec.hash = HASH_MD5;
	spec.n_shards = 3;
	struct topology *topology = topology_build(&spec, 1, 1, &error);
	ck_assert_int_eq(topology->pools[0].hash, HASH_COUNT);
	topology_unref(topology);
}
END_TEST

static struct shard_spec same_name[] = {{.name = "a", .primary = "h:1", .weight = 1},
					{.name = "b", .primary = "h:2", .weight = 1},
					{.name = "a", .primary = "h:3", .weight = 1}};
static struct shard_spec same_address[] = {{.primary = "h", .weight = 1},
					   {.primary = "h:11211", .weight = 1}};
static struct shard_spec same_label[] = {{.name = "h", .primary = "x:1", .weight = 1},
					 {.primary = "h:11211", .weight = 1}};
static struct shard_spec bad_address[] = {{.name = "a", .primary = "h:1", .weight = 1},
					  {.name = "b", .primary = "h:x", .weight = 1}};
static struct shard_spec no_weight[] = {{.name = "a", .primary = "h:1", .weight = 1},
					{.name = "b", .primary = "h:2"}};
static struct shard_spec unresolved[] = {{.primary = "h:1", .weight = 1}};

static const struct {
	struct pool_spec spec;
	const char *says;
} refused[] = {
	{{.shards = same_name, .n_shards = 3}, "pool p: shards a and a have the same name"},
	{{.shards = same_address, .n_shards = 2},
	 "pool p: shards h:11211 and h:11211 have the same"},
	{{.shards = same_label, .n_shards = 2}, "have the same ring label"},
	{{.shards = bad_address, .n_shards = 2}, "pool p: shard b: 'h:x': 'x' is no port"},
	{{.shards = no_weight, .n_shards = 2}, "pool p: shard b has weight 0"},
	{{.shards = no_weight, .n_shards = 0}, "pool p: there are 0 shards"},
	{{.shards = no_weight, .n_shards = DIST_NODES_MAX + 1}, "pool p: there are 4097 shards"},
	{{.shards = unresolved, .n_shards = 1, .distribution = DIST_SPYMEMCACHED},
	 "pool p: shard h:1: the ring label of h:1"},
	{{.shards = same_name, .n_shards = 2, .hash_tag = "{"}, "pool p: hash_tag is '{'"},
};

START_TEST(refuses_and_names_what_is_wrong)
{
	struct pool_spec specs[] = {sessions_spec(), refused[_i].spec};

	specs[1].name = "p";
	ck_assert_ptr_null(topology_build(specs, 2, 1, &error));
	ck_assert_msg(strstr(error.text, refused[_i].says) != NULL, "%s", error.text);
}
END_TEST

Suite *topology_suite(void)
{
	Suite *suite = suite_create("topology");
	TCase *tcase = tcase_create("topology");

	tcase_add_test(tcase, pools_have_what_the_spec_says);
	tcase_add_loop_test(tcase, shards_have_names_labels_and_endpoints, 0, ARRAY_LEN(shards));
	tcase_add_test(tcase, routes_by_prefix_and_tag);
	tcase_add_test(tcase, a_named_shard_may_move_house);
	tcase_add_test(tcase, lives_until_the_last_reference);
	tcase_add_test(tcase, pymemcache_keeps_its_own_hash);
	tcase_add_loop_test(tcase, refuses_and_names_what_is_wrong, 0, ARRAY_LEN(refused));
	suite_add_tcase(suite, tcase);
	return suite;
}
