#include "control/config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "suites.h"
#include "told.h"

static struct told told;

static void tear_down(void)
{
	told_free(&told);
}

/* What is right and short; cases put one thing more behind it. */
#define POOL "pools:\n  p:\n    protocol: redis\n    listen: a:1\n" /* 4 lines */
#define MC   "pools:\n  p:\n    protocol: memcached\n    listen: a:1\n"
#define TAIL "    shards: [b:1, b:2]\n"

/* Every setting there is, each at another value than its default. */
static const char every_setting[] =
	"workers: 3\n"
	"admin: {listen: 127.0.0.1:9601}\n"
	"log: {level: warn, format: json}\n"
	"shutdown_grace: 5s\n"
	"takeover: /run/t\n"
	"takeover_grace: 1h\n"
	"memory: 512m\n"
	"pools:\n"
	"  p:\n"
	"    protocol: redis\n"
	"    listen: [127.0.0.1:6379, unix:/run/s]\n"
	"    distribution: spymemcached\n"
	"    hash: fnv1a_64\n"
	"    hash_tag: \"{}\"\n"
	"    key_prefix_ignored: \"app:\"\n"
	"    node_string: \"{host}:{port}\"\n"
	"    timeouts: {connect: 1ms, request: 2ms, idle: 3s}\n"
	"    limits: {clients: 4, request: 5k, output: 6k, in_flight: 7}\n"
	"    connections: 8\n"
	"    retries: 9\n"
	"    multiget_errors: fail\n"
	"    shards:\n"
	"      - cache:1\n"
	"      - {name: b, primary: unix:/x, weight: 2}\n";

START_TEST(reads_every_setting_of_the_file_and_pool)
{
	struct config *config = told_parse_well(&told, every_setting);

	ck_assert_uint_eq(config->workers, 3);
	ck_assert_str_eq(config->admin_listen, "127.0.0.1:9601");
	ck_assert_int_eq(config->log_level, 1);
	ck_assert_int_eq(config->log_json, 1);
	ck_assert_uint_eq(config->shutdown_grace_ms, 5000);
	ck_assert_str_eq(config->takeover, "/run/t");
	ck_assert_uint_eq(config->takeover_grace_ms, 3600000);
	ck_assert_uint_eq(config->memory, 512U << 20);
	ck_assert_uint_eq(config->n_pools, 1);
	const struct pool_spec *pool = config->pools;
	ck_assert_str_eq(pool->name, "p");
	ck_assert_int_eq(pool->protocol, PROTOCOL_REDIS);
	ck_assert_uint_eq(pool->listen.n, 2);
	ck_assert_str_eq(pool->listen.v[1], "unix:/run/s");
	ck_assert_int_eq(pool->distribution, DIST_SPYMEMCACHED);
	ck_assert_int_eq(pool->hash, HASH_FNV1A_64);
	ck_assert_str_eq(pool->hash_tag, "{}");
	ck_assert_str_eq(pool->key_prefix_ignored, "app:");
	ck_assert_str_eq(pool->node_string, "{host}:{port}");
	ck_assert_str_eq(told_warnings(&told), "");
	config_free(config);
}
END_TEST

START_TEST(reads_every_limit_and_shard)
{
	struct config *config = told_parse(&told, every_setting);
	const struct pool_spec *pool = config->pools;
	const struct pool_settings *settings = &pool->settings;
	ck_assert_uint_eq(settings->connect_ms, 1);
	ck_assert_uint_eq(settings->request_ms, 2);
	ck_assert_uint_eq(settings->idle_ms, 3000);
	ck_assert_uint_eq(settings->clients, 4);
	ck_assert_uint_eq(settings->request, 5120);
	ck_assert_uint_eq(settings->output, 6144);
	ck_assert_uint_eq(settings->in_flight, 7);
	ck_assert_uint_eq(settings->connections, 8);
	ck_assert_uint_eq(settings->retries, 9);
	ck_assert_int_eq(settings->multiget_errors, MULTIGET_FAIL);
	ck_assert_uint_eq(pool->n_shards, 2);
	ck_assert_ptr_null(pool->shards[0].name);
	ck_assert_str_eq(pool->shards[0].primary, "cache:1");
	ck_assert_uint_eq(pool->shards[0].weight, 1);
	ck_assert_str_eq(pool->shards[1].name, "b");
	ck_assert_uint_eq(pool->shards[1].weight, 2);
	config_free(config);
}
END_TEST

