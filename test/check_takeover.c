#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/takeover.h"
#include "control/takeover_wire.h"
#include "io_script.h"
#include "suites.h"

#define SOCKETS_MAX 200
#define WORDS_MAX   8

static struct loop *loop;
static struct takeover *takeover;
static struct inherited *sockets;
static struct error error;
static char path[64], temporary[80];
static _Atomic int peer;		       /* of the test's, or -1 */
static struct takeover_message got[WORDS_MAX]; /* what came there */
static size_t n_got, n_offered;
static int offered[SOCKETS_MAX];
static int n_taken, n_settled, n_failed;

static void on_asked(void *arg)
{
	ck_assert_ptr_eq(arg, &takeover);
	for (size_t i = 0; i < n_offered; i++)
		takeover_offer(takeover, offered[i],
			       i % 3 == 2 ? INHERITED_FOREIGN : INHERITED_OURS);
}

static void on_taken(void *arg)
{
	(void)arg;
	n_taken++;
}

static void on_settled(void *arg)
{
	(void)arg;
	n_settled++;
}

static void on_failed(void *arg)
{
	(void)arg;
	n_failed++;
}

static const struct takeover_events events = {on_asked, on_taken, on_settled, on_failed};

static void begin(size_t n)
{
	uint16_t port;

	n_taken = n_settled = n_failed = 0;
	n_got = 0;
	peer = -1;
	snprintf(path, sizeof(path), "/tmp/check_takeover_%ld.sock", (long)getpid());
	snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	unlink(path);
	loop = script_begin();
	for (n_offered = 0; n_offered < n; n_offered++)
		offered[n_offered] = script_listen(&port);
	takeover = takeover_open(loop, path, &events, &takeover, &error);
	ck_assert_msg(takeover != NULL, "%s", error.text);
	sockets = inherited_new();
}

static void close_all(void)
{
	takeover_close(takeover);
	takeover = NULL;
}

/* Run the steps; nothing is left behind but a file that is not the takeover's. */
static void run(const struct io_step *steps, size_t n)
{
	script_run(steps, n, close_all);
	if (peer >= 0)
		close(peer);
	for (size_t i = 0; i < n_got; i++)
		takeover_discard(&got[i]);
	for (size_t i = 0; i < n_offered; i++)
		close(offered[i]);
	inherited_free(sockets);
	ck_assert_int_ne(access(temporary, F_OK), 0);
}

static void say(const char *text)
{
	ck_assert_int_eq(takeover_send(peer, text, NULL, 0), 0);
}

/* The next message at the peer is there. */
static bool hears(void)
{
	enum takeover_read result = takeover_receive(peer, &got[n_got]);

	if (result == TAKEOVER_GONE)
		strcpy(got[n_got].text, "gone");
	else if (result != TAKEOVER_GOT)
		return false;
	n_got++;
	return true;
}

static bool peer_connects(void)
{
	peer = takeover_connect(path);
	return peer >= 0;
}

static bool greets(void)
{
	say(TAKEOVER_HELLO);
	return true;
}

static bool says_ready(void)
{
	ck_assert_int_eq(n_taken, 0);
	say("ready");
	return true;
}

static bool hangs_up(void)
{
	close(peer);
	peer = -1;
	return true;
}

/* ------------------------------------------------------------------ as the old process */

