#include "control/config_access.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "proto/command.h"
#include "route/topology.h"
#include "suites.h"
#include "told.h"

static struct told told;

static void tear_down(void)
{
	told_free(&told);
}

/* A pool of Redis with `lines`, of four blanks each, behind line 5. */
static struct config *parse(const char *lines)
{
	struct text yaml = {0};

	text_printf(&yaml,
		    "pools:\n  p:\n    protocol: redis\n    listen: a:1\n    shards: [b:1]\n%s",
		    lines);
	struct config *config = told_parse(&told, yaml.p);
	text_free(&yaml);
	return config;
}

static uint32_t id_of(const char *name)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].id;
	ck_abort_msg("no command %s", name);
}

/* The id of the pool's own command of that index. */
static uint32_t own_id(uint32_t index)
{
	size_t n;

	(void)resp_command_table(&n);
	return (uint32_t)n + index;
}

/* What one user may do, by the list of his commands. "bf.add" writes, "bf.exists" does not. */
static const struct {
	const char *commands;
	const char *allowed[4], *refused[4];
	bool add, exists;
} rules[] = {
	{"[+read]", {"get", "mget", "ping"}, {"set", "del"}, false, true},
	{"[+write]", {"set", "del", "quit"}, {"get"}, true, false},
	{"[+read, +write]", {"set", "get"}, {NULL}, true, true},
	{"[+all, -del]", {"set", "get"}, {"del"}, true, true},
	{"[\"+@all\", -write]", {"get"}, {"set", "del"}, false, true},
	{"[-del, +all]", {"del"}, {NULL}, true, true},
	{"+GeT", {"get", "ping"}, {"mget", "set"}, false, false},
	{"[+bf.EXISTS]", {"ping"}, {"get"}, false, true},
	{"[+all, -BF.ADD]", {"get"}, {NULL}, false, true},
	{"[+object]", {"object", "object|encoding", "object|freq"}, {"get"}, false, false},
	{"[+object|freq]", {"object|freq"}, {"object", "object|encoding"}, false, false},
	{"[+object, -OBJECT|FREQ]", {"object|encoding"}, {"object|freq"}, false, false},
	{"[+get, -ping, -all]", {"ping", "quit", "reset", "command"}, {"get"}, false, false},
};

START_TEST(commands_become_bits)
{
	char lines[512];

	snprintf(lines, sizeof(lines),
		 "    commands:\n      - {name: BF.ADD, keys: [1, 1, 1]}\n"
		 "      - {name: Bf.Exists, keys: [1, 1, 1], write: false}\n"
		 "    users:\n      - {name: u, commands: %s}\n",
		 rules[_i].commands);
	struct config *config = told_well(&told, parse(lines));
	const struct user_spec *user = config->pools->users;

	for (size_t i = 0; i < 4 && rules[_i].allowed[i] != NULL; i++)
		ck_assert_msg(bits_have(user->allowed, user->allowed_words,
					id_of(rules[_i].allowed[i])),
			      "%s refuses %s", rules[_i].commands, rules[_i].allowed[i]);
	for (size_t i = 0; i < 4 && rules[_i].refused[i] != NULL; i++)
		ck_assert_msg(!bits_have(user->allowed, user->allowed_words,
					 id_of(rules[_i].refused[i])),
			      "%s allows %s", rules[_i].commands, rules[_i].refused[i]);
	ck_assert_int_eq(bits_have(user->allowed, user->allowed_words, own_id(0)), rules[_i].add);
	ck_assert_int_eq(bits_have(user->allowed, user->allowed_words, own_id(1)),
			 rules[_i].exists);
	config_free(config);
}
END_TEST

START_TEST(a_user_without_commands_may_all)
{
	struct config *config = told_well(
		&told, parse("    users: [{name: u, password: x, prefixes: [\"a:\", \"b:\"]}]\n"));

	ck_assert_ptr_null(config->pools->users->allowed);
	ck_assert_str_eq(config->pools->users->password.text, "x");
	ck_assert_uint_eq(config->pools->users->prefixes.n, 2);
	ck_assert_str_eq(config->pools->users->prefixes.v[1], "b:");
	config_free(config);
}
END_TEST

