#include <check.h>
#include <string.h>

#include "base/histogram.h"
#include "suites.h"

static struct histogram histogram, other;

static void set_up(void)
{
	memset(&histogram, 0, sizeof(histogram));
	memset(&other, 0, sizeof(other));
}

/* The bucket that a value went to. */
static unsigned bucket_with(uint64_t value)
{
	unsigned bucket = HISTOGRAM_BUCKETS;

	memset(&histogram, 0, sizeof(histogram));
	histogram_add(&histogram, value);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (histogram.bucket[i] == 0)
			continue;
		ck_assert_uint_eq(bucket, HISTOGRAM_BUCKETS); /* only one */
		bucket = i;
	}
	return bucket;
}

static const struct {
	uint64_t value;
	unsigned bucket;
	uint64_t bound;
} edges[] = {
	{0, 0, 0},
	{1, 1, 1},
	{15, 15, 15},
	{16, 16, 16},
	{31, 31, 31},
	{32, 32, 33},
	{33, 32, 33},
	{34, 33, 35},
	{63, 47, 63},
	{64, 48, 67},
	{67, 48, 67},
	{68, 49, 71},
	{1000, 16 * 6 + 15, 1023},
	{1024, 16 * 7, 1087},
	{1087, 16 * 7, 1087},
	{1088, 16 * 7 + 1, 1151},
	{(1ULL << 30) - 1, 431, (1ULL << 30) - 1},
	{1ULL << 30, 432, (1ULL << 30) + (1ULL << 26) - 1},
	{(1ULL << 31) - 1, 447, (1ULL << 31) - 1},
	{1ULL << 31, 447, (1ULL << 31) - 1},
	{UINT64_MAX, 447, (1ULL << 31) - 1},
};

START_TEST(has_sixteen_steps_an_octave)
{
	ck_assert_uint_eq(bucket_with(edges[_i].value), edges[_i].bucket);
	ck_assert_uint_eq(histogram_quantile(&histogram, 1), edges[_i].bound);
}
END_TEST

/* Buckets join without a gap or an overlap, and none is wider than a sixteenth of its values. */
START_TEST(buckets_cover_all_values_in_order)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		ck_assert_uint_eq(bucket_with(next), i);
		uint64_t bound = histogram_quantile(&histogram, 1);
		ck_assert_uint_eq(bucket_with(bound), i);
		ck_assert_uint_le((bound - next) * 16, next);
		next = bound + 1;
	}
	ck_assert_uint_eq(next, 1ULL << 31);
}
END_TEST

START_TEST(counts_and_sums_exactly)
{
	histogram_add(&histogram, 7);
	histogram_add(&histogram, 1000000);
	histogram_add(&histogram, 7);
	ck_assert_uint_eq(histogram.count, 3);
	ck_assert_uint_eq(histogram.sum_us, 1000014);
	ck_assert_uint_eq(histogram.bucket[7], 2);
}
END_TEST

START_TEST(empty_has_no_quantile)
{
	ck_assert_uint_eq(histogram_quantile(&histogram, 0.99), 0);
	ck_assert_uint_eq(histogram_at_most(&histogram, UINT64_MAX), 0);
}
END_TEST

START_TEST(quantiles_are_the_ranks_of_the_values)
{
	for (uint64_t i = 1; i <= 10; i++)
		histogram_add(&histogram, i);
	ck_assert_uint_eq(histogram_quantile(&histogram, 0), 1);
	ck_assert_uint_eq(histogram_quantile(&histogram, 0.1), 1);
	ck_assert_uint_eq(histogram_quantile(&histogram, 0.11), 2);
	ck_assert_uint_eq(histogram_quantile(&histogram, 0.5), 5);
	ck_assert_uint_eq(histogram_quantile(&histogram, 0.99), 10);
	ck_assert_uint_eq(histogram_quantile(&histogram, 1), 10);
}
END_TEST

START_TEST(quantiles_of_many_values_are_two_digits_right)
{
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&histogram, i);
	for (int percent = 1; percent <= 100; percent++) {
		uint64_t want = (uint64_t)percent * 1000;
		uint64_t got = histogram_quantile(&histogram, percent / 100.0);

		ck_assert_uint_ge(got, want);
		ck_assert_uint_le(got, want + want / 16 + 1);
	}
}
END_TEST

START_TEST(at_most_counts_whole_buckets)
{
	for (uint64_t i = 1; i <= 100; i++)
		histogram_add(&histogram, i);
	ck_assert_uint_eq(histogram_at_most(&histogram, 0), 0);
	ck_assert_uint_eq(histogram_at_most(&histogram, 20), 20);
	ck_assert_uint_eq(histogram_at_most(&histogram, 32), 33); /* 32 and 33 share one */
	ck_assert_uint_eq(histogram_at_most(&histogram, 1000), 100);
}
END_TEST

START_TEST(merging_adds_up)
{
	histogram_add(&histogram, 5);
	histogram_add(&other, 5);
	histogram_add(&other, UINT64_MAX / 2);
	histogram_merge(&histogram, &other);
	ck_assert_uint_eq(histogram.count, 3);
	ck_assert_uint_eq(histogram.sum_us, 10 + UINT64_MAX / 2);
	ck_assert_uint_eq(histogram.bucket[5], 2);
	ck_assert_uint_eq(histogram.bucket[HISTOGRAM_BUCKETS - 1], 1);
	ck_assert_uint_eq(other.count, 2);
}
END_TEST

Suite *histogram_suite(void)
{
	Suite *suite = suite_create("histogram");
	TCase *tc = tcase_create("histogram");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_loop_test(tc, has_sixteen_steps_an_octave, 0, ARRAY_LEN(edges));
	tcase_add_test(tc, buckets_cover_all_values_in_order);
	tcase_add_test(tc, counts_and_sums_exactly);
	tcase_add_test(tc, empty_has_no_quantile);
	tcase_add_test(tc, quantiles_are_the_ranks_of_the_values);
	tcase_add_test(tc, quantiles_of_many_values_are_two_digits_right);
	tcase_add_test(tc, at_most_counts_whole_buckets);
	tcase_add_test(tc, merging_adds_up);
	suite_add_tcase(suite, tc);
	return suite;
}