START_TEST(reads_what_replicas_need)
{
	struct config *config = told_parse_well(
		&told,
		POOL "    reads: prefer-replica\n    replica_choice: turn\n    zone: east\n"
		     "    max_lag_bytes: 1m\n    read_your_writes: 500ms\n"
		     "    read_your_writes_by: user\n    health: {every: 1s, timeout: 2s}\n"
		     "    limits: {leases: 5}\n    shards:\n      - name: x\n        primary: b:1\n"
		     "        replicas: [c:1, {address: d:1, zone: east}]\n      - e:1\n");

	const struct pool_spec *pool = config->pools;
	ck_assert_int_eq(pool->settings.reads, READS_PREFER_REPLICA);
	ck_assert_int_eq(pool->settings.replica_choice, CHOICE_TURN);
	ck_assert_str_eq(pool->zone, "east");
	ck_assert_uint_eq(pool->settings.max_lag_bytes, 1U << 20);
	ck_assert_uint_eq(pool->settings.read_your_writes_ms, 500);
	ck_assert_int_eq(pool->settings.identity, IDENTITY_USER);
	ck_assert_uint_eq(pool->settings.health_every_ms, 1000);
	ck_assert_uint_eq(pool->settings.health_timeout_ms, 2000);
	ck_assert_uint_eq(pool->settings.leases, 5);
	ck_assert_uint_eq(pool->shards[0].n_replicas, 2);
	ck_assert_str_eq(pool->shards[0].replicas[0].address, "c:1");
	ck_assert_ptr_null(pool->shards[0].replicas[0].zone);
	ck_assert_str_eq(pool->shards[0].replicas[1].zone, "east");
	ck_assert_uint_eq(pool->shards[1].n_replicas, 0);
	ck_assert_str_eq(told_warnings(&told), "");
	config_free(config);
}
END_TEST

/* The file of all settings spells out what is so anyway. */
START_TEST(memcached_may_spell_out_defaults)
{
	struct config *config =
		told_parse_well(&told, MC "    reads: primary\n    max_lag_bytes: off\n"
					  "    health: {every: 250ms}\n" TAIL);

	config_free(config);
}
END_TEST

START_TEST(reads_how_nodes_are_probed)
{
	static const char *const heads[] = {MC, POOL};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		char yaml[2048];

		snprintf(yaml, sizeof(yaml), "%s%s%s", heads[i],
			 "    health: {every: 2s, timeout: 100ms, fall: 1, rise: 1000}\n", TAIL);
		struct config *config = told_parse_well(&told, yaml);
		const struct pool_settings *settings = &config->pools->settings;
		ck_assert_uint_eq(settings->health_every_ms, 2000);
		ck_assert_uint_eq(settings->health_timeout_ms, 100);
		ck_assert_uint_eq(settings->health_fall, 1);
		ck_assert_uint_eq(settings->health_rise, 1000);
		config_free(config);
	}
}
END_TEST

