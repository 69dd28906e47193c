#include "control/sentinel_vote.h"

#include <check.h>
#include <stdio.h>

#include "suites.h"

#define VIEWS_MAX 5

/*
 * What each Sentinel says, a letter each: an address, '-' that it knows no such name, 'x' nothing (it
 * failed), '.' nothing yet.
 */
static size_t say(const char *words, struct sentinel_view *views)
{
	size_t n = strlen(words);

	memset(views, 0, n * sizeof(views[0]));
	for (size_t i = 0; i < n; i++) {
		views[i].sentinel = "s";
		views[i].is_heard = words[i] != '.';
		views[i].is_valid = words[i] != '.' && words[i] != 'x';
		if (words[i] >= 'A')
			snprintf(views[i].address, sizeof(views[0].address), "%c:1", words[i]);
		if (words[i] == 'x')
			views[i].address[0] = '\0';
	}
	return n;
}

static const struct {
	const char *words, *in_use, *elected; /* NULL: none */
	bool is_sure;
	const char *why;
} elections[] = {
	/* One Sentinel alone is believed. */
	{"A", NULL, "A:1", true, ""},
	{"B", "A:1", "B:1", true, ""},
	{"x", "A:1", "A:1", false, "no Sentinel answers"},
	{"-", "A:1", "A:1", false, "no Sentinel that answers knows of it"},
	/* Two must agree to move anything. */
	{"AA", NULL, "A:1", true, ""},
	{"AB", NULL, NULL, false, "1 of 2 Sentinels say A:1; expected more than half"},
	{"AB", "A:1", "A:1", false, ""},
	{"BA", "A:1", "A:1", false, "1 of 2 Sentinels say B:1; expected more than half"},
	{"xB", "A:1", "A:1", false, "1 of 2 Sentinels say B:1; expected more than half"},
	{"BB", "A:1", "B:1", true, ""},
	/* One of three that lies alone. */
	{"AAB", "A:1", "A:1", true, ""},
	{"xxB", "A:1", "A:1", false, "1 of 3 Sentinels say B:1; expected more than half"},
	{"xAB", "A:1", "A:1", false, ""},
	{"--B", "A:1", "A:1", false, "1 of 3 Sentinels say B:1; expected more than half"},
	{"ABB", "A:1", "B:1", true, ""},
	{"xBB", "A:1", "B:1", true, ""},
	{"ABC", "A:1", "A:1", false, ""},
	{"ABC", NULL, NULL, false, "1 of 3 Sentinels say A:1; expected more than half"},
	/* At start those that answer will do, once all were asked. */
	{"xxB", NULL, "B:1", true, ""},
	{"x.B", NULL, NULL, false, "1 of 3 Sentinels say B:1; expected more than half"},
	{".BB", NULL, "B:1", true, ""},
	{"xAB", NULL, NULL, false, "1 of 2 Sentinels say A:1; expected more than half"},
	{"--B", NULL, NULL, false, "1 of 3 Sentinels say B:1; expected more than half"},
	{"...", NULL, NULL, false, "no Sentinel answers"},
	{"xxx", "A:1", "A:1", false, "no Sentinel answers"},
	/* Half of them is not more than half. */
	{"AABB", "A:1", "A:1", false, ""},
	{"BBAA", "A:1", "A:1", false, "2 of 4 Sentinels say B:1; expected more than half"},
	{"ABBBA", "A:1", "B:1", true, ""},
};

START_TEST(the_majority_has_the_word)
{
	struct sentinel_view views[VIEWS_MAX];
	size_t n = say(elections[_i].words, views);
	struct error why;
	bool is_sure;
	const char *elected = sentinel_elect(views, n, elections[_i].in_use, &is_sure, &why);

	ck_assert_pstr_eq(elected, elections[_i].elected);
	ck_assert_int_eq(is_sure, elections[_i].is_sure);
	ck_assert_str_eq(why.text, elections[_i].why);
}
END_TEST

/* The replicas of each Sentinel: letters. */
static void list(struct sentinel_view *view, const char *replicas, char *texts, char **v)
{
	view->replicas = (struct string_list){v, strlen(replicas)};
	for (size_t i = 0; i < view->replicas.n; i++) {
		v[i] = texts + 4 * i;
		snprintf(v[i], 4, "%c:1", replicas[i]);
	}
}

START_TEST(replicas_are_those_that_most_of_the_voters_list)
{
	static const struct {
		const char *words;
		const char *replicas[3];
		const char *want; /* letters */
	} cases[] = {
		{"A", {"XY"}, "XY"},
		{"AAA", {"XY", "XZ", "X"}, "X"},
		{"AAA", {"XY", "XY", ""}, "XY"},
		{"AAB", {"X", "X", "Z"}, "X"},
		{"BAA", {"Z", "X", "XZ"}, "X"},
		/* One that became the primary is none any more; one that is listed twice is one. */
		{"AAA", {"AX", "AX", "AX"}, "X"},
		{"A", {"XX"}, "X"},
		{"Axx", {"X", "Y", "Y"}, "X"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sentinel_view views[VIEWS_MAX];
		struct found found = {0};
		struct found_shard *shard = found_add(&found, "m", "A:1");
		char texts[3][16], got[16] = "";
		char *v[3][4];
		size_t n = say(cases[i].words, views);

		for (size_t j = 0; j < n; j++)
			list(&views[j], cases[i].replicas[j], texts[j], v[j]);
		sentinel_add_replicas(views, n, shard);
		for (size_t j = 0; j < shard->n_replicas; j++)
			got[j] = shard->replicas[j][0];
		ck_assert_str_eq(got, cases[i].want);
		found_fini(&found);
	}
}
END_TEST

START_TEST(without_a_primary_there_are_no_replicas)
{
	struct sentinel_view views[VIEWS_MAX];
	struct found found = {0};
	struct found_shard *shard = found_add(&found, "m", NULL);
	char texts[16];
	char *v[4];

	(void)say("-", views);
	list(&views[0], "X", texts, v);
	sentinel_add_replicas(views, 1, shard);
	ck_assert_uint_eq(shard->n_replicas, 0);
	found_fini(&found);
}
END_TEST

START_TEST(says_who_disagrees)
{
	static const struct {
		const char *words;
		bool differ;
		const char *text;
	} cases[] = {
		{"AAA", false, "s says A:1, s says A:1, s says A:1"},
		{"Ax-", false, "s says A:1"},
		{"xx.", false, ""},
		{"AxB", true, "s says A:1, s says B:1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sentinel_view views[VIEWS_MAX];
		struct text text = {0};

		text_puts(&text, "");
		size_t n = say(cases[i].words, views);
		ck_assert_int_eq(sentinel_disagree(views, n, &text), cases[i].differ);
		ck_assert_str_eq(text.p, cases[i].text);
		text_free(&text);
	}
}
END_TEST

Suite *sentinel_vote_suite(void)
{
	Suite *suite = suite_create("sentinel_vote");
	TCase *tcase = tcase_create("sentinel_vote");

	tcase_add_loop_test(tcase, the_majority_has_the_word, 0, (int)ARRAY_LEN(elections));
	tcase_add_test(tcase, replicas_are_those_that_most_of_the_voters_list);
	tcase_add_test(tcase, without_a_primary_there_are_no_replicas);
	tcase_add_test(tcase, says_who_disagrees);
	suite_add_tcase(suite, tcase);
	return suite;
}