START_TEST(gives_its_sockets_in_order_and_then_lets_go)
{
	const struct io_step steps[] = {
		{"peer_connects", peer_connects},
		{"greets", greets},
		{"sockets", hears},
		{"end", hears},
		{"ready", says_ready},
		{"yours", hears},
	};

	begin(4);
	takeover_begin(takeover);
	run(steps, ARRAY_LEN(steps));
	ck_assert_str_eq(got[0].text, "sockets ooxo");
	ck_assert_str_eq(got[1].text, "end 4");
	ck_assert_str_eq(got[2].text, "yours");
	ck_assert_int_eq(n_taken, 1);
	ck_assert_int_eq(n_settled + n_failed, 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(nothing_is_a_gift_too)
{
	const struct io_step steps[] = {{"peer_connects", peer_connects},
					{"greets", greets},
					{"end", hears},
					{"ready", says_ready},
					{"yours", hears}};

	begin(0);
	takeover_begin(takeover);
	run(steps, ARRAY_LEN(steps));
	ck_assert_str_eq(got[0].text, "end 0");
	ck_assert_str_eq(got[1].text, "yours");
}
END_TEST

static bool is_idle_again(void)
{
	return !takeover_is_offered(takeover);
}

static bool is_offered(void)
{
	return takeover_is_offered(takeover);
}

START_TEST(a_peer_that_hangs_up_is_followed_by_another)
{
	const struct io_step steps[] = {
		{"peer_connects", peer_connects},
		{"greets", greets},
		{"is_offered", is_offered},
		{"hangs_up", hangs_up},
		{"is_idle_again", is_idle_again},
		{"peer_connects", peer_connects},
		{"greets", greets},
		{"sockets", hears},
		{"end", hears},
		{"ready", says_ready},
		{"yours", hears},
	};

	begin(1);
	takeover_begin(takeover);
	run(steps, ARRAY_LEN(steps));
	ck_assert_str_eq(got[2].text, "yours");
	ck_assert_int_eq(n_taken, 1);
}
END_TEST

static bool says_wrong(void)
{
	say("wrong");
	return true;
}

START_TEST(a_peer_that_says_something_else_gets_nothing)
{
	const struct io_step steps[] = {{"peer_connects", peer_connects},
					{"says_wrong", says_wrong},
					{"gone", hears}};

	begin(1);
	takeover_begin(takeover);
	run(steps, ARRAY_LEN(steps));
	ck_assert_str_eq(got[0].text, "gone");
	ck_assert_int_eq(n_taken, 0);
}
END_TEST

/* What is at the path while it is the takeover's, and that it is for its user alone. */
static bool is_private(void)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600;
}

START_TEST(the_file_is_private_and_goes_with_its_owner)
{
	const struct io_step steps[] = {{"is_private", is_private}};

	begin(0);
	ck_assert_int_ne(access(path, F_OK), 0);
	takeover_begin(takeover);
	run(steps, 1);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static bool file_is_replaced(void)
{
	close(takeover_listen(temporary, &error));
	ck_assert_int_eq(rename(temporary, path), 0);
	return true;
}

START_TEST(the_file_of_the_next_process_is_left)
{
	const struct io_step steps[] = {{"file_is_replaced", file_is_replaced}};

	begin(0);
	takeover_begin(takeover);
	run(steps, 1);
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
}
END_TEST

/* ------------------------------------------------------------------ as the next process */

/* What an old process says when it was greeted, and then, when it was told "ready". */
struct script {
	const char *words[WORDS_MAX];
	size_t n_fds[WORDS_MAX];
	const char *last;
};

static const struct script *old;
static int old_listening;
static bool old_heard_ready;

static void wait_for(struct takeover_message *message)
{
	enum takeover_read result;

	for (int i = 0; i < 5000; i++) {
		result = takeover_receive(peer, message);
		if (result != TAKEOVER_NOTHING)
			break;
		usleep(1000);
	}
	if (result != TAKEOVER_GOT)
		strcpy(message->text, "gone");
	message->n_fds = 0;
}

static void *play_old(void *arg)
{
	struct takeover_message message;

	(void)arg;
	while ((peer = accept(old_listening, NULL, NULL)) < 0)
		usleep(1000);
	wait_for(&message);
	if (strcmp(message.text, TAKEOVER_HELLO) != 0)
		return NULL;
	for (size_t i = 0; i < WORDS_MAX && old->words[i] != NULL; i++)
		takeover_send(peer, old->words[i], offered, old->n_fds[i]);
	if (old->last != NULL)
		wait_for(&message);
	old_heard_ready = old->last != NULL && strcmp(message.text, "ready") == 0;
	if (old_heard_ready)
		takeover_send(peer, old->last, NULL, 0);
	if (old->last == NULL || strcmp(old->last, "gone") == 0) {
		close(peer);
		peer = -1;
	}
	return NULL;
}

static pthread_t begin_beside(const struct script *script)
{
	pthread_t thread;

	begin(3);
	old = script;
	old_listening = takeover_listen(path, &error);
	ck_assert_msg(old_listening >= 0, "%s", error.text);
	ck_assert_int_eq(pthread_create(&thread, NULL, play_old, NULL), 0);
	return thread;
}

static void end_beside(pthread_t thread)
{
	pthread_join(thread, NULL);
	close(old_listening);
	unlink(path);
}

static bool is_settled(void)
{
	return n_settled + n_failed > 0;
}

static const struct io_step until_settled[] = {{"is_settled", is_settled}};

#define GIFT .words = {"sockets oxo", "end 3"}, .n_fds = {3, 0}

static const struct {
	struct script script;
	int n_settled, n_failed;
} ends[] = {
	{{GIFT, .last = "yours"}, 1, 0},
	{{GIFT, .last = "gone"}, 1, 0}, /* it ended: nobody else serves */
	{{GIFT, .last = "late"}, 0, 1},
	{{.words = {"end 0"}, .last = "yours"}, 1, 0},
	{{.words = {"sockets o", "sockets ox", "end 3"}, .n_fds = {1, 2, 0}, .last = "yours"},
	 1,
	 0},
};

START_TEST(takes_the_sockets_and_hears_the_end_of_it)
{
	pthread_t thread = begin_beside(&ends[_i].script);
	size_t n = strstr(ends[_i].script.words[0], "sockets") != NULL ? 3 : 0;

	ck_assert_msg(takeover_ask(takeover, sockets, &error) == 1, "%s", error.text);
	ck_assert_uint_eq(inherited_count(sockets), n);
	ck_assert(takeover_has_old(takeover));
	takeover_begin(takeover);
	ck_assert_int_eq(access(temporary, F_OK), 0); /* the path is the old one's still */
	run(until_settled, 1);
	end_beside(thread);
	ck_assert(old_heard_ready);
	ck_assert_int_eq(n_settled, ends[_i].n_settled);
	ck_assert_int_eq(n_failed, ends[_i].n_failed);
}
END_TEST

static const struct {
	struct script script;
	const char *text;
} refusals[] = {
	{{.words = {"busy"}}, "gives its sockets to another process just now"},
	{{.words = {"refused"}}, "refuses: it runs as another user"},
	{{.words = {"hello"}}, "does not say what slipring does"},
	{{.words = {"sockets oo"}, .n_fds = {1}}, "does not say what slipring does"},
	{{.words = {"sockets "}, .n_fds = {1}}, "does not say what slipring does"},
	{{.words = {"sockets o", "end 2"}, .n_fds = {1}}, "does not say what slipring does"},
	{{.words = {"sockets o", "end 1"}, .n_fds = {1, 1}}, "does not say what slipring does"},
	{{.words = {"yours"}}, "does not say what slipring does"},
	{{.words = {"sockets ooo"}, .n_fds = {3}}, "closed the connection"},
	{{.words = {NULL}}, "closed the connection"},
	{{.words = {"a message that is longer than any that slipring says, so that it is cut, and "
		    "what is cut is no message, however well it begins; this one does not"}},
	 "does not say what slipring does"},
};

START_TEST(says_why_it_cannot_take_over)
{
	pthread_t thread = begin_beside(&refusals[_i].script);

	ck_assert_int_eq(takeover_ask(takeover, sockets, &error), -1);
	ck_assert_msg(strstr(error.text, refusals[_i].text) != NULL, "%s", error.text);
	ck_assert_msg(strstr(error.text, path) != NULL, "%s", error.text);
	run(NULL, 0);
	end_beside(thread);
	ck_assert_int_eq(n_settled + n_failed, 0);
}
END_TEST

START_TEST(what_is_passed_has_to_listen)
{
	static const struct script script = {.words = {"sockets o"}, .n_fds = {1}};
	pthread_t thread = begin_beside(&script);
	int first = offered[0];

	offered[0] = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(takeover_ask(takeover, sockets, &error), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "no socket that listens"));
	close(first);
	run(NULL, 0);
	end_beside(thread);
}
END_TEST

START_TEST(nobody_is_there)
{
	begin(0);
	ck_assert_int_eq(takeover_ask(takeover, sockets, &error), 0);
	close(takeover_listen(path, &error)); /* a process that died leaves its file */
	ck_assert_int_eq(takeover_ask(takeover, sockets, &error), 0);
	takeover_begin(takeover);
	ck_assert(is_private());
	run(NULL, 0);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
	begin(0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(takeover_ask(takeover, sockets, &error), -1);
	ck_assert_ptr_nonnull(strstr(error.text, "is there and is no socket"));
	takeover_begin(takeover); /* even if it came between */
	run(NULL, 0);
	struct stat st;
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	unlink(path);
}
END_TEST

START_TEST(a_path_is_as_long_as_it_may_be)
{
	char longest[TAKEOVER_PATH_MAX + 2];

	begin(0);
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "/tmp/", 5);
	longest[TAKEOVER_PATH_MAX + 1] = '\0';
	ck_assert_ptr_null(takeover_open(loop, longest, &events, NULL, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "longer than"));
	longest[TAKEOVER_PATH_MAX] = '\0';
	struct takeover *other = takeover_open(loop, longest, &events, NULL, &error);
	ck_assert_msg(other != NULL, "%s", error.text);
	takeover_begin(other);
	ck_assert_int_eq(access(longest, F_OK), 0);
	takeover_close(other);
	ck_assert_int_ne(access(longest, F_OK), 0);
	run(NULL, 0);
}
END_TEST

Suite *takeover_suite(void)
{
	Suite *suite = suite_create("takeover");
	TCase *tcase = tcase_create("as the old process");

	tcase_add_test(tcase, gives_its_sockets_in_order_and_then_lets_go);
	tcase_add_test(tcase, nothing_is_a_gift_too);
	tcase_add_test(tcase, a_peer_that_hangs_up_is_followed_by_another);
	tcase_add_test(tcase, a_peer_that_says_something_else_gets_nothing);
	tcase_add_test(tcase, the_file_is_private_and_goes_with_its_owner);
	tcase_add_test(tcase, the_file_of_the_next_process_is_left);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("as the next process");
	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, takes_the_sockets_and_hears_the_end_of_it, 0, ARRAY_LEN(ends));
	tcase_add_loop_test(tcase, says_why_it_cannot_take_over, 0, ARRAY_LEN(refusals));
	tcase_add_test(tcase, what_is_passed_has_to_listen);
	tcase_add_test(tcase, nobody_is_there);
	tcase_add_test(tcase, a_file_that_is_no_socket_is_left_alone);
	tcase_add_test(tcase, a_path_is_as_long_as_it_may_be);
	suite_add_tcase(suite, tcase);
	return suite;
}
