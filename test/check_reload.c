#include "control/reload.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io_script.h"
#include "suites.h"

#define LONG_MS 400 /* in which a change of a file has been read */

/* Of a pool that serves at a socket in the directory, with one line of settings more. */
#define YAML                                                                                       \
	"pools:\n  p:\n    protocol: redis\n    listen: unix:%s/sock\n    shards: "                \
	"[\"127.0.0.1:1\"]\n"                                                                      \
	"    %s\n"

static char directory[] = "/tmp/check_reload_XXXXXX";
static char path[64], secret[64];
static struct loop *loop;
static struct crew *crew;
static struct registry *registry;
static struct entrances *entrances;
static struct reload *reload;
static struct error error;
static bool refuses; /* on_config() */
static int n_changed, n_published;
static uint64_t since_us;
static const struct config *before;

static void on_drained(void *arg)
{
	(void)arg;
}

static void on_suspect(void *arg, uint16_t id)
{
	(void)arg;
	(void)id;
}

static const struct crew_events crew_events = {on_drained, on_suspect};

static void on_published(void *arg, const struct topology *was, const struct topology *is)
{
	(void)arg;
	(void)was;
	(void)is;
	n_published++;
}

static void on_accept(void *arg, uint16_t pool, int fd, bool is_unix)
{
	(void)arg;
	(void)pool;
	(void)is_unix;
	close(fd);
}

static int on_config(void *arg, const struct config *config, struct error *why)
{
	(void)arg;
	(void)config;
	return refuses ? error_set(why, "no room for it") : 0;
}

static void on_changed(void *arg, const struct config *config)
{
	ck_assert_ptr_eq(arg, &n_changed);
	ck_assert_ptr_eq(config, reload_config(reload));
	n_changed++;
}