START_TEST(prefixes_refuse_what_they_say)
{
	struct config *config = told_well(
		&told, parse("    commands: [{name: bf.add}]\n    prefixes:\n"
			     "      - {match: \"lock:\", reads: replica, refuse: [DEL, "
			     "object|freq, bf.add]}\n"
			     "      - {match: \"log:\", refuse: write}\n      - match: \"x\"\n"));

	const struct prefix_spec *lock = config->pools->prefixes, *log = lock + 1, *x = lock + 2;

	ck_assert_uint_eq(config->pools->n_prefixes, 3);
	ck_assert_int_eq(lock->reads, READS_REPLICA);
	ck_assert(bits_have(lock->refused, lock->refused_words, id_of("del")));
	ck_assert(bits_have(lock->refused, lock->refused_words, id_of("object|freq")));
	ck_assert(bits_have(lock->refused, lock->refused_words, own_id(0)));
	ck_assert(!bits_have(lock->refused, lock->refused_words, id_of("get")));
	ck_assert_int_eq(log->reads, READS_UNSET);
	ck_assert(bits_have(log->refused, log->refused_words, id_of("set")));
	ck_assert(bits_have(log->refused, log->refused_words, own_id(0)));
	ck_assert(!bits_have(log->refused, log->refused_words, id_of("get")));
	ck_assert_ptr_null(x->refused);
	config_free(config);
}
END_TEST

START_TEST(prefixes_have_rules_for_expiry_times)
{
	struct config *config = told_well(
		&told,
		parse("    ttl_jitter: 2.5%\n    max_ttl: 60d\n    default_ttl: 1h\n    prefixes:\n"
		      "      - {match: \"a\", max_ttl: off, default_ttl: 5m}\n      - {match: "
		      "b}\n"));

	const struct ttl_rule *pools = &config->pools->settings.ttl;
	const struct prefix_spec *a = config->pools->prefixes, *b = a + 1;

	ck_assert_uint_eq(pools->jitter, 250);
	ck_assert_uint_eq(pools->max_s, 60 * 86400);
	ck_assert_uint_eq(pools->default_s, 3600);
	ck_assert_uint_eq(a->ttl.jitter, TTL_UNSET);
	ck_assert_uint_eq(a->ttl.max_s, 0);
	ck_assert_uint_eq(a->ttl.default_s, 300);
	ck_assert_uint_eq(b->ttl.max_s, TTL_UNSET);
	config_free(config);
}
END_TEST

START_TEST(own_commands_are_read)
{
	struct config *config =
		told_well(&told, parse("    commands:\n      - {name: BF.ADD, keys: [1, -2, 3]}\n"
				       "      - {name: m, keys: [], write: false}\n"));

	const struct command_spec *commands = config->pools->commands;

	ck_assert_uint_eq(config->pools->n_commands, 2);
	ck_assert_str_eq(commands[0].name, "bf.add");
	ck_assert_int_eq(commands[0].first, 1);
	ck_assert_int_eq(commands[0].last, -2);
	ck_assert_int_eq(commands[0].step, 3);
	ck_assert_int_eq(commands[0].writes, 1);
	ck_assert_int_eq(commands[1].first, 0);
	ck_assert_int_eq(commands[1].writes, 0);
	config_free(config);
}
END_TEST