START_TEST(reads_what_clients_are_told)
{
	static const struct {
		const char *yaml;
		size_t n;
	} cases[] = {
		{MC TAIL, 0},
		{MC "    cluster_config: nodes\n" TAIL, 0},
		{POOL "    cluster_config: nodes\n" TAIL, 0},
		{MC "    cluster_config: c:1\n" TAIL, 1},
		{MC "    cluster_config: [c:1, \"[::1]:2\"]\n" TAIL, 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct config *config = told_parse_well(&told, cases[i].yaml);

		const struct string_list *hosts = &config->pools->cluster_config;
		ck_assert_uint_eq(hosts->n, cases[i].n);
		if (hosts->n > 0)
			ck_assert_str_eq(hosts->v[0], "c:1");
		if (hosts->n > 1)
			ck_assert_str_eq(hosts->v[1], "[::1]:2");
		config_free(config);
	}
}
END_TEST

/* Nothing but the word is wrong with a protocol that is misspelt. */
START_TEST(an_unknown_protocol_is_told_alone)
{
	ck_assert_ptr_null(told_parse(&told, "pools:\n  p:\n    protocol: reddis\n    listen: a:1\n"
					     "    zone: x\n    reads: replica\n" TAIL));
	ck_assert_ptr_null(strstr(told_errors(&told), "only with"));
}
END_TEST

/* The text, which is freed, is at a limit, or one past it, of which this is said. */
static void expect_limit(struct text *yaml, bool is_within, const char *error)
{
	struct config *config = told_parse(&told, yaml->p);

	if (is_within)
		config_free(told_well(&told, config));
	else
		told_expect_refused(&told, config, error);
	text_free(yaml);
}

START_TEST(as_many_replicas_as_allowed_and_no_more)
{
	for (int n = 32; n <= 33; n++) {
		struct text yaml = {0};

		text_puts(&yaml, POOL "    shards:\n      - primary: b:1\n        replicas:\n");
		for (int i = 0; i < n; i++)
			text_printf(&yaml, "          - c:%d\n", i + 1);
		expect_limit(&yaml, n == 32, "more than 32 replicas");
	}
}
END_TEST

START_TEST(as_many_nodes_as_allowed_and_no_more)
{
	/* 65,535 are 4096 shards of 16 but one. */
	for (int spare = 0; spare <= 1; spare++) {
		struct text yaml = {0};

		text_puts(&yaml, POOL "    distribution: modula\n    shards:\n");
		for (int i = 0; i < 4096; i++) {
			text_printf(&yaml, "     - {primary: b:%d, replicas: [", i + 1);
			for (int j = 0; j < (i > 0 || spare ? 15 : 14); j++)
				text_printf(&yaml, "a:%d,", j + 2);
			text_puts(&yaml, "]}\n");
		}
		expect_limit(&yaml, spare == 0, "more than 65535 nodes");
	}
}
END_TEST

START_TEST(one_address_needs_no_list)
{
	struct config *config = told_parse(&told, POOL TAIL);

	ck_assert_uint_eq(config->pools->listen.n, 1);
	ck_assert_str_eq(config->pools->listen.v[0], "a:1");
	config_free(config);
}
END_TEST

static const struct {
	const char *yaml, *error;
} broken[] = {
	{"workers: 1\n", "f:1:1: 'pools' is missing; expected pools: a map of pools"},
	{"pools:\n", "f:1:7: pools: it is empty; expected a map of pools"},
	{"pools: {}\n", "f:1:8: pools: no pools; expected NAME: {"},
	{"pools: [a]\n", "f:1:8: pools: it is a list; expected a map of pools"},
	{"pools:\n  p:\n", "f:2:5: pools.p: it is empty; expected a map with protocol"},
	{"pools:\n  p: {}\n",
	 "f:2:3: pools.p: 'protocol' is missing; expected protocol: memcached"},
	{"pools:\n  p: {}\n", "f:2:3: pools.p: 'listen' is missing"},
	{"pools:\n  p: {}\n", "f:2:3: pools.p: 'shards' is missing"},
	{"pools:\n  a b: {}\n", "f:2:3: pools.a b: not a pool's name; expected 1 to 64 letters"},
	{"pools:\n  \"\": {}\n", "f:2:3: pools.: not a pool's name"},
	{POOL TAIL "log:\n", "f:6:5: log: it is empty; expected a map of level, format"},
	{POOL TAIL "log: debug\n", "f:6:6: log: it is a text; expected a map of level, format"},
	{POOL TAIL "log: {levle: info}\n", "f:6:7: log.levle: unknown key; did you mean 'level'?"},
	{POOL TAIL "workers: []\n", "f:6:10: workers: it is a list; expected a number"},
	{POOL TAIL "workers:\n", "f:6:9: workers: it is empty; expected a number"},
	{POOL TAIL "log.level: info\n", "f:6:1: log.level: unknown key; expected one of workers"},
	{POOL TAIL "tls: {}\n", "f:6:1: tls: unknown key; expected one of workers, admin"},
	{POOL TAIL "dns: {}\n", "f:6:6: dns: no keys; expected some of min_ttl, max_ttl, servers"},
	{MC "    failover: {modes: gutter}\n" TAIL,
	 "f:5:16: pools.p.failover.modes: unknown key; did you mean 'mode'?"},
	{MC "    failover: miss\n" TAIL, "f:5:15: pools.p.failover: it is a text; expected a map"},
	{MC "    failover: {on_down: mis}\n" TAIL,
	 "f:5:25: pools.p.failover.on_down: 'mis' is not known; did you mean 'miss'?"},
	{POOL "    failover: {on_down: miss}\n" TAIL,
	 "f:5:25: pools.p.failover.on_down: only with 'protocol: memcached'; take it out"},
	{POOL "    hold_on: {time: 1s}\n" TAIL, "f:5:5: pools.p.hold_on: unknown key"},
	{POOL "    connect: 1s\n" TAIL, "f:5:5: pools.p.connect: unknown key; did you mean "
					"'timeouts.connect'?"},
	{POOL "    hash_tag: {}\n" TAIL, "f:5:15: pools.p.hash_tag: it is a map; expected two "
					 "ASCII characters in quotes"},
	{POOL "    timeouts: {request: off}\n" TAIL, "f:5:25: pools.p.timeouts.request: 'off'"},
	{POOL "    timeouts: {a: {b: 1}}\n" TAIL, "f:5:16: pools.p.timeouts.a: unknown key"},
	{POOL "    limits: {request: 2g}\n" TAIL, "f:5:23: pools.p.limits.request: '2g'"},
	{POOL "    limits: {request: 1g}\n" TAIL "memory: 64m\n",
	 "f:5:23: pools.p.limits.request: 1g is more than 'memory', 64m"},
	{POOL "    limits: {output: 65m}\n" TAIL "memory: 64m\n",
	 "f:5:22: pools.p.limits.output: 65m is more than 'memory', 64m"},
	{POOL TAIL TAIL, "f:6:5: pools.p.shards: given twice; it stands on line 5 already"},
	{POOL TAIL "pools: {q: {}}\n", "f:6:1: pools: given twice; it stands on line 1 already"},
	{POOL "    listen: a:1\n" TAIL, "f:5:5: pools.p.listen: given twice"},
	{POOL "    shards: b:1\n", "f:5:13: pools.p.shards: it is a text; expected a list"},
	{POOL "    shards: {a: b:1}\n", "f:5:13: pools.p.shards: it is a map; expected a list"},
	{POOL "    shards: []\n", "f:5:13: pools.p.shards: no shards; expected at least one"},
	{POOL "    shards: [[b]]\n", "f:5:14: pools.p.shards[0]: it is a list; expected HOST:PORT"},
	{POOL "    shards: [b]\n", "f:5:14: pools.p.shards[0]: 'b' has no port"},
	{POOL "    shards: [{name: x}]\n", "f:5:14: pools.p.shards[0]: 'primary' is missing"},
	{POOL "    shards: [{primary: b:1, replica: [c:1]}]\n",
	 "f:5:29: pools.p.shards[0].replica: unknown key; did you mean 'replicas'?"},
	{POOL "    shards: [b:1, b:1]\n", "f:5:19: pools.p.shards[1]: 'b:1' is used by "
					  "pools.p.shards[0] already"},
	{POOL "    shards:\n      - {primary: b:1, name: x}\n      - {primary: b:2, name: x}\n",
	 "f:7:30: pools.p.shards[1].name: 'x' is used by pools.p.shards[0].name already"},
	{POOL "    shards: [{name: \"b:2\", primary: b:1}, b:2]\n",
	 "pools.p.shards[1]: 'b:2' is used by pools.p.shards[0].name already"},
	{POOL "    shards: [{name: \"b\", primary: c:1}, b:11211]\n",
	 "f:5:13: pools.p.shards: shards b and b:11211 have the same ring label"},
	{POOL "    shards: [b:1, a:1]\n", "f:5:19: pools.p.shards[1]: the pool listens at this "
					  "shard's address itself"},
	{POOL "    distribution: pymemcache\n    shards: [{primary: b:1, weight: 2}]\n",
	 "f:6:13: pools.p.shards: shard b:1 has weight 2; expected 1"},
	{POOL "    shards: [{primary: b:1, replicas: []}]\n",
	 "f:5:39: pools.p.shards[0].replicas: no replicas; expected at least one HOST:PORT or"},
	{POOL "    shards: [{primary: b:1, replicas: c:1}]\n",
	 "f:5:39: pools.p.shards[0].replicas: it is a text; expected a list of HOST:PORT or"},
	{POOL "    shards: [{primary: b:1, replicas: [c]}]\n",
	 "f:5:40: pools.p.shards[0].replicas[0]: 'c' has no port"},
	{POOL "    shards: [{primary: b:1, replicas: [{zone: x}]}]\n",
	 "f:5:40: pools.p.shards[0].replicas[0]: 'address' is missing"},
	{POOL "    shards: [{primary: b:1, replicas: [c:1, b:1]}]\n",
	 "f:5:45: pools.p.shards[0].replicas[1]: 'b:1' is used by pools.p.shards[0].primary "
	 "already"},
	{POOL "    shards: [{primary: b:1, replicas: [{address: a:1}]}]\n",
	 "f:5:50: pools.p.shards[0].replicas[0].address: the pool listens at this replica's "
	 "address"},
	{MC "    reads: replica\n" TAIL,
	 "f:5:12: pools.p.reads: only with 'protocol: redis'; take it out"},
	{MC "    limits: {leases: 7}\n" TAIL, "f:5:22: pools.p.limits.leases: only with"},
	{MC "    max_lag_bytes: 1m\n" TAIL, "pools.p.max_lag_bytes: only with"},
	{MC "    zone: x\n" TAIL, "pools.p.zone: only with 'protocol: redis'"},
	{MC "    users: [{name: x, commands: +read}]\n" TAIL,
	 "f:5:33: pools.p.users[0].commands: only with"},
	{MC "    users: [{name: x}, {name: y, prefixes: [a]}]\n" TAIL,
	 "f:5:44: pools.p.users[1].prefixes: only with"},
	{MC "    prefixes: [{match: x, reads: primary}]\n" TAIL,
	 "f:5:34: pools.p.prefixes[0].reads: only with 'protocol: redis'; take it out"},
	{MC "    prefixes: [{match: x, refuse: write}]\n" TAIL,
	 "f:5:35: pools.p.prefixes[0].refuse: only with 'protocol: redis'; take it out"},
	{MC "    ttl_jitter: 5\n" TAIL,
	 "f:5:17: pools.p.ttl_jitter: '5' is not valid; expected a share from 0.01% to 100%, or "
	 "off"},
	{MC "    max_ttl: 1500ms\n" TAIL,
	 "f:5:14: pools.p.max_ttl: '1500ms' is not valid; expected a duration of whole seconds "
	 "with its unit from 1s to 3650d, or off"},
	{MC "    prefixes: [{match: x, default_ttl: 0s}]\n" TAIL,
	 "pools.p.prefixes[0].default_ttl: '0s' is not valid; expected a duration"},
	{MC "    commands: [{name: x}]\n" TAIL, "pools.p.commands: only with"},
	{POOL "    cluster_config: [c:1]\n" TAIL,
	 "f:5:21: pools.p.cluster_config: only with 'protocol: memcached'; take it out"},
	{MC "    cluster_config: node\n" TAIL, "f:5:21: pools.p.cluster_config: 'node' is not "
					       "valid; expected nodes, HOST:PORT, or a list"},
	{MC "    cluster_config: []\n" TAIL, "f:5:21: pools.p.cluster_config: it is a list; "},
	{MC "    cluster_config:\n" TAIL, "f:5:20: pools.p.cluster_config: it is empty; "},
	{MC "    cluster_config: [c:1, nodes]\n" TAIL,
	 "f:5:27: pools.p.cluster_config[1]: it stands for the whole list; take it out"},
	{MC "    cluster_config: [c:1, unix:/x]\n" TAIL,
	 "f:5:27: pools.p.cluster_config[1]: 'unix:/x' is not valid"},
	{MC "    cluster_config: [\"*:1\"]\n" TAIL, "f:5:22: pools.p.cluster_config[0]: '*:1'"},
	{MC "    cluster_config: [c:0]\n" TAIL, "f:5:22: pools.p.cluster_config[0]: 'c:0'"},
	{MC "    cluster_config: [c:1, d:1, c:1]\n" TAIL,
	 "f:5:32: pools.p.cluster_config[2]: 'c:1' is used by pools.p.cluster_config[0] already"},
	{MC "    shards: [{primary: b:1, replicas: [c:1]}]\n",
	 "f:5:39: pools.p.shards[0].replicas: only with 'protocol: redis'; take it out"},
	{POOL TAIL "admin: {listen: \"unix:/t\"}\ntakeover: /t\n",
	 "f:7:11: takeover: 'unix:/t' is used by admin.listen already"},
	{POOL TAIL "admin: {listen: a:1}\n",
	 "f:6:17: admin.listen: 'a:1' is used by pools.p.listen already"},
	{POOL TAIL "  q:\n    protocol: redis\n    listen: [x:1, a:1]\n" TAIL,
	 "f:8:19: pools.q.listen[1]: 'a:1' is used by pools.p.listen already"},
	{"pools:\n  p:\n    protocol: redis\n    listen: []\n" TAIL,
	 "f:4:13: pools.p.listen: it is a list; expected HOST:PORT"},
	{"pools:\n  p:\n    protocol: redis\n    listen: [[a]]\n" TAIL,
	 "f:4:14: pools.p.listen[0]: it is a list; expected HOST:PORT"},
	{"pools:\n  p:\n    protocol: redis\n    listen: [a:1, a:1]\n" TAIL,
	 "f:4:19: pools.p.listen[1]: 'a:1' is used by pools.p.listen[0] already"},
};

START_TEST(tells_what_is_wrong_and_where)
{
	told_expect_refused(&told, told_parse(&told, broken[_i].yaml), broken[_i].error);
}
END_TEST

START_TEST(tells_all_errors_in_one_go)
{
	static const char *const parts[] = {"f:1:10: workers: ",
					    "f:3:3: pools.p: 'listen' is missing",
					    "f:4:15: pools.p.protocol: ",
					    "f:5:5: pools.p.listn: ",
					    "f:6:16: pools.p.shards[0]: ",
					    "f:6:19: pools.p.shards[1]: ",
					    "f:7:1: zzz: "};
	const char *at;

	ck_assert_ptr_null(told_parse(&told, "workers: none\npools:\n  p:\n    protocol: reddis\n"
					     "    listn: a:1\n    shards:   [b, c]\nzzz: 1\n"));
	at = told_errors(&told);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		at = strstr(at, parts[i]);
		ck_assert_msg(at != NULL, "no %s in %s", parts[i], told_errors(&told));
	}
}
END_TEST

