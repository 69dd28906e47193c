#include "io/resolver.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "dns_script.h"
#include "io_script.h"
#include "suites.h"

/* Where a test waits for silence to end, it ends after 150 ms; else a busy machine has its time. */
#define SHORT_MS 50

#define AT_ONCE 100

static struct loop *loop;
static struct dns_script server;
static struct resolver *resolver;
static struct error error;

/* What was told of a question. */
static struct told {
	struct resolver_query *query;
	int n;
	enum resolver_status status;
	char why[256];
	struct text list; /* "10.0.0.1 10.0.0.2 ", "a.x:1 " */
	size_t n_ips, n_services;
	uint32_t ttl_s;
	bool lacks_v4, lacks_v6;
} told[AT_ONCE];
static int n_asked;
static uint32_t try_ms;

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	struct told *t = arg;

	ck_assert(t->query != NULL); /* not before the question returned */
	t->n++;
	t->status = answer->status;
	snprintf(t->why, sizeof(t->why), "%s", answer->why != NULL ? answer->why : "");
	text_reset(&t->list);
	text_puts(&t->list, "");
	for (size_t i = 0; i < answer->n_ips; i++)
		text_printf(&t->list, "%s ", answer->ips[i].text);
	for (size_t i = 0; i < answer->n_services; i++)
		text_printf(&t->list, "%s:%u ", answer->services[i].target,
			    (unsigned)answer->services[i].port);
	t->n_ips = answer->n_ips;
	t->n_services = answer->n_services;
	t->ttl_s = answer->ttl_s;
	t->lacks_v4 = answer->lacks_v4;
	t->lacks_v6 = answer->lacks_v6;
}

static void begin_with(char *const *servers, size_t n)
{
	const struct resolver_setup setup = {loop, servers, n, try_ms};

	resolver = resolver_new(&setup, &error);
	ck_assert_msg(resolver != NULL, "%s", error.text);
}

static void begin(void (*answer)(const struct dns_question *, struct dns_reply *))
{
	char *servers[] = {server.text};

	loop = script_begin();
	server = (struct dns_script){.answer = answer};
	dns_script_start(&server, loop);
	begin_with(servers, 1);
	n_asked = 0;
}

static struct told *next_told(void)
{
	ck_assert_int_lt(n_asked, ARRAY_LEN(told));
	text_free(&told[n_asked].list);
	told[n_asked] = (struct told){0};
	return &told[n_asked++];
}

static void ask(const char *host)
{
	struct told *t = next_told();

	t->query = resolver_addresses(resolver, host, on_answer, t);
	ck_assert_int_eq(t->n, 0);
}

static void ask_services(const char *name)
{
	struct told *t = next_told();

	t->query = resolver_services(resolver, name, on_answer, t);
	ck_assert_int_eq(t->n, 0);
}

static void close_all(void)
{
	resolver_free(resolver);
	resolver = NULL;
	dns_script_stop(&server);
}

static bool all_are_told(void)
{
	for (int i = 0; i < n_asked; i++)
		if (told[i].n == 0)
			return false;
	return true;
}

/* Until every question has its answer; each has one. */
static void run(void)
{
	const struct io_step steps[] = {{"all_are_told", all_are_told}};

	script_run(steps, 1, close_all);
	for (int i = 0; i < n_asked; i++)
		ck_assert_int_eq(told[i].n, 1);
}

static void set_up(void)
{
	try_ms = 0;
}

static void tear_down(void)
{
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		text_free(&told[i].list);
}

static void expect_list(int i, const char *list, uint32_t ttl_s)
{
	ck_assert_msg(told[i].status == RESOLVER_OK, "%s", told[i].why);
	ck_assert_str_eq(told[i].list.p, list);
	ck_assert_uint_eq(told[i].ttl_s, ttl_s);
	ck_assert_str_eq(told[i].why, "");
}

static void expect_none(int i, enum resolver_status status, const char *why)
{
	ck_assert_msg(told[i].status == status && strstr(told[i].why, why) != NULL, "%d: %s",
		      (int)told[i].status, told[i].why);
	ck_assert_uint_eq(told[i].n_ips + told[i].n_services, 0);
	ck_assert_uint_eq(told[i].ttl_s, 0);
}

/* ------------------------------------------------------------------ answers */