static const struct {
	const char *lines, *error;
} broken[] = {
	{"    users: []\n", "f:6:12: pools.p.users: no users; expected at least one {name: "},
	{"    users: [u]\n", "f:6:13: pools.p.users[0]: it is a text; expected {name: "},
	{"    users: {u: x}\n", "f:6:12: pools.p.users: it is a map; expected a list of {name: "},
	{"    users: [{password: x}]\n", "f:6:13: pools.p.users[0]: 'name' is missing"},
	{"    users: [{name: u, commands: []}]\n",
	 "f:6:33: pools.p.users[0].commands: it is a list; expected a text"},
	{"    users: [{name: u, command: +get}]\n",
	 "f:6:23: pools.p.users[0].command: unknown key; did you mean 'commands'?"},
	{"    users: [{name: u, commands: [get]}]\n",
	 "f:6:34: pools.p.users[0].commands[0]: 'get' has no sign; expected '+' before"},
	{"    users: [{name: u, commands: [+get, +gett]}]\n",
	 "f:6:40: pools.p.users[0].commands[1]: '+gett' is not known; did you mean '+get'?"},
	{"    users: [{name: u, commands: [-object|frek]}]\n",
	 "'-object|frek' is not known; did you mean '-object|freq'?"},
	{"    users: [{name: u, commands: [+reed]}]\n",
	 "'+reed' is not known; did you mean '+read'"},
	{"    users: [{name: u, commands: [+bf.addd]}]\n    commands: [{name: bf.add}]\n",
	 "'+bf.addd' is not known; did you mean '+bf.add'?"},
	{"    users: [{name: u, commands: [\"+@nonesuchhere\"]}]\n",
	 "'+@nonesuchhere' is not known; expected +read, +write, +@CATEGORY or +COMMAND"},
	{"    users: [{name: u, commands: [+]}]\n", "'+' is not known; "},
	{"    users: [{name: u}, {name: u}]\n",
	 "f:6:31: pools.p.users[1].name: 'u' is used by pools.p.users[0].name already; give each"},
	{"    users: [{name: default}]\n    clients: {password: x}\n",
	 "f:6:20: pools.p.users[0].name: the user 'default' has the password of 'clients' already"},
	{"    prefixes: [{match: a}, {match: a}]\n",
	 "f:6:36: pools.p.prefixes[1].match: 'a' is used by pools.p.prefixes[0].match already"},
	{"    prefixes: [{match: \"\"}]\n", "pools.p.prefixes[0].match: '' is not valid; expected"},
	{"    prefixes: [{match: a, refuse: [kesy]}]\n",
	 "f:6:36: pools.p.prefixes[0].refuse[0]: 'kesy' is not known; did you mean 'keys'?"},
	{"    prefixes: [{match: a, refuse: [all]}]\n", "'all' is not known; "},
	{"    prefixes: [{match: a, reads: some}]\n", "pools.p.prefixes[0].reads: 'some' is not"},
	{"    commands: [{name: GET}]\n",
	 "f:6:23: pools.p.commands[0].name: the proxy knows this command by itself; take it out"},
	{"    commands: [{name: m}, {name: M}]\n",
	 "f:6:34: pools.p.commands[1].name: 'm' is used by pools.p.commands[0].name already"},
	{"    commands: [{name: \"a b\"}]\n", "not a command's name; expected"},
	{"    commands: [{name: a|b}]\n", "not a command's name; expected"},
	{"    commands: [{name: m, keys: 1}]\n",
	 "f:6:32: pools.p.commands[0].keys: it is a text; expected [FIRST, LAST, STEP]"},
	{"    commands: [{name: m, keys: [0, 1, 1]}]\n",
	 "f:6:32: pools.p.commands[0].keys: '0, 1, 1' is not valid; expected [FIRST"},
	{"    commands: [{name: m, keys: [1, [], 1]}]\n", "it is a list; expected [FIRST"},
	{"    commands: [{name: m, write: maybe}]\n",
	 "'maybe' is not valid; expected false or true"},
};

START_TEST(tells_what_is_wrong)
{
	told_expect_refused(&told, parse(broken[_i].lines), broken[_i].error);
}
END_TEST

/* A missing name is told once, and nothing else stumbles over it. */
START_TEST(goes_on_without_names)
{
	ck_assert_ptr_null(parse("    users: [{commands: +get}]\n    prefixes: [{refuse: get}]\n"
				 "    commands: [{keys: []}]\n"));
	ck_assert_ptr_nonnull(strstr(told_errors(&told), "users[0]: 'name' is missing"));
	ck_assert_ptr_nonnull(strstr(told_errors(&told), "prefixes[0]: 'match' is missing"));
	ck_assert_ptr_nonnull(strstr(told_errors(&told), "commands[0]: 'name' is missing"));
}
END_TEST

Suite *config_access_suite(void)
{
	Suite *suite = suite_create("config_access");
	TCase *tc = tcase_create("config_access");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_loop_test(tc, commands_become_bits, 0, ARRAY_LEN(rules));
	tcase_add_test(tc, a_user_without_commands_may_all);
	tcase_add_test(tc, prefixes_refuse_what_they_say);
	tcase_add_test(tc, prefixes_have_rules_for_expiry_times);
	tcase_add_test(tc, own_commands_are_read);
	tcase_add_loop_test(tc, tells_what_is_wrong, 0, ARRAY_LEN(broken));
	tcase_add_test(tc, goes_on_without_names);
	suite_add_tcase(suite, tc);
	return suite;
}