/* The value behind an alias is not known, so nothing more is said of it. */
START_TEST(what_was_refused_is_told_once)
{
	ck_assert_ptr_null(told_parse(&told, POOL "    shards: *x\n    hash: *y\n"));
	ck_assert_str_eq(told_errors(&told),
			 "f:5:13: an alias ('*name'), which is not supported; write "
			 "the value out\nf:6:11: an alias ('*name'), which is not "
			 "supported; write the value out\n");
}
END_TEST

static const struct {
	const char *yaml, *warning;
} unwise[] = {
	{POOL "    reads: replica\n" TAIL,
	 "f:5:12: warning: pools.p.reads: no shard has replicas to read; give them"},
	{POOL "    zone: x\n    shards: [{primary: b:1, replicas: [{address: c:1, zone: y}]}]\n",
	 "f:5:11: warning: pools.p.zone: no replica is in this zone; give replicas"},
	{MC "    credentials: {username: x y, password: z}\n" TAIL,
	 "f:5:29: warning: pools.p.credentials.username: it has a blank, which a login in"},
	{MC "    users: [{name: x, password: y z}]\n" TAIL,
	 "f:5:33: warning: pools.p.users[0].password: it has a blank, which a login in"},
	{MC "    clients: {password: y z}\n" TAIL,
	 "f:5:25: warning: pools.p.clients.password: it has a blank, which a login in"},
	{POOL "    hash: crc32\n" TAIL, "f:5:11: warning: pools.p.hash: crc32 keeps 15 bits"},
	{POOL "    hash: md5\n    distribution: pymemcache\n" TAIL,
	 "f:5:11: warning: pools.p.hash: pymemcache hashes keys its own way"},
	{POOL "    node_string: \"{host}\"\n" TAIL,
	 "f:5:18: warning: pools.p.node_string: it has no effect"},
	{POOL "    shards: [{primary: b:1, weight: 100000}, {primary: b:2, weight: 1}]\n",
	 "f:5:69: warning: pools.p.shards[1].weight: the weight is so small"},
	{POOL "    shards: [{primary: b:1, weight: 100000}, b:2]\n",
	 "f:5:46: warning: pools.p.shards[1]: the weight is so small"},
};