/* Two of each family; the second question gets them the other way round. */
static void rotate(const struct dns_question *question, struct dns_reply *reply)
{
	static const char *const ips[2][2] = {{"10.0.0.2", "9.0.0.1"}, {"fd00::2", "fd00::1"}};
	const char *const *v = ips[question->type == DNS_AAAA];
	bool other = strcmp(question->name, "b.x") == 0;

	dns_reply_ip(reply, NULL, 60, v[other]);
	dns_reply_ip(reply, NULL, 30, v[!other]);
	dns_reply_ip(reply, NULL, 60, v[other]);
}

START_TEST(ipv4_comes_first_and_rotation_is_no_change)
{
	begin(rotate);
	ask("a.x");
	ask("b.x");
	run();
	expect_list(0, "9.0.0.1 10.0.0.2 fd00::1 fd00::2 ", 30);
	expect_list(1, "9.0.0.1 10.0.0.2 fd00::1 fd00::2 ", 30);
}
END_TEST

/* a.x -> b.x -> c.x; the link in the middle is the shortest. */
static void chain(const struct dns_question *question, struct dns_reply *reply)
{
	dns_reply_cname(reply, NULL, 300, "b.x");
	dns_reply_cname(reply, "b.x", 7, "c.x");
	if (question->type == DNS_A)
		dns_reply_ip(reply, "c.x", 60, "10.0.0.1");
}

START_TEST(follows_aliases_and_their_time_to_live)
{
	begin(chain);
	ask("a.x");
	run();
	expect_list(0, "10.0.0.1 ", 7);
	ck_assert(!told[0].lacks_v6); /* it has no such address: that is no failure */
}
END_TEST

static void ttls(const struct dns_question *question, struct dns_reply *reply)
{
	uint32_t ttl = question->name[0] == 'z' ? 0 : UINT32_C(0x80000001);

	if (question->type == DNS_A)
		dns_reply_ip(reply, NULL, ttl, "10.0.0.1");
}

START_TEST(a_time_to_live_of_nothing_is_0)
{
	begin(ttls);
	ask("zero.x");
	ask("negative.x");
	run();
	expect_list(0, "10.0.0.1 ", 0);
	expect_list(1, "10.0.0.1 ", 0);
}
END_TEST

/* N addresses, over TCP alone. */
static void many(const struct dns_question *question, struct dns_reply *reply)
{
	int n = 0;

	if (!question->is_tcp) {
		dns_reply_cut(reply);
		return;
	}
	if (question->type == DNS_A)
		sscanf(question->name, "%d", &n);
	for (int i = n - 1; i >= 0; i--) {
		char ip[32];

		snprintf(ip, sizeof(ip), "10.1.%d.%d", i >> 8, i & 255);
		dns_reply_ip(reply, NULL, 60, ip);
	}
}

static const int sizes[] = {500, RESOLVER_MAX, RESOLVER_MAX + 1, 4000};

START_TEST(a_long_list_comes_over_tcp_and_is_bounded)
{
	int n = sizes[_i] < RESOLVER_MAX ? sizes[_i] : RESOLVER_MAX;
	char name[32], last[32];

	begin(many);
	snprintf(name, sizeof(name), "%d.x", sizes[_i]);
	ask(name);
	run();
	ck_assert_msg(told[0].status == RESOLVER_OK, "%s", told[0].why);
	ck_assert_int_eq((int)told[0].n_ips, n);
	snprintf(last, sizeof(last), " 10.1.%d.%d ", (n - 1) >> 8, (n - 1) & 255);
	ck_assert_str_eq(told[0].list.p + told[0].list.len - strlen(last), last);
	ck_assert_int_eq(server.n_tcp, 2);
}
END_TEST

/* ------------------------------------------------------------------ what is no answer */

static void no_name(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	dns_reply_code(reply, DNS_NXDOMAIN);
}

static void no_data(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	(void)reply;
}

static void servfail(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	dns_reply_code(reply, DNS_SERVFAIL);
}

static void refused(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	dns_reply_code(reply, DNS_REFUSED);
}

static void silence(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	reply->n_sent = 0;
}

/* It is right but for one thing. */
static void give_one(const struct dns_question *question, struct dns_reply *reply)
{
	if (question->type == DNS_SRV)
		dns_reply_srv(reply, 60, 0, "a.x", 1);
	else
		dns_reply_ip(reply, NULL, 60, question->type == DNS_A ? "10.0.0.1" : "fd00::1");
}

