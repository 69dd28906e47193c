#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/chain.h"
#include "base/rng.h"
#include "suites.h"

static struct chunk_pool pool;

static void begin(void)
{
	chunk_pool_init(&pool, 1 << 30);
}

static void end(void)
{
	ck_assert_uint_eq(pool.segments.used, 0);
	chunk_pool_fini(&pool);
}

static uint32_t segments_of(const struct chain *chain)
{
	uint32_t n = 0;

	for (const struct segment *s = chain->head; s != NULL; s = s->next)
		n++;
	return n;
}

/* Its bytes are these, and its own sums are right. */
static void expect_chain(const struct chain *chain, struct span bytes)
{
	const struct segment *last = NULL;
	size_t at = 0;

	ck_assert_uint_eq(chain->bytes, bytes.len);
	ck_assert_int_eq(chain_is_empty(chain), bytes.len == 0);
	for (const struct segment *s = chain->head; s != NULL; s = s->next) {
		ck_assert_uint_gt(s->len, 0);
		ck_assert_uint_le(at + s->len, bytes.len);
		ck_assert_mem_eq(s->p, bytes.p + at, s->len);
		at += s->len;
		last = s;
	}
	ck_assert_uint_eq(at, bytes.len);
	if (last != NULL)
		ck_assert_ptr_eq(chain->tail, last);
}

static void expect_str(const struct chain *chain, const char *text)
{
	expect_chain(chain, span_of(text));
}

/* A chunk that holds `text`, and its reference. */
static struct chunk *chunk_of(const char *text)
{
	struct chunk *chunk = chunk_new(&pool, CHUNK_SIZE);

	chunk->used = (uint32_t)strlen(text);
	memcpy(chunk->data, text, chunk->used);
	return chunk;
}

START_TEST(bytes_that_follow_in_their_chunk_extend_the_segment)
{
	struct chain chain = {0};

	begin();
	struct chunk *chunk = chunk_of("abcdef");
	chain_append(&pool, &chain, chunk, span_make(chunk->data, 2));
	chain_append(&pool, &chain, chunk, span_make(chunk->data + 2, 2));
	chain_append(&pool, &chain, chunk, span_make(chunk->data + 2, 0));
	ck_assert_uint_eq(segments_of(&chain), 1);
	ck_assert_uint_eq(chunk->refs, 2);
	chain_append(&pool, &chain, chunk, span_make(chunk->data + 5, 1));
	chain_append(&pool, &chain, NULL, span_of("xy"));
	chain_append(&pool, &chain, NULL, span_of("z"));
	expect_str(&chain, "abcdfxyz");
	ck_assert_uint_eq(chunk->refs, 3);
	chain_clear(&pool, &chain);
	expect_str(&chain, "");
	ck_assert_uint_eq(chunk->refs, 1);
	chunk_unref(chunk);
	end();
}
END_TEST

START_TEST(copies_lie_side_by_side)
{
	struct chain chain = {0};
	char text[] = "abc";

	begin();
	chain_copy(&pool, &chain, span_of(text));
	chain_copy(&pool, &chain, span_of(text));
	memset(text, 'x', 3);
	ck_assert_uint_eq(segments_of(&chain), 1);
	expect_str(&chain, "abcabc");
	chain_clear(&pool, &chain);
	end();
}
END_TEST

START_TEST(a_copy_may_be_longer_than_a_chunk)
{
	size_t len = 3 * CHUNK_SIZE + 5;
	char *text = alloc_zeroed(len, 1);
	struct chain chain = {0};

	begin();
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(i * 7 / 3);
	chain_copy(&pool, &chain, span_make(text, len));
	expect_chain(&chain, span_make(text, len));
	chain_clear(&pool, &chain);
	free(text);
	end();
}
END_TEST

START_TEST(a_moved_chain_joins_where_its_bytes_follow)
{
	struct chain to = {0}, from = {0};

	begin();
	struct chunk *chunk = chunk_of("abcdef");
	chain_append(&pool, &to, chunk, span_make(chunk->data, 3));
	chain_append(&pool, &from, chunk, span_make(chunk->data + 3, 3));
	chain_move(&pool, &to, &from);
	ck_assert_uint_eq(segments_of(&to), 1);
	expect_str(&to, "abcdef");
	expect_str(&from, "");
	chain_append(&pool, &from, NULL, span_of("x"));
	chain_append(&pool, &to, NULL, span_of("y"));
	chain_move(&pool, &to, &from);
	expect_str(&to, "abcdefyx");
	chain_move(&pool, &to, &from);
	expect_str(&to, "abcdefyx");
	chain_clear(&pool, &to);
	ck_assert_uint_eq(chunk->refs, 1);
	chunk_unref(chunk);
	end();
}
END_TEST