START_TEST(warns_of_what_is_unwise)
{
	struct config *config = told_parse_well(&told, unwise[_i].yaml);

	ck_assert_msg(strstr(told_warnings(&told), unwise[_i].warning) != NULL, "told %s",
		      told_warnings(&told));
	config_free(config);
}
END_TEST

START_TEST(as_many_pools_as_allowed_and_no_more)
{
	for (int n = 1000; n <= 1001; n++) {
		struct text yaml = {0};

		text_puts(&yaml, "pools:\n");
		for (int i = 0; i < n; i++)
			text_printf(&yaml,
				    "  p%d: {protocol: redis, listen: a:%d, shards: [b:1]}\n", i,
				    i + 1);
		expect_limit(&yaml, n == 1000, "more than 1000 pools");
	}
}
END_TEST

START_TEST(as_many_shards_as_allowed_and_no_more)
{
	for (int n = DIST_NODES_MAX; n <= DIST_NODES_MAX + 1; n++) {
		struct text yaml = {0};

		text_puts(&yaml, POOL "    distribution: modula\n    shards:\n");
		for (int i = 0; i < n; i++)
			text_printf(&yaml, "      - b:%d\n", i + 1);
		expect_limit(&yaml, n == DIST_NODES_MAX, "more than 4096 shards");
	}
}
END_TEST

