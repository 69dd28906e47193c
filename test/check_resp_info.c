#include <check.h>
#include <stdio.h>

#include "proto/resp_info.h"
#include "suites.h"

#define OURS(n) "# Slipring\r\nslipring_version:" SLIPRING_VERSION "\r\nshards:" #n "\r\n"
#define SHARD_A "shard0:name=a,address=h:1,status=ok\r\n"
#define SHARD_B "shard1:name=b,address=h:2,status=ok\r\n"
#define OF_TWO	OURS(2) SHARD_A SHARD_B

static struct text merged;

static struct resp_info_node node(const char *name, const char *address, const char *text)
{
	return (struct resp_info_node){span_of(name), span_of(address), span_of(text), {NULL, 0}};
}

/* One text of what two nodes say. */
static const char *merge_two(const char *a, const char *b)
{
	struct resp_info_node nodes[] = {node("a", "h:1", a), node("b", "h:2", b)};

	text_reset(&merged);
	resp_info_merge(&merged, true, nodes, 2);
	return merged.p;
}

/* Two nodes' values of a field, and the merged one; NULL: the node has no such line. */
static const struct {
	const char *name, *a, *b, *result;
} fields[] = {
	{"redis_version", "7.0.15", "7.0.15", "7.0.15"},
	{"redis_version", "7.0.15", "7.2.4", "7.0.15"},
	{"run_id", "abc", "def", "abc"},
	{"tcp_port", "6379", "6380", "6379"},
	{"config_file", "", "", ""},
	{"config_file", "", "/etc/redis.conf", ""},
	{"role", "slave", "master", "master"},
	{"uptime_in_seconds", "100", "20", "20"},
	{"uptime_in_days", "1", "0", "0"},
	{"server_time_usec", "3", "4", "4"},
	{"used_memory", "1000", "24", "1024"},
	{"used_memory_rss", "1", NULL, "1"},
	{"used_memory_rss", NULL, "1", "1"},
	{"total_commands_processed", "9007199254740993", "1", "9007199254740994"},
	{"total_commands_processed", "9223372036854775807", "1", "-9223372036854775808"},
	{"total_commands_processed", "99999999999999999999", "1", "99999999999999999999"},
	{"total_commands_processed", "1", "", "1"},
	{"total_commands_processed", "1", "many", "1"},
	{"total_commands_processed", "many", "1", "many"},
	{"connected_clients", "3", "4", "7"},
	{"keyspace_hits", "3", "4", "7"},
	{"expired_keys", "0", "0", "0"},
	{"instantaneous_ops_per_sec", "10", "20", "30"},
	{"instantaneous_input_kbps", "0.75", "1.30", "2.05"},
	{"used_cpu_sys", "0.999999", "0.000001", "1.000000"},
	{"used_cpu_sys", "1.5", "1.25", "2.75"},
	{"used_cpu_sys", "1.", "2", "1."},
	{"used_cpu_sys", "1.0000001", "2", "1.0000001"},
	{"mem_fragmentation_bytes", "-10", "4", "-6"},
	{"mem_fragmentation_bytes", "-1.5", "1", "-0.5"},
	{"mem_fragmentation_bytes", "1.25", "-2", "-0.75"},
	{"mem_fragmentation_bytes", "2.25", "-0.50", "1.75"},
	{"mem_fragmentation_bytes", "-2.25", "0.50", "-1.75"},
	{"mem_fragmentation_bytes", "-", "4", "-"},
	{"mem_allocator", "jemalloc-5.3.0", "libc", "jemalloc-5.3.0"},
	{"number_of_cached_scripts", "2", "3", "3"},
	{"loading", "0", "1", "1"},
	{"rdb_bgsave_in_progress", "1", "0", "1"},
	{"rdb_last_save_time", "1795835996", "1795835000", "1795835000"},
	{"rdb_last_bgsave_status", "ok", "err", "err"},
	{"rdb_last_bgsave_status", "err", "ok", "err"},
	{"rdb_last_bgsave_status", "ok", "ok", "ok"},
	{"rdb_last_bgsave_status", NULL, "ok", "ok"},
	{"rdb_last_bgsave_time_sec", "-1", "2", "2"},
	{"rdb_changes_since_last_save", "3", "4", "7"},
	{"expired_stale_perc", "0.10", "0.05", "0.10"},
	{"expired_stale_perc", "0.10", "x", "0.10"},
	{"latest_fork_usec", "300", "400", "400"},
	{"db0", "keys=3,expires=1,avg_ttl=100", "keys=4,expires=3,avg_ttl=500",
	 "keys=7,expires=4,avg_ttl=400"},
	{"db0", "keys=3,expires=0,avg_ttl=0", "keys=4,expires=0,avg_ttl=0",
	 "keys=7,expires=0,avg_ttl=0"},
	{"db0", NULL, "keys=4,expires=2,avg_ttl=7", "keys=4,expires=2,avg_ttl=7"},
	{"db1", "keys=3,expires=2,avg_ttl=5,subexpiry=1", "keys=4,expires=0,avg_ttl=0",
	 "keys=7,expires=2,avg_ttl=5,subexpiry=1"},
	{"cmdstat_get", "calls=3,usec=45,usec_per_call=15.00,rejected_calls=1,failed_calls=0",
	 "calls=1,usec=5,usec_per_call=5.00,rejected_calls=1,failed_calls=2",
	 "calls=4,usec=50,usec_per_call=12.50,rejected_calls=2,failed_calls=2"},
	{"cmdstat_get", "calls=0,usec=0,usec_per_call=0.00", "calls=0,usec=0,usec_per_call=0.00",
	 "calls=0,usec=0,usec_per_call=0.00"},
	{"cmdstat_get", "calls=1,kind=a", "calls=2,kind=b", "calls=3,kind=a"},
	{"cmdstat_get", "calls", "calls=2", "calls"},
	{"cmdstat_get", "", "calls=2", ""},
	{"cmdstat_get", "calls=1", "", "calls=1"},
	{"cmdstat_get", "calls=1,", "calls=2", "calls=3"},
	{"cmdstat_get", "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1", "p=2",
	 "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=3"},
	{"cmdstat_get", "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1",
	 "a=2", "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1"},
	{"errorstat_ERR", "count=1", "count=20", "count=21"},
	{"errorstat_MOVED", NULL, "count=20", "count=20"},
	{"latency_percentiles_usec_get", "p50=1.003,p99=2.007", "p50=9.023,p99=9.023",
	 "p50=1.003,p99=2.007"},
	{"what_no_rule_knows", "1", "2", "1"},
	{"with:colon", "1", "2", "1"},
};

