#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/listener.h"
#include "io_script.h"
#include "suites.h"

#define CLIENTS 100 /* more than one wake-up takes */

static struct loop *loop;
static struct listener *listener;
static struct inherited *inherited;
static struct error error;
static int n_accepted, clients[CLIENTS];
static char path[64];
static uint16_t port;

static void on_accept(void *arg, int fd)
{
	ck_assert_ptr_eq(arg, &listener);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	n_accepted++;
}

static void begin(void)
{
	n_accepted = 0;
	listener = NULL;
	snprintf(path, sizeof(path), "/tmp/check_listener_%ld.sock", (long)getpid());
	unlink(path);
	loop = script_begin();
}

static void close_listener(void)
{
	listener_close(listener);
	listener = NULL;
}

static void listen_at(const char *host, uint16_t at_port)
{
	const struct listener_setup setup = {loop, host, at_port, inherited, on_accept, &listener};

	listener = listener_open(&setup, &error);
}

static int connect_tcp(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static struct sockaddr_un unix_address(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	strcpy(un.sun_path, path);
	return un;
}

static int connect_unix(void)
{
	struct sockaddr_un un = unix_address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static bool all_are_accepted(void)
{
	return n_accepted == CLIENTS;
}

static void connect_and_run(int (*connect_one)(void))
{
	const struct io_step steps[] = {{"all_are_accepted", all_are_accepted}};

	ck_assert_msg(listener != NULL, "%s", error.text);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = connect_one();
	script_run(steps, 1, close_listener);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
}

START_TEST(hands_over_every_tcp_connection)
{
	begin();
	port = script_free_port();
	listen_at("127.0.0.1", port);
	connect_and_run(connect_tcp);
}
END_TEST

START_TEST(listens_at_every_address_of_a_name)
{
	begin();
	port = script_free_port();
	listen_at("localhost", port);
	connect_and_run(connect_tcp);
}
END_TEST

START_TEST(hands_over_every_connection_to_a_path_and_removes_the_path)
{
	struct stat st;

	begin();
	listen_at(path, 0);
	connect_and_run(connect_unix);
	ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

/* A socket file, at which this process listens as long as the descriptor is open. */
static int make_socket_file(void)
{
	struct sockaddr_un un = unix_address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

START_TEST(a_path_that_a_dead_process_left_is_taken_over)
{
	begin();
	close(make_socket_file());
	listen_at(path, 0);
	connect_and_run(connect_unix);
}
END_TEST

/* Nothing listens; the error says where and why. */
static void expect_refusal(const char *text)
{
	ck_assert_ptr_null(listener);
	ck_assert_msg(strstr(error.text, text) != NULL, "%s", error.text);
	listener_close(NULL);
	script_run(NULL, 0, close_listener);
}

START_TEST(a_path_at_which_somebody_listens_is_left_alone)
{
	begin();
	int fd = make_socket_file();
	char text[128];

	listen_at(path, 0);
	snprintf(text, sizeof(text), "listen at unix:%s: Address already in use", path);
	expect_refusal(text);
	close(connect_unix());
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
	struct stat st;

	begin();
	close(open(path, O_CREAT | O_WRONLY, 0600));
	listen_at(path, 0);
	expect_refusal("Address already in use");
	ck_assert_int_eq(stat(path, &st), 0);
	unlink(path);
}
END_TEST

START_TEST(a_port_in_use_is_refused)
{
	begin();
	int fd = script_listen(&port);
	char text[128];

	listen_at("127.0.0.1", port);
	snprintf(text, sizeof(text), "listen at 127.0.0.1:%u: Address already in use",
		 (unsigned)port);
	expect_refusal(text);
	close(fd);
}
END_TEST

/* No resolver is asked for a name that none can have. */
#define LONG_LABEL "a-label-of-more-than-sixty-three-characters-is-no-name-of-anything"

static const struct {
	const char *host;
	uint16_t port;
	const char *text;
} nowhere[] = {
	{LONG_LABEL, 1, "listen at " LONG_LABEL ":1: "},
	{"192.0.2.1", 1, "listen at 192.0.2.1:1: "}, /* an address of nobody */
	{"/nonexistent/x.sock", 0, "listen at unix:/nonexistent/x.sock: No such file or directory"},
	{"/tmp/"
	 "a-path-that-is-longer-than-any-address-of-a-unix-socket-can-be-because-it-goes-on-and-"
	 "on-and-on-and-on.sock",
	 0, "File name too long"},
};

START_TEST(an_address_that_cannot_be_had_is_named)
{
	begin();
	listen_at(nowhere[_i].host, nowhere[_i].port);
	expect_refusal(nowhere[_i].text);
}
END_TEST

/* ------------------------------------------------------------------ sockets of others */

/* A listening socket of this process, bound as another would have it. */
static int bound(int family, const void *address, socklen_t len)
{
	int on = 1, fd = socket(family, SOCK_STREAM, 0);

	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, address, len), 0);
	ck_assert_int_eq(listen(fd, CLIENTS), 0);
	return fd;
}

static int bound_tcp(in_addr_t host)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

	in.sin_addr.s_addr = htonl(host);
	return bound(AF_INET, &in, sizeof(in));
}

static void inherit(int fd, enum inherited_owner owner)
{
	if (inherited == NULL)
		inherited = inherited_new();
	ck_assert_int_eq(inherited_add(inherited, fd, owner, &error), 0);
}

static void forget_inherited(void)
{
	inherited_free(inherited);
	inherited = NULL;
}

START_TEST(takes_the_connections_that_wait_in_an_inherited_socket)
{
	begin();
	port = script_free_port();
	inherit(bound_tcp(INADDR_LOOPBACK), _i == 0 ? INHERITED_OURS : INHERITED_FOREIGN);
	int waiting = connect_tcp();
	enum inherited_owner owner;

	listen_at("127.0.0.1", port);
	ck_assert_msg(listener != NULL, "%s", error.text);
	ck_assert_uint_eq(inherited_count(inherited), 0);
	ck_assert_int_ge(listener_descriptor(listener, 0, &owner), 0);
	ck_assert_int_eq(owner, _i == 0 ? INHERITED_OURS : INHERITED_FOREIGN);
	ck_assert_int_eq(listener_descriptor(listener, 1, &owner), -1);
	n_accepted = -1; /* the one that waits */
	connect_and_run(connect_tcp);
	close(waiting);
	forget_inherited();
}
END_TEST

START_TEST(a_socket_of_another_address_is_not_used)
{
	begin();
	uint16_t other = script_free_port();
	port = other;
	inherit(bound_tcp(INADDR_LOOPBACK), INHERITED_OURS);
	port = script_free_port();
	inherit(make_socket_file(), INHERITED_OURS);
	listen_at("127.0.0.1", port);
	connect_and_run(connect_tcp);
	ck_assert_uint_eq(inherited_count(inherited), 2);
	inherited_close_rest(inherited);
	ck_assert_int_ne(access(path, F_OK), 0);
	forget_inherited();
}
END_TEST

START_TEST(a_socket_passed_twice_is_one)
{
	begin();
	port = script_free_port();
	int fd = bound_tcp(INADDR_LOOPBACK);
	enum inherited_owner owner;

	inherit(fd, INHERITED_OURS);
	inherit(dup(fd), INHERITED_FOREIGN);
	listen_at("127.0.0.1", port);
	ck_assert_msg(listener != NULL, "%s", error.text);
	ck_assert_uint_eq(inherited_count(inherited), 0);
	listener_descriptor(listener, 0, &owner);
	ck_assert_int_eq(owner, INHERITED_FOREIGN);
	connect_and_run(connect_tcp);
	forget_inherited();
}
END_TEST

/* As systemd has it for ListenStream=PORT. */
START_TEST(a_socket_of_both_families_serves_every_address)
{
	begin();
	port = script_free_port();
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	enum inherited_owner owner;

	inherit(bound(AF_INET6, &in6, sizeof(in6)), INHERITED_FOREIGN);
	listen_at(_i == 0 ? "*" : "0.0.0.0", port);
	ck_assert_msg(listener != NULL, "%s", error.text);
	ck_assert_int_ge(listener_descriptor(listener, 0, &owner), 0);
	ck_assert_int_eq(listener_descriptor(listener, 1, &owner), -1);
	connect_and_run(connect_tcp);
	forget_inherited();
}
END_TEST

static const struct {
	enum inherited_owner owner;
	bool is_released, is_kept;
} files[] = {
	{INHERITED_OURS, false, true}, /* the process before may go on */
	{INHERITED_OURS, true, false}, /* it has let go */
	{INHERITED_FOREIGN, false, true},
	{INHERITED_FOREIGN, true, true},
};

START_TEST(an_inherited_file_is_removed_by_its_owner_alone)
{
	begin();
	inherit(make_socket_file(), files[_i].owner);
	listen_at(path, 0);
	ck_assert_msg(listener != NULL, "%s", error.text);
	if (files[_i].is_released)
		listener_share(listener, false);
	script_run(NULL, 0, close_listener);
	ck_assert_int_eq(access(path, F_OK), files[_i].is_kept ? 0 : -1);
	unlink(path);
	forget_inherited();
}
END_TEST

START_TEST(a_file_that_went_to_the_next_process_is_left)
{
	begin();
	listen_at(path, 0);
	listener_share(listener, true);
	script_run(NULL, 0, close_listener);
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
}
END_TEST

static int n_turns;

static bool turns_pass(void)
{
	ck_assert_int_eq(n_accepted, 0);
	return ++n_turns == 20;
}

static bool is_released(void)
{
	listener_hold(listener, false);
	return true;
}

START_TEST(connections_wait_while_it_is_held)
{
	const struct io_step steps[] = {{"turns_pass", turns_pass},
					{"is_released", is_released},
					{"all_are_accepted", all_are_accepted}};

	begin();
	port = script_free_port();
	listen_at("127.0.0.1", port);
	ck_assert_msg(listener != NULL, "%s", error.text);
	listener_hold(listener, true);
	n_turns = 0;
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = connect_tcp();
	script_run(steps, ARRAY_LEN(steps), close_listener);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
}
END_TEST

START_TEST(what_does_not_listen_for_streams_is_refused)
{
	begin();
	inherited = inherited_new();
	int pair[2];
	script_pair(true, pair);
	const int fds[] = {pair[0], open("/dev/null", O_RDONLY), socket(AF_INET, SOCK_DGRAM, 0),
			   socket(AF_INET, SOCK_STREAM, 0), 9999};

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		ck_assert_int_eq(inherited_add(inherited, fds[i], INHERITED_OURS, &error), -1);
		ck_assert_ptr_nonnull(strstr(error.text, "is no socket that listens for streams"));
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), -1);
	}
	ck_assert_uint_eq(inherited_count(inherited), 0);
	close(pair[1]);
	script_run(NULL, 0, close_listener);
	forget_inherited();
}
END_TEST

