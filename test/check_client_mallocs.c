#include <check.h>
#include <stdlib.h>

#include "base/slab.h"
#include "base/text.h"
#include "data_path.h"
#include "suites.h"

/* The linker puts these between the program and the allocator (test/CMakeLists.txt). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_slab_get_fresh(struct slab *slab);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_slab_get_fresh(struct slab *slab);

#define PIPELINE 1000

static bool counting;
static uint32_t n_allocations;

void *__wrap_malloc(size_t size)
{
	n_allocations += counting;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_allocations += counting;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	n_allocations += counting;
	return __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	n_allocations += counting;
	return __real_aligned_alloc(align, size);
}

/* Under AddressSanitizer alone each object of a slab is an allocation of its own. */
void *__wrap_slab_get_fresh(struct slab *slab)
{
	bool was_counting = counting;

#if defined(__SANITIZE_ADDRESS__)
	counting = false;
#endif
	void *object = __real_slab_get_fresh(slab);
	counting = was_counting;
	return object;
}

static struct data_path dp;
static struct text commands, replies;

/* Send the pipeline, have it answered, and forget what came of it. */
static void run_pipeline(void)
{
	say_bytes(dp.client, span_make(commands.p, commands.len));
	struct fake_peer *servers[] = {dp.a, dp.b};
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		if (fake_got(servers[i]).len > 0)
			say_bytes(servers[i], span_make(replies.p, replies.len));
		fake_take(servers[i], fake_got(servers[i]).len);
	}
	fake_take(dp.client, fake_got(dp.client).len);
}

static void check_pipeline(const char *command, const char *reply)
{
	for (int i = 0; i < PIPELINE; i++) {
		text_puts(&commands, command);
		text_puts(&replies, reply);
	}
	for (int i = 0; i < 3; i++)
		run_pipeline();
	n_allocations = 0;
	counting = true;
	run_pipeline();
	counting = false;
	ck_assert_uint_eq(n_allocations, 0);
	text_free(&commands);
	text_free(&replies);
	data_path_end(&dp);
}

START_TEST(the_wraps_are_in_place)
{
	struct chunk_pool pool;

	chunk_pool_init(&pool, 1 << 20);
	n_allocations = 0;
	counting = true;
	chunk_unref(chunk_new(&pool, 12345));
	counting = false;
	ck_assert_uint_eq(n_allocations, 1);
	chunk_pool_fini(&pool);
}
END_TEST

START_TEST(a_thousand_memcached_gets_allocate_nothing)
{
	data_path_serve_memcached(&dp);
	check_pipeline("get a\r\n", "VALUE a 0 10\r\n0123456789\r\nEND\r\n");
}
END_TEST

START_TEST(a_thousand_memcached_sets_allocate_nothing)
{
	data_path_serve_memcached(&dp);
	check_pipeline("set a 0 0 10 noreply\r\n0123456789\r\n", "STORED\r\n");
}
END_TEST

START_TEST(a_thousand_redis_gets_allocate_nothing)
{
	data_path_serve_redis(&dp);
	check_pipeline("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "$10\r\n0123456789\r\n");
}
END_TEST

START_TEST(a_thousand_split_gets_allocate_nothing)
{
	data_path_serve_redis(&dp);
	check_pipeline("*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n$10\r\n0123456789\r\n");
}
END_TEST

Suite *client_mallocs_suite(void)
{
	Suite *suite = suite_create("client_mallocs");
	TCase *tcase = tcase_create("client_mallocs");

	tcase_add_test(tcase, the_wraps_are_in_place);
	tcase_add_test(tcase, a_thousand_memcached_gets_allocate_nothing);
	tcase_add_test(tcase, a_thousand_memcached_sets_allocate_nothing);
	tcase_add_test(tcase, a_thousand_redis_gets_allocate_nothing);
	tcase_add_test(tcase, a_thousand_split_gets_allocate_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}
