#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/scripts.h"
#include "suites.h"

/* SHA-1 of "return 1", as redis-server's SCRIPT LOAD answers it. */
#define SHA "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

static struct scripts *scripts;
static struct digest *digest;
static struct chunk_pool chunks;

static void set_up(void)
{
	scripts = scripts_new();
	digest = digest_new();
	chunk_pool_init(&chunks, 64 << 20);
}

static void tear_down(void)
{
	scripts_free(scripts);
	digest_free(digest);
	chunk_pool_fini(&chunks);
}

static bool knows(const char *sha)
{
	struct chain bytes = {0};
	bool found = scripts_body(scripts, span_of(sha), &chunks, &bytes);

	ck_assert_int_eq(found, !chain_is_empty(&bytes));
	chain_clear(&chunks, &bytes);
	return found;
}

START_TEST(gives_the_body_as_a_bulk_string)
{
	struct chain bytes = {0};
	char out[64];

	scripts_add(scripts, digest, span_of("return 1"));
	scripts_add(scripts, digest, span_of("return 1"));
	ck_assert(scripts_body(scripts, span_of(SHA), &chunks, &bytes));
	out[chain_peek(&bytes, out, sizeof(out) - 1)] = '\0';
	ck_assert_str_eq(out, "$8\r\nreturn 1\r\n");
	chain_clear(&chunks, &bytes);
}
END_TEST

static const struct {
	const char *sha;
	bool known;
} names[] = {
	{SHA, true},
	{"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", true},
	{"e0e1f9fabfc9d4800c877a703b823ac0578ff8dc", false},
	{"e0e1f9fabfc9d4800c877a703b823ac0578ff8d", false},
	{"e0e1f9fabfc9d4800c877a703b823ac0578ff8dg", false},
	{"", false},
};

START_TEST(is_found_by_its_digits)
{
	scripts_add(scripts, digest, span_of("return 1"));
	ck_assert_int_eq(knows(names[_i].sha), names[_i].known);
}
END_TEST

START_TEST(flush_forgets_all)
{
	scripts_add(scripts, digest, span_of("return 1"));
	scripts_flush(scripts);
	ck_assert(!knows(SHA));
}
END_TEST

/* Bodies of a fifth of the bound: the first is kept as long as it is used, and no longer. */
START_TEST(what_was_not_used_for_longest_goes_first)
{
	size_t len = SCRIPTS_BYTES_MAX / 5;
	char *body = malloc(len);

	memset(body, ' ', len);
	scripts_add(scripts, digest, span_of("return 1"));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 6; i++) {
			body[0] = (char)('a' + round * 6 + i);
			scripts_add(scripts, digest, span_make(body, len));
			if (round == 0)
				ck_assert(knows(SHA));
		}
	}
	ck_assert(!knows(SHA));
	free(body);
}
END_TEST

START_TEST(one_that_is_too_long_is_not_kept)
{
	size_t len = SCRIPTS_BYTES_MAX / 4 + 1;
	char *body = calloc(1, len);
	char sha[2 * DIGEST_SHA1_LEN + 1];
	uint8_t raw[DIGEST_SHA1_LEN];

	for (size_t cut = 0; cut < 2; cut++) {
		digest_sha1(digest, span_make(body, len - cut), raw);
		for (size_t i = 0; i < sizeof(raw); i++)
			sprintf(sha + 2 * i, "%02x", raw[i]);
		scripts_add(scripts, digest, span_make(body, len - cut));
		ck_assert_int_eq(knows(sha), cut == 1);
	}
	free(body);
}
END_TEST

Suite *scripts_suite(void)
{
	Suite *suite = suite_create("scripts");
	TCase *tcase = tcase_create("scripts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, gives_the_body_as_a_bulk_string);
	tcase_add_loop_test(tcase, is_found_by_its_digits, 0, ARRAY_LEN(names));
	tcase_add_test(tcase, flush_forgets_all);
	tcase_add_test(tcase, what_was_not_used_for_longest_goes_first);
	tcase_add_test(tcase, one_that_is_too_long_is_not_kept);
	suite_add_tcase(suite, tcase);
	return suite;
}
