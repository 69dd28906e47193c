#include "control/yaml_tree.h"

#include <check.h>

#include "suites.h"

static struct tree tree;
static struct findings findings;
static struct text errors;

static void set_up(void)
{
	findings = (struct findings){0};
}

static void tear_down(void)
{
	tree_free(&tree);
	findings_free(&findings);
	text_free(&errors);
}

/* Parse and give what was complained of, without a file's name. */
static const char *parse(const char *yaml)
{
	tree_parse(&tree, span_of(yaml), &findings);
	findings_write(&findings, &errors, NULL);
	return errors.p != NULL ? errors.p : "";
}

START_TEST(nodes_know_their_place_and_path)
{
	char path[TREE_PATH_MAX];

	ck_assert_str_eq(parse("a: 1\nb:\n  - x\n  - {c: \"q\", d: }\n"), "");
	const struct tree_node *b = tree_get(tree.root, "b");
	ck_assert_int_eq(b->kind, TREE_LIST);
	ck_assert_uint_eq(b->n, 2);
	ck_assert_uint_eq(b->key_place.line, 2);
	const struct tree_node *c = tree_get(b->last, "c");
	ck_assert_str_eq(c->text, "q");
	ck_assert(!c->is_plain);
	ck_assert_uint_eq(c->place.line, 4);
	ck_assert_uint_eq(c->place.column, 9);
	ck_assert_str_eq(tree_path(c, path), "b[1].c");
	ck_assert_str_eq(tree_path(tree.root, path), "");
	ck_assert(tree_is_null(tree_get(b->last, "d")));
	ck_assert(!tree_is_null(tree_get(tree.root, "a")));
	ck_assert_ptr_null(tree_get(tree.root, "z"));
}
END_TEST

START_TEST(json_is_yaml)
{
	ck_assert_str_eq(parse("{\"a\": [1, \"two\"]}"), "");
	ck_assert_uint_eq(tree_get(tree.root, "a")->n, 2);
}
END_TEST

