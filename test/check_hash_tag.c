#include <check.h>

#include "route/hash_tag.h"
#include "suites.h"

static const struct {
	const char *tag, *key, *hashed;
} cases[] = {
	{"{}", "user:{42}:name", "42"},
	{"{}", "{a}{b}", "a"},
	{"{}", "user:42", "user:42"},
	{"{}", "{}x{a}", "{}x{a}"}, /* nothing between the first pair: the whole key */
	{"{}", "a}b{c}", "c"},	    /* the closing one counts behind the opening one */
	{"{}", "a{b", "a{b"},	    /* never closed */
	{"{}", "ab{", "ab{"},
	{"{}", "{", "{"},
	{"{}", "{{a}}", "{a"},
	{"{}", "", ""},
	{"$$", "a$b$c", "b"}, /* both characters may be the same */
	{"$$", "a$$c", "a$$c"},
	{"", "a{b}", "a{b}"},
	{NULL, "a{b}", "a{b}"},
};

START_TEST(cuts_the_tag)
{
	struct span hashed = hash_tag(span_of(cases[_i].key), cases[_i].tag);

	ck_assert_msg(span_equal_str(hashed, cases[_i].hashed), "%s in %s: %.*s", cases[_i].tag,
		      cases[_i].key, (int)hashed.len, hashed.p);
}
END_TEST

START_TEST(passes_zero_bytes)
{
	ck_assert(span_equal(hash_tag(span_make("\0{a\0b}", 6), "{}"), span_make("a\0b", 3)));
}
END_TEST

Suite *hash_tag_suite(void)
{
	Suite *suite = suite_create("hash_tag");
	TCase *tcase = tcase_create("hash_tag");

	tcase_add_loop_test(tcase, cuts_the_tag, 0, ARRAY_LEN(cases));
	tcase_add_test(tcase, passes_zero_bytes);
	suite_add_tcase(suite, tcase);
	return suite;
}
