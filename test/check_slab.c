#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/slab.h"
#include "suites.h"

#define OBJECTS 600 /* more than a block has of the sizes below */

static const size_t sizes[] = {1, 16, 24, 100, 333, 20000};

START_TEST(objects_are_aligned_apart_and_rounded_up)
{
	static unsigned char *objects[OBJECTS];
	struct slab slab;

	slab_init(&slab, sizes[_i], UINT32_MAX);
	ck_assert_uint_ge(slab.size, sizes[_i]);
	ck_assert_uint_eq(slab.size % 16, 0);
	for (size_t i = 0; i < OBJECTS; i++) {
		objects[i] = slab_get(&slab);
		ck_assert_ptr_nonnull(objects[i]);
		ck_assert_uint_eq((uintptr_t)objects[i] % 16, 0);
		memset(objects[i], (int)i & 0xff, sizes[_i]);
	}
	ck_assert_uint_eq(slab.used, OBJECTS);
	for (size_t i = 0; i < OBJECTS; i++) {
		ck_assert_uint_eq(objects[i][0], i & 0xff);
		ck_assert_uint_eq(objects[i][sizes[_i] - 1], i & 0xff);
		slab_put(&slab, objects[i]);
	}
	ck_assert_uint_eq(slab.used, 0);
	slab_fini(&slab);
}
END_TEST

START_TEST(gives_no_more_than_its_maximum)
{
	void *objects[3];
	struct slab slab;

	slab_init(&slab, 40, 3);
	for (size_t i = 0; i < 3; i++)
		objects[i] = slab_get(&slab);
	ck_assert_ptr_null(slab_get(&slab));
	slab_put(&slab, objects[1]);
	objects[1] = slab_get(&slab);
	ck_assert_ptr_nonnull(objects[1]);
	ck_assert_ptr_null(slab_get(&slab));
	for (size_t i = 0; i < 3; i++)
		slab_put(&slab, objects[i]);
	slab_fini(&slab);
}
END_TEST

START_TEST(an_unused_pool_holds_nothing)
{
	struct slab slab;

	slab_init(&slab, 40, 0);
	ck_assert_ptr_null(slab_get(&slab));
	slab_fini(&slab);
}
END_TEST

/* Each object is out once, and keeps what was written to it while it is. */
START_TEST(random_gets_and_puts_never_share_an_object)
{
	static uint64_t *objects[200];
	static uint64_t marks[200];
	struct slab slab;
	struct rng rng;
	uint32_t out = 0;

	rng_init(&rng, (uint64_t)_i);
	slab_init(&slab, 64, 150);
	for (uint64_t step = 1; step < 5000; step++) {
		size_t i = rng_below(&rng, 200);

		if (objects[i] != NULL) {
			ck_assert_msg(*objects[i] == marks[i], "seed %d step %d", _i, (int)step);
			slab_put(&slab, objects[i]);
			objects[i] = NULL;
			out--;
		} else if ((objects[i] = slab_get(&slab)) != NULL) {
			*objects[i] = marks[i] = step;
			out++;
		} else {
			ck_assert_uint_eq(out, 150);
		}
		ck_assert_uint_eq(slab.used, out);
	}
	for (size_t i = 0; i < 200; i++) {
		if (objects[i] != NULL)
			slab_put(&slab, objects[i]);
		objects[i] = NULL;
	}
	slab_fini(&slab);
}
END_TEST

Suite *slab_suite(void)
{
	Suite *suite = suite_create("slab");
	TCase *tcase = tcase_create("slab");

	tcase_add_loop_test(tcase, objects_are_aligned_apart_and_rounded_up, 0,
			    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tcase, gives_no_more_than_its_maximum);
	tcase_add_test(tcase, an_unused_pool_holds_nothing);
	tcase_add_loop_test(tcase, random_gets_and_puts_never_share_an_object, 0, 10);
	suite_add_tcase(suite, tcase);
	return suite;
}
