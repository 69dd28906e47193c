#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/entrances.h"
#include "io_script.h"
#include "suites.h"

#define ADDRESSES 4

static struct loop *loop;
static struct entrances *entrances;
static struct error error;
static char texts[ADDRESSES][32], path[64], path_text[80];
static uint16_t ports[ADDRESSES];
static int n_accepted, last_pool, last_is_unix;

static void on_accept(void *arg, uint16_t pool, int fd, bool is_unix)
{
	ck_assert_ptr_eq(arg, &entrances);
	close(fd);
	n_accepted++;
	last_pool = pool;
	last_is_unix = is_unix;
}

static void begin(void)
{
	n_accepted = 0;
	loop = script_begin();
	entrances = entrances_new(loop, on_accept, &entrances);
	for (size_t i = 0; i < ADDRESSES; i++) {
		ports[i] = script_free_port();
		snprintf(texts[i], sizeof(texts[i]), "127.0.0.1:%u", (unsigned)ports[i]);
	}
	snprintf(path, sizeof(path), "/tmp/check_entrances_%ld.sock", (long)getpid());
	snprintf(path_text, sizeof(path_text), "unix:%s", path);
}

static void close_all(void)
{
	entrances_free(entrances);
}

static struct entrance_spec at(uint16_t pool, const char *text)
{
	return (struct entrance_spec){pool, 6379, "p", text};
}

static int apply(const struct entrance_spec *specs, size_t n)
{
	error.text[0] = '\0';
	return entrances_apply(entrances, specs, n, &error);
}