START_TEST(values_of_a_field_become_one)
{
	char a[256] = "", b[256] = "", whole[512];

	if (fields[_i].a != NULL)
		snprintf(a, sizeof(a), "%s:%s\r\n", fields[_i].name, fields[_i].a);
	if (fields[_i].b != NULL)
		snprintf(b, sizeof(b), "%s:%s\r\n", fields[_i].name, fields[_i].b);
	snprintf(whole, sizeof(whole), "%s:%s\r\n\r\n" OF_TWO, fields[_i].name, fields[_i].result);
	ck_assert_str_eq(merge_two(a, b), whole);
	text_free(&merged);
}
END_TEST

/* The texts of two nodes and what comes of them before the section of ours. */
static const struct {
	const char *a, *b, *result;
} texts[] = {
	{"", "", ""},
	{"# Server\r\nhz:10\r\n", "# Server\r\nhz:10\r\n", "# Server\r\nhz:10\r\n\r\n"},
	/* The first's order; what only others have goes behind. */
	{"# B\r\ny:1\r\nx:1\r\n\r\n# A\r\nz:1\r\n",
	 "# C\r\nw:1\r\n\r\n# A\r\nv:1\r\nz:1\r\n\r\n# B\r\nx:1\r\n",
	 "# B\r\ny:1\r\nx:1\r\n\r\n# A\r\nz:1\r\nv:1\r\n\r\n# C\r\nw:1\r\n\r\n"},
	{"", "# C\r\nw:1\r\n", "# C\r\nw:1\r\n\r\n"},
	/* Sections without fields, as Redis has without modules. */
	{"# Modules\r\n\r\n# Errorstats\r\n", "# Modules\r\n",
	 "# Modules\r\n\r\n# Errorstats\r\n\r\n"},
	/* A name that comes more than once. */
	{"# Modules\r\nmodule:name=a\r\nmodule:name=b\r\n",
	 "# Modules\r\nmodule:name=a\r\nmodule:name=b\r\nmodule:name=c\r\n",
	 "# Modules\r\nmodule:name=a\r\nmodule:name=b\r\nmodule:name=c\r\n\r\n"},
	/* The same name in two sections is two fields. */
	{"# A\r\nkeyspace_hits:1\r\n# B\r\nkeyspace_hits:10\r\n",
	 "# B\r\nkeyspace_hits:20\r\n# A\r\nkeyspace_hits:2\r\n",
	 "# A\r\nkeyspace_hits:3\r\n\r\n# B\r\nkeyspace_hits:30\r\n\r\n"},
	/* Sizes for people and ratios are of the whole. */
	{"# Memory\r\nused_memory:1572864\r\nused_memory_human:1.50M\r\n"
	 "used_memory_rss:3145728\r\nused_memory_rss_human:3.00M\r\n"
	 "mem_fragmentation_ratio:2.00\r\n",
	 "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n"
	 "used_memory_rss:1048576\r\nused_memory_rss_human:1.00M\r\n"
	 "mem_fragmentation_ratio:1.00\r\n",
	 "# Memory\r\nused_memory:2621440\r\nused_memory_human:2.50M\r\n"
	 "used_memory_rss:4194304\r\nused_memory_rss_human:4.00M\r\n"
	 "mem_fragmentation_ratio:1.60\r\n\r\n"},
	{"used_memory:60\r\nused_memory_startup:10\r\nused_memory_dataset:20\r\n"
	 "used_memory_dataset_perc:40.00%\r\n",
	 "used_memory:60\r\nused_memory_startup:10\r\nused_memory_dataset:30\r\n"
	 "used_memory_dataset_perc:60.00%\r\n",
	 "used_memory:120\r\nused_memory_startup:20\r\nused_memory_dataset:50\r\n"
	 "used_memory_dataset_perc:50.00%\r\n\r\n"},
	/* Without what they are made of, they stay as they are. */
	{"used_memory_human:1.50M\r\nmem_fragmentation_ratio:2.00\r\nmaxmemory:x\r\n"
	 "maxmemory_human:1B\r\nmaxmemory_policy_human:2\r\n",
	 "used_memory_human:2.50M\r\nmem_fragmentation_ratio:3.00\r\nmaxmemory:2\r\n"
	 "maxmemory_human:2B\r\nmaxmemory_policy_human:3\r\n",
	 "used_memory_human:1.50M\r\nmem_fragmentation_ratio:2.00\r\nmaxmemory:x\r\n"
	 "maxmemory_human:1B\r\nmaxmemory_policy_human:2\r\n\r\n"},
	{"used_memory:0\r\nused_memory_rss:5\r\nmem_fragmentation_ratio:-nan\r\n",
	 "used_memory:0\r\nused_memory_rss:5\r\nmem_fragmentation_ratio:0.00\r\n",
	 "used_memory:0\r\nused_memory_rss:10\r\nmem_fragmentation_ratio:-nan\r\n\r\n"},
	/* Lines that are none, line ends of other kinds, and a last line that is cut. */
	{"x:1\ny:2\nwhat\r\n:3\r\n\r\n#\r\n#w:1\r\nz:4", "", "x:1\r\ny:2\r\n:3\r\nz:4\r\n\r\n"},
	/* A node that is a proxy itself. */
	{"# A\r\nx:1\r\n\r\n# Slipring\r\nshards:9\r\n\r\n# B\r\ny:1\r\n", "# Slipring\r\nz:1\r\n",
	 "# A\r\nx:1\r\n\r\n# B\r\ny:1\r\n\r\n"},
};

