#include "route/ttl.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "suites.h"

#define NOW_S  INT64_C(1700000000)
#define NOW_MS (UINT64_C(1000) * NOW_S + 500)
#define DAY_S  86400
#define ROUNDS 20000

static struct rng rng;
static uint64_t seed;

static void set_up(void)
{
	const char *given = getenv("TTL_SEED");

	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	rng_init(&rng, seed);
}

static const struct ttl_rule none = {0}, hour = {.default_s = 3600}, week = {.max_s = 7 * DAY_S},
			     both = {.max_s = 60, .default_s = 3600},
			     long_default = {.default_s = 40 * DAY_S};

/* What needs no chance. */
static const struct {
	const struct ttl_rule *rule;
	enum ttl_kind kind;
	int64_t value, result;
} exact[] = {
	{&none, TTL_MC, 0, 0},
	{&none, TTL_MC, 100, 100},
	{&none, TTL_MC, NOW_S + 100, NOW_S + 100},
	{&none, TTL_AT_MS, NOW_S * 1000 + 7000, NOW_S * 1000 + 7000},
	/* Never is changed by a default alone; negative by nothing. */
	{&hour, TTL_MC, 0, 3600},
	{&week, TTL_MC, 0, 0},
	{&both, TTL_MC, 0, 60},
	{&both, TTL_MC, -1, -1},
	{&both, TTL_MC, INT64_MIN, INT64_MIN},
	{&hour, TTL_MC, 5, 5},
	/* The cap, on both sides of it. */
	{&week, TTL_MC, 7 * DAY_S, 7 * DAY_S},
	{&week, TTL_MC, 7 * DAY_S + 1, 7 * DAY_S},
	{&week, TTL_MC, 30 * DAY_S, 7 * DAY_S},
	/* One second more is a time in 1970, which is past. */
	{&week, TTL_MC, 30 * DAY_S + 1, 30 * DAY_S + 1},
	{&week, TTL_MC, NOW_S, NOW_S},
	{&week, TTL_MC, NOW_S - 1, NOW_S - 1},
	{&week, TTL_MC, NOW_S + 1, NOW_S + 1},
	{&week, TTL_MC, NOW_S + 8 * DAY_S, NOW_S + 7 * DAY_S},
	{&week, TTL_MC, INT32_MAX, NOW_S + 7 * DAY_S},
	{&week, TTL_MC, (int64_t)INT32_MAX + 1, (int64_t)INT32_MAX + 1},
	/* More than 30 days must be a time. */
	{&long_default, TTL_MC, 0, NOW_S + 40 * DAY_S},
	/* Redis: 0 is an error or a deletion, never a life without end. */
	{&both, TTL_S, 0, 0},
	{&both, TTL_MS, 0, 0},
	{&both, TTL_S, -5, -5},
	{&both, TTL_S, 59, 59},
	{&both, TTL_S, 61, 60},
	{&both, TTL_MS, 60000, 60000},
	{&both, TTL_MS, 60001, 60000},
	{&week, TTL_S, 40 * DAY_S, 7 * DAY_S},
	{&both, TTL_AT_S, NOW_S + 61, NOW_S + 60},
	{&both, TTL_AT_S, NOW_S, NOW_S},
	{&both, TTL_AT_S, 1, 1},
	{&both, TTL_AT_MS, NOW_S * 1000 + 500 + 60001, NOW_S * 1000 + 500 + 60000},
	{&both, TTL_AT_MS, NOW_S * 1000 + 500, NOW_S * 1000 + 500},
	/* What no node takes is for the node to refuse. */
	{&both, TTL_S, INT64_MAX, INT64_MAX},
	{&both, TTL_MS, INT64_MAX, INT64_MAX},
	{&both, TTL_AT_S, INT64_MAX / 1000, INT64_MAX / 1000},
	{&both, TTL_AT_MS, INT64_MAX, INT64_MAX},
};

START_TEST(default_and_cap_are_exact)
{
	ck_assert_int_eq(ttl_adjust(exact[_i].rule, exact[_i].kind, exact[_i].value, NOW_MS, &rng),
			 exact[_i].result);
}
END_TEST