/* Whatever its first bytes, a file is read or refused, and nothing leaks. */
START_TEST(every_prefix_is_read_or_refused)
{
	static const char whole[] =
		"log: {level: \"warn\"}\n" POOL "    hash_tag: '{}'\n    shards:\n      - b:1\n"
		"      - {name: \"x\\ty\", primary: 'b:2'}\n";

	for (size_t len = 0; len < sizeof(whole); len++) {
		text_reset(&told.errors);
		struct config *config =
			config_parse(span_make(whole, len), "f", &told.errors, NULL);
		ck_assert_int_eq(config == NULL, told.errors.len > 0);
		config_free(config);
	}
}
END_TEST

START_TEST(a_file_that_is_not_there_is_an_error)
{
	ck_assert_ptr_null(config_load("/nonexistent/f.yaml", &told.errors, &told.warnings));
	ck_assert_ptr_nonnull(strstr(told_errors(&told), "/nonexistent/f.yaml: cannot be read: "));
}
END_TEST

START_TEST(arguments_make_a_pool)
{
	struct config *config =
		told_well(&told, config_from_args(PROTOCOL_MEMCACHED, "a,b:7,unix:/c,[::1]",
						  "127.0.0.1:1", &told.errors));

	const struct pool_spec *pool = config->pools;
	ck_assert_uint_eq(config->n_pools, 1);
	ck_assert_str_eq(pool->name, "memcached");
	ck_assert_int_eq(pool->protocol, PROTOCOL_MEMCACHED);
	ck_assert_uint_eq(pool->n_shards, 4);
	ck_assert_str_eq(pool->shards[0].primary, "a:11211");
	ck_assert_str_eq(pool->shards[1].primary, "b:7");
	ck_assert_str_eq(pool->shards[2].primary, "unix:/c");
	ck_assert_str_eq(pool->shards[3].primary, "[::1]:11211");
	ck_assert_str_eq(pool->listen.v[0], "127.0.0.1:1");
	ck_assert_uint_eq(pool->settings.request_ms, 1000);
	config_free(config);
}
END_TEST

