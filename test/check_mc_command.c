#include <check.h>
#include <stdio.h>

#include "proto/mc_request.h"
#include "suites.h"

START_TEST(finds_each_row_by_its_name)
{
	size_t n;
	const struct command *table = mc_command_table(&n);

	ck_assert_uint_eq(n, MC_STATS + 1);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(table[i].id, i);
		ck_assert_ptr_eq(mc_command_find(span_of(table[i].name)), &table[i]);
	}
}
END_TEST

START_TEST(finds_nothing_else)
{
	static const char *const names[] = {
		"",	      "g",
		"ge",	      "GET",
		"Get",	      "getx",
		"gett",	      "gat0",
		"sets",	      "mG",
		"mx",	      "m",
		"mget",	      "bget",
		"shutdown",   "watch",
		"slabs",      "lru",
		"stat",	      "quits",
		"sxt",	      "flush_al",
		"flush_all ", "verbosit",
		"versioN",    "cache_memlimit",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_msg(mc_command_find(span_of(names[i])) == NULL, "%s", names[i]);
	ck_assert_ptr_null(mc_command_find(span_make("get\0", 4)));
	ck_assert_ptr_null(mc_command_find(span_make("\0\0", 2)));
	ck_assert_ptr_null(mc_command_find(span_make("\xff\xff\xff", 3)));
}
END_TEST

START_TEST(rows_say_what_they_are)
{
	size_t n;
	const struct command *table = mc_command_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct command *row = &table[i];
		bool keyed = row->split == SPLIT_KEYS || row->split == SPLIT_NONE;

		ck_assert_msg(!!(row->n_specs > 0) == keyed, "%s", row->name);
		ck_assert_msg(!(row->flags & CMD_READ) || !(row->flags & CMD_WRITE), "%s",
			      row->name);
		ck_assert_msg(!(row->flags & CMD_BODY) || row->flags & CMD_WRITE, "%s", row->name);
		ck_assert_int_lt(row->arity, 0);
		ck_assert_str_eq(row->wire_flags, "");
	}
	ck_assert_uint_eq(table[MC_GET].merge, MERGE_VALUES);
	ck_assert_uint_eq(table[MC_GAT].flags, CMD_WRITE | CMD_HITS);
	ck_assert_int_eq(table[MC_GAT].specs[0].first, 2);
	ck_assert_uint_eq(table[MC_FLUSH_ALL].merge, MERGE_ALL_OK);
	ck_assert_uint_eq(table[MC_STATS].merge, MERGE_STATS);
	ck_assert_uint_eq(table[MC_QUIT].split, SPLIT_LOCAL);
}
END_TEST

Suite *mc_command_suite(void)
{
	Suite *suite = suite_create("mc_command");
	TCase *tc = tcase_create("table");

	tcase_add_test(tc, finds_each_row_by_its_name);
	tcase_add_test(tc, finds_nothing_else);
	tcase_add_test(tc, rows_say_what_they_are);
	suite_add_tcase(suite, tc);
	return suite;
}