static const struct {
	struct ttl_rule rule;
	enum ttl_kind kind;
	int64_t value, low, high;
} spread[] = {
	{{.jitter = 500}, TTL_MC, 1000, 950, 1050},
	{{.jitter = 500}, TTL_MC, 19, 19, 19},
	{{.jitter = 500}, TTL_MC, 20, 19, 21},
	{{.jitter = 10000}, TTL_MC, 1, 1, 2},
	{{.jitter = 10000}, TTL_MC, 5, 1, 10},
	{{.jitter = 1}, TTL_MC, 20000, 19998, 20002},
	{{.jitter = 500}, TTL_MC, NOW_S + 1000, NOW_S + 950, NOW_S + 1050},
	{{.jitter = 10000}, TTL_MC, INT32_MAX, NOW_S + 1, INT32_MAX},
	{{.jitter = 500, .max_s = 1000}, TTL_MC, 1000, 950, 1000},
	{{.jitter = 500, .max_s = 960}, TTL_MC, 1000, 950, 960},
	{{.jitter = 1000, .default_s = 100}, TTL_MC, 0, 90, 110},
	{{.jitter = 500}, TTL_S, 1000, 950, 1050},
	{{.jitter = 500}, TTL_MS, 1000, 950, 1050},
	{{.jitter = 500}, TTL_AT_S, NOW_S + 1000, NOW_S + 950, NOW_S + 1050},
	{{.jitter = 500}, TTL_AT_MS, NOW_S * 1000 + 1500, NOW_S * 1000 + 1450, NOW_S * 1000 + 1550},
	{{.jitter = 10000}, TTL_AT_MS, NOW_S * 1000 + 501, NOW_S * 1000 + 501, NOW_S * 1000 + 502},
};

/* Both ends of a narrow range are met, and nothing outside of any. */
START_TEST(jitter_keeps_to_its_range)
{
	int64_t low = spread[_i].low, high = spread[_i].high, least = INT64_MAX, most = INT64_MIN;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t n = ttl_adjust(&spread[_i].rule, spread[_i].kind, spread[_i].value, NOW_MS,
				       &rng);

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	ck_assert_msg(least >= low && most <= high, "TTL_SEED=%llu: row %d gave %lld to %lld",
		      (unsigned long long)seed, _i, (long long)least, (long long)most);
	if (high - low <= 200)
		ck_assert_msg(least == low && most == high,
			      "TTL_SEED=%llu: row %d gave only %lld to %lld",
			      (unsigned long long)seed, _i, (long long)least, (long long)most);
}
END_TEST

/* Each of 101 values comes about as often: the bounds are five deviations wide. */
START_TEST(jitter_is_uniform)
{
	const struct ttl_rule rule = {.jitter = 500};
	int counts[101] = {0};

	for (int i = 0; i < 101 * 1000; i++)
		counts[ttl_adjust(&rule, TTL_S, 1000, NOW_MS, &rng) - 950]++;
	for (int i = 0; i < 101; i++)
		ck_assert_msg(counts[i] > 840 && counts[i] < 1160,
			      "TTL_SEED=%llu: %d came %d times", (unsigned long long)seed, 950 + i,
			      counts[i]);
}
END_TEST

/* What was seconds from now stays that up to 30 days, and is a time above. */
START_TEST(jitter_over_thirty_days_becomes_a_time)
{
	const struct ttl_rule rule = {.jitter = 500};
	const int64_t days = 30 * DAY_S, most = days / 20;
	int relative = 0, absolute = 0;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t n = ttl_adjust(&rule, TTL_MC, days, NOW_MS, &rng);

		if (n <= days) {
			ck_assert_int_ge(n, days - most);
			relative++;
		} else {
			ck_assert_int_gt(n, NOW_S + days);
			ck_assert_int_le(n, NOW_S + days + most);
			absolute++;
		}
	}
	ck_assert_msg(relative > ROUNDS / 3 && absolute > ROUNDS / 3, "TTL_SEED=%llu: %d and %d",
		      (unsigned long long)seed, relative, absolute);
}
END_TEST

/* Nothing that is to live ends by being varied, and nothing overflows. */
START_TEST(no_life_ends_by_chance)
{
	for (int i = 0; i < 10 * ROUNDS; i++) {
		struct ttl_rule rule = {.jitter = (uint32_t)rng_below(&rng, TTL_WHOLE + 1),
					.max_s = (uint32_t)rng_below(&rng, 3)};
		enum ttl_kind kind = (enum ttl_kind)rng_below(&rng, 5);
		bool is_time = kind == TTL_AT_S || kind == TTL_AT_MS;
		int64_t now = kind == TTL_AT_MS ? (int64_t)NOW_MS : NOW_S;
		int64_t value = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 63)));
		int64_t n = ttl_adjust(&rule, kind, value, NOW_MS, &rng);

		ck_assert_msg(n == value || n > (is_time ? now : 0),
			      "TTL_SEED=%llu: kind %d, %lld gave %lld", (unsigned long long)seed,
			      kind, (long long)value, (long long)n);
	}
}
END_TEST

