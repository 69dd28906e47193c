#include <check.h>

#include "proto/mc_stats.h"
#include "suites.h"

#define NODES_MAX 3

/* Up to three nodes' replies, whose names are a:1, b:1 and c:1, and what is made of them. */
struct merge_case {
	bool general;
	const char *replies[NODES_MAX];
	const char *merged;
};

static const struct merge_case cases[] = {
	/* one node alone is not touched */
	{true, {"STAT pid 7\r\nEND\r\n"}, "STAT pid 7\r\nEND\r\n"},
	{false, {"STAT items:1:number 1\r\nEND\r\n"}, "STAT items:1:number 1\r\nEND\r\n"},
	/* added up */
	{true,
	 {"STAT curr_items 5\r\nSTAT bytes 70\r\nEND\r\n",
	  "STAT curr_items 10\r\nSTAT bytes 3\r\nEND\r\n",
	  "STAT curr_items 0\r\nSTAT bytes 1\r\nEND\r\n"},
	 "STAT curr_items 15\r\nSTAT bytes 74\r\nEND\r\n"},
	{true,
	 {"STAT limit_maxbytes 67108864\r\nEND\r\n", "STAT limit_maxbytes 67108864\r\nEND\r\n"},
	 "STAT limit_maxbytes 134217728\r\nEND\r\n"},
	{true,
	 {"STAT rusage_user 1.500000\r\nEND\r\n", "STAT rusage_user 0.600001\r\nEND\r\n"},
	 "STAT rusage_user 2.100001\r\nEND\r\n"},
	/* one of them */
	{true,
	 {"STAT uptime 9\r\nSTAT time 100\r\nEND\r\n", "STAT uptime 3\r\nSTAT time 101\r\nEND\r\n"},
	 "STAT uptime 3\r\nSTAT time 101\r\nEND\r\n"},
	{true,
	 {"STAT accepting_conns 1\r\nEND\r\n", "STAT accepting_conns 0\r\nEND\r\n"},
	 "STAT accepting_conns 0\r\nEND\r\n"},
	{true,
	 {"STAT slab_reassign_running 1\r\nEND\r\n", "STAT slab_reassign_running 0\r\nEND\r\n"},
	 "STAT slab_reassign_running 1\r\nEND\r\n"},
	/* once, or joined */
	{true,
	 {"STAT version 1.6.18\r\nEND\r\n", "STAT version 1.6.18\r\nEND\r\n"},
	 "STAT version 1.6.18\r\nEND\r\n"},
	{true,
	 {"STAT version 1.6.18\r\nEND\r\n", "STAT version 1.6.21\r\nEND\r\n",
	  "STAT version 1.6.18\r\nEND\r\n"},
	 "STAT version 1.6.18,1.6.21\r\nEND\r\n"},
	/* once, or node by node */
	{true,
	 {"STAT pid 7\r\nEND\r\n", "STAT pid 8\r\nEND\r\n"},
	 "STAT a:1:pid 7\r\nSTAT b:1:pid 8\r\nEND\r\n"},
	{true,
	 {"STAT novelty on\r\nEND\r\n", "STAT novelty on\r\nEND\r\n"},
	 "STAT novelty on\r\nEND\r\n"},
	/* a name that only some have, in the order of appearance */
	{true,
	 {"STAT cmd_get 1\r\nSTAT threads 4\r\nEND\r\n",
	  "STAT cmd_get 2\r\nSTAT cmd_meta 3\r\nSTAT threads 4\r\nEND\r\n"},
	 "STAT cmd_get 3\r\nSTAT threads 8\r\nSTAT cmd_meta 3\r\nEND\r\n"},
	{true, {"END\r\n", "STAT cmd_get 2\r\nEND\r\n"}, "STAT cmd_get 2\r\nEND\r\n"},
	/* what should be a number and is none, and one over 64 bits */
	{true,
	 {"STAT bytes x\r\nEND\r\n", "STAT bytes 1\r\nEND\r\n"},
	 "STAT a:1:bytes x\r\nSTAT b:1:bytes 1\r\nEND\r\n"},
	{true,
	 {"STAT bytes 18446744073709551616\r\nEND\r\n", "STAT bytes\r\nEND\r\n"},
	 "STAT a:1:bytes 18446744073709551616\r\nSTAT b:1:bytes \r\nEND\r\n"},
	{true,
	 {"STAT rusage_user 1.5\r\nEND\r\n", "STAT rusage_user 1.500000\r\nEND\r\n"},
	 "STAT a:1:rusage_user 1.5\r\nSTAT b:1:rusage_user 1.500000\r\nEND\r\n"},
	/* node by node */
	{false,
	 {"STAT items:1:number 1\r\nSTAT items:1:age 5\r\nEND\r\n", "END\r\n",
	  "STAT items:1:number 2\r\nEND\r\n"},
	 "STAT a:1:items:1:number 1\r\nSTAT a:1:items:1:age 5\r\nSTAT c:1:items:1:number 2\r\n"
	 "END\r\n"},
	{false,
	 {"STAT maxbytes 5\r\nEND\r\n", "STAT maxbytes 5\r\nEND\r\n"},
	 "STAT a:1:maxbytes 5\r\nSTAT b:1:maxbytes 5\r\nEND\r\n"},
	{false,
	 {"ITEM k [3 b; 0 s]\r\nEND\r\n", "ITEM l [1 b; 9 s]\r\nEND\r\n"},
	 "ITEM a:1:k [3 b; 0 s]\r\nITEM b:1:l [1 b; 9 s]\r\nEND\r\n"},
	{false,
	 {"PREFIX p get 1 hit 0 set 0 del 0\r\nEND\r\n", "END\r\n"},
	 "PREFIX a:1:p get 1 hit 0 set 0 del 0\r\nEND\r\n"},
	/* other lines */
	{false, {"RESET\r\n", "RESET\r\n"}, "RESET\r\n"},
	{false, {"OK\r\n", "OK\r\n", "SERVER_ERROR x\r\n"}, "SERVER_ERROR x\r\n"},
	{false, {"ERROR\r\n", "ERROR\r\n"}, "ERROR\r\n"},
	{true,
	 {"STAT bytes 1\r\nEND\r\n", "SERVER_ERROR down\r\n", "STAT bytes 2\r\nEND\r\n"},
	 "STAT bytes 3\r\nSTAT b:1:error SERVER_ERROR down\r\nEND\r\n"},
	{false,
	 {"SERVER_ERROR down\r\n", "STAT sizes_status disabled\r\nEND\r\n"},
	 "STAT b:1:sizes_status disabled\r\nSTAT a:1:error SERVER_ERROR down\r\nEND\r\n"},
	/* what no memcached says does no harm */
	{true, {"", "STAT bytes 1\r\nEND\r\n"}, "STAT bytes 1\r\nEND\r\n"},
	{true, {"STAT bytes 1\r\nSTAT byt", "STAT bytes 1\r\n"}, "STAT bytes 2\r\nEND\r\n"},
	{true, {"STAT \r\n\r\nx\r\nEND\r\n", "END\r\n"}, "STAT  \r\nEND\r\n"},
};

