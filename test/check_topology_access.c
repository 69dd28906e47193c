#include <check.h>
#include <string.h>

#include "route/policy.h"
#include "suites.h"

/* What pools have beside shards with one address each: replicas, users, prefixes. */

static char secret[] = "secret", gold[] = "gold";
static struct replica_spec replicas_of_a[] = {{"ra1", "east"},
					      {"ra2:1", "west"},
					      {"ra3", NULL},
					      {"ra4", "west"}};
static struct replica_spec replicas_of_c[] = {{"unix:/rc", "west"}};
static struct shard_spec shards[] = {
	{.name = "a",
	 .primary = "a",
	 .weight = 1,
	 .replicas = replicas_of_a,
	 .n_replicas = ARRAY_LEN(replicas_of_a)},
	{.name = "b", .primary = "b", .weight = 1},
	{.name = "c",
	 .primary = "c",
	 .weight = 1,
	 .replicas = replicas_of_c,
	 .n_replicas = ARRAY_LEN(replicas_of_c)},
};
static uint64_t bits[] = {UINT64_C(1) << 63, 2};
static char *user_prefixes[] = {"app:", "tmp:"};
static struct user_spec users[] = {
	{.name = "app",
	 .password = {.text = gold},
	 .prefixes = {user_prefixes, ARRAY_LEN(user_prefixes)},
	 .allowed = bits,
	 .allowed_words = ARRAY_LEN(bits)},
	{.name = "guest"},
};
static struct prefix_spec prefixes[] = {
	{.match = "a", .reads = READS_UNSET},
	{.match = "abc", .reads = READS_REPLICA, .refused = bits, .refused_words = ARRAY_LEN(bits)},
	{.match = "ab", .reads = READS_PRIMARY},
};
static struct command_spec commands[] = {{"bf.add", 1, 1, 1, 1}};

static struct topology *build(struct pool_spec spec)
{
	struct error error;

	spec.name = "p";
	spec.protocol = PROTOCOL_REDIS;
	spec.hash = HASH_DEFAULT;
	spec.shards = shards;
	spec.n_shards = ARRAY_LEN(shards);
	struct topology *topology = topology_build(&spec, 1, 1, &error);
	ck_assert_msg(topology != NULL, "%s", error.text);
	return topology;
}

static const struct {
	const char *text;
	uint16_t shard;
	bool is_replica, is_near;
} endpoints[] = {
	{"a:6379", 0, false, false},  {"ra2:1", 0, true, true},	    {"ra4:6379", 0, true, true},
	{"ra1:6379", 0, true, false}, {"ra3:6379", 0, true, false}, {"b:6379", 1, false, false},
	{"c:6379", 2, false, false},  {"unix:/rc", 2, true, true},
};

START_TEST(replicas_of_the_zone_come_first)
{
	struct topology *topology = build((struct pool_spec){.zone = "west"});
	const struct shard *a = &topology->pools[0].shards[0];

	ck_assert_uint_eq(topology->n_endpoints, ARRAY_LEN(endpoints));
	for (uint16_t i = 0; i < topology->n_endpoints; i++) {
		const struct endpoint *endpoint = &topology->endpoints[i];

		ck_assert_uint_eq(endpoint->id, i);
		ck_assert_str_eq(endpoint->text, endpoints[i].text);
		ck_assert_uint_eq(endpoint->shard->index, endpoints[i].shard);
		ck_assert_int_eq(endpoint->is_replica, endpoints[i].is_replica);
		ck_assert_int_eq(endpoint->is_near, endpoints[i].is_near);
	}
	ck_assert_ptr_eq(a->primary, &topology->endpoints[0]);
	ck_assert_ptr_eq(a->replicas, &topology->endpoints[1]);
	ck_assert_uint_eq(a->n_replicas, 4);
	ck_assert_uint_eq(topology->pools[0].shards[1].n_replicas, 0);
	ck_assert_ptr_eq(topology->pools[0].shards[2].replicas, &topology->endpoints[7]);
	topology_unref(topology);
}
END_TEST

START_TEST(without_a_zone_replicas_keep_their_order)
{
	struct topology *topology = build((struct pool_spec){0});
	const struct shard *a = &topology->pools[0].shards[0];

	for (size_t i = 0; i < a->n_replicas; i++) {
		ck_assert(!a->replicas[i].is_near);
		ck_assert_int_eq(a->replicas[i].text[2], '1' + (int)i);
	}
	topology_unref(topology);
}
END_TEST

