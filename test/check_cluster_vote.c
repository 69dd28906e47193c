#include "control/cluster_vote.h"

#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "cluster_text.h"
#include "suites.h"

#define VIEWS_MAX 5

/* What the voters say; "!" before a view: the node says that the cluster is down. */
struct round {
	const char *views[VIEWS_MAX]; /* the first is a's, the second b's, ... */
	const char *want;	      /* "7001+7002[0-99,200-300] ..."; NULL: nothing can be said */
};

/* A series of votes, each after those before. */
static const struct {
	struct round rounds[4];
} cases[] = {
	/* All agree. */
	{{{{"a:0-99 b:100-199 c:200-16383 x>a y>b", "a:0-99 b:100-199 c:200-16383 x>a y>b"},
	   "7001+7024[0-99] 7002+7025[100-199] 7003[200-16383]"}}},
	/* One seed is enough to begin, and a cluster of one node to go on. */
	{{{{"a:0-16383"}, "7001[0-16383]"}, {{"a:0-5"}, "7001[0-5]"}}},
	/* One that lies is outvoted. */
	{{{{"a:0-99 b:100-199 c", "a:0-99 b:100-199 c", "a b c:0-199"}, "7001[0-99] 7002[100-199]"},
	  {{"a:0-99 b:100-199 c", "a b c:0-199", "a:0-99 b:100-199 c"},
	   "7001[0-99] 7002[100-199]"}}},
	/* One that is left alone of three shards is not believed, even if it was right before. */
	{{{{"a:0 b:1 c:2", "a:0 b:1 c:2"}, "7001[0-0] 7002[1-1] 7003[2-2]"},
	  {{"a:0-2 b c"}, NULL}}},
	/* While a slot is handed over, half of them know: it stays. Then most do: it moves. */
	{{{{"a:0-9 b:10-19", "a:0-9 b:10-19"}, "7001[0-9] 7002[10-19]"},
	  {{"a:0-8 b:9-19", "a:0-9 b:10-19"}, "7001[0-9] 7002[10-19]"},
	  {{"a:0-8 b:9-19 c", "a:0-9 b:10-19 c", "a:0-8 b:9-19 c"}, "7001[0-8] 7002[9-19]"}}},
	/* Two slots are handed over at once, and no two views are alike. */
	{{{{"a:0-9 b:10-19 c", "a:0-9 b:10-19 c", "a:0-9 b:10-19 c"}, "7001[0-9] 7002[10-19]"},
	  {{"a:0-8 b:9-19 c", "a:1-8 b:9-19,0 c", "a:1-9 b:10-19,0 c"},
	   "7001[1-8] 7002[0-0,9-19]"}}},
	/* A failover: the replica is the primary, the old primary fails, then is a replica. */
	{{{{"a:0-9 b:10 x>a", "a:0-9 b:10 x>a"}, "7001+7024[0-9] 7002[10-10]"},
	  {{"!a:0-9! b:10 x>a", "!a:0-9! b:10 x>a"}, NULL},
	  {{"a! b:10 x:0-9", "a! b:10 x:0-9"}, "7002[10-10] 7024[0-9]"},
	  {{"a>x b:10 x:0-9", "a>x b:10 x:0-9"}, "7002[10-10] 7024+7001[0-9]"}}},
	/* Nobody votes who is told to be down, or who sees half of the primaries or fewer. */
	{{{{"!a:0-9 b:10", "!a:0-9 b:10"}, NULL}}},
	{{{{"a:0-9 b:10!"}, NULL}}},
	{{{{"a:0-9 b:10 c:11!", "a:0-9! b:10! c:11-20"}, "7001[0-9] 7002[10-10] 7003[11-11]"}}},
	/* A replica that most take for failing is not read; one alone does not take it out. */
	{{{{"a:0 b c x>a!", "a:0 b c x>a!", "a:0 b c x>a"}, "7001[0-0]"},
	  {{"a:0 b c x>a!", "a:0 b c x>a", "a:0 b c x>a"}, "7001+7024[0-0]"}}},
	/* Whose replica it is, most say, too. */
	{{{{"a:0 b:1 c x>a", "a:0 b:1 c x>b", "a:0 b:1 c x>b"}, "7001[0-0] 7002+7024[1-1]"}}},
	/* No slots: no shards. Slots that nobody has are holes. */
	{{{{"a b"}, NULL}}},
	{{{{"a:5 b"}, "7001[5-5]"}}},
};

