#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/chain.h"
#include "base/rng.h"
#include "base/text.h"
#include "suites.h"

#define CHAINS 3
#define STEPS  2000

/* Chains, and what their bytes must be. */
static struct chunk_pool pool;
static struct chain chains[CHAINS];
static struct text models[CHAINS];
static struct rng rng;
static unsigned char next_byte;

static void model_consume(struct text *model, size_t n)
{
	memmove(model->p, model->p + n, model->len - n);
	model->len -= n;
}

static void model_append(struct text *to, struct span bytes)
{
	if (bytes.len > 0)
		text_append(to, bytes);
}

static struct span model_span(const struct text *model)
{
	return span_make(model->len == 0 ? "" : model->p, model->len);
}

static void append(size_t i)
{
	struct chunk *chunk = chunk_pool_reading(&pool);
	uint32_t n = (uint32_t)rng_below(&rng, rng_below(&rng, 8) == 0 ? 5000 : 40);
	char *to = chunk->data + chunk->used;

	for (uint32_t j = 0; j < n; j++)
		to[j] = (char)next_byte++;
	chunk->used += n;
	chain_append(&pool, &chains[i], chunk, span_make(to, n));
	model_append(&models[i], span_make(to, n));
}

static void copy(size_t i)
{
	char bytes[300];
	size_t n = rng_below(&rng, sizeof(bytes));

	memset(bytes, next_byte++, n);
	chain_copy(&pool, &chains[i], span_make(bytes, n));
	model_append(&models[i], span_make(bytes, n));
}

static void share(size_t i)
{
	size_t j = (i + 1) % CHAINS;

	if (models[i].len + models[j].len > 100000)
		return;
	chain_share(&pool, &chains[i], &chains[j]);
	model_append(&models[i], model_span(&models[j]));
}

static void move(size_t i)
{
	size_t j = (i + 1) % CHAINS;

	chain_move(&pool, &chains[i], &chains[j]);
	model_append(&models[i], model_span(&models[j]));
	models[j].len = 0;
}

static void move_head(size_t i)
{
	size_t j = (i + 1) % CHAINS, n = rng_below(&rng, models[j].len + 1);

	chain_move_head(&pool, &chains[i], &chains[j], n);
	model_append(&models[i], span_make(model_span(&models[j]).p, n));
	if (n > 0)
		model_consume(&models[j], n);
}

static void consume(size_t i)
{
	size_t n = rng_below(&rng, models[i].len + 1);

	chain_consume(&pool, &chains[i], n);
	if (n > 0)
		model_consume(&models[i], n);
}

static void drop_tail(size_t i)
{
	size_t n = rng_below(&rng, models[i].len + 1);

	chain_drop_tail(&pool, &chains[i], n);
	models[i].len -= n;
}

static void detach(size_t i)
{
	chain_detach(&pool, &chains[i]);
}

/* Write some of it as a flush does: gather, check what would leave, consume a part. */
static void gather(size_t i)
{
	static char scratch[4096];
	struct iovec iov[4];
	size_t bytes, at = 0;
	int n = chain_gather(&chains[i], iov, 4, scratch, rng_below(&rng, 4097), &bytes);

	for (int j = 0; j < n; j++) {
		ck_assert_mem_eq(iov[j].iov_base, models[i].p + at, iov[j].iov_len);
		at += iov[j].iov_len;
	}
	ck_assert_uint_eq(at, bytes);
	ck_assert(bytes > 0 || models[i].len == 0);
	size_t took = rng_below(&rng, bytes + 1);
	chain_consume(&pool, &chains[i], took);
	if (took > 0)
		model_consume(&models[i], took);
}

static bool is_like_its_model(size_t i)
{
	const struct text *model = &models[i];
	size_t at = 0;

	for (const struct segment *s = chains[i].head; s != NULL; s = s->next) {
		if (s->len == 0 || at + s->len > model->len ||
		    memcmp(s->p, model->p + at, s->len) != 0 ||
		    (s->next == NULL && s != chains[i].tail))
			return false;
		at += s->len;
	}
	return at == model->len && chains[i].bytes == at;
}

static void (*const operations[])(size_t i) = {append,	append, append, copy,
					       copy,	share,	move,	move_head,
					       consume, detach, gather, drop_tail};

START_TEST(any_operations_leave_the_bytes_of_a_plain_array)
{
	rng_init(&rng, (uint64_t)_i);
	chunk_pool_init(&pool, 1 << 30);
	for (int step = 0; step < STEPS; step++) {
		size_t operation = rng_below(&rng, ARRAY_LEN(operations));
		size_t i = rng_below(&rng, CHAINS);

		operations[operation](i);
		for (size_t j = 0; j < CHAINS; j++)
			ck_assert_msg(is_like_its_model(j), "seed %d step %d operation %zu", _i,
				      step, operation);
	}
	for (size_t i = 0; i < CHAINS; i++) {
		chain_clear(&pool, &chains[i]);
		text_free(&models[i]);
	}
	ck_assert_uint_eq(pool.segments.used, 0);
	chunk_pool_fini(&pool);
}
END_TEST

Suite *chain_random_suite(void)
{
	Suite *suite = suite_create("chain_random");
	TCase *tcase = tcase_create("chain_random");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, any_operations_leave_the_bytes_of_a_plain_array, 0, 20);
	suite_add_tcase(suite, tcase);
	return suite;
}
