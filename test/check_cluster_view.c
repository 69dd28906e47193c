#include "control/cluster_view.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "recorded.h"
#include "suites.h"

static struct span reply_of(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "cluster/%s", name);
	return recorded(TEST_DIR, path);
}

static void forget(struct span reply)
{
	free((char *)(uintptr_t)reply.p);
}

/* Of each node, in the order of their ids: its id's start, address, what it is, whose, its slots. */
static struct text text_of(const struct cluster_view *view)
{
	struct text text = {0};

	text_puts(&text, "");
	for (size_t i = 0; i < view->n; i++) {
		const struct cluster_node *node = &view->nodes[i];

		text_printf(&text, "%s%.4s %s%s%s%s%s%.4s", i > 0 ? "; " : "", node->id,
			    node->address, node->is_myself ? " myself" : "",
			    node->is_primary ? " primary" : "", node->is_failing ? " failing" : "",
			    node->primary[0] != '\0' ? " of " : "", node->primary);
		for (size_t j = 0; j < node->n_slots; j++)
			text_printf(&text, " %u-%u", node->slots[j].first, node->slots[j].last);
	}
	return text;
}

#define L "127.0.0.1:"

/* Answers of redis-server 7.0 in several states of a cluster of six, and forged ones. NULL: refused. */
static const struct {
	const char *name, *text;
	bool has_majority;
} views[] = {
	{"nodes",
	 "0496 " L "17004 of 0d68; 0d68 " L "17002 primary 5461-10922; 3acf " L
	 "17001 myself primary 0-5460; 8d07 " L "17006 of 3acf; a253 " L "17005 of cc5b; cc5b " L
	 "17003 primary 10923-16383",
	 true},
	{"nodes_migrating",
	 "0496 " L "17004 of 0d68; 0d68 " L "17002 primary 5461-10922; 3acf " L
	 "17001 myself primary 0-5460; 8d07 " L "17006 of 3acf; a253 " L "17005 of cc5b; cc5b " L
	 "17003 primary 10923-16383",
	 true},
	{"nodes_moved",
	 "0496 " L "17004 of 0d68; 0d68 " L "17002 primary 100-100 5461-10922; 3acf " L
	 "17001 primary 0-99 101-5460; 8d07 " L "17006 of 3acf; a253 " L "17005 of cc5b; cc5b " L
	 "17003 myself primary 10923-16383",
	 true},
	{"nodes_failed_over",
	 "0496 " L "17004 of 0d68; 0d68 " L "17002 primary 100-100 5461-10922; 3acf " L
	 "17001 myself primary 0-99 101-5460; 8d07 " L "17006 of 3acf; a253 " L
	 "17005 primary 10923-16383; cc5b " L "17003 primary failing",
	 true},
	{"nodes_minority",
	 "0496 " L "17004 failing of 0d68; 0d68 " L
	 "17002 primary failing 100-100 5461-10922; 3acf " L
	 "17001 myself primary 0-99 101-5460; 8d07 " L "17006 of 3acf; a253 " L
	 "17005 primary failing 10923-16383; cc5b " L "17003 primary failing",
	 false},
	{"alone", "0000 asked:6379 myself primary 0-16383", true},
	{"hostname", "0000 10.0.0.1:6379 myself primary 0-16383", true},
	{"v6", "0000 [fd00::1]:6379 myself primary 0-16383", true},
	{"old_form", "0000 10.0.0.1:6379 myself primary 0-16383", true},
	{"noaddr", "0000 10.0.0.1:1 myself primary 0-16383; 0000  primary", true},
	{"handshake", "0000 10.0.0.1:1 myself primary 0-16383", true},
	{"owner_without_address", NULL, false},
	{"owner_unknown", NULL, false},
	{"two_owners", NULL, false},
	{"same_id", NULL, false},
	{"replica_owns", NULL, false},
	{"nobody_myself", NULL, false},
	{"slot_16384", NULL, false},
	{"slot_backwards", NULL, false},
	{"slot_odd", NULL, false},
	{"short_id", NULL, false},
	{"empty", NULL, false},
	{"error", NULL, false},
	{"info", NULL, false},
};

START_TEST(reads_what_nodes_say)
{
	struct span reply = reply_of(views[_i].name);
	struct cluster_view view = {0};
	struct error error = {0};
	int result = cluster_read_nodes(reply, "asked", &view, &error);

	ck_assert_int_eq(result, views[_i].text != NULL ? 0 : -1);
	ck_assert_int_eq(error.text[0] != '\0', result != 0);
	struct text text = text_of(&view);
	ck_assert_str_eq(text.p, result == 0 ? views[_i].text : "");
	ck_assert_int_eq(cluster_view_has_majority(&view), views[_i].has_majority);
	text_free(&text);
	cluster_view_fini(&view);
	forget(reply);
}
END_TEST