START_TEST(arguments_listen_on_loopback_by_default)
{
	struct config *config = config_from_args(PROTOCOL_REDIS, "a", NULL, &told.errors);

	ck_assert_str_eq(config->pools->listen.v[0], "127.0.0.1:6379");
	ck_assert_str_eq(config->pools->shards[0].primary, "a:6379");
	config_free(config);
}
END_TEST

static const struct {
	const char *addresses, *listen, *error;
} bad_arguments[] = {
	{"", NULL, "--redis: '' is no address"},
	{"a,,b", NULL, "--redis: '' is no address"},
	{"a:x", NULL, "--redis: 'a:x': 'x' is no port"},
	{"a,a:6379", NULL, "--redis: 'a:6379' is used by another already"},
	{"a", "nonsense:", "--listen: 'nonsense:': '' is no port"},
	{"127.0.0.1", NULL, "--redis: the pool listens at this shard's address itself"},
};

START_TEST(bad_arguments_are_told)
{
	struct config *config = config_from_args(PROTOCOL_REDIS, bad_arguments[_i].addresses,
						 bad_arguments[_i].listen, &told.errors);

	told_expect_refused(&told, config, bad_arguments[_i].error);
}
END_TEST

Suite *config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, reads_every_setting_of_the_file_and_pool);
	tcase_add_test(tc, reads_every_limit_and_shard);
	tcase_add_test(tc, reads_what_replicas_need);
	tcase_add_test(tc, memcached_may_spell_out_defaults);
	tcase_add_test(tc, reads_how_nodes_are_probed);
	tcase_add_test(tc, reads_what_clients_are_told);
	tcase_add_test(tc, an_unknown_protocol_is_told_alone);
	tcase_add_test(tc, as_many_replicas_as_allowed_and_no_more);
	tcase_add_test(tc, as_many_nodes_as_allowed_and_no_more);
	tcase_add_test(tc, one_address_needs_no_list);
	tcase_add_loop_test(tc, tells_what_is_wrong_and_where, 0, ARRAY_LEN(broken));
	tcase_add_test(tc, tells_all_errors_in_one_go);
	tcase_add_test(tc, what_was_refused_is_told_once);
	tcase_add_loop_test(tc, warns_of_what_is_unwise, 0, ARRAY_LEN(unwise));
	tcase_add_test(tc, as_many_pools_as_allowed_and_no_more);
	tcase_add_test(tc, as_many_shards_as_allowed_and_no_more);
	tcase_add_test(tc, every_prefix_is_read_or_refused);
	tcase_add_test(tc, a_file_that_is_not_there_is_an_error);
	tcase_add_test(tc, arguments_make_a_pool);
	tcase_add_test(tc, arguments_listen_on_loopback_by_default);
	tcase_add_loop_test(tc, bad_arguments_are_told, 0, ARRAY_LEN(bad_arguments));
	suite_add_tcase(suite, tc);
	return suite;
}
