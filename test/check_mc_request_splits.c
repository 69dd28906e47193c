#include <check.h>
#include <time.h>

#include "base/rng.h"
#include "mc_transcript.h"
#include "suites.h"

#define LIMIT	 1000
#define ROUNDS	 3000
#define WORK_MAX 600 /* bytes */
#define IN(s)                                                                                      \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

static const struct span streams[] = {
	IN("get a\r\nget b c\r\nversion\r\n"),
	IN("set k 1 2 5\r\nhello\r\nget k\r\nset k 0 0 0\r\n\r\n"),
	IN("set k 0 0 11 noreply\r\nwith\nlines\r\n\r\ndelete k\nquit\r\n"),
	IN("cas k 0 0 2 99\r\nabXXget k\r\nincr k 5\r\n"),
	IN("set k 0 0 1001\r\nshort\r\nget a\r\n"),
	IN("set k 0 0 -1\r\nx\r\ngat 10 a b\r\n"),
	IN("touch k 5\0 noreply\r\n  gets   a  b \r\n"),
	IN("flush_all 10 noreply\r\nverbosity 1\r\nstats items\r\n\n\r\n"),
	IN("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	IN("set k 0 0 4294967295\r\nset k 0 0 007\r\n1234567\r\n"),
};

/* The seed of this run; CHECK_SEED repeats one. */
static uint64_t seed_of_run(void)
{
	const char *given = getenv("CHECK_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);

	printf("CHECK_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static void assert_same(struct span in, struct pieces pieces)
{
	char *whole = mc_request_transcript(in, (struct pieces){in.len, 0}, LIMIT);
	char *split = mc_request_transcript(in, pieces, LIMIT);

	ck_assert_msg(strcmp(whole, split) == 0, "in pieces of %zu, %zu:\n%s\nnot\n%s",
		      pieces.first, pieces.step, split, whole);
	free(whole);
	free(split);
}

START_TEST(any_split_gives_the_same_answer)
{
	const struct span in = streams[_i];

	for (size_t i = 0; i <= in.len; i++)
		assert_same(in, (struct pieces){i, in.len});
	for (size_t step = 1; step < 8; step++)
		assert_same(in, (struct pieces){step, step});
}
END_TEST

START_TEST(any_end_is_awaited)
{
	const struct span in = streams[_i];

	for (size_t i = 0; i <= in.len; i++)
		assert_same(span_make(in.p, i), (struct pieces){1, 1});
}
END_TEST

/* Change, drop, double or swap a few bytes. */
static size_t mutate(struct rng *rng, char *work, size_t len)
{
	static const char likely_bytes[] = " \r\n\0-0129k\x80";

	for (uint64_t n = rng_below(rng, 4) + 1; n > 0 && len > 0; n--) {
		size_t at = rng_below(rng, len);

		switch (rng_below(rng, 4)) {
		case 0:
			work[at] = likely_bytes[rng_below(rng, sizeof(likely_bytes))];
			break;
		case 1:
			memmove(work + at, work + at + 1, len - at - 1);
			len--;
			break;
		case 2:
			if (len == WORK_MAX)
				break;
			memmove(work + at + 1, work + at, len - at);
			len++;
			break;
		default:
			work[at] = (char)rng_next(rng);
			break;
		}
	}
	return len;
}

START_TEST(mutations_split_alike)
{
	struct rng rng;

	rng_init(&rng, seed_of_run());
	for (int i = 0; i < ROUNDS; i++) {
		char work[WORK_MAX];
		size_t len = 0;

		for (int j = 0; j < 2; j++) {
			struct span in = streams[rng_below(&rng, ARRAY_LEN(streams))];

			memcpy(work + len, in.p, in.len);
			len += in.len;
		}
		len = mutate(&rng, work, len);
		assert_same(span_make(work, len),
			    (struct pieces){rng_below(&rng, len + 1), rng_below(&rng, 9) + 1});
	}
}
END_TEST

Suite *mc_request_splits_suite(void)
{
	Suite *suite = suite_create("mc_request_splits");
	TCase *tc = tcase_create("splits");

	tcase_add_loop_test(tc, any_split_gives_the_same_answer, 0, ARRAY_LEN(streams));
	tcase_add_loop_test(tc, any_end_is_awaited, 0, ARRAY_LEN(streams));
	tcase_add_test(tc, mutations_split_alike);
	suite_add_tcase(suite, tc);
	return suite;
}
