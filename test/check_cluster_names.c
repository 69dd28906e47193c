#include "control/cluster_names.h"

#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "cluster_text.h"
#include "suites.h"

/* Views of a cluster one after the other, and the names of its shards, by their primaries. */
static const struct {
	struct {
		const char *nodes, *names;
	} steps[5];
} cases[] = {
	/* A failover, and back. */
	{{{"a:0-99 b:100-199 x>a y>b", "a=shard-0 b=shard-100"},
	  {"a! b:100-199 x:0-99 y>b", "b=shard-100 x=shard-0"},
	  {"a>x b:100-199 x:0-99 y>b", "b=shard-100 x=shard-0"},
	  {"a:0-99 b:100-199 x>a y>b", "a=shard-0 b=shard-100"}}},
	/* Slots move, even the first; a new shard gets a name that is free. */
	{{{"a:0-99 b:100-199", "a=shard-0 b=shard-100"},
	  {"a:50-99 b:100-199,0-49", "a=shard-0 b=shard-100"},
	  {"a:50-99 b:100-199 c:0-49", "a=shard-0 b=shard-100 c=shard-0-2"},
	  {"a:51-99 b:100-199 c:0-49 d:50", "a=shard-0 b=shard-100 c=shard-0-2 d=shard-50"}}},
	/* A shard that goes takes its name with it. */
	{{{"a:0-99 b:100-199", "a=shard-0 b=shard-100"},
	  {"a b:0-199", "b=shard-100"},
	  {"a:0 b:1-199", "a=shard-0 b=shard-100"}}},
	/* All nodes of a shard are others: it is known by its slots. */
	{{{"a:0-99 b:100-199", "a=shard-0 b=shard-100"},
	  {"c:0-98 d:99-199", "c=shard-0 d=shard-100"}}},
	/* The old replica is another shard's now, the primary decides. */
	{{{"a:0-99 b:100-199 x>a", "a=shard-0 b=shard-100"},
	  {"a:0-49 x:50-99 b:100-199", "a=shard-0 b=shard-100 x=shard-50"},
	  {"a>x x:50-99,0-49 b:100-199", "b=shard-100 x=shard-50"}}},
};

static struct text text_of(const struct cluster_shards *shards)
{
	struct text text = {0};

	text_puts(&text, "");
	for (char node = 'a'; node <= 'z'; node++)
		for (size_t i = 0; i < shards->n; i++)
			if (strcmp(shards->v[i].members.v[0], cluster_id_of(node)) == 0)
				text_printf(&text, "%s%c=%s", text.len > 0 ? " " : "", node,
					    shards->v[i].name);
	return text;
}

START_TEST(a_name_outlives_failovers_and_moves)
{
	struct cluster_shards last = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases[0].steps) && cases[_i].steps[i].nodes != NULL; i++) {
		const char *nodes = cases[_i].steps[i].nodes;
		struct cluster_view view = cluster_view_of(nodes, nodes[0]);
		const struct cluster_view *list[] = {&view};
		const struct cluster_shards none = {0};
		struct cluster_shards now;
		struct error error;

		ck_assert_int_eq(cluster_vote(list, 1, &none, &now, &error), 0);
		cluster_names_give(&now, &last);
		struct text text = text_of(&now);
		ck_assert_str_eq(text.p, cases[_i].steps[i].names);
		text_free(&text);
		cluster_view_fini(&view);
		cluster_shards_fini(&last);
		last = now;
	}
	cluster_shards_fini(&last);
}
END_TEST

Suite *cluster_names_suite(void)
{
	Suite *suite = suite_create("cluster_names");
	TCase *tcase = tcase_create("cluster_names");

	tcase_add_loop_test(tcase, a_name_outlives_failovers_and_moves, 0, (int)ARRAY_LEN(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}