static void half(const struct dns_question *question, struct dns_reply *reply)
{
	give_one(question, reply);
	reply->len -= 2;
}

static void header_alone(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	reply->len = 12;
}

static void count_of_nothing(const struct dns_question *question, struct dns_reply *reply)
{
	give_one(question, reply);
	reply->p[6] = 0xff;
}

static void wrong_id(const struct dns_question *question, struct dns_reply *reply)
{
	give_one(question, reply);
	reply->p[1] ^= 1;
}

static void other_question(const struct dns_question *question, struct dns_reply *reply)
{
	give_one(question, reply);
	reply->p[13] ^= 1;
}

static void nothing_at_all(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	reply->len = 0;
	reply->n_sent = 3;
}

static void cut_over_tcp_too(const struct dns_question *question, struct dns_reply *reply)
{
	give_one(question, reply);
	reply->len = question->is_tcp ? 20 : reply->len;
	dns_reply_cut(reply);
}

static void circle(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	dns_reply_cname(reply, NULL, 60, "b.x");
	dns_reply_cname(reply, "b.x", 60, "a.x");
}

static void alias_of_itself(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	for (int i = 0; i < 20; i++)
		dns_reply_cname(reply, NULL, 60, "a.x");
}

static const struct {
	const char *what;
	void (*answer)(const struct dns_question *question, struct dns_reply *reply);
	enum resolver_status status;
	const char *why;
} nothings[] = {
	{"no name", no_name, RESOLVER_NO_NAME, "no such name"},
	{"no data", no_data, RESOLVER_NO_DATA, "no such record"},
	{"SERVFAIL", servfail, RESOLVER_FAILED, "none gives an answer"},
	{"REFUSED", refused, RESOLVER_FAILED, "none gives an answer"},
	{"silence", silence, RESOLVER_FAILED, "no answer in time"},
	{"half a record", half, RESOLVER_FAILED, "garbage"},
	{"no question", header_alone, RESOLVER_FAILED, ""},
	{"a wrong count", count_of_nothing, RESOLVER_FAILED, "garbage"},
	{"another id", wrong_id, RESOLVER_FAILED, "no answer in time"},
	{"another question", other_question, RESOLVER_FAILED, "no answer in time"},
	{"no bytes", nothing_at_all, RESOLVER_FAILED, ""},
	{"cut over TCP", cut_over_tcp_too, RESOLVER_FAILED, ""},
	{"a circle of aliases", circle, RESOLVER_NO_DATA, ""},
	{"aliases of itself", alias_of_itself, RESOLVER_NO_DATA, ""},
};

START_TEST(what_is_no_answer_is_told_as_what_it_is)
{
	try_ms = SHORT_MS;
	begin(nothings[_i].answer);
	ask("a.x");
	ask_services("_s._tcp.x");
	run();
	for (int i = 0; i < 2; i++) {
		ck_assert_msg(told[i].status == nothings[_i].status, "%s: %d: %d, %s",
			      nothings[_i].what, i, (int)told[i].status, told[i].why);
		expect_none(i, nothings[_i].status, nothings[_i].why);
	}
}
END_TEST

/* Replies of somebody who did not see the question come first. */
static void forged_first(const struct dns_question *question, struct dns_reply *reply)
{
	give_one(question, reply);
	reply->n_forged = 5;
}

START_TEST(forged_replies_do_not_keep_the_right_one_off)
{
	begin(forged_first);
	ask("a.x");
	run();
	expect_list(0, "10.0.0.1 fd00::1 ", 60);
	ck_assert_int_eq(server.n_udp, 2); /* and none was asked again */
}
END_TEST

/* ------------------------------------------------------------------ one family alone */

static void v4_alone(const struct dns_question *question, struct dns_reply *reply)
{
	if (question->type == DNS_A)
		give_one(question, reply);
	else
		dns_reply_code(reply, DNS_SERVFAIL);
}

static void v6_alone(const struct dns_question *question, struct dns_reply *reply)
{
	if (question->type == DNS_AAAA)
		give_one(question, reply);
	else
		dns_reply_code(reply, DNS_SERVFAIL);
}