static const struct {
	const char *name;
	bool is_read, is_ok;
	uint64_t epoch;
} infos[] = {
	{"info", true, true, 6},	{"info_fail", true, false, 8}, {"info_odd", true, false, 0},
	{"info_epoch", false, true, 0}, {"error", false, false, 0},    {"nodes", false, false, 0},
};

START_TEST(reads_whether_the_cluster_is_well)
{
	struct span reply = reply_of(infos[_i].name);
	struct cluster_view view = {.is_ok = true, .epoch = 99};

	ck_assert_int_eq(cluster_read_info(reply, &view), infos[_i].is_read);
	ck_assert_int_eq(view.is_ok, infos[_i].is_ok);
	ck_assert(view.epoch == infos[_i].epoch);
	forget(reply);
}
END_TEST

/* A whole reply is one by its length; here the text in it is cut. */
START_TEST(no_cut_of_the_text_does_harm)
{
	struct span reply = reply_of("nodes");
	const char *start = strchr(reply.p, '\n') + 1;

	for (size_t len = 0; start + len < reply.p + reply.len - 2; len++) {
		struct cluster_view view = {0};
		struct error error;
		char *copy = malloc(len + 32);
		int n = sprintf(copy, "$%zu\r\n", len);

		memcpy(copy + n, start, len);
		memcpy(copy + (size_t)n + len, "\r\n", 2);
		if (cluster_read_nodes(span_make(copy, (size_t)n + len + 2), "h", &view, &error) ==
		    0)
			ck_assert_ptr_nonnull(cluster_view_myself(&view));
		cluster_view_fini(&view);
		free(copy);
	}
	forget(reply);
}
END_TEST

static void make_nodes(struct text *reply, int n)
{
	struct text text = {0};

	for (int i = 0; i < n; i++)
		text_printf(&text, "%040x h:%d@1 %s - 0 0 1 connected\n", i, i + 1,
			    i == 0 ? "myself,master" : "master");
	text_printf(reply, "$%zu\r\n%s\r\n", text.len, text.p);
	text_free(&text);
}

START_TEST(has_as_many_nodes_as_allowed_and_no_more)
{
	for (int n = CLUSTER_NODES_MAX; n <= CLUSTER_NODES_MAX + 1; n++) {
		struct cluster_view view = {0};
		struct text reply = {0};
		struct error error;

		make_nodes(&reply, n);
		int result = cluster_read_nodes(span_make(reply.p, reply.len), "h", &view, &error);
		ck_assert_int_eq(result, n > CLUSTER_NODES_MAX ? -1 : 0);
		ck_assert_uint_eq(view.n, n > CLUSTER_NODES_MAX ? 0 : CLUSTER_NODES_MAX);
		cluster_view_fini(&view);
		text_free(&reply);
	}
}
END_TEST

START_TEST(finds_nodes_and_differences)
{
	static const char *const names[] = {"nodes", "nodes_moved", "nodes_pfail",
					    "nodes_failed_over"};
	struct cluster_view read[ARRAY_LEN(names)] = {{0}};
	struct error error;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct span reply = reply_of(names[i]);

		ck_assert_int_eq(cluster_read_nodes(reply, "h", &read[i], &error), 0);
		forget(reply);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (size_t j = 0; j < ARRAY_LEN(names); j++)
			ck_assert_int_eq(cluster_view_equal(&read[i], &read[j]), i == j);
	for (size_t i = 0; i < read[0].n; i++)
		ck_assert_ptr_eq(cluster_view_find(&read[0], read[0].nodes[i].id),
				 &read[0].nodes[i]);
	ck_assert_ptr_null(cluster_view_find(&read[0], "0"));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cluster_view_fini(&read[i]);
}
END_TEST

Suite *cluster_view_suite(void)
{
	Suite *suite = suite_create("cluster_view");
	TCase *tcase = tcase_create("cluster_view");

	tcase_add_loop_test(tcase, reads_what_nodes_say, 0, (int)ARRAY_LEN(views));
	tcase_add_loop_test(tcase, reads_whether_the_cluster_is_well, 0, (int)ARRAY_LEN(infos));
	tcase_add_test(tcase, no_cut_of_the_text_does_harm);
	tcase_add_test(tcase, has_as_many_nodes_as_allowed_and_no_more);
	tcase_add_test(tcase, finds_nodes_and_differences);
	suite_add_tcase(suite, tcase);
	return suite;
}