static void merge(struct text *to, const struct merge_case *c)
{
	static const char *const names[NODES_MAX] = {"a:1", "b:1", "c:1"};
	struct mc_stats_node nodes[NODES_MAX];
	size_t n = 0;

	for (; n < NODES_MAX && c->replies[n] != NULL; n++)
		nodes[n] = (struct mc_stats_node){span_of(names[n]), span_of(c->replies[n])};
	mc_stats_merge(to, c->general, nodes, n);
}

START_TEST(merges_as_the_table_says)
{
	struct text text = {0};

	merge(&text, &cases[_i]);
	ck_assert_str_eq(text.p, cases[_i].merged);
	text_free(&text);
}
END_TEST

START_TEST(appends_and_keeps_what_was_there)
{
	struct text text = {0};

	text_puts(&text, "before ");
	mc_stats_merge(&text, true, NULL, 0);
	ck_assert_str_eq(text.p, "before END\r\n");
	text_free(&text);
}
END_TEST

START_TEST(a_node_with_endless_names_is_cut)
{
	struct text reply = {0}, merged = {0};

	for (int i = 0; i < 5000; i++)
		text_printf(&reply, "STAT cmd_%d 1\r\n", i);
	text_puts(&reply, "END\r\n");
	struct span span = span_make(reply.p, reply.len);
	const struct mc_stats_node nodes[] = {{span_of("a"), span}, {span_of("b"), span}};
	mc_stats_merge(&merged, true, nodes, 2);
	ck_assert_ptr_nonnull(strstr(merged.p, "STAT cmd_1023 2\r\nEND\r\n"));
	text_free(&reply);
	text_free(&merged);
}
END_TEST

Suite *mc_stats_suite(void)
{
	Suite *suite = suite_create("mc_stats");
	TCase *tc = tcase_create("merge");

	tcase_add_loop_test(tc, merges_as_the_table_says, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, appends_and_keeps_what_was_there);
	tcase_add_test(tc, a_node_with_endless_names_is_cut);
	suite_add_tcase(suite, tc);
	return suite;
}
