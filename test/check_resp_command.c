#include <check.h>
#include <ctype.h>

#include "proto/command.h"
#include "suites.h"

/* What a session does with a row; its treatment is told without them. */
#define SESSION_FLAGS (CMD_ALONE | CMD_QUEUES | CMD_SUBSCRIBED | CMD_ENDS | CMD_PATTERNS)

static const struct command *find(const char *name)
{
	return resp_command_find(span_of(name));
}

START_TEST(finds_every_command_in_any_case)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	ck_assert_uint_ge(n, 366);
	for (size_t i = 0; i < n; i++) {
		char upper[32] = "";

		ck_assert_uint_eq(table[i].id, i);
		if (strchr(table[i].name, '|') != NULL) {
			ck_assert_ptr_null(find(table[i].name));
			continue;
		}
		for (size_t j = 0; table[i].name[j] != '\0'; j++)
			upper[j] = (char)toupper((unsigned char)table[i].name[j]);
		ck_assert_ptr_eq(find(table[i].name), &table[i]);
		ck_assert_ptr_eq(find(upper), &table[i]);
	}
}
END_TEST

START_TEST(rows_are_sound)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct command *row = &table[i];
		bool reads = row->flags & CMD_READ, writes = row->flags & CMD_WRITE;

		ck_assert_msg(row->arity != 0, "%s", row->name);
		ck_assert_msg(!(reads && writes), "%s", row->name);
		ck_assert_msg(reads || !(row->flags & CMD_PRIMARY), "%s", row->name);
		/* What goes where its keys are has some, and is known to read or to write. */
		if (row->split == SPLIT_NONE)
			ck_assert_msg(row->n_specs > 0 && (reads || writes), "%s", row->name);
		/* Subscribing may be done again, but by the session alone. */
		if (row->flags & CMD_SUBSCRIBE)
			ck_assert_msg(row->split == SPLIT_PUBSUB && !writes, "%s", row->name);
		ck_assert_msg((row->flags & CMD_SUBSCRIBE) || row->split != SPLIT_PUBSUB, "%s",
			      row->name);
	}
}
END_TEST

static bool is_one_of(enum merge merge, const enum merge *merges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (merges[i] == merge)
			return true;
	return false;
}

static bool merge_fits(const struct command *row)
{
	static const enum merge of_keys[] = {MERGE_ARRAY, MERGE_SUM, MERGE_ALL_OK};
	static const enum merge of_all[] = {
		MERGE_SUM, MERGE_ALL_OK, MERGE_CONCAT, MERGE_UNION, MERGE_MIN,
		MERGE_AND, MERGE_ANY_OK, MERGE_RANDOM, MERGE_PAIRS, MERGE_INFO,
	};
	const struct keys_spec *spec = &row->specs[0];

	switch ((enum split)row->split) {
	case SPLIT_KEYS:
	case SPLIT_PAIRS:
		return row->n_specs == 1 && spec->kind == KEYS_KIND_RANGE && spec->last == -1 &&
		       spec->step == (row->split == SPLIT_PAIRS ? 2 : 1) &&
		       is_one_of(row->merge, of_keys, ARRAY_LEN(of_keys));
	case SPLIT_ALL:
		return row->n_specs == 0 && is_one_of(row->merge, of_all, ARRAY_LEN(of_all));
	case SPLIT_ANY:
	case SPLIT_SCAN:
	case SPLIT_LOCAL:
		return row->n_specs == 0 && row->merge == MERGE_NONE;
	case SPLIT_NONE:
	case SPLIT_SESSION:
	case SPLIT_PUBSUB:
	case SPLIT_REFUSE:
		return row->merge == MERGE_NONE;
	}
	return false;
}

START_TEST(split_and_merge_go_together)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	for (size_t i = 0; i < n; i++)
		ck_assert_msg(merge_fits(&table[i]), "%s", table[i].name);
}
END_TEST

START_TEST(what_is_refused_says_why_and_nothing_else_does)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct command *row = &table[i];

		ck_assert_msg((row->why != NULL) == (row->split == SPLIT_REFUSE), "%s", row->name);
		/* With the name it is one error line, so it must not be long. */
		if (row->why != NULL)
			ck_assert_msg(strlen(row->why) > 8 && strlen(row->why) < 96, "%s",
				      row->why);
	}
}
END_TEST