START_TEST(a_family_that_failed_is_told_from_one_that_is_not_there)
{
	begin(v4_alone);
	ask("a.x");
	run();
	expect_list(0, "10.0.0.1 ", 60);
	ck_assert(told[0].lacks_v6 && !told[0].lacks_v4);
	begin(v6_alone);
	ask("a.x");
	run();
	expect_list(0, "fd00::1 ", 60);
	ck_assert(told[0].lacks_v4 && !told[0].lacks_v6);
}
END_TEST

START_TEST(what_was_known_of_a_family_that_failed_is_kept)
{
	struct ip now[2], known[2];
	struct resolver_answer answer = {.ips = now, .n_ips = 1};
	size_t n;

	ck_assert(ip_parse("10.0.0.2", &now[0]) && ip_parse("fd00::2", &now[1]));
	ck_assert(ip_parse("10.0.0.1", &known[0]) && ip_parse("fd00::1", &known[1]));
	for (int lacks = 0; lacks < 2; lacks++) {
		answer.lacks_v6 = lacks;
		struct ip *ips = resolver_merge(&answer, known, 2, &n);
		ck_assert_uint_eq(n, lacks ? 2 : 1);
		ck_assert_str_eq(ips[0].text, "10.0.0.2");
		ck_assert_str_eq(ips[n - 1].text, lacks ? "fd00::1" : "10.0.0.2");
		free(ips);
	}
	answer = (struct resolver_answer){.ips = now + 1, .n_ips = 1, .lacks_v4 = true};
	struct ip *ips = resolver_merge(&answer, known, 2, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(ips[0].text, "10.0.0.1");
	ck_assert_str_eq(ips[1].text, "fd00::2");
	free(ips);
}
END_TEST

static void gone_and_failed(const struct dns_question *question, struct dns_reply *reply)
{
	dns_reply_code(reply, question->type == DNS_A ? DNS_NXDOMAIN : DNS_SERVFAIL);
}

START_TEST(a_failure_beside_nothing_is_a_failure)
{
	begin(gone_and_failed);
	ask("a.x");
	run();
	expect_none(0, RESOLVER_FAILED, "none gives an answer");
}
END_TEST

/* ------------------------------------------------------------------ services */

static void services(const struct dns_question *question, struct dns_reply *reply)
{
	ck_assert_int_eq(question->type, DNS_SRV);
	dns_reply_srv(reply, 60, 1, "b.x", 11212);
	dns_reply_srv(reply, 20, 1, "b.x", 11211);
	dns_reply_srv(reply, 60, 0, "c.x", 1);
	dns_reply_srv(reply, 60, 1, "a.x", 2);
}

START_TEST(finds_services)
{
	begin(services);
	ask_services("_mc._tcp.x");
	run();
	expect_list(0, "c.x:1 a.x:2 b.x:11211 b.x:11212 ", 20);
}
END_TEST

static void many_services(const struct dns_question *question, struct dns_reply *reply)
{
	if (!question->is_tcp)
		dns_reply_cut(reply);
	for (uint16_t i = 1; question->is_tcp && i <= RESOLVER_MAX + 100; i++)
		dns_reply_srv(reply, 60, 0, "cache.x", i);
}

START_TEST(services_are_bounded)
{
	begin(many_services);
	ask_services("_mc._tcp.x");
	run();
	ck_assert_int_eq(told[0].status, RESOLVER_OK);
	ck_assert_uint_eq(told[0].n_services, RESOLVER_MAX);
}
END_TEST

static void bad_target(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	dns_reply_srv(reply, 60, 0, "a x", 1);
}

static void no_service(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	dns_reply_srv(reply, 60, 0, "", 0);
}

START_TEST(a_target_that_is_no_host_is_garbage_and_a_dot_is_none)
{
	begin(bad_target);
	ask_services("_mc._tcp.x");
	run();
	expect_none(0, RESOLVER_FAILED, "garbage");
	begin(no_service);
	ask_services("_mc._tcp.x");
	run();
	expect_none(0, RESOLVER_NO_DATA, "no such record");
}
END_TEST

/* ------------------------------------------------------------------ names that need no server */

/* A name of /etc/hosts with its address: not localhost, if there is another. */
static void find_host(char ip[64], char name[256])
{
	FILE *file = fopen("/etc/hosts", "re");
	char line[1024];

	strcpy(name, "localhost");
	strcpy(ip, "127.0.0.1");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char v[64], host[256];

		if (sscanf(line, "%63s %255s", v, host) == 2 && inet_addr(v) != INADDR_NONE &&
		    strcmp(host, "localhost") != 0) {
			strcpy(ip, v);
			strcpy(name, host);
		}
	}
	if (file != NULL)
		fclose(file);
}

