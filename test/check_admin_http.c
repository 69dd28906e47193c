#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/admin_http.h"
#include "fleet.h"
#include "suites.h"

#define ANSWER_MAX 262144
#define SOON_MS	   20 /* time enough for the callers to be taken in */
#define WAIT_MS	   3000

static struct fleet fleet;
static struct view view;
static struct error error;
static struct loop *loop;
static struct timer *limit;
static char path[64];

static void on_limit(void *arg)
{
	(void)arg;
	ck_abort_msg("no answer");
}

static int asked; /* how often to reload */

static bool reload(void *arg, struct text *errors)
{
	if (++*(int *)arg > 1)
		text_puts(errors, "line 1: wrong\nline 2: wrong, too\n");
	return errors->len == 0;
}

static bool drain(void *arg, struct text *errors)
{
	(void)arg;
	text_puts(errors, "not now\n");
	return false;
}

static const struct admin_actions actions = {.reload = reload, .drain = drain};

static void setup(void)
{
	asked = 0;
	fleet_init(&fleet);
	view = fleet_view(&fleet);
	loop = loop_new(NULL);
	limit = timer_new(loop, on_limit, NULL);
	snprintf(path, sizeof(path), "/tmp/check_admin.%d", (int)getpid());
}

static void teardown(void)
{
	timer_free(limit);
	loop_run_out(loop);
	loop_free(loop);
	fleet_fini(&fleet);
}

static struct admin *try_open(void)
{
	struct address address = {.is_unix = true};

	strcpy(address.host, path);
	return admin_open(loop, &address, NULL, &view, &actions, &asked, &error);
}

static struct admin *open_admin(void)
{
	struct admin *admin = try_open();

	ck_assert_msg(admin != NULL, "%s", error.text);
	return admin;
}

static int connect_client(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path, path, sizeof(path));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

/* A client in the same loop: it reads until the server closes. */
struct client {
	int fd;
	struct fd_watch *watch;
	char answer[ANSWER_MAX];
	size_t len;
};

/* All that is there at once: after an error the descriptor is not watched any more. */
static void on_readable(void *arg)
{
	struct client *client = arg;
	ssize_t n;

	while ((n = recv(client->fd, client->answer + client->len,
			 sizeof(client->answer) - 1 - client->len, MSG_DONTWAIT)) > 0)
		client->len += (size_t)n;
	if (n < 0 && errno == EAGAIN)
		return;
	client->answer[client->len] = '\0';
	fd_watch_free(client->watch);
	loop_stop(loop);
}

/* What is answered to the bytes; the connection has to end after it. */
static const char *answer_to(const char *request)
{
	static struct client client;
	struct admin *admin = open_admin();

	client.len = 0;
	client.fd = connect_client();
	ck_assert_int_eq(send(client.fd, request, strlen(request), 0), (int)strlen(request));
	client.watch = fd_watch_new(loop, client.fd, on_readable, &client);
	timer_start(limit, WAIT_MS);
	loop_run(loop);
	timer_stop(limit);
	close(client.fd);
	admin_close(admin);
	return client.answer;
}

static const struct {
	const char *request, *status, *content;
} cases[] = {
	{"GET /healthz HTTP/1.0\r\n\r\n", "200", "\r\n\r\nok\n"},
	{"HEAD /healthz HTTP/1.0\r\n\r\n", "200", "Content-Length: 3"},
	{"GET /healthz?a=b HTTP/1.0\r\n\r\n", "200", "ok"},
	{"GET /readyz HTTP/1.0\r\n\r\n", "503", "pool pages: none of its 3 shards is up"},
	{"GET /metrics HTTP/1.0\r\n\r\n", "200", "Content-Type: text/plain; version=0.0.4"},
	{"GET /metrics HTTP/1.0\r\n\r\n", "200", "\nslipring_workers 3\n"},
	{"GET /v1/status HTTP/1.0\r\n\r\n", "200", "Content-Type: application/json"},
	{"GET /v1/status HTTP/1.0\r\n\r\n", "200", "\"name\": \"pages\""},
	{"GET / HTTP/1.0\r\n\r\n", "404", "not found"},
	{"GET /metrics/ HTTP/1.0\r\n\r\n", "404", ""},
	{"POST /v1/reload HTTP/1.0\r\n\r\n", "200", "\"done\": true, \"errors\": []"},
	{"GET /v1/reload HTTP/1.0\r\n\r\n", "405", "Allow: POST"},
	{"POST /v1/drain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "422", "[\"not now\"]"},
	{"POST /v1/nothing HTTP/1.0\r\n\r\n", "404", ""},
	{"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", "405",
	 "Allow: GET, HEAD"},
	{"DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "405", "Allow: GET, HEAD"},
};

START_TEST(answers)
{
	const char *answer = answer_to(cases[_i].request);

	ck_assert_msg(strncmp(answer + strlen("HTTP/1.1 "), cases[_i].status, 3) == 0, "%.80s",
		      answer);
	ck_assert_msg(strstr(answer, cases[_i].content) != NULL, "%.400s", answer);
}
END_TEST

START_TEST(is_ready_when_all_pools_are)
{
	fleet_set_state(&fleet, FLEET_A, ENDPOINT_UP);
	fleet_set_state(&fleet, FLEET_REDIS, ENDPOINT_UP);
	ck_assert_ptr_nonnull(strstr(answer_to("GET /readyz HTTP/1.0\r\n\r\n"), " 200 "));
}
END_TEST

START_TEST(a_request_too_long_is_refused)
{
	static char request[40000];

	memset(request, 'a', sizeof(request) - 1);
	memcpy(request, "GET /", 5);
	const char *answer = answer_to(request);
	ck_assert_msg(strstr(answer, "HTTP/1.1 4") == answer || answer[0] == '\0', "%.80s", answer);
}
END_TEST

START_TEST(an_address_in_use_is_named)
{
	struct admin *admin = open_admin();

	ck_assert_ptr_null(try_open());
	ck_assert_ptr_nonnull(strstr(error.text, path));
	ck_assert_ptr_nonnull(strstr(error.text, "in use"));
	admin_close(admin);
}
END_TEST

static void on_soon(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

START_TEST(closes_with_callers_connected)
{
	struct admin *admin = open_admin();
	int idle = connect_client(), halfway = connect_client();

	ck_assert_int_eq(send(halfway, "GET /met", 8, 0), 8);
	struct timer *soon = timer_new(loop, on_soon, NULL);
	timer_start(soon, SOON_MS);
	loop_run(loop);
	timer_free(soon);
	admin_close(admin);
	ck_assert_int_ne(access(path, F_OK), 0);
	close(idle);
	close(halfway);
}
END_TEST

START_TEST(nothing_to_close_is_fine)
{
	admin_close(NULL);
}
END_TEST

Suite *admin_http_suite(void)
{
	Suite *suite = suite_create("admin_http");
	TCase *tc = tcase_create("admin_http");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, answers, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, is_ready_when_all_pools_are);
	tcase_add_test(tc, a_request_too_long_is_refused);
	tcase_add_test(tc, an_address_in_use_is_named);
	tcase_add_test(tc, closes_with_callers_connected);
	tcase_add_test(tc, nothing_to_close_is_fine);
	suite_add_tcase(suite, tc);
	return suite;
}