START_TEST(a_replica_that_is_no_address_is_blamed)
{
	static struct replica_spec wrong[] = {{"h:x", NULL}};
	static struct shard_spec shard = {
		.name = "s", .primary = "h:1", .weight = 1, .replicas = wrong, .n_replicas = 1};
	struct pool_spec spec = {.name = "p", .shards = &shard, .n_shards = 1};
	struct error error;

	ck_assert_ptr_null(topology_build(&spec, 1, 1, &error));
	ck_assert_msg(strncmp(error.text, "pool p: shard s: 'h:x': 'x' is no port", 38) == 0,
		      "told %s", error.text);
}
END_TEST

START_TEST(users_are_found_by_name)
{
	struct pool_spec spec = {.users = users, .n_users = ARRAY_LEN(users)};

	spec.clients_password.text = secret;
	struct topology *topology = build(spec);
	const struct pool *pool = &topology->pools[0];
	const struct user *app = pool_user(pool, span_of("app"));

	ck_assert_uint_eq(pool->n_users, 3);
	ck_assert_ptr_eq(pool_user(pool, span_of("default")), &pool->users[0]);
	ck_assert_str_eq(pool->users[0].password, secret);
	ck_assert_ptr_null(pool->users[0].allowed);
	ck_assert_str_eq(app->password, gold);
	ck_assert_ptr_ne(app->password, gold);
	ck_assert(bits_have(app->allowed, app->allowed_words, 63));
	ck_assert(bits_have(app->allowed, app->allowed_words, 65));
	ck_assert_uint_eq(app->prefixes.n, 2);
	ck_assert_str_eq(app->prefixes.v[1], "tmp:");
	ck_assert_ptr_null(pool_user(pool, span_of("guest"))->password);
	ck_assert_ptr_null(pool_user(pool, span_of("App")));
	ck_assert_ptr_null(pool_user(pool, span_of("")));
	topology_unref(topology);
}
END_TEST

START_TEST(without_a_password_anyone_is_let_in)
{
	struct topology *topology = build((struct pool_spec){0});

	ck_assert_uint_eq(topology->pools[0].n_users, 0);
	ck_assert_ptr_null(pool_user(&topology->pools[0], span_of("default")));
	ck_assert_ptr_null(topology->pools[0].node_user);
	ck_assert_ptr_null(topology->pools[0].node_password);
	topology_unref(topology);
}
END_TEST

START_TEST(nodes_are_told_who_the_proxy_is)
{
	struct topology *topology =
		build((struct pool_spec){.credentials = {.name = "me", .password = {.text = gold}},
					 .commands = commands,
					 .n_commands = 1});
	const struct pool *pool = &topology->pools[0];

	ck_assert_str_eq(pool->node_user, "me");
	ck_assert_str_eq(pool->node_password, gold);
	ck_assert_uint_eq(pool->n_commands, 1);
	ck_assert_str_eq(pool->commands[0].name, "bf.add");
	ck_assert_ptr_ne(pool->commands[0].name, commands[0].name);
	ck_assert_int_eq(pool->commands[0].writes, 1);
	topology_unref(topology);
}
END_TEST

static const struct {
	const char *key, *match; /* NULL: none */
} policies[] = {
	{"abcd", "abc"}, {"abc", "abc"}, {"abd", "ab"}, {"ab", "ab"},  {"ax", "a"},
	{"a", "a"},	 {"b", NULL},	 {"", NULL},	{"Abc", NULL},
};

START_TEST(the_longest_prefix_counts)
{
	struct pool_spec spec = {.prefixes = prefixes,
				 .n_prefixes = ARRAY_LEN(prefixes),
				 .settings = {.reads = READS_PREFER_REPLICA}};
	struct topology *topology = build(spec);
	const struct pool *pool = &topology->pools[0];

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		const struct policy *policy = pool_policy(pool, span_of(policies[i].key));

		ck_assert_int_eq(policy != NULL, policies[i].match != NULL);
		if (policy != NULL)
			ck_assert_str_eq(policy->match, policies[i].match);
	}
	const struct policy *abc = pool_policy(pool, span_of("abc"));
	ck_assert_int_eq(abc->reads, READS_REPLICA);
	ck_assert(bits_have(abc->refused, abc->refused_words, 63));
	ck_assert_int_eq(pool_policy(pool, span_of("ab"))->reads, READS_PRIMARY);
	/* What an item does not say is the pool's. */
	ck_assert_int_eq(pool_policy(pool, span_of("a"))->reads, READS_PREFER_REPLICA);
	ck_assert_ptr_null(pool_policy(pool, span_of("a"))->refused);
	topology_unref(topology);
}
END_TEST

