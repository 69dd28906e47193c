#include "control/config_secret.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/schema.h"
#include "suites.h"
#include "told.h"

#define SECRET "hunter2hunter2"

static struct told told;
static char path[] = "/tmp/check_secret_XXXXXX";

static void set_up(void)
{
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	setenv("CHECK_SECRET", SECRET, 1);
	setenv("CHECK_EMPTY", "", 1);
}

static void tear_down(void)
{
	unlink(path);
	told_free(&told);
}

static void fill_file(const char *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

static struct config *parse(const char *line)
{
	struct text yaml = {0};

	text_printf(&yaml,
		    "pools:\n  p:\n    protocol: redis\n    listen: a:1\n    shards: [b:1]\n"
		    "    %s\n",
		    line);
	struct config *config = told_parse(&told, yaml.p);
	text_free(&yaml);
	return config;
}

static struct config *parse_file_password(void)
{
	char line[128];

	snprintf(line, sizeof(line), "clients: {password_file: %s}", path);
	return parse(line);
}

START_TEST(passwords_come_from_three_places)
{
	fill_file("from file\n", 10);
	struct config *config = told_well(&told, parse_file_password());
	ck_assert_str_eq(config->pools->clients_password.text, "from file");
	config_free(config);

	config =
		told_well(&told, parse("credentials: {username: app, password_env: CHECK_SECRET}"));
	ck_assert_str_eq(config->pools->credentials.name, "app");
	ck_assert_str_eq(config->pools->credentials.password.text, SECRET);
	config_free(config);

	config = told_well(
		&told,
		parse("users: [{name: u, password_env: CHECK_SECRET}, {name: v, password: w}]"));
	ck_assert_str_eq(config->pools->users[0].password.text, SECRET);
	ck_assert_str_eq(config->pools->users[1].password.text, "w");
	config_free(config);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *want, *error;
} files[] = {
	{"a", 1, "a", NULL},
	{"a\n", 2, "a", NULL},
	{"a\n\n", 3, "a\n", NULL},
	{" a ", 3, " a ", NULL},
	{"", 0, NULL, "f:6:30: pools.p.clients.password_file: the file is empty; expected"},
	{"\n", 1, NULL, "the file is empty; expected a password in it"},
	{"a\0b", 3, NULL, "the file has a zero byte; expected"},
};

START_TEST(a_file_is_a_password_and_a_line_end)
{
	fill_file(files[_i].bytes, files[_i].len);
	struct config *config = parse_file_password();

	ck_assert_int_eq(config != NULL, files[_i].want != NULL);
	if (config != NULL)
		ck_assert_str_eq(config->pools->clients_password.text, files[_i].want);
	else
		ck_assert_msg(strstr(told_errors(&told), files[_i].error) != NULL, "told %s",
			      told_errors(&told));
	config_free(config);
}
END_TEST

START_TEST(a_password_has_an_end)
{
	char bytes[SECRET_MAX + 2];

	memset(bytes, 'x', sizeof(bytes));
	bytes[SECRET_MAX] = '\n';
	fill_file(bytes, SECRET_MAX + 1);
	struct config *config = told_well(&told, parse_file_password());
	ck_assert_uint_eq(strlen(config->pools->clients_password.text), SECRET_MAX);
	config_free(config);
	bytes[SECRET_MAX] = 'x';
	fill_file(bytes, SECRET_MAX + 1);
	ck_assert_ptr_null(parse_file_password());
	ck_assert_ptr_nonnull(
		strstr(told_errors(&told), "the file is larger than any password; expected"));
}
END_TEST

static const struct {
	const char *line, *error;
} broken[] = {
	{"clients: {}",
	 "f:6:14: pools.p.clients: no keys; expected some of password, password_env"},
	{"clients: " SECRET, "f:6:14: pools.p.clients: it is a text; expected a map of password"},
	{"clients: {password: \"\"}",
	 "f:6:25: pools.p.clients.password: it is not valid; expected"},
	{"clients: {password: \"" SECRET "\\x07\"}", "clients.password: it is not valid; expected"},
	{"clients: {password: [" SECRET "]}", "clients.password: it is a list; expected a text"},
	{"clients: {password: " SECRET ", password_env: CHECK_SECRET}",
	 "f:6:55: pools.p.clients.password_env: a second password; expected one of password"},
	{"clients: {password_file: /" SECRET ", password: " SECRET "}",
	 "f:6:30: pools.p.clients.password_file: a second password; expected one of"},
	{"clients: {password_env: CHECK_SECRET, password_file: /" SECRET "}",
	 "a second password; "},
	{"clients: {password_env: " SECRET "}",
	 "f:6:29: pools.p.clients.password_env: the environment has no such variable; expected"},
	{"clients: {password_env: CHECK_EMPTY}", "the variable is empty; expected a password in"},
	{"clients: {password_file: /nonexistent/" SECRET "}",
	 "clients.password_file: the file cannot be read: No such file"},
	{"clients: {password_file: /tmp}", "the file cannot be read: Is a directory; expected"},
	{"credentials: {username: app}",
	 "f:6:29: pools.p.credentials.username: a username without a password; expected password"},
	{"users: [{name: u, password: a, password_env: CHECK_SECRET}]",
	 "pools.p.users[0].password_env: a second password; expected one of"},
};

START_TEST(tells_what_is_wrong_and_no_secret)
{
	told_expect_refused(&told, parse(broken[_i].line), broken[_i].error);
	ck_assert_msg(strstr(told_errors(&told), SECRET) == NULL, "for %s\ntold %s",
		      broken[_i].line, told_errors(&told));
}
END_TEST

Suite *config_secret_suite(void)
{
	Suite *suite = suite_create("config_secret");
	TCase *tc = tcase_create("config_secret");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, passwords_come_from_three_places);
	tcase_add_loop_test(tc, a_file_is_a_password_and_a_line_end, 0, ARRAY_LEN(files));
	tcase_add_test(tc, a_password_has_an_end);
	tcase_add_loop_test(tc, tells_what_is_wrong_and_no_secret, 0, ARRAY_LEN(broken));
	suite_add_tcase(suite, tc);
	return suite;
}
