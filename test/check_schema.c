#include "control/schema.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/config.h"
#include "suites.h"

/* A struct of any scope. */
static union {
	struct config config;
	struct pool_spec pool;
	struct shard_spec shard;
	struct replica_spec replica;
	struct user_spec user;
	struct prefix_spec prefix;
	struct command_spec command;
} any;

static void set_up(void)
{
	memset(&any, 0, sizeof(any));
}

START_TEST(defaults_of_the_file)
{
	schema_defaults(SCOPE_FILE, &any);
	ck_assert_uint_eq(any.config.workers, 0);
	ck_assert_ptr_null(any.config.admin_listen);
	ck_assert_int_eq(any.config.log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(any.config.log_json, 0);
	ck_assert_uint_eq(any.config.shutdown_grace_ms, 10000);
	ck_assert_uint_eq(any.config.memory, 1U << 30);
	ck_assert_uint_eq(any.config.dns_servers.n, 0);
	ck_assert_uint_eq(any.config.dns_min_ttl_ms, 1000);
	ck_assert_uint_eq(any.config.dns_max_ttl_ms, 300000);
	schema_release(SCOPE_FILE, &any);
}
END_TEST

START_TEST(defaults_of_a_pool)
{
	schema_defaults(SCOPE_POOL, &any);
	ck_assert_int_eq(any.pool.distribution, DIST_KETAMA);
	ck_assert_int_eq(any.pool.hash, HASH_DEFAULT);
	ck_assert_ptr_null(any.pool.hash_tag);
	ck_assert_uint_eq(any.pool.settings.connect_ms, 250);
	ck_assert_uint_eq(any.pool.settings.request_ms, 1000);
	ck_assert_uint_eq(any.pool.settings.idle_ms, 0);
	ck_assert_uint_eq(any.pool.settings.clients, 10000);
	ck_assert_uint_eq(any.pool.settings.request, 64U << 20);
	ck_assert_uint_eq(any.pool.settings.output, 64U << 20);
	ck_assert_uint_eq(any.pool.settings.in_flight, 4096);
	ck_assert_uint_eq(any.pool.settings.connections, 1);
	ck_assert_uint_eq(any.pool.settings.retries, 1);
	ck_assert_int_eq(any.pool.settings.multiget_errors, MULTIGET_PARTIAL);
	ck_assert_uint_eq(any.pool.settings.health_every_ms, 250);
	ck_assert_uint_eq(any.pool.settings.health_timeout_ms, 500);
	ck_assert_uint_eq(any.pool.settings.health_fall, 3);
	ck_assert_uint_eq(any.pool.settings.health_rise, 2);
	ck_assert(!ttl_is_set(&any.pool.settings.ttl));
	ck_assert_int_eq(any.pool.settings.coalesce, 0);
	schema_release(SCOPE_POOL, &any);
}
END_TEST

START_TEST(defaults_of_a_pool_of_redis)
{
	schema_defaults(SCOPE_POOL, &any);
	ck_assert_int_eq(any.pool.settings.reads, READS_PRIMARY);
	ck_assert_int_eq(any.pool.settings.replica_choice, CHOICE_LATENCY);
	ck_assert_uint_eq(any.pool.settings.max_lag_bytes, 0);
	ck_assert_uint_eq(any.pool.settings.read_your_writes_ms, 0);
	ck_assert_int_eq(any.pool.settings.identity, IDENTITY_CONNECTION);
	ck_assert_uint_eq(any.pool.settings.leases, 1000);
	ck_assert_ptr_null(any.pool.credentials.password.text);
	ck_assert_uint_eq(any.pool.n_users, 0);
	schema_release(SCOPE_POOL, &any);
}
END_TEST

START_TEST(defaults_of_items)
{
	schema_defaults(SCOPE_PREFIX, &any);
	ck_assert_int_eq(any.prefix.reads, READS_UNSET);
	ck_assert_int_eq(any.prefix.coalesce, -1);
	ck_assert_uint_eq(any.prefix.ttl.jitter, TTL_UNSET);
	ck_assert_uint_eq(any.prefix.ttl.max_s, TTL_UNSET);
	ck_assert_uint_eq(any.prefix.ttl.default_s, TTL_UNSET);
	set_up();
	schema_defaults(SCOPE_COMMAND, &any);
	ck_assert_int_eq(any.command.first, 0);
	ck_assert_int_eq(any.command.writes, 1);
}
END_TEST

START_TEST(defaults_of_a_shard)
{
	schema_defaults(SCOPE_SHARD, &any);
	ck_assert_uint_eq(any.shard.weight, 1);
	ck_assert_ptr_null(any.shard.name);
	schema_release(SCOPE_SHARD, &any);
}
END_TEST

/* The words stand in the order of the enums that they are written to. */
START_TEST(words_are_their_enums)
{
	static const struct {
		enum setting_scope scope;
		const char *path;
		int value;
		const char *word;
	} cases[] = {
		{SCOPE_FILE, "log.level", LOG_LEVEL_ERROR, "error"},
		{SCOPE_FILE, "log.level", LOG_LEVEL_DEBUG, "debug"},
		{SCOPE_FILE, "log.format", 1, "json"},
		{SCOPE_POOL, "protocol", PROTOCOL_MEMCACHED, "memcached"},
		{SCOPE_POOL, "protocol", PROTOCOL_REDIS, "redis"},
		{SCOPE_POOL, "multiget_errors", MULTIGET_FAIL, "fail"},
		{SCOPE_POOL, "failover.on_down", ON_DOWN_ERROR, "error"},
		{SCOPE_POOL, "failover.on_down", ON_DOWN_MISS, "miss"},
		{SCOPE_POOL, "reads", READS_PRIMARY, "primary"},
		{SCOPE_POOL, "reads", READS_PREFER_REPLICA, "prefer-replica"},
		{SCOPE_POOL, "reads", READS_REPLICA, "replica"},
		{SCOPE_PREFIX, "reads", READS_REPLICA, "replica"},
		{SCOPE_POOL, "replica_choice", CHOICE_TURN, "turn"},
		{SCOPE_POOL, "read_your_writes_by", IDENTITY_ADDRESS, "address"},
		{SCOPE_POOL, "read_your_writes_by", IDENTITY_USER, "user"},
		{SCOPE_COMMAND, "write", 1, "true"},
		{SCOPE_POOL, "distribution", DIST_RANDOM, "random"},
		{SCOPE_POOL, "hash", HASH_XXH3, "xxh3"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct setting *setting = schema_find(cases[i].scope, cases[i].path);

		ck_assert_str_eq(setting->word((size_t)cases[i].value), cases[i].word);
	}
}
END_TEST

/* What each row says of itself must be possible, or the documents made from it are wrong. */
START_TEST(rows_are_whole)
{
	size_t n;
	const struct setting *rows = schema_settings(&n);
	struct error error;

	for (size_t i = 0; i < n; i++) {
		const struct setting *row = &rows[i];
		char quoted[64];

		ck_assert_ptr_eq(schema_find(row->scope, row->path), row);
		ck_assert_ptr_nonnull(row->help);
		ck_assert_int_eq(row->help[strlen(row->help) - 1], '.');
		if (row->type == SETTING_POOLS || row->type == SETTING_LIST)
			continue;
		ck_assert(row->standard != NULL || row->example != NULL);
		if (row->standard != NULL)
			continue; /* schema_defaults() has read it */
		const char *text = row->example;
		if (text[0] == '"' || text[0] == '[') { /* the first of a list, or its numbers */
			snprintf(quoted, sizeof(quoted), "%.*s", (int)strlen(text) - 2, text + 1);
			text = quoted;
			if (row->type == SETTING_HOSTS || row->type == SETTING_TEXTS)
				quoted[strcspn(quoted, ",")] = '\0';
		}
		ck_assert_int_eq(schema_parse(row, text, &any, &error), 0);
		schema_release(row->scope, &any);
		set_up();
	}
}
END_TEST

static const struct {
	enum setting_scope scope;
	const char *path, *text;
	const char *error; /* NULL: it is right */
} values[] = {
	{SCOPE_FILE, "workers", "1", NULL},
	{SCOPE_FILE, "workers", "256", NULL},
	{SCOPE_FILE, "workers", "auto", NULL},
	{SCOPE_FILE, "workers", "0", "'0' is not valid; expected a number from 1 to 256, or auto"},
	{SCOPE_FILE, "workers", "257", "'257' is not valid"},
	{SCOPE_FILE, "workers", "-1", "'-1' is not valid"},
	{SCOPE_FILE, "workers", "4294967297", "'4294967297' is not valid"},
	{SCOPE_FILE, "workers", "two", "'two' is not valid"},
	{SCOPE_FILE, "memory", "64m", NULL},
	{SCOPE_FILE, "memory", "67108863", "expected a size from 64m to 1024g"},
	{SCOPE_FILE, "memory", "1025g", "expected a size from 64m to 1024g"},
	{SCOPE_FILE, "memory", "1gb", "expected a size from 64m to 1024g"},
	{SCOPE_FILE, "takeover_grace", "24h", NULL},
	{SCOPE_FILE, "takeover_grace", "25h", "expected a duration with its unit"},
	{SCOPE_FILE, "shutdown_grace", "1ms", NULL},
	{SCOPE_FILE, "shutdown_grace", "1h", NULL},
	{SCOPE_FILE, "shutdown_grace", "61m", "expected a duration with its unit"},
	{SCOPE_FILE, "shutdown_grace", "10", "expected a duration with its unit"},
	{SCOPE_FILE, "shutdown_grace", "off", "expected a duration with its unit"},
	{SCOPE_FILE, "log.level", "warning", "'warning' is not known; did you mean 'warn'?"},
	{SCOPE_FILE, "log.level", "INFO", "'INFO' is not known; did you mean 'info'?"},
	{SCOPE_FILE, "log.level", "all", "expected error, warn, info or debug"},
	{SCOPE_FILE, "admin.listen", "unix:/run/a", NULL},
	{SCOPE_FILE, "admin.listen", "nonsense", "expected HOST:PORT"},
	{SCOPE_POOL, "timeouts.idle", "off", NULL},
	{SCOPE_POOL, "timeouts.idle", "999ms", "from 1s to 1d, or off"},
	{SCOPE_POOL, "timeouts.request", "0ms", "expected a duration"},
	{SCOPE_POOL, "hash_tag", "{}", NULL},
	{SCOPE_POOL, "hash_tag", "$$", NULL},
	{SCOPE_POOL, "hash_tag", "{", "expected two ASCII characters"},
	{SCOPE_POOL, "hash_tag", "{}}", "expected two ASCII characters"},
	{SCOPE_POOL, "hash_tag", "\xc3\xa9", "expected two ASCII characters"},
	{SCOPE_POOL, "hash_tag", "\x01\x02", "expected two ASCII characters"},
	{SCOPE_POOL, "key_prefix_ignored", "", "expected a text of 1 to 250 bytes"},
	{SCOPE_POOL, "key_prefix_ignored", "a\nb", "expected a text of 1 to 250 bytes"},
	{SCOPE_POOL, "hash", "fnv1a64", "did you mean 'fnv1a_64'?"},
	{SCOPE_POOL, "distribution", "ketma", "did you mean 'ketama'?"},
	{SCOPE_POOL, "retries", "0", NULL},
	{SCOPE_POOL, "retries", "11", "from 0 to 10"},
	{SCOPE_POOL, "connections", "65", "from 1 to 64"},
	{SCOPE_POOL, "max_lag_bytes", "1m", NULL},
	{SCOPE_POOL, "max_lag_bytes", "off", NULL},
	{SCOPE_POOL, "max_lag_bytes", "0", "expected a size from 1 to 1024g, or off"},
	{SCOPE_POOL, "clients.password", "", "it is not valid; expected a text of 1 to 4096"},
	{SCOPE_POOL, "clients.password", "a\nb", "it is not valid; expected a text of 1 to 4096"},
	{SCOPE_POOL, "users", "a", "expected a list of {name: NAME, "},
	{SCOPE_USER, "commands", "", "expected a text of 1 to 250 bytes, or a list of them"},
	{SCOPE_COMMAND, "keys", "1, 1, 1", NULL},
	{SCOPE_COMMAND, "keys", "1 -1 2", NULL},
	{SCOPE_COMMAND, "keys", "1000, -1000, 1000", NULL},
	{SCOPE_COMMAND, "keys", "", NULL},
	{SCOPE_COMMAND, "keys", "1, 1", "'1, 1' is not valid; expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "1, 1, 1, 1", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "0, 0, 0", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "2, 1, 1", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "1, 0, 1", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "1, 1, 0", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "1, 1, -1", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "1, 1001, 1", "expected [FIRST, LAST, STEP]"},
	{SCOPE_COMMAND, "keys", "1, x, 1", "expected [FIRST, LAST, STEP]"},
	{SCOPE_SHARD, "weight", "0", "from 1 to 1000000"},
	{SCOPE_SHARD, "name", "", "expected a text of 1 to 512 bytes"},
	{SCOPE_SHARD, "primary", "h:0", "expected 1 to 65535"},
};

START_TEST(values_are_held_to_their_rows)
{
	const struct setting *row = schema_find(values[_i].scope, values[_i].path);
	struct error error = {0};
	int result = schema_parse(row, values[_i].text, &any, &error);

	ck_assert_int_eq(result, values[_i].error == NULL ? 0 : -1);
	if (values[_i].error != NULL)
		ck_assert_msg(strstr(error.text, values[_i].error) != NULL, "told %s", error.text);
	schema_release(values[_i].scope, &any);
}
END_TEST

START_TEST(a_wrong_value_leaves_the_field)
{
	const struct setting *row = schema_find(SCOPE_FILE, "admin.listen");
	struct error error;

	ck_assert_int_eq(schema_parse(row, "h:1", &any, &error), 0);
	ck_assert_int_eq(schema_parse(row, "h", &any, &error), -1);
	ck_assert_str_eq(any.config.admin_listen, "h:1");
	ck_assert_int_eq(schema_parse(row, "h:2", &any, &error), 0);
	ck_assert_str_eq(any.config.admin_listen, "h:2");
	schema_release(SCOPE_FILE, &any);
	ck_assert_ptr_null(any.config.admin_listen);
}
END_TEST

START_TEST(a_long_wrong_value_is_cut_in_the_message)
{
	char big[300];
	struct error error;

	memset(big, '9', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(schema_parse(schema_find(SCOPE_FILE, "workers"), big, &any, &error), -1);
	ck_assert_uint_lt(strlen(error.text), 150);
	ck_assert_ptr_nonnull(strstr(error.text, "999...' is not valid"));
}
END_TEST

START_TEST(addresses_gather)
{
	const struct setting *row = schema_find(SCOPE_POOL, "listen");
	struct error error;

	ck_assert_int_eq(schema_parse(row, "a:1", &any, &error), 0);
	ck_assert_int_eq(schema_parse(row, "bad", &any, &error), -1);
	ck_assert_int_eq(schema_parse(row, "unix:/b", &any, &error), 0);
	ck_assert_uint_eq(any.pool.listen.n, 2);
	ck_assert_str_eq(any.pool.listen.v[1], "unix:/b");
	schema_release(SCOPE_POOL, &any);
}
END_TEST

START_TEST(items_are_released_with_their_list)
{
	struct error error;
	struct shard_spec *shards = schema_items(schema_find(SCOPE_POOL, "shards"), 2, &any);
	struct replica_spec *replicas =
		schema_items(schema_find(SCOPE_SHARD, "replicas"), 1, &shards[1]);
	struct user_spec *user = schema_items(schema_find(SCOPE_POOL, "users"), 1, &any);
	const struct setting *commands = schema_find(SCOPE_USER, "commands");

	ck_assert_uint_eq(any.pool.n_shards, 2);
	ck_assert_ptr_eq(any.pool.shards[1].replicas, replicas);
	ck_assert_int_eq(schema_parse(schema_find(SCOPE_REPLICA, "address"), "h:1", replicas,
				      &error),
			 0);
	ck_assert_int_eq(schema_parse(commands, "+read", user, &error), 0);
	ck_assert_int_eq(schema_parse(commands, "+del", user, &error), 0);
	ck_assert_uint_eq(user->commands.n, 2);
	schema_release(SCOPE_POOL, &any);
	ck_assert_ptr_null(any.pool.shards);
	ck_assert_uint_eq(any.pool.n_shards, 0);
	ck_assert_uint_eq(any.pool.n_users, 0);
}
END_TEST

START_TEST(knows_its_sections)
{
	ck_assert(schema_is_section(SCOPE_FILE, "log"));
	ck_assert(!schema_is_section(SCOPE_FILE, "lo"));
	ck_assert(!schema_is_section(SCOPE_FILE, "log.level"));
	ck_assert(!schema_is_section(SCOPE_FILE, "timeouts"));
	ck_assert(schema_is_section(SCOPE_POOL, "timeouts"));
	ck_assert_ptr_null(schema_find(SCOPE_POOL, "log.level"));
	ck_assert_ptr_null(schema_find(SCOPE_POOL, ""));
}
END_TEST

static const struct {
	enum setting_scope scope;
	const char *prefix, *key, *want; /* "": nothing */
} suggestions[] = {
	{SCOPE_FILE, "", "worker", "workers"},	  {SCOPE_FILE, "", "logs", "log"},
	{SCOPE_FILE, "log.", "fromat", "format"}, {SCOPE_FILE, "log.", "workers", "workers"},
	{SCOPE_FILE, "", "level", "log.level"},	  {SCOPE_POOL, "", "connect", "timeouts.connect"},
	{SCOPE_POOL, "", "timeout", "timeouts"},  {SCOPE_POOL, "timeouts.", "conect", "connect"},
	{SCOPE_POOL, "", "gossip", ""},		  {SCOPE_POOL, "", "sentinel", "discover.sentinel"},
	{SCOPE_SHARD, "", "wieght", "weight"},
};

START_TEST(suggests_what_was_meant)
{
	struct text out = {0};
	bool found = schema_suggest(suggestions[_i].scope, suggestions[_i].prefix,
				    suggestions[_i].key, &out);

	ck_assert_int_eq(found, suggestions[_i].want[0] != '\0');
	ck_assert_str_eq(found ? out.p : "", suggestions[_i].want);
	text_free(&out);
}
END_TEST

START_TEST(lists_the_children_once_each)
{
	struct text out = {0};

	schema_children(SCOPE_FILE, "", &out);
	ck_assert_str_eq(out.p, "workers, admin, log, shutdown_grace, takeover, takeover_grace, "
				"memory, dns, pools");
	text_reset(&out);
	schema_children(SCOPE_POOL, "timeouts.", &out);
	ck_assert_str_eq(out.p, "connect, request, idle");
	text_free(&out);
}
END_TEST

Suite *schema_suite(void)
{
	Suite *suite = suite_create("schema");
	TCase *tc = tcase_create("schema");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, defaults_of_the_file);
	tcase_add_test(tc, defaults_of_a_pool);
	tcase_add_test(tc, defaults_of_a_pool_of_redis);
	tcase_add_test(tc, defaults_of_items);
	tcase_add_test(tc, defaults_of_a_shard);
	tcase_add_test(tc, words_are_their_enums);
	tcase_add_test(tc, rows_are_whole);
	tcase_add_loop_test(tc, values_are_held_to_their_rows, 0, ARRAY_LEN(values));
	tcase_add_test(tc, a_wrong_value_leaves_the_field);
	tcase_add_test(tc, a_long_wrong_value_is_cut_in_the_message);
	tcase_add_test(tc, addresses_gather);
	tcase_add_test(tc, items_are_released_with_their_list);
	tcase_add_test(tc, knows_its_sections);
	tcase_add_loop_test(tc, suggests_what_was_meant, 0, ARRAY_LEN(suggestions));
	tcase_add_test(tc, lists_the_children_once_each);
	suite_add_tcase(suite, tc);
	return suite;
}