START_TEST(sections_and_fields_keep_the_first_nodes_order)
{
	struct text whole = {0};

	text_printf(&whole, "%s" OF_TWO, texts[_i].result);
	ck_assert_str_eq(merge_two(texts[_i].a, texts[_i].b), whole.p);
	text_free(&whole);
	text_free(&merged);
}
END_TEST

static const struct {
	const char *bytes, *human;
} sizes[] = {
	{"0", "0B"},
	{"1023", "1023B"},
	{"1024", "1.00K"},
	{"941432", "919.37K"},
	{"1048576", "1.00M"},
	{"25276063744", "23.54G"},
	{"1099511627776", "1.00T"},
	{"1125899906842624", "1.00P"},
	{"1152921504606846976", "1024.00P"},
};

START_TEST(sizes_for_people_are_written_as_redis_does)
{
	char text[128], whole[512];

	snprintf(text, sizeof(text), "maxmemory:%s\r\nmaxmemory_human:\r\n", sizes[_i].bytes);
	snprintf(whole, sizeof(whole), "maxmemory:%s\r\nmaxmemory_human:%s\r\n\r\n" OF_TWO,
		 sizes[_i].bytes, sizes[_i].human);
	ck_assert_str_eq(merge_two(text, ""), whole);
	text_free(&merged);
}
END_TEST

