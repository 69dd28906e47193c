#include "io/file_watch.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io_script.h"
#include "suites.h"

#define QUIET_MS 20
#define LONG_MS	 300 /* in which what is going to be told has been told */

static char directory[] = "/tmp/check_watch_XXXXXX";
static char path[64];
static struct loop *loop;
static struct file_watch *watch;
static int n_told, n_expected;
static uint64_t since_us;

static void on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &n_told);
	n_told++;
}

static void set_up(void)
{
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
	n_told = n_expected = 0;
	since_us = 0;
}

static void tear_down(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_directory(const char *name)
{
	static char text[4][96];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", directory, name);
	return text[turn];
}

static bool write_to(const char *name, int flags)
{
	int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	return true;
}

static bool move(const char *from, const char *to)
{
	ck_assert_int_eq(rename(in_directory(from), in_directory(to)), 0);
	return true;
}

static void begin(const char *watched)
{
	loop = script_begin();
	watch = file_watch_new(loop, in_directory(watched), QUIET_MS, on_change, &n_told);
}

static void close_all(void)
{
	file_watch_free(watch);
}

/* Steps: one more change is told of than before; none is, for as long as one would take. */
static bool is_told(void)
{
	if (n_told == n_expected)
		return false;
	n_expected++;
	ck_assert_int_eq(n_told, n_expected);
	return true;
}

static bool stays_quiet(void)
{
	if (since_us == 0)
		since_us = loop_now_us(loop);
	if (loop_now_us(loop) - since_us < LONG_MS * 1000)
		return false;
	since_us = 0;
	ck_assert_int_eq(n_told, n_expected);
	return true;
}

static bool write_in_place(void)
{
	return write_to("file", O_TRUNC);
}

static bool append(void)
{
	return write_to("file", O_APPEND);
}

static bool rename_over(void)
{
	return write_to("file.new", O_TRUNC) && move("file.new", "file");
}

static bool delete (void)
{
	ck_assert_int_eq(unlink(path), 0);
	return true;
}

#define RUN(...)                                                                                   \
	do {                                                                                       \
		const struct io_step steps[] = {__VA_ARGS__};                                      \
                                                                                                   \
		script_run(steps, ARRAY_LEN(steps), close_all);                                    \
	} while (0)

#define TOLD(step)                                                                                 \
	{"done", step}, {#step " is told", is_told},                                               \
	{                                                                                          \
#step " is told once", stays_quiet                                                 \
	}

START_TEST(tells_of_a_file_written_in_place)
{
	write_in_place();
	begin("file");
	RUN({"nothing so far", stays_quiet}, TOLD(write_in_place), TOLD(append),
	    TOLD(write_in_place));
}
END_TEST

/* Each time it is another file that is watched from then on. */
START_TEST(tells_of_a_file_renamed_over)
{
	write_in_place();
	begin("file");
	RUN(TOLD(rename_over), TOLD(rename_over), TOLD(append), TOLD(rename_over));
}
END_TEST

START_TEST(tells_of_a_file_deleted_and_made_again)
{
	write_in_place();
	begin("file");
	RUN(TOLD(delete), TOLD(write_in_place), TOLD(delete), TOLD(rename_over), TOLD(append));
}
END_TEST

START_TEST(tells_of_a_file_that_was_not_there)
{
	begin("file");
	RUN({"nothing so far", stays_quiet}, TOLD(write_in_place), TOLD(append));
}
END_TEST

static bool disturb(void)
{
	write_to("other", O_TRUNC);
	write_to("file2", O_TRUNC);
	write_to(".file", O_TRUNC);
	move("other", "another");
	ck_assert_int_eq(unlink(in_directory("another")), 0);
	ck_assert_int_eq(mkdir(in_directory("d"), 0700), 0);
	ck_assert_int_eq(rmdir(in_directory("d")), 0);
	return true;
}

START_TEST(other_files_of_the_directory_are_nobodys_business)
{
	write_in_place();
	begin("file");
	RUN({"disturbed", disturb}, {"nothing", stays_quiet}, TOLD(append), {"again", disturb},
	    {"nothing", stays_quiet});
}
END_TEST

/* ------------------------------------------------------------------ many signs */

static bool write_often(void)
{
	for (int i = 0; i < 500; i++)
		append();
	for (int i = 0; i < 100; i++)
		rename_over();
	return true;
}

START_TEST(a_storm_is_told_once)
{
	write_in_place();
	begin("file");
	RUN(TOLD(write_often), TOLD(write_often));
}
END_TEST

/* Written in each turn, it is never quiet. */
static bool writes_until_told(void)
{
	append();
	return n_told >= 3;
}

START_TEST(a_storm_without_an_end_is_told_of_now_and_then)
{
	write_in_place();
	begin("file");
	RUN({"told", writes_until_told});
}
END_TEST

/* ------------------------------------------------------------------ links */

static int generation;

/* As Kubernetes updates what it mounts: all files at once, by the swap of one link. */
static bool swap_data(void)
{
	char name[16], inside[32], before[16];

	snprintf(before, sizeof(before), "..%d", generation);
	snprintf(name, sizeof(name), "..%d", ++generation);
	snprintf(inside, sizeof(inside), "..%d/file", generation);
	ck_assert_int_eq(mkdir(in_directory(name), 0700), 0);
	write_to(inside, O_TRUNC);
	ck_assert_int_eq(symlink(name, in_directory("..data_tmp")), 0);
	move("..data_tmp", "..data");
	snprintf(inside, sizeof(inside), "%s/file", before);
	if (generation > 1) {
		ck_assert_int_eq(unlink(in_directory(inside)), 0);
		ck_assert_int_eq(rmdir(in_directory(before)), 0);
	}
	return true;
}

START_TEST(tells_of_the_swap_of_a_config_map)
{
	generation = 0;
	swap_data();
	ck_assert_int_eq(symlink("..data/file", path), 0);
	begin("file");
	RUN({"nothing so far", stays_quiet}, TOLD(swap_data), TOLD(swap_data), TOLD(swap_data));
}
END_TEST

static bool write_target(void)
{
	return write_to("d/target", O_TRUNC);
}

static bool lead_elsewhere(void)
{
	ck_assert_int_eq(symlink("d/second", in_directory("tmp")), 0);
	return write_to("d/second", O_TRUNC) && move("tmp", "file");
}

static bool write_second(void)
{
	return write_to("d/second", O_APPEND);
}

/* Both the link and what it leads to, in whatever directory, until it leads elsewhere. */
START_TEST(a_link_is_followed)
{
	ck_assert_int_eq(mkdir(in_directory("d"), 0700), 0);
	write_target();
	ck_assert_int_eq(symlink("d/target", path), 0);
	begin("file");
	RUN(TOLD(write_target), TOLD(lead_elsewhere), TOLD(write_second),
	    {"the old one", write_target}, {"nothing", stays_quiet});
}
END_TEST

/* As link/file, where the directory's link leads to another one later. */
static bool swap_directory(void)
{
	ck_assert_int_eq(symlink("e", in_directory("tmp")), 0);
	return move("tmp", "link");
}

static bool write_in_e(void)
{
	return write_to("e/file", O_APPEND);
}

START_TEST(a_directory_that_is_a_link_is_followed)
{
	ck_assert_int_eq(mkdir(in_directory("d"), 0700), 0);
	ck_assert_int_eq(mkdir(in_directory("e"), 0700), 0);
	write_to("d/file", O_TRUNC);
	write_in_e();
	ck_assert_int_eq(symlink("d", in_directory("link")), 0);
	begin("link/file");
	RUN({"another", write_in_e}, {"nothing", stays_quiet}, TOLD(swap_directory),
	    TOLD(write_in_e));
}
END_TEST

START_TEST(a_link_to_itself_is_no_trap)
{
	ck_assert_int_eq(symlink("file", path), 0);
	begin("file");
	RUN(TOLD(rename_over));
}
END_TEST

START_TEST(it_may_be_freed_with_something_to_tell)
{
	write_in_place();
	begin("file");
	RUN({"done", append}, {"done", append});
	loop = script_begin();
	watch = file_watch_new(loop, "/nowhere/at/all", QUIET_MS, on_change, &n_told);
	RUN({"nothing", stays_quiet});
	file_watch_free(NULL);
}
END_TEST

Suite *file_watch_suite(void)
{
	Suite *suite = suite_create("file_watch");
	TCase *tcase = tcase_create("file_watch");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, tells_of_a_file_written_in_place);
	tcase_add_test(tcase, tells_of_a_file_renamed_over);
	tcase_add_test(tcase, tells_of_a_file_deleted_and_made_again);
	tcase_add_test(tcase, tells_of_a_file_that_was_not_there);
	tcase_add_test(tcase, other_files_of_the_directory_are_nobodys_business);
	tcase_add_test(tcase, a_storm_is_told_once);
	tcase_add_test(tcase, a_storm_without_an_end_is_told_of_now_and_then);
	tcase_add_test(tcase, tells_of_the_swap_of_a_config_map);
	tcase_add_test(tcase, a_link_is_followed);
	tcase_add_test(tcase, a_directory_that_is_a_link_is_followed);
	tcase_add_test(tcase, a_link_to_itself_is_no_trap);
	tcase_add_test(tcase, it_may_be_freed_with_something_to_tell);
	suite_add_tcase(suite, tcase);
	return suite;
}
