#include <check.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/rng.h"
#include "suites.h"

/* The reference implementation's first numbers from the state 1, 2, 3, 4. */
START_TEST(agrees_with_xoshiro256)
{
	static const uint64_t expected[] = {11520,
					    0,
					    1509978240,
					    1215971899390074240,
					    1216172134540287360,
					    607988272756665600,
					    UINT64_C(16172922978634559625),
					    8476171486693032832};
	struct rng rng = {{1, 2, 3, 4}};

	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		ck_assert_uint_eq(rng_next(&rng), expected[i]);
}
END_TEST

/* The reference's first numbers of splitmix64 from 1234567. */
START_TEST(spreads_its_seed_by_splitmix64)
{
	struct rng rng;

	rng_init(&rng, 1234567);
	ck_assert_uint_eq(rng.s[0], 6457827717110365317);
	ck_assert_uint_eq(rng.s[1], 3203168211198807973);
	ck_assert_uint_eq(rng.s[2], UINT64_C(9817491932198370423));
	ck_assert_uint_eq(rng.s[3], 4593380528125082431);
}
END_TEST

START_TEST(is_not_stuck_at_seed_zero)
{
	struct rng rng;

	rng_init(&rng, 0);
	ck_assert_uint_ne(rng_next(&rng), rng_next(&rng));
}
END_TEST

START_TEST(draws_below_a_bound_evenly)
{
	enum { N = 7, DRAWS = 70000 };
	uint32_t seen[N] = {0};
	struct rng rng;

	rng_init(&rng, 42);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t x = rng_below(&rng, N);

		ck_assert_uint_lt(x, N);
		seen[x]++;
	}
	/* 10,000 each; the bound is five standard deviations. */
	for (int i = 0; i < N; i++)
		ck_assert_int_le(abs((int)seen[i] - DRAWS / N), 470);
}
END_TEST

/* With a bound just above a power of two a plain remainder favours the small half. */
START_TEST(does_not_favour_small_numbers)
{
	const uint64_t bound = UINT64_C(3) << 62;
	int small = 0;
	struct rng rng;

	rng_init(&rng, 7);
	for (int i = 0; i < 10000; i++)
		small += rng_below(&rng, bound) < bound / 3;
	ck_assert_int_le(abs(small - 3333), 240);
	ck_assert_uint_eq(rng_below(&rng, 1), 0);
}
END_TEST

Suite *rng_suite(void)
{
	Suite *suite = suite_create("rng");
	TCase *tcase = tcase_create("rng");

	tcase_add_test(tcase, agrees_with_xoshiro256);
	tcase_add_test(tcase, spreads_its_seed_by_splitmix64);
	tcase_add_test(tcase, is_not_stuck_at_seed_zero);
	tcase_add_test(tcase, draws_below_a_bound_evenly);
	tcase_add_test(tcase, does_not_favour_small_numbers);
	suite_add_tcase(suite, tcase);
	return suite;
}