START_TEST(a_family_is_followed_by_its_subcommands)
{
	const struct command *family = NULL;
	size_t n, members = 0;
	const struct command *table = resp_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const char *bar = strchr(table[i].name, '|');

		if (bar == NULL) {
			ck_assert_msg(family == NULL || members > 0, "%s", table[i].name);
			family = table[i].flags & CMD_CONTAINER ? &table[i] : NULL;
			members = 0;
			continue;
		}
		ck_assert_msg(family != NULL, "%s", table[i].name);
		ck_assert_uint_eq(strlen(family->name), (size_t)(bar - table[i].name));
		ck_assert_ptr_eq(resp_command_resolve(family, span_of(bar + 1)), &table[i]);
		ck_assert_msg(!(table[i].flags & CMD_CONTAINER), "%s", table[i].name);
		members++;
	}
}
END_TEST

START_TEST(categories_have_names)
{
	uint32_t known = 0, bits = 0;
	size_t n;
	const struct command *table = resp_command_table(&n);

	for (; resp_category_name(bits) != NULL; bits++) {
		known |= UINT32_C(1) << bits;
		if (bits > 0)
			ck_assert_str_lt(resp_category_name(bits - 1), resp_category_name(bits));
	}
	ck_assert_uint_eq(bits, 21);
	ck_assert_ptr_null(resp_category_name(UINT32_MAX));
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(table[i].categories != 0 && !(table[i].categories & ~known), "%s",
			      table[i].name);
}
END_TEST

static const struct {
	const char *command, *categories;
} categorised[] = {
	{"get", "fast read string "},
	{"sort", "dangerous list set slow sortedset write "},
	{"blpop", "blocking list slow write "},
	{"watch", "fast transaction "},
	{"ping", "connection fast "},
};

START_TEST(commands_are_of_their_categories)
{
	const struct command *row = find(categorised[_i].command);
	char names[128] = "";

	for (uint32_t bit = 0; resp_category_name(bit) != NULL; bit++) {
		if (row->categories >> bit & 1) {
			strcat(names, resp_category_name(bit));
			strcat(names, " ");
		}
	}
	ck_assert_str_eq(names, categorised[_i].categories);
}
END_TEST

/* What a byte that case folding could confuse, a prefix or a longer name finds: nothing. */
static const char *const strangers[] = {
	"g",
	"ge",
	"gett",
	"get ",
	"G\x05T",
	"\x07"
	"et",
	"eval\x7f"
	"ro",
	"eval?ro",
	"object|x",
	"memory|usage",
	"georadiusbymember_rox",
	"restore\rasking",
	"nonesuch",
	"post",
	"host:",
	"zzzzzzzzzzzzzzzzzzzz",
	"zzzzzzzzzzzzzzzzzzzzz",
};

START_TEST(finds_no_stranger)
{
	ck_assert_ptr_null(find(strangers[_i]));
}
END_TEST

START_TEST(a_zero_byte_is_part_of_a_name)
{
	ck_assert_ptr_null(resp_command_find(span_make("get\0", 4)));
	ck_assert_ptr_null(resp_command_find(span_make("\0get", 4)));
	ck_assert_ptr_null(resp_command_find(span_make("get\0get", 7)));
	ck_assert_ptr_null(resp_command_find(span_make("", 0)));
	ck_assert_ptr_null(resp_command_find(span_make("\0", 1)));
}
END_TEST

START_TEST(one_changed_byte_is_another_name)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		char name[32];
		size_t len = strlen(table[i].name);

		if (strchr(table[i].name, '|') != NULL)
			continue;
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				memcpy(name, table[i].name, len);
				name[at] = (char)c;
				if (tolower(c) == table[i].name[at])
					continue;
				ck_assert_ptr_ne(resp_command_find(span_make(name, len)),
						 &table[i]);
			}
		}
	}
}
END_TEST

static const struct {
	const char *container, *sub, *row; /* row NULL: none */
} subcommands[] = {
	{"object", "encoding", "object|encoding"},
	{"object", "FREQ", "object|freq"},
	{"object", "help", "object|help"},
	{"object", "encodin", NULL},
	{"object", "", NULL},
	{"object", "|freq", NULL},
	{"memory", "Usage", "memory|usage"},
	{"memory", "nonesuch", NULL},
	{"xinfo", "stream", "xinfo|stream"},
	{"xgroup", "setid", "xgroup|setid"},
	{"xgroup", "stream", NULL},
	{"client", "SETNAME", "client|setname"},
	{"client", "no-evict", "client|no-evict"},
	{"cluster", "count-failure-reports", "cluster|count-failure-reports"},
	{"command", "getkeysandflags", "command|getkeysandflags"},
	{"command", "nonesuch", NULL},
	{"config", "get", "config|get"},
	{"config", "count", NULL},
	{"slowlog", "len", "slowlog|len"},
	{"get", "anything", "get"},
};