START_TEST(detached_bytes_let_go_of_their_chunks)
{
	struct chain chain = {0};

	begin();
	struct chunk *first = chunk_of("abc"), *second = chunk_of("def");
	chain_append(&pool, &chain, first, span_make(first->data, 3));
	chain_append(&pool, &chain, NULL, span_of("-"));
	chain_append(&pool, &chain, second, span_make(second->data + 1, 2));
	chunk_unref(first);
	chunk_unref(second);
	ck_assert_uint_eq(pool.bytes_out, 2 * CHUNK_SIZE);
	chain_detach(&pool, &chain);
	expect_str(&chain, "abc-ef");
	ck_assert_uint_le(pool.bytes_out, 256);
	chain_clear(&pool, &chain);
	chain_detach(&pool, &chain);
	expect_str(&chain, "");
	end();
}
END_TEST

START_TEST(looks_at_the_first_bytes_without_taking_them)
{
	struct chain chain = {0};
	char buf[8] = "-------";

	begin();
	ck_assert_uint_eq(chain_peek(&chain, buf, 3), 0);
	chain_append(&pool, &chain, NULL, span_of("ab"));
	chain_copy(&pool, &chain, span_of("cd"));
	ck_assert_uint_eq(chain_peek(&chain, buf, 3), 3);
	ck_assert_mem_eq(buf, "abc----", 7);
	ck_assert_uint_eq(chain_peek(&chain, buf, 8), 4);
	ck_assert_mem_eq(buf, "abcd---", 7);
	ck_assert_mem_eq(chain_head(&chain).p, "ab", 2);
	chain_clear(&pool, &chain);
	end();
}
END_TEST

/* A chain of segments of these lengths, none of which follows another in its chunk. */
static size_t make_chain(struct chain *chain, const size_t *lens, size_t n, char *model)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		struct chunk *chunk = chunk_new(&pool, (uint32_t)lens[i]);

		memset(chunk->data, 'a' + (int)(i % 26), lens[i]);
		chain_append(&pool, chain, chunk, span_make(chunk->data, lens[i]));
		memcpy(model + at, chunk->data, lens[i]);
		at += lens[i];
		chunk_unref(chunk);
	}
	return at;
}

static const struct {
	size_t lens[8], n;
	int max;     /* iovec entries there are */
	size_t cap;  /* bytes of scratch */
	int entries; /* that are used */
	size_t bytes;
} gathers[] = {
	{{100}, 1, 4, 4096, 1, 100},
	{{100, 200, 300}, 3, 4, 4096, 1, 600},
	{{100, 5000, 300, 20}, 4, 4, 4096, 3, 5420},
	{{1024, 1025}, 2, 4, 4096, 2, 2049},
	{{5000, 5000, 5000}, 3, 2, 4096, 2, 10000},
	{{5000, 10, 10, 10}, 4, 2, 4096, 2, 5030}, /* copies grow the last entry past max */
	{{10, 5000, 10}, 3, 2, 4096, 2, 5010},
	{{100, 100, 100}, 3, 4, 250, 2, 300}, /* what scratch has no room for is not copied */
	{{100, 100, 100}, 3, 1, 250, 1, 200},
};

START_TEST(gathers_small_segments_side_by_side_and_long_ones_apart)
{
	static char scratch[4096], model[20000];
	struct iovec iov[4];
	struct chain chain = {0};
	size_t bytes, at = 0;

	begin();
	make_chain(&chain, gathers[_i].lens, gathers[_i].n, model);
	int n = chain_gather(&chain, iov, gathers[_i].max, scratch, gathers[_i].cap, &bytes);
	ck_assert_int_eq(n, gathers[_i].entries);
	ck_assert_uint_eq(bytes, gathers[_i].bytes);
	for (int i = 0; i < n; i++) {
		ck_assert_mem_eq(iov[i].iov_base, model + at, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	ck_assert_uint_eq(at, bytes);
	chain_clear(&pool, &chain);
	end();
}
END_TEST

Suite *chain_suite(void)
{
	Suite *suite = suite_create("chain");
	TCase *tcase = tcase_create("chain");

	tcase_add_test(tcase, bytes_that_follow_in_their_chunk_extend_the_segment);
	tcase_add_test(tcase, copies_lie_side_by_side);
	tcase_add_test(tcase, a_copy_may_be_longer_than_a_chunk);
	tcase_add_test(tcase, a_moved_chain_joins_where_its_bytes_follow);
	tcase_add_test(tcase, detached_bytes_let_go_of_their_chunks);
	tcase_add_test(tcase, looks_at_the_first_bytes_without_taking_them);
	tcase_add_loop_test(tcase, gathers_small_segments_side_by_side_and_long_ones_apart, 0,
			    ARRAY_LEN(gathers));
	suite_add_tcase(suite, tcase);
	return suite;
}
