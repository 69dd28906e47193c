#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/admin_get.h"
#include "suites.h"

/* A server that gives one fixed answer to one request. */
struct server {
	int fd;
	const char *answer;
	char request[512];
	char path[64], address[80];
	pthread_t thread;
};

static struct server server;
static struct text body;
static struct error error;

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	ssize_t n = recv(fd, s->request, sizeof(s->request) - 1, 0);

	s->request[n > 0 ? n : 0] = '\0';
	n = send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
	ck_assert_int_eq((int)n, (int)strlen(s->answer));
	close(fd);
	return NULL;
}

static void setup(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(server.path, sizeof(server.path), "/tmp/check_admin_get.%d", (int)getpid());
	snprintf(server.address, sizeof(server.address), "unix:%s", server.path);
	memcpy(un.sun_path, server.path, sizeof(server.path));
	server.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server.fd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(server.fd, 1), 0);
}

static void teardown(void)
{
	text_free(&body);
	close(server.fd);
	unlink(server.path);
}

static int get_from(const char *answer)
{
	server.answer = answer;
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, &server), 0);
	int result = admin_get(server.address, "/v1/status", &body, &error);
	pthread_join(server.thread, NULL);
	return result;
}

START_TEST(gives_the_body)
{
	ck_assert_int_eq(get_from("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}\r\n\r\n"), 0);
	ck_assert_str_eq(body.p, "{}\r\n\r\n");
	ck_assert_int_eq(strncmp(server.request, "GET /v1/status HTTP/1.0\r\n", 25), 0);
}
END_TEST

static const char *const strange[] = {
	"",
	"HTTP/1.1 200 OK\r\n",
	"ERROR\r\n\r\n\r\n",
	"HTTP/1.1 404 Not Found\r\n\r\n",
	"HTTP/1.1 503 Service Unavailable\r\n\r\nno",
	"HTTP/9.9 200 OK\r\n\r\n",
	"-ERR unknown command 'GET'\r\n\r\n",
};

START_TEST(refuses_other_answers_and_names_the_address)
{
	ck_assert_int_eq(get_from(strange[_i]), -1);
	ck_assert_msg(strstr(error.text, server.address) != NULL, "%s", error.text);
	ck_assert_uint_eq(body.len, 0);
}
END_TEST

static const struct {
	const char *address, *why;
} nobody[] = {
	{"127.0.0.1:1", "refused"},
	{"unix:/nonexistent/socket", "No such file"},
	{"[::1", ""},
	{"127.0.0.1:99999", ""},
	{"", ""},
};

START_TEST(says_why_nobody_answers)
{
	ck_assert_int_eq(admin_get(nobody[_i].address, "/", &body, &error), -1);
	ck_assert_ptr_nonnull(strstr(error.text, nobody[_i].address));
	ck_assert_msg(strstr(error.text, nobody[_i].why) != NULL, "%s", error.text);
}
END_TEST

START_TEST(gives_up_on_a_server_that_says_nothing)
{
	/* It is connected, by the backlog, and never answered. */
	ck_assert_int_eq(admin_get(server.address, "/", &body, &error), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "timed out"));
}
END_TEST

Suite *admin_get_suite(void)
{
	Suite *suite = suite_create("admin_get");
	TCase *tc = tcase_create("admin_get");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, gives_the_body);
	tcase_add_loop_test(tc, refuses_other_answers_and_names_the_address, 0, ARRAY_LEN(strange));
	tcase_add_loop_test(tc, says_why_nobody_answers, 0, ARRAY_LEN(nobody));
	tcase_add_test(tc, gives_up_on_a_server_that_says_nothing);
	suite_add_tcase(suite, tc);
	return suite;
}
