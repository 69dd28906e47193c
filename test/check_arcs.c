#include <check.h>

#include "base/rng.h"
#include "route/arcs.h"
#include "suites.h"

START_TEST(one_arc_owns_everything)
{
	struct arcs *arcs = arcs_build(&(struct arc){UINT32_MAX, 7}, 1);

	ck_assert_uint_eq(arcs_owner(arcs, 0), 7);
	ck_assert_uint_eq(arcs_owner(arcs, UINT32_MAX), 7);
	arcs_free(arcs);
	arcs_free(NULL);
}
END_TEST

START_TEST(an_arc_ends_with_its_last_hash)
{
	static const struct arc from[] = {
		{0, 1}, {10, 2}, {11, 3}, {0x80000000, 4}, {UINT32_MAX, 5}};
	struct arcs *arcs = arcs_build(from, ARRAY_LEN(from));

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		ck_assert_uint_eq(arcs_owner(arcs, from[i].last), from[i].owner);
		if (from[i].last < UINT32_MAX)
			ck_assert_uint_eq(arcs_owner(arcs, from[i].last + 1), from[i + 1].owner);
	}
	arcs_free(arcs);
}
END_TEST

START_TEST(neighbours_of_one_owner_become_one)
{
	static const struct arc from[] = {{1, 0}, {2, 0}, {3, 1}, {4, 1}, {5, 0}};
	struct arcs *arcs = arcs_build(from, ARRAY_LEN(from));

	ck_assert_uint_eq(arcs->n, 3);
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		ck_assert_uint_eq(arcs_owner(arcs, from[i].last), from[i].owner);
	arcs_free(arcs);
}
END_TEST

/* The front table against a walk over all arcs, with arcs of every length. */
START_TEST(finds_what_a_linear_search_finds)
{
	enum { N = 5000 };
	static struct arc from[N];
	struct rng rng;

	rng_init(&rng, (uint64_t)_i);
	for (size_t i = 0, last = 0; i < N; i++) {
		last += 1 + rng_below(&rng, (uint64_t)1 << rng_below(&rng, 20));
		from[i] = (struct arc){(uint32_t)last, (uint16_t)rng_below(&rng, 9)};
	}

	struct arcs *arcs = arcs_build(from, N);
	for (int probe = 0; probe < 2000; probe++) {
		uint32_t hash = (uint32_t)rng_below(&rng, (uint64_t)from[N - 1].last + 1);
		size_t i = 0;

		while (from[i].last < hash)
			i++;
		ck_assert_uint_eq(arcs_owner(arcs, hash), from[i].owner);
	}
	arcs_free(arcs);
}
END_TEST

Suite *arcs_suite(void)
{
	Suite *suite = suite_create("arcs");
	TCase *tcase = tcase_create("arcs");

	tcase_add_test(tcase, one_arc_owns_everything);
	tcase_add_test(tcase, an_arc_ends_with_its_last_hash);
	tcase_add_test(tcase, neighbours_of_one_owner_become_one);
	tcase_add_loop_test(tcase, finds_what_a_linear_search_finds, 1, 6);
	suite_add_tcase(suite, tcase);
	return suite;
}
