#include "control/pace.h"

#include <check.h>

#include "base/attr.h"
#include "suites.h"

/* The least and the most that a wait may be. */
static void expect(uint64_t ms, uint64_t about)
{
	ck_assert_uint_ge(ms, about);
	ck_assert_uint_le(ms, about + about / 20);
}

static const struct {
	uint32_t ttl_s;
	uint64_t ms;
} answers[] = {{0, 1000},     {1, 1000},     {2, 2000},		 {299, 299000},
	       {300, 300000}, {301, 300000}, {INT32_MAX, 300000}};

START_TEST(an_answer_lives_within_bounds)
{
	struct pace pace;

	for (uint64_t seed = 0; seed < 100; seed++) {
		pace_init(&pace, 1000, 300000, seed);
		expect(pace_after_answer(&pace, answers[_i].ttl_s), answers[_i].ms);
	}
}
END_TEST

START_TEST(questions_do_not_stay_together)
{
	struct pace pace;
	uint64_t first, others = 0;

	pace_init(&pace, 1000, 300000, 1);
	first = pace_after_answer(&pace, 60);
	for (int i = 0; i < 20; i++)
		others += pace_after_answer(&pace, 60) != first;
	ck_assert_uint_gt(others, 15);
}
END_TEST

static const struct {
	uint32_t failures, min_ms;
	uint64_t ms;
} failures[] = {{1, 1000, 250},		  {2, 1000, 500},    {3, 1000, 1000},
		{5, 1000, 4000},	  {6, 1000, 5000},   {7, 1000, 5000},
		{UINT32_MAX, 1000, 5000}, {7, 60000, 16000}, {9, 60000, 60000}};

START_TEST(failures_are_asked_about_less_and_less_often)
{
	struct pace pace;

	pace_init(&pace, failures[_i].min_ms, 300000, 1);
	expect(pace_after_failure(&pace, failures[_i].failures), failures[_i].ms);
}
END_TEST

START_TEST(a_refresh_waits_for_the_rest_of_its_time)
{
	ck_assert_uint_eq(pace_until_refresh(5000000, 5000000), PACE_REFRESH_MS);
	ck_assert_uint_eq(pace_until_refresh(5000000, 5000000 + 99999), 1);
	ck_assert_uint_eq(pace_until_refresh(5000000, 5000000 + 100000), 0);
	ck_assert_uint_eq(pace_until_refresh(0, 5000000), 0);
}
END_TEST

Suite *pace_suite(void)
{
	Suite *suite = suite_create("pace");
	TCase *tcase = tcase_create("pace");

	tcase_add_loop_test(tcase, an_answer_lives_within_bounds, 0, ARRAY_LEN(answers));
	tcase_add_test(tcase, questions_do_not_stay_together);
	tcase_add_loop_test(tcase, failures_are_asked_about_less_and_less_often, 0,
			    ARRAY_LEN(failures));
	tcase_add_test(tcase, a_refresh_waits_for_the_rest_of_its_time);
	suite_add_tcase(suite, tcase);
	return suite;
}
