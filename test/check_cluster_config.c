#include "route/cluster_config.h"

#include <check.h>

#include "route/topology.h"
#include "suites.h"

static struct error error;

static struct shard_spec shards[] = {
	{.primary = "cache-1.internal:11211", .weight = 1},
	{.name = "b", .primary = "10.0.0.2:11212", .weight = 1},
	{.name = "c", .primary = "[2001:db8::3]:11213", .weight = 1},
	{.name = "d", .primary = "unix:/run/d.sock", .weight = 1},
	{.name = "e", .primary = "cache-5", .weight = 1},
};
static struct shard_spec sockets[] = {{.name = "d", .primary = "unix:/run/d.sock", .weight = 1}};

static struct pool_spec spec_of(struct shard_spec *v, size_t n)
{
	return (struct pool_spec){.name = "pages",
				  .protocol = PROTOCOL_MEMCACHED,
				  .distribution = DIST_KETAMA,
				  .hash = HASH_DEFAULT,
				  .shards = v,
				  .n_shards = n};
}

static void assert_payload(const struct pool_spec *spec, uint64_t version, const char *payload)
{
	struct topology *topology = topology_build(spec, 1, version, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	const struct cluster_config *cluster = &topology->pools[0].cluster;
	if (payload == NULL) {
		ck_assert_ptr_null(cluster->payload);
		ck_assert_uint_eq(cluster->len, 0);
	} else {
		ck_assert_str_eq(cluster->payload, payload);
		ck_assert_uint_eq(cluster->len, strlen(payload));
		ck_assert_uint_eq(cluster->version, version);
	}
	topology_unref(topology);
}

START_TEST(tells_the_nodes_in_their_order)
{
	struct pool_spec spec = spec_of(shards, ARRAY_LEN(shards));

	assert_payload(&spec, 12,
		       "12\ncache-1.internal||11211 10.0.0.2|10.0.0.2|11212 "
		       "2001:db8::3|2001:db8::3|11213 cache-5||11211\n");
	assert_payload(&spec, UINT64_MAX,
		       "18446744073709551615\ncache-1.internal||11211 10.0.0.2|10.0.0.2|11212 "
		       "2001:db8::3|2001:db8::3|11213 cache-5||11211\n");
	spec.n_shards = 1;
	assert_payload(&spec, 1, "1\ncache-1.internal||11211\n");
}
END_TEST

/* Else whoever asks a proxy that has just started would move all its keys to the source's own address. */
START_TEST(has_nothing_to_tell_until_a_source_has_named_a_node)
{
	struct shard_spec unknown = {.name = "unknown",
				     .primary = "cfg.internal:11211",
				     .weight = 1,
				     .is_unknown = true};
	char *v[] = {"proxy-1:11311"};
	struct pool_spec spec = spec_of(&unknown, 1);

	assert_payload(&spec, 12, NULL);
	spec.cluster_config = (struct string_list){v, 1};
	assert_payload(&spec, 12, "12\nproxy-1||11311\n");
}
END_TEST

START_TEST(tells_a_list_instead_of_the_nodes)
{
	char *v[] = {"proxy-1:11311", "10.0.0.9:1"};
	struct pool_spec spec = spec_of(shards, 2);

	spec.cluster_config = (struct string_list){v, 2};
	assert_payload(&spec, 7, "7\nproxy-1||11311 10.0.0.9|10.0.0.9|1\n");
}
END_TEST

START_TEST(has_nothing_to_tell_of_sockets_and_of_redis)
{
	struct pool_spec spec = spec_of(sockets, 1);

	assert_payload(&spec, 1, NULL);
	spec = spec_of(shards, 1);
	spec.protocol = PROTOCOL_REDIS;
	assert_payload(&spec, 1, NULL);
}
END_TEST

START_TEST(refuses_what_is_no_address)
{
	char *v[] = {"a:0"};
	struct pool_spec spec = spec_of(shards, 1);

	spec.cluster_config = (struct string_list){v, 1};
	ck_assert_ptr_null(topology_build(&spec, 1, 1, &error));
	ck_assert_str_eq(error.text, "pool pages: 'a:0': '0' is no port; expected 1 to 65535");
}
END_TEST

Suite *cluster_config_suite(void)
{
	Suite *suite = suite_create("cluster_config");
	TCase *tcase = tcase_create("cluster_config");

	tcase_add_test(tcase, tells_the_nodes_in_their_order);
	tcase_add_test(tcase, has_nothing_to_tell_until_a_source_has_named_a_node);
	tcase_add_test(tcase, tells_a_list_instead_of_the_nodes);
	tcase_add_test(tcase, has_nothing_to_tell_of_sockets_and_of_redis);
	tcase_add_test(tcase, refuses_what_is_no_address);
	suite_add_tcase(suite, tcase);
	return suite;
}
