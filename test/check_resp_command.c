#include <check.h>
#include <ctype.h>

#include "proto/command.h"
#include "suites.h"

static const struct command *find(const char *name)
{
	return resp_command_find(span_of(name));
}

START_TEST(finds_every_command_in_any_case)
{
	size_t n;
	const struct command *table = resp_command_table(&n);

	ck_assert_uint_ge(n, 240);
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
		/* What is sent anywhere is sent by its keys, and is known to read or to write. */
		if (row->split != SPLIT_REFUSE && row->split != SPLIT_LOCAL)
			ck_assert_msg(row->n_specs > 0 && (reads || writes), "%s", row->name);
		if (row->split == SPLIT_LOCAL || row->split == SPLIT_REFUSE ||
		    row->split == SPLIT_NONE)
			ck_assert_msg(row->merge == MERGE_NONE, "%s", row->name);
		else
			ck_assert_msg(row->merge != MERGE_NONE, "%s", row->name);
	}
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
	{"mget", SPLIT_KEYS, MERGE_ARRAY, CMD_READ},
	{"mset", SPLIT_PAIRS, MERGE_ALL_OK, CMD_WRITE},
	{"msetnx", SPLIT_NONE, MERGE_NONE, CMD_WRITE},
	{"del", SPLIT_KEYS, MERGE_SUM, CMD_WRITE},
	{"unlink", SPLIT_KEYS, MERGE_SUM, CMD_WRITE},
	{"exists", SPLIT_KEYS, MERGE_SUM, CMD_READ},
	{"touch", SPLIT_KEYS, MERGE_SUM, CMD_READ},
	{"eval", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE},
	{"eval_ro", SPLIT_NONE, MERGE_NONE, CMD_READ | CMD_MOVABLE},
	{"sort", SPLIT_NONE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE},
	{"xread", SPLIT_NONE, MERGE_NONE, CMD_READ | CMD_BLOCKING | CMD_MOVABLE},
	{"blpop", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE | CMD_BLOCKING},
	{"subscribe", SPLIT_REFUSE, MERGE_NONE, CMD_SUBSCRIBE},
	{"watch", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE},
	{"migrate", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE | CMD_MOVABLE},
	{"pfdebug", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE},
	{"multi", SPLIT_REFUSE, MERGE_NONE, 0},
	{"keys", SPLIT_REFUSE, MERGE_NONE, CMD_READ},
	{"flushall", SPLIT_REFUSE, MERGE_NONE, CMD_WRITE},
	{"wait", SPLIT_REFUSE, MERGE_NONE, 0},
	{"config", SPLIT_REFUSE, MERGE_NONE, 0},
	{"object", SPLIT_REFUSE, MERGE_NONE, CMD_CONTAINER},
	{"ping", SPLIT_LOCAL, MERGE_NONE, 0},
	{"hello", SPLIT_LOCAL, MERGE_NONE, 0},
	{"client", SPLIT_LOCAL, MERGE_NONE, 0},
};

START_TEST(treats_commands_as_a_sharding_proxy_must)
{
	const struct command *row = find(treatments[_i].name);

	ck_assert_ptr_nonnull(row);
	ck_assert_int_eq(row->split, treatments[_i].split);
	ck_assert_int_eq(row->merge, treatments[_i].merge);
	ck_assert_uint_eq(row->flags, treatments[_i].flags);
}
END_TEST

Suite *resp_command_suite(void)
{
	Suite *suite = suite_create("resp_command");
	TCase *tc = tcase_create("resp_command");

	tcase_add_test(tc, finds_every_command_in_any_case);
	tcase_add_test(tc, rows_are_sound);
	tcase_add_loop_test(tc, finds_no_stranger, 0, ARRAY_LEN(strangers));
	tcase_add_test(tc, a_zero_byte_is_part_of_a_name);
	tcase_add_test(tc, one_changed_byte_is_another_name);
	tcase_add_loop_test(tc, resolves_subcommands, 0, ARRAY_LEN(subcommands));
	tcase_add_loop_test(tc, treats_commands_as_a_sharding_proxy_must, 0, ARRAY_LEN(treatments));
	suite_add_tcase(suite, tc);
	return suite;
}