/* What goes on after an error keeps its root, so that the errors behind it are told too. */
static const struct {
	const char *yaml, *error;
	bool has_root;
} broken[] = {
	{"", "1:1: the file is empty", false},
	{"# only a comment\n", "1:1: the file is empty", false},
	{"---\n", "1:1: the file is empty", false},
	{"~", "1:1: the file is empty", false},
	{"word", "1:1: not a map", false},
	{"- a\n", "1:1: not a map", false},
	{"a: &x 1\n", "1:4: an anchor", true},
	{"a: 1\nb: *x\n", "2:4: an alias", true},
	{"a: !!str 1\n", "1:4: a tag", true},
	{"a: !x [1]\n", "1:4: a tag", true},
	{"a: !x {b: 1}\n", "1:4: a tag", true},
	{"[a]: 1\n", "1:1: a map, list or alias as a key", false},
	{"? {a: 1}\n: 2\n", "1:3: a map, list or alias as a key", false},
	{"*x : 1\n", "1:1: a map, list or alias as a key", false},
	{"a: 1\n---\nb: 2\n", "2:1: a second document", false},
	{"a: 1\n...\n---\nb: 2\n", "3:1: a second document", false},
	{"a: 1\nb: 2\na: 3\n", "3:1: a: given twice; it stands on line 1", true},
	{"x:\n  a: 1\n  a: 3\n", "3:3: x.a: given twice; it stands on line 2", true},
	{"a: \"x\\0y\"\n", "1:4: a zero byte", true},
	{"\"x\\0y\": 1\n", "1:1: a zero byte", true},
	{"a:\n\tb: 1\n", "2:1: a tab in the indentation", false},
	{"a:\n  b: 1\n  \tc: 1\n", "3:1: a tab in the indentation", false},
	{"a: \"x\n", "1:4: YAML syntax: a quote that is not closed", false},
	{"a: 'x\nb: 1\n", "1:4: YAML syntax: a quote that is not closed", false},
	{"a: \"\\q\"\n", "1:5: YAML syntax: a backslash that begins no escape", false},
	{"a: 1\nword\nb: 1\n", "2:1: YAML syntax: a word where a key should be", false},
	{"a: [1, 2\nb: 3\n", "1:4: YAML syntax: a '[' that is not closed", false},
	{"a: {b: 1\nc: 3\n", "1:4: YAML syntax: a '{' that is not closed", false},
	{"a: b: c\n", "1:5: YAML syntax: a ':' where no value may begin", false},
	{"a: - b\n", "1:4: YAML syntax: a '-' where no list may begin", false},
	{"a:\n  b: 1\n c: 1\n", "3:2: YAML syntax: not a key of the map", false},
	{"a:\n  - b\n  c: 1\n", "3:3: YAML syntax: not an item of the list", false},
	{"a: @b\n", "1:4: YAML syntax: a character that cannot begin a value", false},
	{"a: `b`\n", "1:4: YAML syntax: a character that cannot begin a value", false},
	{"%FOO\n", "YAML syntax", false},
	{"a: \xff\n", "1:4: the byte 0xff, which is not UTF-8", false},
	{"a: \x01\n", "1:4: the byte 0x01, a control character", false},
	{"a: \xc2\x80\n", "1:4: YAML syntax: not YAML", false},
	{"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "1:17: nested too deeply", false},
	{"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "1:1: not a map", false},
};

START_TEST(tells_what_is_broken_and_where)
{
	const char *told = parse(broken[_i].yaml);

	ck_assert_msg(strstr(told, broken[_i].error) != NULL, "for %s\ntold %s", broken[_i].yaml,
		      told);
	ck_assert_int_eq(tree.root != NULL, broken[_i].has_root);
}
END_TEST

/* Each list is ten of the one before: with aliases the last would have 10^9 items. */
START_TEST(an_alias_bomb_stays_small)
{
	struct text bomb = {0};

	text_puts(&bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 9; i++) {
		text_printf(&bomb, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			text_printf(&bomb, "%s*a%d", j > 0 ? ", " : "", i - 1);
		text_puts(&bomb, "]\n");
	}
	parse(bomb.p);
	ck_assert_uint_eq(findings.n_errors, 9 + 80);
	ck_assert_uint_eq(tree_get(tree.root, "a8")->n, 10);
	ck_assert_int_eq(tree_get(tree.root, "a8")->first->kind, TREE_REFUSED);
	text_free(&bomb);
}
END_TEST

START_TEST(a_byte_order_mark_is_passed_over)
{
	ck_assert_str_eq(parse("\xef\xbb\xbf"
			       "a: 1\n"),
			 "");
	ck_assert_ptr_nonnull(tree_get(tree.root, "a"));
}
END_TEST

START_TEST(windows_line_ends_are_line_ends)
{
	ck_assert_str_eq(parse("a: 1\r\nb: 2\r\n"), "");
	ck_assert_str_eq(tree_get(tree.root, "a")->text, "1");
	ck_assert_uint_eq(tree_get(tree.root, "b")->place.line, 2);
}
END_TEST

START_TEST(a_long_path_is_cut)
{
	char yaml[1200], path[TREE_PATH_MAX];

	memset(yaml, 'k', 500);
	strcpy(yaml + 500, ": {a: 1}\n");
	ck_assert_str_eq(parse(yaml), "");
	ck_assert_uint_lt(strlen(tree_path(tree.root->first->first, path)), TREE_PATH_MAX);
}
END_TEST

Suite *yaml_tree_suite(void)
{
	Suite *suite = suite_create("yaml_tree");
	TCase *tc = tcase_create("yaml_tree");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, nodes_know_their_place_and_path);
	tcase_add_test(tc, json_is_yaml);
	tcase_add_loop_test(tc, tells_what_is_broken_and_where, 0, ARRAY_LEN(broken));
	tcase_add_test(tc, an_alias_bomb_stays_small);
	tcase_add_test(tc, a_byte_order_mark_is_passed_over);
	tcase_add_test(tc, windows_line_ends_are_line_ends);
	tcase_add_test(tc, a_long_path_is_cut);
	suite_add_tcase(suite, tc);
	return suite;
}