/* A connection to ports[i], or -1 where nobody listens. */
static int dial(size_t i)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(ports[i])};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool listens(size_t i)
{
	int fd = dial(i);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool one_came(void)
{
	return n_accepted == 1;
}

/* Run until a client has come in that is connected already. */
static void expect_client(void)
{
	const struct io_step steps[] = {{"one_came", one_came}};

	script_run(steps, 1, close_all);
}

START_TEST(tells_the_pool_and_the_kind_of_each_client)
{
	begin();
	const struct entrance_spec specs[] = {at(3, texts[0]), at(5, path_text)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;

	ck_assert_int_eq(apply(specs, 2), 0);
	strcpy(un.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	expect_client();
	ck_assert_int_eq(last_pool, 5);
	ck_assert(last_is_unix);
	ck_assert_int_ne(stat(path, &st), 0);
	close(fd);
}
END_TEST

START_TEST(opens_what_is_new_and_closes_what_is_gone)
{
	begin();
	const struct entrance_spec first[] = {at(0, texts[0]), at(0, texts[1])};
	const struct entrance_spec second[] = {at(0, texts[1]), at(0, texts[2])};

	ck_assert_int_eq(apply(first, 2), 0);
	ck_assert(listens(0) && listens(1) && !listens(2));
	ck_assert_int_eq(apply(second, 2), 0);
	script_run(NULL, 0, close_all);
	ck_assert(!listens(0) && !listens(1) && !listens(2));
}
END_TEST

static bool first_is_closed(void)
{
	return !listens(0);
}

START_TEST(the_old_address_is_refused_and_the_others_are_not)
{
	begin();
	const struct entrance_spec first[] = {at(0, texts[0]), at(0, texts[1])};
	const struct entrance_spec second[] = {at(0, texts[1]), at(0, texts[2])};
	const struct io_step steps[] = {{"first_is_closed", first_is_closed}};

	ck_assert_int_eq(apply(first, 2), 0);
	ck_assert_int_eq(apply(second, 2), 0);
	int one = dial(1), two = dial(2);
	ck_assert(one >= 0 && two >= 0);
	script_run(steps, 1, close_all);
	close(one);
	close(two);
}
END_TEST

START_TEST(a_connection_that_waits_goes_to_the_pool_that_its_address_moved_to)
{
	begin();
	const struct entrance_spec before[] = {at(0, texts[0]), at(1, texts[1])};
	const struct entrance_spec after[] = {at(7, texts[1]), at(6, texts[0])};

	ck_assert_int_eq(apply(before, 2), 0);
	int fd = dial(0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(apply(after, 2), 0);
	expect_client();
	ck_assert_int_eq(last_pool, 6);
	close(fd);
}
END_TEST

START_TEST(a_list_that_cannot_be_had_changes_nothing)
{
	begin();
	uint16_t taken;
	char taken_text[32], expected[96];
	int holder = script_listen(&taken);
	snprintf(taken_text, sizeof(taken_text), "127.0.0.1:%u", (unsigned)taken);
	const struct entrance_spec before[] = {at(0, texts[0]), at(1, texts[1])};
	const struct entrance_spec bad[] = {at(9, texts[0]), at(9, texts[2]), at(9, taken_text),
					    at(9, texts[3])};

	ck_assert_int_eq(apply(before, 2), 0);
	ck_assert_int_eq(apply(bad, 4), -1);
	snprintf(expected, sizeof(expected), "listen at %s: Address already in use", taken_text);
	ck_assert_str_eq(error.text, expected);
	ck_assert(!listens(3));
	int fd = dial(0);
	ck_assert_int_ge(fd, 0);
	expect_client();
	ck_assert_int_eq(last_pool, 0);
	close(fd);
	close(holder);
}
END_TEST

START_TEST(an_address_twice_is_refused)
{
	begin();
	const struct entrance_spec twice[] = {at(0, texts[0]), at(1, texts[0])};

	ck_assert_int_eq(apply(twice, 2), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "Address already in use"));
	script_run(NULL, 0, close_all);
}
END_TEST

START_TEST(an_address_that_is_none_is_named)
{
	begin();
	const struct entrance_spec bad[] = {at(0, texts[0]), at(0, "[::1")};

	ck_assert_int_eq(apply(bad, 2), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "[::1"));
	script_run(NULL, 0, close_all);
}
END_TEST

static bool is_held(void)
{
	static int n_turns;

	ck_assert_int_eq(n_accepted, 0);
	if (++n_turns < 20)
		return false;
	entrances_inherit(entrances, NULL);
	return true;
}

START_TEST(nothing_is_accepted_while_it_may_inherit)
{
	begin();
	struct inherited *inherited = inherited_new();
	uint16_t port;
	int shared = script_listen(&port);
	char text[32];
	snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)port);
	const struct entrance_spec specs[] = {at(0, texts[0]), at(2, text)};
	const struct io_step steps[] = {{"is_held", is_held}, {"one_came", one_came}};

	ck_assert_int_eq(inherited_add(inherited, dup(shared), INHERITED_OURS, &error), 0);
	entrances_inherit(entrances, inherited);
	ck_assert_int_eq(apply(specs, 2), 0);
	ck_assert_uint_eq(inherited_count(inherited), 0);
	ports[1] = port;
	int fd = dial(1);
	ck_assert_int_ge(fd, 0);
	script_run(steps, ARRAY_LEN(steps), close_all);
	ck_assert_int_eq(last_pool, 2);
	close(fd);
	close(shared);
	inherited_free(inherited);
}
END_TEST

START_TEST(nothing_is_a_list_too)
{
	begin();
	const struct entrance_spec one[] = {at(0, texts[0])};
	const struct io_step steps[] = {{"first_is_closed", first_is_closed}};

	ck_assert_int_eq(apply(NULL, 0), 0);
	ck_assert_int_eq(apply(one, 1), 0);
	ck_assert(listens(0));
	ck_assert_int_eq(apply(NULL, 0), 0);
	script_run(steps, 1, close_all);
	entrances_free(NULL);
}
END_TEST

Suite *entrances_suite(void)
{
	Suite *suite = suite_create("entrances");
	TCase *tcase = tcase_create("entrances");

	tcase_add_test(tcase, tells_the_pool_and_the_kind_of_each_client);
	tcase_add_test(tcase, opens_what_is_new_and_closes_what_is_gone);
	tcase_add_test(tcase, the_old_address_is_refused_and_the_others_are_not);
	tcase_add_test(tcase, a_connection_that_waits_goes_to_the_pool_that_its_address_moved_to);
	tcase_add_test(tcase, a_list_that_cannot_be_had_changes_nothing);
	tcase_add_test(tcase, an_address_twice_is_refused);
	tcase_add_test(tcase, an_address_that_is_none_is_named);
	tcase_add_test(tcase, nothing_is_accepted_while_it_may_inherit);
	tcase_add_test(tcase, nothing_is_a_list_too);
	suite_add_tcase(suite, tcase);
	return suite;
}