START_TEST(addresses_and_names_of_the_file_ask_no_server)
{
	char ip[64], name[256];

	find_host(ip, name);
	begin(silence);
	ask("10.0.0.1");
	ask("fd00::1");
	ask(name);
	run();
	expect_list(0, "10.0.0.1 ", INT32_MAX);
	expect_list(1, "fd00::1 ", INT32_MAX);
	ck_assert_int_eq(told[2].status, RESOLVER_OK);
	ck_assert_ptr_nonnull(strstr(told[2].list.p, ip));
	ck_assert_uint_eq(told[2].ttl_s, 0);
	ck_assert_int_eq(server.n_udp, 0);
}
END_TEST

static const char *const no_names[] = {
	"a..x",
	"a-label-of-more-than-sixty-three-characters-is-no-name-of-anything.x",
};

START_TEST(what_is_no_name_fails)
{
	begin(give_one);
	ask(no_names[_i]);
	ask_services(no_names[_i]);
	run();
	ck_assert_int_ne(told[0].status, RESOLVER_OK);
	ck_assert_int_ne(told[1].status, RESOLVER_OK);
	ck_assert_int_eq(server.n_udp, 0);
}
END_TEST

/* ------------------------------------------------------------------ servers */

static struct dns_script second;

static void close_both(void)
{
	dns_script_stop(&second);
	close_all();
}

START_TEST(the_second_server_is_asked_where_the_first_is_silent_or_fails)
{
	const struct io_step steps[] = {{"all_are_told", all_are_told}};

	try_ms = SHORT_MS;
	begin(_i == 0 ? silence : servfail);
	second = (struct dns_script){.answer = give_one};
	dns_script_start(&second, loop);
	char *servers[] = {server.text, second.text};
	resolver_free(resolver);
	begin_with(servers, 2);
	ask("a.x");
	script_run(steps, 1, close_both);
	expect_list(0, "10.0.0.1 fd00::1 ", 60);
	ck_assert_int_gt(server.n_udp, 0);
}
END_TEST

START_TEST(a_server_that_is_away_is_a_failure)
{
	char text[32];
	char *servers[] = {text};

	try_ms = SHORT_MS;
	begin(give_one);
	snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)script_free_port());
	resolver_free(resolver);
	begin_with(servers, 1);
	ask("a.x");
	run();
	ck_assert_int_eq(told[0].status, RESOLVER_FAILED);
}
END_TEST

static const struct {
	const char *text;
	bool is_ok;
} servers[] = {
	{"10.0.0.1", true},
	{"10.0.0.1:53", true},
	{"::1", true},
	{"[::1]", true},
	{"[::1]:5353", true},
	{"10.0.0.1:65535", true},
	{"", false},
	{"ns.example", false},
	{"10.0.0.1:0", false},
	{"10.0.0.1:65536", false},
	{"10.0.0.1:", false},
	{"10.0.0.1:53x", false},
	{"[::1", false},
	{"[::1]x", false},
	{"[10.0.0.1]:53", false},
	{"[]", false},
	{"10.0.0.1,10.0.0.2", false},
};

START_TEST(a_server_is_an_ip_with_or_without_a_port)
{
	char text[64];
	char *list[] = {text};
	struct loop *own = loop_new(NULL);
	const struct resolver_setup setup = {own, list, 1, 0};

	strcpy(text, servers[_i].text);
	struct resolver *r = resolver_new(&setup, &error);
	ck_assert_msg((r != NULL) == servers[_i].is_ok, "%s", text);
	if (r == NULL)
		ck_assert_ptr_nonnull(strstr(error.text, "is no server of DNS; expected IP"));
	resolver_free(r);
	loop_run_out(own);
	loop_free(own);
}
END_TEST

START_TEST(the_system_has_servers_too)
{
	struct loop *own = loop_new(NULL);
	const struct resolver_setup setup = {own, NULL, 0, 0};
	struct resolver *r = resolver_new(&setup, &error);

	ck_assert_ptr_nonnull(r);
	resolver_free(r);
	loop_run_out(own);
	loop_free(own);
}
END_TEST

/* ------------------------------------------------------------------ life */