START_TEST(resolves_subcommands)
{
	const struct command *row =
		resp_command_resolve(find(subcommands[_i].container), span_of(subcommands[_i].sub));

	if (subcommands[_i].row == NULL)
		ck_assert_ptr_null(row);
	else
		ck_assert_str_eq(row->name, subcommands[_i].row);
}
END_TEST

static const struct {
	const char *name;
	enum split split;
	enum merge merge;
	unsigned flags;
} treatments[] = {
	{"get", SPLIT_NONE, MERGE_NONE, CMD_READ},
	{"set", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"getex", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"move", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"copy", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"mget", SPLIT_KEYS, MERGE_ARRAY, CMD_READ},
	{"mset", SPLIT_PAIRS, MERGE_ALL_OK, CMD_WRITE},
	{"msetnx", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"del", SPLIT_KEYS, MERGE_SUM, CMD_WRITE},
	{"unlink", SPLIT_KEYS, MERGE_SUM, CMD_WRITE},
	{"exists", SPLIT_KEYS, MERGE_SUM, CMD_READ},
	{"touch", SPLIT_KEYS, MERGE_SUM, CMD_READ},
	{"sort", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE},
	{"eval", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE | CMD_SCRIPT},
	{"evalsha", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE | CMD_SCRIPT},
	{"eval_ro", SPLIT_NONE, MERGE_NONE, CMD_READ | CMD_MOVABLE | CMD_PRIMARY | CMD_SCRIPT},
	{"fcall", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE},
	{"fcall_ro", SPLIT_NONE, MERGE_NONE, CMD_READ | CMD_MOVABLE | CMD_PRIMARY},
	{"xread", SPLIT_NONE, MERGE_NONE, CMD_READ | CMD_BLOCKING | CMD_MOVABLE},
	{"blpop", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_BLOCKING},
	{"bzmpop", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE},
	{"publish", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"spublish", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"subscribe", SPLIT_PUBSUB, MERGE_NONE, CMD_SUBSCRIBE},
	{"sunsubscribe", SPLIT_PUBSUB, MERGE_NONE, CMD_SUBSCRIBE},
	{"multi", SPLIT_SESSION, MERGE_NONE, 0},
	{"exec", SPLIT_SESSION, MERGE_NONE, 0},
	{"watch", SPLIT_SESSION, MERGE_NONE, CMD_WRITE},
	{"scan", SPLIT_SCAN, MERGE_NONE, CMD_READ | CMD_PRIMARY},
	{"hscan", SPLIT_NONE, MERGE_NONE, CMD_READ | CMD_PRIMARY},
	{"keys", SPLIT_ALL, MERGE_CONCAT, CMD_READ | CMD_PRIMARY},
	{"dbsize", SPLIT_ALL, MERGE_SUM, CMD_READ | CMD_PRIMARY},
	{"randomkey", SPLIT_ALL, MERGE_RANDOM, CMD_READ | CMD_PRIMARY},
	{"flushall", SPLIT_ALL, MERGE_ALL_OK, CMD_WRITE},
	{"info", SPLIT_ALL, MERGE_INFO, 0},
	{"lastsave", SPLIT_ALL, MERGE_MIN, 0},
	{"script|load", SPLIT_ALL, MERGE_ALL_OK, 0},
	{"script|exists", SPLIT_ALL, MERGE_AND, 0},
	{"script|kill", SPLIT_ALL, MERGE_ANY_OK, 0},
	{"script|debug", SPLIT_REFUSE, MERGE_NONE, 0},
	{"function|load", SPLIT_ALL, MERGE_ALL_OK, CMD_WRITE},
	{"function|kill", SPLIT_ALL, MERGE_ANY_OK, 0},
	{"function|list", SPLIT_ANY, MERGE_NONE, 0},
	{"slowlog|get", SPLIT_ALL, MERGE_CONCAT, 0},
	{"slowlog|len", SPLIT_ALL, MERGE_SUM, 0},
	{"latency|history", SPLIT_ALL, MERGE_CONCAT, 0},
	{"latency|reset", SPLIT_ALL, MERGE_SUM, 0},
	{"latency|doctor", SPLIT_REFUSE, MERGE_NONE, 0},
	{"memory|purge", SPLIT_ALL, MERGE_ALL_OK, 0},
	{"memory|usage", SPLIT_NONE, MERGE_NONE, CMD_READ},
	{"pubsub|channels", SPLIT_ALL, MERGE_UNION, 0},
	{"pubsub|numsub", SPLIT_ALL, MERGE_PAIRS, 0},
	{"pubsub|numpat", SPLIT_ALL, MERGE_SUM, 0},
	{"lolwut", SPLIT_ANY, MERGE_NONE, CMD_READ},
	{"command", SPLIT_ANY, MERGE_NONE, CMD_CONTAINER},
	{"command|docs", SPLIT_ANY, MERGE_NONE, 0},
	{"acl|help", SPLIT_ANY, MERGE_NONE, 0},
	{"acl|whoami", SPLIT_REFUSE, MERGE_NONE, 0},
	{"object", SPLIT_REFUSE, MERGE_NONE, CMD_CONTAINER},
	{"config|get", SPLIT_LOCAL, MERGE_NONE, 0},
	{"config|set", SPLIT_REFUSE, MERGE_NONE, 0},
	{"config|resetstat", SPLIT_REFUSE, MERGE_NONE, 0},
	{"client|kill", SPLIT_LOCAL, MERGE_NONE, 0},
	{"client|help", SPLIT_ANY, MERGE_NONE, 0},
	{"cluster|slots", SPLIT_LOCAL, MERGE_NONE, 0},
	{"wait", SPLIT_REFUSE, MERGE_NONE, 0},
	{"migrate", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE},
	{"pfdebug", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE},
	{"restore-asking", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE},
	{"ping", SPLIT_LOCAL, MERGE_NONE, 0},
	{"asking", SPLIT_LOCAL, MERGE_NONE, 0},
	{"auth", SPLIT_LOCAL, MERGE_NONE, CMD_NO_AUTH},
	{"hello", SPLIT_LOCAL, MERGE_NONE, CMD_NO_AUTH},
};