START_TEST(knows_whether_replicas_are_read)
{
	struct pool_spec spec = {0};

	for (int reads = READS_PRIMARY; reads <= READS_REPLICA; reads++) {
		spec.settings.reads = reads;
		struct topology *topology = build(spec);
		ck_assert_int_eq(topology->pools[0].reads_replicas, reads != READS_PRIMARY);
		topology_unref(topology);
	}
	spec.settings.reads = READS_PRIMARY;
	spec.prefixes = prefixes;
	spec.n_prefixes = ARRAY_LEN(prefixes);
	struct topology *topology = build(spec);
	ck_assert(topology->pools[0].reads_replicas);
	topology_unref(topology);
}
END_TEST

START_TEST(a_prefix_has_its_own_rule_for_expiry_times)
{
	struct prefix_spec specs[] = {
		{.match = prefixes[0].match, .ttl = {TTL_UNSET, 9, TTL_UNSET}},
		{.match = prefixes[1].match},
	};
	struct pool_spec spec = {.prefixes = specs, .n_prefixes = 2};
	struct topology *topology = build(spec);
	const struct pool *pool = &topology->pools[0];

	ck_assert(pool->has_ttl_rules);
	ck_assert_uint_eq(pool_ttl(pool, span_of("ax"))->max_s, 9);
	ck_assert_uint_eq(pool_ttl(pool, span_of("ax"))->jitter, 0);
	ck_assert(!ttl_is_set(pool_ttl(pool, span_of("abc"))));
	topology_unref(topology);

	spec.settings.ttl = (struct ttl_rule){.jitter = 5, .max_s = 7};
	topology = build(spec);
	pool = &topology->pools[0];
	ck_assert_uint_eq(pool_ttl(pool, span_of("x"))->max_s, 7);
	ck_assert_uint_eq(pool_ttl(pool, span_of("ax"))->max_s, 9);
	ck_assert_uint_eq(pool_ttl(pool, span_of("ax"))->jitter, 5);
	ck_assert(!ttl_is_set(pool_ttl(pool, span_of("abc"))));
	topology_unref(topology);

	topology = build((struct pool_spec){0});
	ck_assert(!topology->pools[0].has_ttl_rules);
	topology_unref(topology);
}
END_TEST

START_TEST(bits_past_the_words_are_not_set)
{
	ck_assert(bits_have(bits, 2, 63));
	ck_assert(bits_have(bits, 2, 65));
	ck_assert(!bits_have(bits, 2, 0));
	ck_assert(!bits_have(bits, 2, 64));
	ck_assert(!bits_have(bits, 1, 65));
	ck_assert(!bits_have(bits, 2, 128));
	ck_assert(!bits_have(NULL, 0, 0));
}
END_TEST

Suite *topology_access_suite(void)
{
	Suite *suite = suite_create("topology_access");
	TCase *tc = tcase_create("topology_access");

	tcase_add_test(tc, replicas_of_the_zone_come_first);
	tcase_add_test(tc, without_a_zone_replicas_keep_their_order);
	tcase_add_test(tc, a_replica_that_is_no_address_is_blamed);
	tcase_add_test(tc, users_are_found_by_name);
	tcase_add_test(tc, without_a_password_anyone_is_let_in);
	tcase_add_test(tc, nodes_are_told_who_the_proxy_is);
	tcase_add_test(tc, the_longest_prefix_counts);
	tcase_add_test(tc, knows_whether_replicas_are_read);
	tcase_add_test(tc, a_prefix_has_its_own_rule_for_expiry_times);
	tcase_add_test(tc, bits_past_the_words_are_not_set);
	suite_add_tcase(suite, tc);
	return suite;
}