static struct text text_of(const struct cluster_shards *shards)
{
	struct text text = {0};

	text_puts(&text, "");
	for (uint16_t port = 7001; port < 7030; port++)
		for (size_t i = 0; i < shards->n; i++) {
			const struct cluster_shard *shard = &shards->v[i];

			if (atoi(shard->address + 2) != port)
				continue;
			text_printf(&text, "%s%d", text.len > 0 ? " " : "", port);
			for (size_t j = 0; j < shard->replicas.n; j++)
				text_printf(&text, "+%s", shard->replicas.v[j] + 2);
			for (size_t j = 0; j < shard->n_slots; j++)
				text_printf(&text, "%c%u-%u", j > 0 ? ',' : '[',
					    shard->slots[j].first, shard->slots[j].last);
			text_puts(&text, "]");
		}
	return text;
}

static void vote(const struct round *round, struct cluster_shards *last)
{
	struct cluster_view views[VIEWS_MAX];
	const struct cluster_view *list[VIEWS_MAX];
	struct cluster_shards now;
	struct error error = {0};
	size_t n = 0;

	for (; n < VIEWS_MAX && round->views[n] != NULL; n++) {
		bool is_down = round->views[n][0] == '!';

		views[n] = cluster_view_of(round->views[n] + is_down, (char)('a' + n));
		views[n].is_ok = !is_down;
		list[n] = &views[n];
	}
	int result = cluster_vote(list, n, last, &now, &error);
	ck_assert_msg((result == 0) == (round->want != NULL), "%s: %s", round->views[0],
		      error.text);
	ck_assert_int_eq(error.text[0] != '\0', result != 0);
	if (result == 0) {
		struct text text = text_of(&now);

		ck_assert_str_eq(text.p, round->want);
		text_free(&text);
		cluster_shards_fini(last);
		*last = now;
	}
	for (size_t i = 0; i < n; i++)
		cluster_view_fini(&views[i]);
}

START_TEST(the_majority_has_the_word)
{
	struct cluster_shards last = {0};

	for (size_t i = 0; i < ARRAY_LEN(cases[0].rounds); i++)
		if (cases[_i].rounds[i].views[0] != NULL)
			vote(&cases[_i].rounds[i], &last);
	cluster_shards_fini(&last);
}
END_TEST

/* However many names lead to it. */
START_TEST(a_node_has_one_vote)
{
	struct cluster_view good = cluster_view_of("a:0 b:1", 'a');
	struct cluster_view bad = cluster_view_of("a:0-1 b", 'b');
	struct cluster_view other = cluster_view_of("a:0 b:1 c", 'c');
	const struct cluster_view *list[] = {&bad, &bad, &bad, &good, &other};
	struct cluster_shards last = {0}, now;
	struct error error;

	ck_assert_int_eq(cluster_vote(list, ARRAY_LEN(list), &last, &now, &error), 0);
	struct text text = text_of(&now);
	ck_assert_str_eq(text.p, "7001[0-0] 7002[1-1]");
	ck_assert_uint_eq(now.epoch, 1);
	text_free(&text);
	cluster_shards_fini(&now);
	cluster_view_fini(&good);
	cluster_view_fini(&bad);
	cluster_view_fini(&other);
}
END_TEST

START_TEST(nobody_says_nothing)
{
	struct cluster_shards last = {0}, now;
	struct error error;

	ck_assert_int_eq(cluster_vote(NULL, 0, &last, &now, &error), -1);
	ck_assert_str_eq(error.text, "no node answers");
}
END_TEST

Suite *cluster_vote_suite(void)
{
	Suite *suite = suite_create("cluster_vote");
	TCase *tcase = tcase_create("cluster_vote");

	tcase_add_loop_test(tcase, the_majority_has_the_word, 0, (int)ARRAY_LEN(cases));
	tcase_add_test(tcase, a_node_has_one_vote);
	tcase_add_test(tcase, nobody_says_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}