START_TEST(addresses_are_told_as_a_configuration_has_them)
{
	char text[INHERITED_TEXT_MAX], expected[INHERITED_TEXT_MAX];

	begin();
	port = script_free_port();
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = bound_tcp(INADDR_LOOPBACK);
	inherited_describe(fd, text);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", (unsigned)port);
	ck_assert_str_eq(text, expected);
	ck_assert(!inherited_is_dual(fd));
	close(fd);
	fd = bound(AF_INET6, &in6, sizeof(in6));
	inherited_describe(fd, text);
	snprintf(expected, sizeof(expected), "[::]:%u", (unsigned)port);
	ck_assert_str_eq(text, expected);
	ck_assert(inherited_is_dual(fd));
	close(fd);
	fd = make_socket_file();
	inherited_describe(fd, text);
	snprintf(expected, sizeof(expected), "unix:%s", path);
	ck_assert_str_eq(text, expected);
	close(fd);
	unlink(path);
	script_run(NULL, 0, close_listener);
}
END_TEST

Suite *listener_suite(void)
{
	Suite *suite = suite_create("listener");
	TCase *tcase = tcase_create("listener");

	tcase_add_test(tcase, hands_over_every_tcp_connection);
	tcase_add_test(tcase, listens_at_every_address_of_a_name);
	tcase_add_test(tcase, hands_over_every_connection_to_a_path_and_removes_the_path);
	tcase_add_test(tcase, a_path_that_a_dead_process_left_is_taken_over);
	tcase_add_test(tcase, a_path_at_which_somebody_listens_is_left_alone);
	tcase_add_test(tcase, a_file_that_is_no_socket_is_left_alone);
	tcase_add_test(tcase, a_port_in_use_is_refused);
	tcase_add_loop_test(tcase, an_address_that_cannot_be_had_is_named, 0, ARRAY_LEN(nowhere));
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("sockets of others");
	tcase_add_loop_test(tcase, takes_the_connections_that_wait_in_an_inherited_socket, 0, 2);
	tcase_add_test(tcase, a_socket_of_another_address_is_not_used);
	tcase_add_test(tcase, a_socket_passed_twice_is_one);
	tcase_add_loop_test(tcase, a_socket_of_both_families_serves_every_address, 0, 2);
	tcase_add_loop_test(tcase, an_inherited_file_is_removed_by_its_owner_alone, 0,
			    ARRAY_LEN(files));
	tcase_add_test(tcase, a_file_that_went_to_the_next_process_is_left);
	tcase_add_test(tcase, connections_wait_while_it_is_held);
	tcase_add_test(tcase, what_does_not_listen_for_streams_is_refused);
	tcase_add_test(tcase, addresses_are_told_as_a_configuration_has_them);
	suite_add_tcase(suite, tcase);
	return suite;
}
