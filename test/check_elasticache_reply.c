#include "control/elasticache_reply.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "suites.h"

/* Every reply has the length of what is between its first line and END. */
static const char *reply_of(const char *data)
{
	static char out[512];

	snprintf(out, sizeof(out), "CONFIG cluster 0 %zu\r\n%s\r\nEND\r\n", strlen(data), data);
	return out;
}

static const struct {
	const char *data;
	uint64_t version;
	const char *nodes; /* with blanks between */
} good[] = {
	{"12\nmyCluster.pc4ldq.0001.use1.cache.amazonaws.com|10.82.235.120|11211 "
	 "myCluster.pc4ldq.0002.use1.cache.amazonaws.com|10.80.249.27|11211\n",
	 12,
	 "myCluster.pc4ldq.0001.use1.cache.amazonaws.com:11211 "
	 "myCluster.pc4ldq.0002.use1.cache.amazonaws.com:11211"},
	{"1\na.cache||11211\n", 1, "a.cache:11211"},
	{"1\n|10.0.0.1|11211\n", 1, "10.0.0.1:11211"},
	{"1\n10.0.0.1|10.0.0.1|11211\n", 1, "10.0.0.1:11211"},
	{"1\n0001|10.0.0.1|1 12345||2\n", 1, "0001:1 12345:2"},
	{"1\n|::1|11211\n", 1, "[::1]:11211"},
	{"1\nfd00::2|fd00::2|11211\n", 1, "[fd00::2]:11211"},
	{"1\na||1 b||1 a||1 a||2\n", 1, "a:1 b:1 a:2"},
	{"18446744073709551615\na||1\n", UINT64_MAX, "a:1"},
	{"0\na||65535", 0, "a:65535"},
	{"1\r\n a||1  b||1 \r\n", 1, "a:1 b:1"},
};

START_TEST(reads_what_a_cluster_is_made_of)
{
	struct found found;
	struct error error = {0};
	struct text nodes = {0};

	ck_assert_msg(elasticache_read(span_of(reply_of(good[_i].data)), &found, &error) == 0, "%s",
		      error.text);
	for (size_t i = 0; i < found.n; i++) {
		text_printf(&nodes, "%s%s", i > 0 ? " " : "", found.shards[i].primary);
		ck_assert_ptr_null(found.shards[i].name);
	}
	ck_assert_str_eq(nodes.p, good[_i].nodes);
	ck_assert(found.version == good[_i].version);
	text_free(&nodes);
	found_fini(&found);
}
END_TEST

START_TEST(reads_the_same_under_the_old_key)
{
	struct found found;
	struct error error;

	ck_assert_int_eq(elasticache_read(span_of("VALUE AmazonElastiCache:cluster 0 8 17\r\n"
						  "3\na||11\n\r\nEND\r\n"),
					  &found, &error),
			 0);
	ck_assert_str_eq(found.shards[0].primary, "a:11");
	ck_assert_uint_eq(found.version, 3);
	found_fini(&found);
}
END_TEST

static const struct {
	const char *reply, *error;
} bad[] = {
	{"END\r\n", "it knows of no cluster"},
	{"", "an answer that is no configuration"},
	{"STORED\r\n", "an answer that is no configuration"},
	{"CONFIG\r\n", "an answer that is no configuration"},
	{"CONFIG cluster 0 x\r\n1\na||1\n\r\nEND\r\n", "an answer that is no configuration"},
	{"CONFIG cluster 0 999\r\n1\na||1\n\r\nEND\r\n", "an answer that is no configuration"},
	{"CONFIG cluster 0 0\r\n\r\nEND\r\n", "'' is no version"},
	{"CONFIG cluster 0 7\r\nx\na||1\n\r\nEND\r\n", "'x' is no version"},
	{"CONFIG cluster 0 8\r\n-1\na||1\n\r\nEND\r\n", "'-1' is no version"},
	{"CONFIG cluster 0 2\r\n1\n\r\nEND\r\n", "there is no node"},
	{"CONFIG cluster 0 5\r\n1\n  \n\r\nEND\r\n", "there is no node"},
};

START_TEST(refuses_what_is_no_configuration)
{
	struct found found;
	struct error error;

	ck_assert_int_eq(elasticache_read(span_of(bad[_i].reply), &found, &error), -1);
	ck_assert_msg(strstr(error.text, bad[_i].error) != NULL, "%s", error.text);
	ck_assert_uint_eq(found.n, 0);
}
END_TEST

static const char *const no_nodes[] = {
	"a",	"a|b",	     "a||",	 "a||0",    "a||65536",	    "a||x",   "a||-1",
	"||1",	"a|b|c|1",   "?||1",	 "*||1",    "a b||",	    "a/b||1", "[a||1",
	"a:1|", "unix:x||1", "a||1\x01", "\x7f||1", "a|1.2.3.4|1|",
};

START_TEST(one_bad_node_spoils_the_answer)
{
	struct found found;
	struct error error;
	char data[128];

	snprintf(data, sizeof(data), "1\ngood||1 %s\n", no_nodes[_i]);
	ck_assert_int_eq(elasticache_read(span_of(reply_of(data)), &found, &error), -1);
	ck_assert_msg(strstr(error.text, "is no node; expected HOST|IP|PORT") != NULL, "%s",
		      error.text);
	ck_assert_uint_eq(found.n, 0);
}
END_TEST

START_TEST(has_as_many_nodes_as_a_ring_and_no_more)
{
	for (int n = ELASTICACHE_NODES_MAX; n <= ELASTICACHE_NODES_MAX + 1; n++) {
		struct text data = {0}, reply = {0};
		struct found found;
		struct error error;

		text_puts(&data, "1\n");
		for (int i = 0; i < n; i++)
			text_printf(&data, "n||%d ", i + 1);
		text_printf(&reply, "CONFIG cluster 0 %zu\r\n%s\r\nEND\r\n", data.len, data.p);
		int result = elasticache_read(span_make(reply.p, reply.len), &found, &error);
		ck_assert_int_eq(result, n > ELASTICACHE_NODES_MAX ? -1 : 0);
		found_fini(&found);
		text_free(&data);
		text_free(&reply);
	}
}
END_TEST

/* What is cut off anywhere is refused, or is the whole. */
START_TEST(every_cut_is_refused)
{
	const char *whole = reply_of("12\na.b||11211 c|10.0.0.1|11211\n");
	const char *end = strstr(whole, "\r\nEND");

	for (size_t len = 0; len < strlen(whole); len++) {
		struct found found;
		struct error error;
		char *copy = malloc(len > 0 ? len : 1);

		memcpy(copy, whole, len);
		int result = elasticache_read(span_make(copy, len), &found, &error);
		ck_assert_int_eq(result, whole + len >= end ? 0 : -1);
		found_fini(&found);
		free(copy);
	}
}
END_TEST

Suite *elasticache_reply_suite(void)
{
	Suite *suite = suite_create("elasticache_reply");
	TCase *tcase = tcase_create("elasticache_reply");

	tcase_add_loop_test(tcase, reads_what_a_cluster_is_made_of, 0, (int)ARRAY_LEN(good));
	tcase_add_test(tcase, reads_the_same_under_the_old_key);
	tcase_add_loop_test(tcase, refuses_what_is_no_configuration, 0, (int)ARRAY_LEN(bad));
	tcase_add_loop_test(tcase, one_bad_node_spoils_the_answer, 0, (int)ARRAY_LEN(no_nodes));
	tcase_add_test(tcase, has_as_many_nodes_as_a_ring_and_no_more);
	tcase_add_test(tcase, every_cut_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
