#include "control/nearest.h"

#include <check.h>

#include "suites.h"

static const char *const words[] = {"listen",	"protocol", "shards", "hash",
				    "hash_tag", "md5",	    "log"};

static const struct {
	const char *word, *want;
} cases[] = {
	{"listn", "listen"},   /* dropped */
	{"listeen", "listen"}, /* added */
	{"lisden", "listen"},  /* changed */
	{"lsiten", "listen"},  /* swapped */
	{"LISTEN", "listen"},  /* case */
	{"shard", "shards"},
	{"hash-tag", "hash_tag"},
	{"hahs", "hash"},
	{"md6", "md5"},
	{"lg", "log"},
	{"proto", ""},
	{"elephant", ""},
	{"x", ""},
	{"", ""},
	{"listenlistenlistenlistenlistenlistenlistenlistenlistenlistenlisten", ""},
};

START_TEST(finds_what_was_meant)
{
	struct nearest nearest = {.word = cases[_i].word};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		nearest_offer(&nearest, span_of(words[i]));
	ck_assert_str_eq(nearest.best, cases[_i].want);
}
END_TEST

START_TEST(the_first_of_equals_stays)
{
	struct nearest nearest = {.word = "abcd"};

	nearest_offer(&nearest, span_of("abce"));
	nearest_offer(&nearest, span_of("abcf"));
	ck_assert_str_eq(nearest.best, "abce");
	nearest_offer(&nearest, span_of("abcd"));
	ck_assert_str_eq(nearest.best, "abcd");
}
END_TEST

START_TEST(takes_words_of_the_greatest_length)
{
	char word[NEAREST_WORD_MAX + 1];

	memset(word, 'a', NEAREST_WORD_MAX);
	word[NEAREST_WORD_MAX] = '\0';
	struct nearest nearest = {.word = word};
	nearest_offer(&nearest, span_make(word, NEAREST_WORD_MAX));
	ck_assert_str_eq(nearest.best, word);
}
END_TEST

Suite *nearest_suite(void)
{
	Suite *suite = suite_create("nearest");
	TCase *tc = tcase_create("nearest");

	tcase_add_loop_test(tc, finds_what_was_meant, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, the_first_of_equals_stays);
	tcase_add_test(tc, takes_words_of_the_greatest_length);
	suite_add_tcase(suite, tc);
	return suite;
}