/* The row of any name, "config|get" too. */
static const struct command *row_of(const char *name)
{
	struct span bar = span_of(strchr(name, '|') == NULL ? "" : strchr(name, '|') + 1);
	const struct command *row = resp_command_find(span_make(name, strcspn(name, "|")));

	ck_assert_ptr_nonnull(row);
	return bar.len == 0 ? row : resp_command_resolve(row, bar);
}

START_TEST(treats_commands_as_a_sharding_proxy_must)
{
	const struct command *row = row_of(treatments[_i].name);

	ck_assert_ptr_nonnull(row);
	ck_assert_int_eq(row->split, treatments[_i].split);
	ck_assert_int_eq(row->merge, treatments[_i].merge);
	ck_assert_uint_eq(row->flags & ~(unsigned)SESSION_FLAGS, treatments[_i].flags);
}
END_TEST

Suite *resp_command_suite(void)
{
	Suite *suite = suite_create("resp_command");
	TCase *tc = tcase_create("resp_command");

	tcase_add_test(tc, finds_every_command_in_any_case);
	tcase_add_test(tc, rows_are_sound);
	tcase_add_test(tc, split_and_merge_go_together);
	tcase_add_test(tc, what_is_refused_says_why_and_nothing_else_does);
	tcase_add_test(tc, a_family_is_followed_by_its_subcommands);
	tcase_add_test(tc, categories_have_names);
	tcase_add_loop_test(tc, commands_are_of_their_categories, 0, ARRAY_LEN(categorised));
	tcase_add_loop_test(tc, finds_no_stranger, 0, ARRAY_LEN(strangers));
	tcase_add_test(tc, a_zero_byte_is_part_of_a_name);
	tcase_add_test(tc, one_changed_byte_is_another_name);
	tcase_add_loop_test(tc, resolves_subcommands, 0, ARRAY_LEN(subcommands));
	tcase_add_loop_test(tc, treats_commands_as_a_sharding_proxy_must, 0, ARRAY_LEN(treatments));
	suite_add_tcase(suite, tc);
	return suite;
}