/* Another file under the same name, as editors have it. */
static void put(const char *name, const char *bytes)
{
	char new[80];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", name);
	file = fopen(new, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(bytes, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(rename(new, name), 0);
}

static void put_settings(const char *line)
{
	char yaml[512];

	snprintf(yaml, sizeof(yaml), YAML, directory, line);
	put(path, yaml);
}

static void set_up(void)
{
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s.yaml", directory);
	snprintf(secret, sizeof(secret), "%s/secret", directory);
	refuses = false;
	n_changed = n_published = 0;
	since_us = 0;
}

static void tear_down(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static struct config *load(void)
{
	struct text errors = {0};
	struct config *config = config_load(path, &errors, NULL);

	ck_assert_msg(config != NULL, "%s", errors.p);
	text_free(&errors);
	return config;
}

/* All but the first configuration. */
static void make(const char *file)
{
	loop = script_begin();
	crew = crew_new(loop, 1, 64 << 20, &crew_events, NULL);
	registry = registry_new(
		&(struct registry_setup){.loop = loop, .crew = crew, .on_published = on_published});
	entrances = entrances_new(loop, on_accept, NULL);
	reload = reload_new(&(struct reload_setup){loop, registry, entrances,
						   crew_stats(crew)[crew_size(crew)], on_config,
						   on_changed, &n_changed},
			    file);
}

static void begin(const char *line)
{
	put_settings(line);
	make(path);
	ck_assert_msg(reload_begin(reload, load(), &error) == 0, "%s", error.text);
	ck_assert_int_eq(n_changed, 1);
	ck_assert_int_eq(n_published, 1);
	before = reload_config(reload);
}

static void close_all(void)
{
	reload_stop(reload);
	entrances_free(entrances);
	registry_stop(registry);
	crew_stop(crew);
}

static void run(const struct io_step *steps, size_t n)
{
	script_run(steps, n, close_all);
	reload_free(reload);
	registry_free(registry);
	crew_free(crew);
}

#define RUN(...)                                                                                   \
	do {                                                                                       \
		const struct io_step steps[] = {__VA_ARGS__};                                      \
                                                                                                   \
		run(steps, ARRAY_LEN(steps));                                                      \
	} while (0)

static uint32_t retries(void)
{
	return reload_config(reload)->pools->settings.retries;
}

static const char *errors(void)
{
	const char *text = reload_state(reload)->errors.p;

	return text != NULL ? text : "";
}

static void expect_counts(uint64_t n, uint64_t failed)
{
	const struct stats *stats = crew_stats(crew)[crew_size(crew)];

	ck_assert_uint_eq(reload_state(reload)->n, n);
	ck_assert_uint_eq(reload_state(reload)->failed, failed);
	ck_assert_uint_eq(stat_get(&stats->counter[STAT_RELOADS]), n);
	ck_assert_uint_eq(stat_get(&stats->counter[STAT_RELOADS_FAILED]), failed);
	ck_assert_int_eq(n_changed, (int)n + 1);
}

static bool waits(void)
{
	if (since_us == 0)
		since_us = loop_now_us(loop);
	if (loop_now_us(loop) - since_us < LONG_MS * 1000)
		return false;
	since_us = 0;
	return true;
}

/* ------------------------------------------------------------------ the file */

static bool set_5(void)
{
	put_settings("retries: 5");
	return true;
}

static bool is_5(void)
{
	if (retries() != 5)
		return false;
	expect_counts(1, 0);
	ck_assert_str_eq(errors(), "");
	ck_assert_int_eq(n_published, 2);
	return true;
}

static bool set_7_in_place(void)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fprintf(file, YAML, directory, "retries: 7");
	ck_assert_int_eq(fclose(file), 0);
	return true;
}

static bool is_7(void)
{
	return retries() == 7;
}

START_TEST(a_file_that_changes_is_read_again)
{
	begin("retries: 1");
	ck_assert_str_eq(reload_state(reload)->file, path);
	expect_counts(0, 0);
	RUN({"renamed", set_5}, {"read", is_5}, {"in place", set_7_in_place}, {"read", is_7});
}
END_TEST

static bool set_wrong(void)
{
	put_settings("retries: many");
	return true;
}

static bool has_failed(void)
{
	if (reload_state(reload)->failed == 0)
		return false;
	expect_counts(0, 1);
	ck_assert_ptr_eq(reload_config(reload), before);
	ck_assert_uint_eq(retries(), 1);
	ck_assert_int_eq(n_published, 1);
	ck_assert_ptr_nonnull(strstr(errors(), "/s.yaml:6:"));
	ck_assert_ptr_nonnull(strstr(errors(), "pools.p.retries"));
	return true;
}

/* It was told already: a touch is no news. */
static bool failed_once(void)
{
	if (!waits())
		return false;
	return has_failed();
}

static bool is_5_after_all(void)
{
	if (retries() != 5)
		return false;
	expect_counts(1, 1);
	ck_assert_str_eq(errors(), "");
	return true;
}

START_TEST(a_wrong_file_changes_nothing)
{
	begin("retries: 1");
	RUN({"wrong", set_wrong}, {"failed", has_failed}, {"wrong again", set_wrong},
	    {"failed once", failed_once}, {"put right", set_5}, {"read", is_5_after_all});
}
END_TEST

static bool set_1(void)
{
	put_settings("retries: 1");
	return true;
}

static bool is_as_before(void)
{
	if (!waits())
		return false;
	expect_counts(0, 0);
	ck_assert_ptr_eq(reload_config(reload), before);
	ck_assert_int_eq(n_published, 1);
	return true;
}

/* But whoever asks for it gets it. */
static bool reloads_on_demand(void)
{
	ck_assert(reload_now(reload, "HUP"));
	expect_counts(1, 0);
	ck_assert_str_eq(errors(), "");
	ck_assert_int_eq(n_published, 2);
	return true;
}

START_TEST(the_same_content_is_no_reload)
{
	begin("retries: 1");
	RUN({"written", set_1}, {"nothing", is_as_before}, {"asked", reloads_on_demand});
}
END_TEST

/* What was wrong, and is as it was before it was wrong: nothing to do, and the next fault is told. */
static bool set_wrong_again(void)
{
	expect_counts(0, 1);
	ck_assert_ptr_eq(reload_config(reload), before);
	return set_wrong();
}

static bool has_failed_twice(void)
{
	return reload_state(reload)->failed == 2;
}

START_TEST(a_fault_that_comes_back_is_told_again)
{
	begin("retries: 1");
	RUN({"wrong", set_wrong}, {"failed", has_failed}, {"as before", set_1}, {"read", waits},
	    {"wrong", set_wrong_again}, {"failed", has_failed_twice});
}
END_TEST

static bool is_refused(void)
{
	put_settings("retries: 5");
	refuses = true;
	ck_assert(!reload_now(reload, "HUP"));
	ck_assert_ptr_nonnull(strstr(errors(), "no room for it"));
	expect_counts(0, 1);
	ck_assert_ptr_eq(reload_config(reload), before);
	ck_assert_int_eq(n_published, 1);
	refuses = false;
	ck_assert(reload_now(reload, "HUP"));
	expect_counts(1, 1);
	ck_assert_uint_eq(retries(), 5);
	return true;
}

START_TEST(what_something_else_cannot_follow_changes_nothing)
{
	begin("retries: 1");
	RUN({"refused", is_refused});
}
END_TEST

static char two_listen[] = "retries: 5\n    hash_tag: \"{}\"\n  q: {protocol: redis, listen: "
			   "\"unix:/nowhere/at/all\", shards: [\"127.0.0.1:2\"]}";

static bool cannot_listen(void)
{
	put_settings(two_listen);
	ck_assert(!reload_now(reload, "HUP"));
	ck_assert_ptr_nonnull(strstr(errors(), "/nowhere/at/all"));
	expect_counts(0, 1);
	ck_assert_ptr_eq(reload_config(reload), before);
	ck_assert_int_eq(n_published, 1);
	return true;
}

START_TEST(an_address_that_cannot_be_had_changes_nothing)
{
	begin("retries: 1");
	RUN({"refused", cannot_listen});
}
END_TEST

static bool is_gone(void)
{
	unlink(path);
	ck_assert(!reload_now(reload, "HUP"));
	ck_assert_ptr_nonnull(strstr(errors(), "no regular file"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert(!reload_now(reload, "HUP"));
	ck_assert_ptr_nonnull(strstr(errors(), "no regular file"));
	expect_counts(0, 2);
	ck_assert_ptr_eq(reload_config(reload), before);
	return true;
}

START_TEST(what_is_no_file_is_not_read)
{
	begin("retries: 1");
	RUN({"gone", is_gone});
}
END_TEST

static bool has_no_file(void)
{
	ck_assert(!reload_now(reload, "HUP"));
	ck_assert_ptr_nonnull(strstr(errors(), "no file to read again"));
	expect_counts(0, 1);
	return true;
}

START_TEST(without_a_file_there_is_nothing_to_read)
{
	static const char *const none[] = {NULL, "-"};

	put_settings("retries: 1");
	make(none[_i]);
	ck_assert_ptr_null(reload_state(reload)->file);
	ck_assert_int_eq(reload_begin(reload, load(), &error), 0);
	RUN({"asked", has_no_file});
}
END_TEST

START_TEST(a_first_one_that_cannot_be_taken_over_is_an_error)
{
	put_settings(two_listen);
	make(path);
	ck_assert_int_eq(reload_begin(reload, load(), &error), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/at/all"));
	ck_assert_ptr_null(reload_config(reload));
	ck_assert_int_eq(n_changed + n_published, 0);
	run(NULL, 0);
}
END_TEST

/* ------------------------------------------------------------------ secrets */

static const char *password(void)
{
	return reload_config(reload)->pools->credentials.password.text;
}

static bool set_secret(void)
{
	put(secret, "second\n");
	return true;
}

static bool is_second(void)
{
	if (strcmp(password(), "second") != 0)
		return false;
	expect_counts(1, 0);
	return true;
}

static bool set_third(void)
{
	put(secret, "third\n");
	return true;
}

static bool is_third(void)
{
	return strcmp(password(), "third") == 0;
}

static bool remove_secret(void)
{
	ck_assert_int_eq(unlink(secret), 0);
	return true;
}

static bool secret_is_missed(void)
{
	if (reload_state(reload)->failed == 0)
		return false;
	ck_assert_ptr_nonnull(strstr(errors(), "pools.p.credentials.password_file"));
	ck_assert_str_eq(password(), "third");
	return true;
}

START_TEST(a_secret_in_a_file_is_read_again)
{
	char line[128];

	put(secret, "first\n");
	snprintf(line, sizeof(line), "credentials: {password_file: %s}", secret);
	begin(line);
	ck_assert_str_eq(password(), "first");
	RUN({"changed", set_secret}, {"read", is_second}, {"changed", set_third},
	    {"read", is_third}, {"removed", remove_secret}, {"missed", secret_is_missed});
}
END_TEST

Suite *reload_suite(void)
{
	Suite *suite = suite_create("reload");
	TCase *tcase = tcase_create("reload");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_file_that_changes_is_read_again);
	tcase_add_test(tcase, a_wrong_file_changes_nothing);
	tcase_add_test(tcase, the_same_content_is_no_reload);
	tcase_add_test(tcase, a_fault_that_comes_back_is_told_again);
	tcase_add_test(tcase, what_something_else_cannot_follow_changes_nothing);
	tcase_add_test(tcase, an_address_that_cannot_be_had_changes_nothing);
	tcase_add_test(tcase, what_is_no_file_is_not_read);
	tcase_add_loop_test(tcase, without_a_file_there_is_nothing_to_read, 0, 2);
	tcase_add_test(tcase, a_first_one_that_cannot_be_taken_over_is_an_error);
	tcase_add_test(tcase, a_secret_in_a_file_is_read_again);
	suite_add_tcase(suite, tcase);
	return suite;
}
