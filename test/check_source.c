#include "control/source.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suites.h"

/* Bytes in a file of its own, which the caller unlinks. */
static void make_file(char path[32], size_t n)
{
	strcpy(path, "/tmp/check_source.XXXXXX");
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "wb");

	ck_assert_ptr_nonnull(file);
	for (size_t i = 0; i < n; i++)
		fputc('a', file);
	fclose(file);
}

START_TEST(reads_up_to_the_limit)
{
	static const size_t sizes[] = {0, 1, SOURCE_BYTES_MAX, SOURCE_BYTES_MAX + 1};
	struct findings findings = {.file = "f"};
	char path[32], *content = NULL;
	bool fits = sizes[_i] <= SOURCE_BYTES_MAX;

	make_file(path, sizes[_i]);
	long len = source_read(path, &content, &findings);
	unlink(path);
	ck_assert_int_eq(len, fits ? (long)sizes[_i] : -1);
	ck_assert_uint_eq(findings.n_errors, fits ? 0 : 1);
	if (fits)
		ck_assert_uint_eq(strlen(content), sizes[_i]);
	free(content);
	findings_free(&findings);
}
END_TEST

START_TEST(says_why_a_file_cannot_be_read)
{
	static const char *const paths[] = {"/nonexistent/f", "/"};
	struct findings findings = {.file = "f"};
	struct text errors = {0};
	char *content = NULL;

	ck_assert_int_eq(source_read(paths[_i], &content, &findings), -1);
	findings_write(&findings, &errors, NULL);
	ck_assert_int_eq(strncmp(errors.p, "f: cannot be read: ", 19), 0);
	text_free(&errors);
	findings_free(&findings);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	struct place place; /* line 0: it is text */
} texts[] = {
	{"", 0, {0, 0}},
	{"a\tb\r\nc\xc3\xa9", 8, {0, 0}},
	{"a\nb\xff", 4, {2, 2}},
	{"\xc3\xa9\x01", 3, {1, 2}},
	{"\0", 1, {1, 1}},
	{"a\x7f", 2, {1, 2}},
	{"\xff\xfe"
	 "a\0",
	 4,
	 {1, 1}}, /* UTF-16 */
};

START_TEST(only_utf8_is_text)
{
	struct span content = span_make(texts[_i].bytes, texts[_i].len);
	struct findings findings = {.file = "f"};
	struct text errors = {0};
	char want[16];

	bool is_text = texts[_i].place.line == 0;
	ck_assert_int_eq(source_is_text(content, &findings), is_text);
	findings_write(&findings, &errors, NULL);
	snprintf(want, sizeof(want), "f:%u:%u: ", texts[_i].place.line, texts[_i].place.column);
	if (!is_text)
		ck_assert_int_eq(strncmp(errors.p, want, strlen(want)), 0);
	text_free(&errors);
	findings_free(&findings);
}
END_TEST

Suite *source_suite(void)
{
	Suite *suite = suite_create("source");
	TCase *tc = tcase_create("source");

	tcase_add_loop_test(tc, reads_up_to_the_limit, 0, 4);
	tcase_add_loop_test(tc, says_why_a_file_cannot_be_read, 0, 2);
	tcase_add_loop_test(tc, only_utf8_is_text, 0, ARRAY_LEN(texts));
	suite_add_tcase(suite, tc);
	return suite;
}