START_TEST(many_questions_at_once_have_their_answers)
{
	begin(give_one);
	for (size_t i = 0; i < ARRAY_LEN(told); i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%zu.x", i);
		ask(name);
	}
	run();
	for (int i = 0; i < n_asked; i++)
		ck_assert_msg(told[i].status == RESOLVER_OK, "%d: %s", i, told[i].why);
}
END_TEST

static bool asked_twice(void)
{
	return server.n_udp >= 2;
}

START_TEST(a_cancelled_question_is_not_answered)
{
	const struct io_step steps[] = {{"asked_twice", asked_twice}, {"told", all_are_told}};

	begin(give_one);
	ask("10.0.0.1"); /* it is due at the end of this turn */
	resolver_cancel(told[0].query);
	ask("a.x");
	resolver_cancel(told[1].query);
	told[0].n = told[1].n = 1;
	ask("b.x");
	script_run(steps, 2, close_all);
	ck_assert_int_eq(told[0].n, 1);
	ck_assert_int_eq(told[1].n, 1);
	ck_assert_int_eq(told[2].n, 1);
}
END_TEST

START_TEST(freeing_it_cancels_what_is_open_or_due)
{
	const struct io_step steps[] = {{"asked_twice", asked_twice}};

	begin(silence);
	ask("a.x");
	ask_services("_s._tcp.x");
	script_run(steps, 1, close_all);
	ck_assert_int_eq(told[0].n, 0);
	ck_assert_int_eq(told[1].n, 0);

	begin(silence);
	ask("10.0.0.1");
	script_run(NULL, 0, close_all);
	ck_assert_int_eq(told[0].n, 0);
}
END_TEST

static void free_it(void *arg, const struct resolver_answer *answer)
{
	on_answer(arg, answer);
	resolver_free(resolver);
	resolver = NULL;
}

START_TEST(it_may_be_freed_where_it_answers)
{
	begin(give_one);
	told[0].n = 0;
	struct told *t = next_told();
	t->query = resolver_addresses(resolver, "a.x", free_it, t);
	run();
	ck_assert_int_eq(told[0].status, RESOLVER_OK);
}
END_TEST

Suite *resolver_suite(void)
{
	Suite *suite = suite_create("resolver");
	TCase *tcase = tcase_create("resolver");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, ipv4_comes_first_and_rotation_is_no_change);
	tcase_add_test(tcase, follows_aliases_and_their_time_to_live);
	tcase_add_test(tcase, a_time_to_live_of_nothing_is_0);
	tcase_add_loop_test(tcase, a_long_list_comes_over_tcp_and_is_bounded, 0, ARRAY_LEN(sizes));
	tcase_add_loop_test(tcase, what_is_no_answer_is_told_as_what_it_is, 0, ARRAY_LEN(nothings));
	tcase_add_test(tcase, forged_replies_do_not_keep_the_right_one_off);
	tcase_add_test(tcase, a_family_that_failed_is_told_from_one_that_is_not_there);
	tcase_add_test(tcase, what_was_known_of_a_family_that_failed_is_kept);
	tcase_add_test(tcase, a_failure_beside_nothing_is_a_failure);
	tcase_add_test(tcase, finds_services);
	tcase_add_test(tcase, services_are_bounded);
	tcase_add_test(tcase, a_target_that_is_no_host_is_garbage_and_a_dot_is_none);
	tcase_add_test(tcase, addresses_and_names_of_the_file_ask_no_server);
	tcase_add_loop_test(tcase, what_is_no_name_fails, 0, ARRAY_LEN(no_names));
	tcase_add_loop_test(tcase, the_second_server_is_asked_where_the_first_is_silent_or_fails, 0,
			    2);
	tcase_add_test(tcase, a_server_that_is_away_is_a_failure);
	tcase_add_loop_test(tcase, a_server_is_an_ip_with_or_without_a_port, 0, ARRAY_LEN(servers));
	tcase_add_test(tcase, the_system_has_servers_too);
	tcase_add_test(tcase, many_questions_at_once_have_their_answers);
	tcase_add_test(tcase, a_cancelled_question_is_not_answered);
	tcase_add_test(tcase, freeing_it_cancels_what_is_open_or_due);
	tcase_add_test(tcase, it_may_be_freed_where_it_answers);
	suite_add_tcase(suite, tcase);
	return suite;
}
