#include <check.h>
#include <string.h>

#include "base/chunk.h"
#include "suites.h"

static struct chunk_pool pool;

static void begin(void)
{
	chunk_pool_init(&pool, 1 << 20);
}

static void end(void)
{
	chunk_pool_fini(&pool);
}

static const uint32_t caps[] = {1, 100, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_BODY, 3 << 20};

START_TEST(a_chunk_is_out_until_its_last_reference_is_gone)
{
	begin();
	struct chunk *chunk = chunk_new(&pool, caps[_i]);

	ck_assert_uint_ge(chunk->cap, caps[_i]);
	ck_assert_uint_eq(chunk->used, 0);
	memset(chunk->data, 'x', chunk->cap);
	ck_assert_uint_eq(pool.bytes_out, chunk->cap);
	ck_assert_ptr_eq(chunk_ref(chunk), chunk);
	chunk_unref(chunk);
	ck_assert_uint_eq(pool.bytes_out, chunk->cap);
	chunk_unref(chunk);
	ck_assert_uint_eq(pool.bytes_out, 0);
	end();
}
END_TEST

START_TEST(standard_chunks_are_used_again)
{
	begin();
	struct chunk *chunk = chunk_new(&pool, CHUNK_SIZE);

	chunk->used = 100;
	chunk_unref(chunk);
	struct chunk *again = chunk_new(&pool, CHUNK_SIZE);
	ck_assert_ptr_eq(again, chunk);
	ck_assert_uint_eq(again->used, 0);
	ck_assert_uint_eq(again->refs, 1);
	chunk_unref(again);
	end();
}
END_TEST

/* What was taken at a peak is given back, but for a few of each size. */
START_TEST(keeps_only_a_few_for_use_again)
{
	struct chunk *standard[100], *body[100];

	begin();
	for (size_t i = 0; i < 100; i++) {
		standard[i] = chunk_new(&pool, CHUNK_SIZE);
		body[i] = chunk_new(&pool, CHUNK_BODY);
	}
	for (size_t i = 0; i < 100; i++) {
		chunk_unref(standard[i]);
		chunk_unref(body[i]);
	}
	ck_assert_uint_eq(pool.bytes_out, 0);
	ck_assert_uint_le(pool.n_free_standard * CHUNK_SIZE, 4 << 20);
	ck_assert_uint_le(pool.n_free_body * CHUNK_BODY, 4 << 20);
	end();
}
END_TEST

START_TEST(a_quiet_pool_reads_into_one_chunk_from_its_start)
{
	begin();
	struct chunk *chunk = chunk_pool_reading(&pool);

	for (int i = 0; i < 100; i++) {
		ck_assert_ptr_eq(chunk_pool_reading(&pool), chunk);
		ck_assert_uint_eq(chunk->used, 0);
		chunk->used += 50000;
	}
	end();
}
END_TEST

START_TEST(referenced_bytes_are_never_read_over)
{
	begin();
	struct chunk *chunk = chunk_pool_reading(&pool);

	chunk->used = 10;
	chunk_ref(chunk);
	ck_assert_ptr_eq(chunk_pool_reading(&pool), chunk);
	ck_assert_uint_eq(chunk->used, 10);
	chunk->used = CHUNK_SIZE - CHUNK_READ_MIN;
	ck_assert_ptr_eq(chunk_pool_reading(&pool), chunk);
	chunk->used++;
	struct chunk *next = chunk_pool_reading(&pool);
	ck_assert_ptr_ne(next, chunk);
	ck_assert_uint_ge(next->cap - next->used, CHUNK_READ_MIN);
	ck_assert_uint_eq(chunk->refs, 1);
	chunk_unref(chunk);
	end();
}
END_TEST

START_TEST(the_chunk_to_copy_into_has_the_room_asked_for)
{
	begin();
	struct chunk *chunk = chunk_pool_writing(&pool, 100);

	ck_assert_ptr_ne(chunk, chunk_pool_reading(&pool));
	chunk->used = 100;
	chunk_ref(chunk);
	ck_assert_ptr_eq(chunk_pool_writing(&pool, CHUNK_SIZE - 100), chunk);
	struct chunk *other = chunk_pool_writing(&pool, CHUNK_SIZE - 99);
	ck_assert_ptr_ne(other, chunk);
	ck_assert_ptr_eq(chunk_pool_writing(&pool, CHUNK_SIZE), other);
	chunk_unref(chunk);
	end();
}
END_TEST

START_TEST(says_when_half_and_when_all_is_used)
{
	begin();
	struct chunk *half = chunk_new(&pool, (1 << 19) - 1);

	ck_assert(!chunk_pool_is_pressed(&pool));
	struct chunk *more = chunk_new(&pool, 1);
	ck_assert(chunk_pool_is_pressed(&pool) && !chunk_pool_is_full(&pool));
	struct chunk *rest = chunk_new(&pool, (1 << 19) - 1);
	ck_assert(!chunk_pool_is_full(&pool));
	struct chunk *last = chunk_new(&pool, 1);
	ck_assert(chunk_pool_is_full(&pool));
	chunk_unref(half);
	ck_assert(chunk_pool_is_pressed(&pool) && !chunk_pool_is_full(&pool));
	chunk_unref(rest);
	ck_assert(!chunk_pool_is_pressed(&pool));
	chunk_unref(more);
	chunk_unref(last);
	end();
}
END_TEST

/* A request already begun may go on over the limit; only new work is refused. */
START_TEST(gives_chunks_over_the_limit_all_the_same)
{
	begin();
	struct chunk *chunk = chunk_new(&pool, 4 << 20);

	ck_assert(chunk_pool_is_full(&pool));
	ck_assert_uint_eq(chunk_pool_reading(&pool)->cap, CHUNK_SIZE);
	chunk_unref(chunk);
	end();
}
END_TEST

Suite *chunk_suite(void)
{
	Suite *suite = suite_create("chunk");
	TCase *tcase = tcase_create("chunk");

	tcase_add_loop_test(tcase, a_chunk_is_out_until_its_last_reference_is_gone, 0,
			    sizeof(caps) / sizeof(caps[0]));
	tcase_add_test(tcase, standard_chunks_are_used_again);
	tcase_add_test(tcase, keeps_only_a_few_for_use_again);
	tcase_add_test(tcase, a_quiet_pool_reads_into_one_chunk_from_its_start);
	tcase_add_test(tcase, referenced_bytes_are_never_read_over);
	tcase_add_test(tcase, the_chunk_to_copy_into_has_the_room_asked_for);
	tcase_add_test(tcase, says_when_half_and_when_all_is_used);
	tcase_add_test(tcase, gives_chunks_over_the_limit_all_the_same);
	suite_add_tcase(suite, tcase);
	return suite;
}