static const struct {
	enum ttl_kind kind;
	const char *word, *result; /* "": as it came */
} words[] = {
	{TTL_MC, "0", "60"},
	{TTL_MC, "61", "60"},
	{TTL_MC, "+61", "60"},
	{TTL_MC, "0061", "60"},
	{TTL_MC, "60", ""},
	{TTL_MC, "-1", ""},
	{TTL_MC, "+-61", ""},
	{TTL_MC, "", ""},
	{TTL_MC, "+", ""},
	{TTL_MC, "6x", ""},
	{TTL_S, "61", "60"},
	{TTL_S, "061", ""},
	{TTL_S, "+61", ""},
	{TTL_S, "0", ""},
	{TTL_S, "", ""},
	{TTL_MS, "61000", "60000"},
	{TTL_S, "99999999999999999999", ""},
};

START_TEST(words_are_read_as_their_node_reads_them)
{
	char out[NUMBER_TEXT_MAX];
	size_t n =
		ttl_adjust_word(&both, words[_i].kind, span_of(words[_i].word), NOW_MS, &rng, out);

	ck_assert_uint_eq(n, strlen(words[_i].result));
	ck_assert_int_eq(memcmp(out, words[_i].result, n), 0);
}
END_TEST

START_TEST(a_binary_header_has_its_sign)
{
	ck_assert_uint_eq(ttl_adjust_u32(&both, 0, NOW_MS, &rng), 60);
	ck_assert_uint_eq(ttl_adjust_u32(&both, 61, NOW_MS, &rng), 60);
	ck_assert_uint_eq(ttl_adjust_u32(&both, UINT32_MAX, NOW_MS, &rng), UINT32_MAX);
	ck_assert_uint_eq(ttl_adjust_u32(&both, UINT32_C(1) << 31, NOW_MS, &rng), UINT32_C(1)
											  << 31);
	ck_assert_uint_eq(ttl_adjust_u32(&both, INT32_MAX, NOW_MS, &rng), NOW_S + 60);
}
END_TEST

START_TEST(what_has_no_life_is_given_one)
{
	const struct ttl_rule rule = {.jitter = 1000, .max_s = 100, .default_s = 100};

	ck_assert_int_eq(ttl_given_ms(&none, &rng), 0);
	ck_assert_int_eq(ttl_given_ms(&week, &rng), 0);
	ck_assert_int_eq(ttl_given_ms(&hour, &rng), 3600000);
	ck_assert_int_eq(ttl_given_ms(&both, &rng), 60000);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t ms = ttl_given_ms(&rule, &rng);

		ck_assert(ms >= 90000 && ms <= 100000);
	}
}
END_TEST

static void expect_rule(struct ttl_rule is, struct ttl_rule should)
{
	ck_assert_uint_eq(is.jitter, should.jitter);
	ck_assert_uint_eq(is.max_s, should.max_s);
	ck_assert_uint_eq(is.default_s, should.default_s);
}

START_TEST(rules_are_put_together)
{
	const struct ttl_rule pools = {1, 2, 3}, unset = {TTL_UNSET, TTL_UNSET, TTL_UNSET},
			      off = {0, TTL_UNSET, 9}, strict = {4, 0, 2};

	expect_rule(ttl_resolve(&unset, &pools), pools);
	expect_rule(ttl_resolve(&off, &pools), (struct ttl_rule){0, 2, 9});
	expect_rule(ttl_strictest(&pools, &strict), (struct ttl_rule){4, 2, 2});
	expect_rule(ttl_strictest(&none, &pools), pools);
	ck_assert(ttl_is_set(&week) && ttl_is_set(&hour) && !ttl_is_set(&none));
}
END_TEST

Suite *ttl_suite(void)
{
	Suite *suite = suite_create("ttl");
	TCase *tc = tcase_create("ttl");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_loop_test(tc, default_and_cap_are_exact, 0, ARRAY_LEN(exact));
	tcase_add_loop_test(tc, jitter_keeps_to_its_range, 0, ARRAY_LEN(spread));
	tcase_add_test(tc, jitter_is_uniform);
	tcase_add_test(tc, jitter_over_thirty_days_becomes_a_time);
	tcase_add_test(tc, no_life_ends_by_chance);
	tcase_add_loop_test(tc, words_are_read_as_their_node_reads_them, 0, ARRAY_LEN(words));
	tcase_add_test(tc, a_binary_header_has_its_sign);
	tcase_add_test(tc, what_has_no_life_is_given_one);
	tcase_add_test(tc, rules_are_put_together);
	suite_add_tcase(suite, tc);
	return suite;
}