START_TEST(a_node_that_failed_is_reported_and_the_others_joined)
{
	struct resp_info_node nodes[] = {
		node("a", "h:1", ""),
		node("b", "h:2", "# Clients\r\nconnected_clients:1\r\n"),
		node("c,d=", "unix:/a\nb", "# Clients\r\nconnected_clients:2\r\n"),
	};

	nodes[0].error = span_of("LOADING Redis is loading, x=1\r\n\x7f");
	text_reset(&merged);
	resp_info_merge(&merged, true, nodes, 3);
	ck_assert_str_eq(merged.p, "# Clients\r\nconnected_clients:3\r\n\r\n" OURS(
					   3) "shard0:name=a,address=h:1,status=LOADING Redis is "
					      "loading; x:1   \r\n" SHARD_B
					      "shard2:name=c;d:,address=unix:/a b,status=ok\r\n");
	text_free(&merged);
}
END_TEST

START_TEST(one_node_and_none_at_all)
{
	struct resp_info_node one = node("a", "h:1", "x:1\r\n");

	text_reset(&merged);
	resp_info_merge(&merged, true, &one, 1);
	ck_assert_str_eq(merged.p, "x:1\r\n\r\n" OURS(1) SHARD_A);
	text_reset(&merged);
	resp_info_merge(&merged, true, &one, 0);
	ck_assert_str_eq(merged.p, OURS(0));
	text_free(&merged);
}
END_TEST

START_TEST(many_nodes_are_added_up)
{
	struct resp_info_node nodes[1000];

	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		nodes[i] = node("n", "h:1", "# Stats\r\nkeyspace_hits:7\r\nused_cpu_sys:0.30\r\n");
	text_reset(&merged);
	resp_info_merge(&merged, true, nodes, ARRAY_LEN(nodes));
	ck_assert_ptr_nonnull(
		strstr(merged.p, "# Stats\r\nkeyspace_hits:7000\r\nused_cpu_sys:300.00\r\n\r\n"));
	ck_assert_ptr_nonnull(strstr(merged.p, "shards:1000\r\n"));
	ck_assert_ptr_nonnull(strstr(merged.p, "shard999:name=n,"));
	text_free(&merged);
}
END_TEST

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

/* `format` written n times, with a number from 0 on. */
static const char *repeat(struct text *text, const char *before, size_t n, const char *behind)
{
	text_reset(text);
	for (size_t i = 0; i < n; i++)
		text_printf(text, "%s%zu%s", before, i, behind);
	return text->p;
}

START_TEST(what_is_too_much_is_dropped)
{
	struct text many = {0};

	merge_two(repeat(&many, "f", 8192, ":1\r\n"), "");
	ck_assert_uint_eq(count(merged.p, ":1\r\n"), 8192);
	merge_two(repeat(&many, "f", 8193, ":1\r\n"), "");
	ck_assert_uint_eq(count(merged.p, ":1\r\n"), 8192);

	merge_two(repeat(&many, "# S", 63, "\r\nx:1\r\n"), "");
	ck_assert_uint_eq(count(merged.p, "x:1\r\n"), 63);
	merge_two(repeat(&many, "# S", 64, "\r\nx:1\r\n"), "");
	ck_assert_uint_eq(count(merged.p, "x:1\r\n"), 63);

	merge_two(repeat(&many, "x:", 64, "\r\n"), "");
	ck_assert_uint_eq(count(merged.p, "x:"), 64);
	merge_two(repeat(&many, "x:", 65, "\r\n"), "");
	ck_assert_uint_eq(count(merged.p, "x:"), 64);
	text_free(&many);
	text_free(&merged);
}
END_TEST

Suite *resp_info_suite(void)
{
	Suite *suite = suite_create("resp_info");
	TCase *tcase = tcase_create("resp_info");

	tcase_add_loop_test(tcase, values_of_a_field_become_one, 0, ARRAY_LEN(fields));
	tcase_add_loop_test(tcase, sections_and_fields_keep_the_first_nodes_order, 0,
			    ARRAY_LEN(texts));
	tcase_add_loop_test(tcase, sizes_for_people_are_written_as_redis_does, 0, ARRAY_LEN(sizes));
	tcase_add_test(tcase, a_node_that_failed_is_reported_and_the_others_joined);
	tcase_add_test(tcase, one_node_and_none_at_all);
	tcase_add_test(tcase, many_nodes_are_added_up);
	tcase_add_test(tcase, what_is_too_much_is_dropped);
	suite_add_tcase(suite, tcase);
	return suite;
}
