#include <check.h>
#include <stdio.h>

#include "data_path.h"
#include "proto/resp_frame.h"
#include "suites.h"

static struct data_path dp;

#define GET_ROW                                                                                    \
	"*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n"     \
	"*0\r\n*0\r\n"

static void ask(const char *words, const char *reply)
{
	say(dp.client, array_of(words));
	expect(dp.client, reply);
}

/* Rows of the table that are no subcommands. */
static int count_rows(void)
{
	size_t n;
	const struct command *table = resp_command_table(&n);
	int rows = 0;

	for (size_t i = 0; i < n; i++)
		rows += strchr(table[i].name, '|') == NULL;
	return rows;
}

/* The client got one whole value, an array of n elements. */
static void expect_array(int n)
{
	struct span got = fake_got(dp.client);
	struct frame frame = {0};
	char header[16];
	size_t took;

	int len = snprintf(header, sizeof(header), "*%d\r\n", n);
	ck_assert_mem_eq(got.p, header, (size_t)len);
	ck_assert_int_eq(resp_frame_scan(&frame, got, &took), FRAME_DONE);
	ck_assert_uint_eq(took, got.len);
	fake_take(dp.client, got.len);
}

START_TEST(names_what_the_table_has)
{
	char count[16];

	data_path_serve_redis(&dp);
	snprintf(count, sizeof(count), ":%d\r\n", count_rows());
	ask("COMMAND COUNT", count);
	say(dp.client, "COMMAND\r\n");
	expect_array(count_rows());
	say(dp.client, "COMMAND LIST\r\n");
	expect_array(count_rows());
	say(dp.client, "COMMAND INFO\r\n");
	expect_array(count_rows());
	data_path_end(&dp);
}
END_TEST

static const struct {
	const char *words, *reply;
} answers[] = {
	{"COMMAND INFO get", "*1\r\n" GET_ROW},
	{"COMMAND INFO nope GET", "*2\r\n*-1\r\n" GET_ROW},
	{"COMMAND DOCS get nope", "*2\r\n$3\r\nget\r\n*0\r\n"},
	{"COMMAND GETKEYS mset a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
	{"COMMAND GETKEYS eval x 2 a b c", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
	{"COMMAND GETKEYS object encoding a", "*1\r\n$1\r\na\r\n"},
	{"COMMAND GETKEYS nope a", "-ERR Invalid command specified\r\n"},
	{"COMMAND GETKEYS get", "-ERR Invalid number of arguments specified for command\r\n"},
	{"COMMAND GETKEYS ping", "-ERR The command has no key arguments\r\n"},
	{"COMMAND GETKEYS eval x -1 a", "-ERR Invalid arguments specified for command\r\n"},
	{"COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"},
	{"COMMAND LIST FILTERBY MODULE x", "-ERR slipring: 'command list' takes no filter\r\n"},
	{"COMMAND nope", "-ERR unknown subcommand 'nope'. Try COMMAND HELP.\r\n"},
};

START_TEST(answers_of_the_table)
{
	data_path_serve_redis(&dp);
	ask(answers[_i].words, answers[_i].reply);
	data_path_end(&dp);
}
END_TEST

Suite *local_command_suite(void)
{
	Suite *suite = suite_create("local_command");
	TCase *tcase = tcase_create("local_command");

	tcase_add_test(tcase, names_what_the_table_has);
	tcase_add_loop_test(tcase, answers_of_the_table, 0, ARRAY_LEN(answers));
	suite_add_tcase(suite, tcase);
	return suite;
}
