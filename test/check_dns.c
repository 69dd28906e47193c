#include "control/dns.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "dns_script.h"
#include "io_script.h"
#include "suites.h"

#define MIN_MS 10

static struct loop *loop;
static struct dns_script server;
static struct resolver *resolver;
static struct dns *dns;
static struct dns_counters counters; /* at the end */
static int n_changes, n_polls;

static void on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &n_changes);
	n_changes++;
}

static struct resolver *make_resolver(struct dns_script *of, uint32_t try_ms)
{
	char *servers[] = {of->text};
	const struct resolver_setup setup = {loop, servers, 1, try_ms};
	struct error error;
	struct resolver *made = resolver_new(&setup, &error);

	ck_assert_msg(made != NULL, "%s", error.text);
	return made;
}

static void begin_with(void (*answer)(const struct dns_question *, struct dns_reply *),
		       uint32_t try_ms, uint32_t max_ms)
{
	loop = script_begin();
	server = (struct dns_script){.answer = answer};
	dns_script_start(&server, loop);
	resolver = make_resolver(&server, try_ms);
	n_changes = n_polls = 0;
	dns = dns_new(&(struct dns_setup){loop, resolver, MIN_MS, max_ms, on_change, &n_changes});
}

static void begin(void (*answer)(const struct dns_question *, struct dns_reply *))
{
	begin_with(answer, 0, 1000);
}

static void close_all(void)
{
	counters = *dns_counters(dns);
	dns_free(dns);
	resolver_free(resolver);
	dns_script_stop(&server);
}

static void want(const char *names)
{
	char *v[8], copy[256];
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *p = strtok(copy, " "); p != NULL; p = strtok(NULL, " "))
		v[n++] = p;
	dns_want(dns, v, n);
}

/* "10.0.0.1 10.0.0.2", or "" where there are none yet; until the next call. */
static const char *addresses(const char *name)
{
	static char out[256];
	size_t n;
	const struct ip *ips = dns_addresses(dns, name, &n);

	out[0] = '\0';
	ck_assert((ips == NULL) == (n == 0));
	for (size_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s%s", i > 0 ? " " : "",
			 ips[i].text);
	return out;
}

static void expect_trouble(const char *name, const char *text)
{
	const char *trouble = dns_trouble(dns, name);

	if (text == NULL)
		ck_assert_ptr_null(trouble);
	else
		ck_assert_msg(trouble != NULL && strstr(trouble, text) != NULL, "%s", trouble);
}

static bool is_told(void)
{
	return n_changes > 0;
}

static bool is_told_twice(void)
{
	return n_changes == 2;
}

static bool a_while(void)
{
	return ++n_polls % 150 == 0; /* of a millisecond, or more */
}

#define RUN(...)                                                                                   \
	script_run((const struct io_step[]){__VA_ARGS__},                                          \
		   ARRAY_LEN(((const struct io_step[]){__VA_ARGS__})), close_all)

/* ------------------------------------------------------------------ answers */

static int n_asked_v4; /* of one test */
static uint32_t ttl_s;
static const char *ip; /* what names have; NULL: SERVFAIL */

static void give(const struct dns_question *question, struct dns_reply *reply)
{
	n_asked_v4 += question->type == DNS_A;
	if (ip == NULL)
		dns_reply_code(reply, DNS_SERVFAIL);
	else if (question->type == DNS_A)
		dns_reply_ip(reply, NULL, ttl_s, ip);
}

static void set_up(void)
{
	n_asked_v4 = 0;
	ttl_s = 0;
	ip = "10.0.0.1";
}

static bool has_first(void)
{
	ck_assert_str_eq(addresses("a.x"), n_changes > 0 ? "10.0.0.1" : addresses("a.x"));
	return n_changes == 1;
}

static bool move(void)
{
	ip = "10.0.0.2";
	return true;
}

static bool has_second(void)
{
	if (n_changes < 2)
		return false;
	ck_assert_str_eq(addresses("a.x"), "10.0.0.2");
	expect_trouble("a.x", NULL);
	return true;
}

START_TEST(follows_a_name_whose_address_changes)
{
	begin(give);
	want("a.x");
	ck_assert_str_eq(addresses("a.x"), "");
	expect_trouble("a.x", NULL);
	RUN({"first", has_first}, {"move", move}, {"second", has_second}, {"while", a_while});
	ck_assert_int_eq(n_changes, 2);
	ck_assert_int_gt(n_asked_v4, 2);
}
END_TEST

static int n_rotations;

static void rotate(const struct dns_question *question, struct dns_reply *reply)
{
	if (question->type != DNS_A)
		return;
	dns_reply_ip(reply, NULL, 0, n_rotations % 2 ? "10.0.0.1" : "10.0.0.2");
	dns_reply_ip(reply, NULL, 0, n_rotations++ % 2 ? "10.0.0.2" : "10.0.0.1");
}

static bool rotated(void)
{
	return n_rotations > 6;
}

START_TEST(rotation_is_no_change)
{
	begin(rotate);
	want("a.x");
	RUN({"rotated", rotated}, {"told", is_told}, {"while", a_while});
	ck_assert_int_eq(n_changes, 1);
}
END_TEST

static bool has_all_ips(void)
{
	size_t n;

	ck_assert_ptr_nonnull(dns_addresses(dns, "10.0.0.1", &n));
	ck_assert_ptr_nonnull(dns_addresses(dns, "fd00::1", &n));
	ck_assert_uint_eq(n, 1);
	return n_changes == 1;
}

START_TEST(an_ip_is_known_and_what_comes_together_is_told_as_one)
{
	begin(give);
	want("10.0.0.1 10.0.0.2 fd00::1 10.0.0.1");
	ck_assert_int_eq(n_changes, 0);
	dns_refresh(dns, "10.0.0.1");
	dns_refresh(dns, NULL);
	RUN({"has_all_ips", has_all_ips}, {"while", a_while});
	ck_assert_int_eq(n_changes, 1);
	ck_assert_int_eq(server.n_udp, 0);
}
END_TEST

/* ------------------------------------------------------------------ failures */

static bool go_wrong(void)
{
	ip = NULL;
	return true;
}

static bool has_failed(void)
{
	return dns_trouble(dns, "a.x") != NULL;
}

static bool is_kept(void)
{
	ck_assert_str_eq(addresses("a.x"), "10.0.0.1");
	expect_trouble("a.x", "none gives an answer: its last addresses are kept");
	ck_assert_uint_gt(dns_counters(dns)->failures, 0);
	return true;
}

static bool heal(void)
{
	ip = "10.0.0.1";
	return true;
}

static bool is_well(void)
{
	return dns_trouble(dns, "a.x") == NULL;
}

START_TEST(a_failure_keeps_the_last_good_addresses)
{
	begin(give);
	want("a.x");
	RUN({"told", is_told}, {"wrong", go_wrong}, {"failed", has_failed}, {"kept", is_kept},
	    {"heal", heal}, {"well", is_well});
	ck_assert_int_eq(n_changes, 1);
}
END_TEST

static bool has_none_and_says_why(void)
{
	if (dns_trouble(dns, "a.x") == NULL)
		return false;
	ck_assert_str_eq(addresses("a.x"), "");
	expect_trouble("a.x", "it has no address yet");
	return true;
}

static bool is_not_told_yet(void)
{
	ck_assert_int_eq(n_changes, 0);
	return true;
}

START_TEST(a_name_without_an_answer_has_a_reason_and_is_asked_for_again)
{
	ip = NULL;
	begin(give);
	want("a.x");
	RUN({"none", has_none_and_says_why}, {"not told", is_not_told_yet}, {"heal", heal},
	    {"told", is_told}, {"well", is_well});
}
END_TEST

static void flap(const struct dns_question *question, struct dns_reply *reply)
{
	static int n;

	if (question->type == DNS_A)
		n_asked_v4 = ++n;
	if (n % 2 == 0 && question->type == DNS_A)
		dns_reply_code(reply, DNS_NXDOMAIN);
	else if (n % 2 == 0)
		dns_reply_code(reply, DNS_NXDOMAIN);
	else if (question->type == DNS_A)
		dns_reply_ip(reply, NULL, 0, "10.0.0.1");
}

static bool flapped(void)
{
	if (n_changes > 0)
		ck_assert_str_eq(addresses("a.x"), "10.0.0.1");
	if (dns_trouble(dns, "a.x") != NULL)
		expect_trouble("a.x", "no such name: its last addresses are kept");
	return dns_counters(dns)->failures >= 3;
}

START_TEST(a_name_that_comes_and_goes_stays)
{
	begin(flap);
	want("a.x");
	RUN({"flapped", flapped});
	ck_assert_int_eq(n_changes, 1);
}
END_TEST

/* IPv6 fails from the second answer on, where IPv4 has another address. */
static void lose_v6(const struct dns_question *question, struct dns_reply *reply)
{
	bool is_second = strcmp(ip, "10.0.0.2") == 0;

	if (question->type == DNS_A)
		dns_reply_ip(reply, NULL, 0, ip);
	else if (is_second)
		dns_reply_code(reply, DNS_SERVFAIL);
	else
		dns_reply_ip(reply, NULL, 0, "fd00::1");
}

static bool has_both(void)
{
	return strcmp(addresses("a.x"), "10.0.0.1 fd00::1") == 0;
}

static bool has_new_and_kept(void)
{
	return strcmp(addresses("a.x"), "10.0.0.2 fd00::1") == 0;
}

START_TEST(the_addresses_of_a_family_that_fails_are_kept)
{
	begin(lose_v6);
	want("a.x");
	RUN({"both", has_both}, {"told", is_told}, {"move", move}, {"kept", has_new_and_kept},
	    {"told twice", is_told_twice}, {"while", a_while});
	ck_assert_int_eq(n_changes, 2);
}
END_TEST

START_TEST(what_fails_at_once_is_not_asked_for_all_the_time)
{
	ip = NULL;
	begin(give);
	want("a.x");
	RUN({"while", a_while}, {"while", a_while});
	/* Two tries each; the back-off begins with 250 ms. */
	ck_assert_int_ge(n_asked_v4, 2);
	ck_assert_int_le(n_asked_v4, 2 * 6);
}
END_TEST

/* ------------------------------------------------------------------ refresh */

static bool refresh_much(void)
{
	for (int i = 0; i < 1000; i++)
		dns_refresh(dns, i % 2 ? "a.x" : NULL);
	dns_refresh(dns, "nobody.x");
	return true;
}

START_TEST(a_refresh_asks_now_but_not_again_and_again)
{
	ttl_s = 3600;
	begin_with(give, 0, 3600 * 1000);
	want("a.x");
	refresh_much(); /* it is being asked for */
	RUN({"told", is_told}, {"move", move}, {"refresh", refresh_much}, {"second", has_second},
	    {"while", a_while}, {"refresh", refresh_much}, {"while", a_while}, {"while", a_while});
	/* Once; once more for the first refresh, once or twice for the second, once for the last. */
	ck_assert_int_ge(n_asked_v4, 3);
	ck_assert_int_le(n_asked_v4, 5);
	ck_assert_uint_eq(counters.failures, 0);
}
END_TEST

/* ------------------------------------------------------------------ the wanted set */

static bool want_others(void)
{
	want("b.x c.x");
	ck_assert_str_eq(addresses("a.x"), "");
	ck_assert_str_eq(addresses("b.x"), "10.0.0.1");
	return true;
}

static bool want_it_again(void)
{
	want("a.x b.x");
	ck_assert_str_eq(addresses("a.x"), "");
	ck_assert_str_eq(addresses("b.x"), "10.0.0.1");
	return true;
}

static bool has_a_again(void)
{
	return strcmp(addresses("a.x"), "10.0.0.1") == 0;
}

static bool has_a_and_b(void)
{
	size_t n;

	return dns_addresses(dns, "a.x", &n) != NULL && dns_addresses(dns, "b.x", &n) != NULL;
}

START_TEST(what_is_wanted_no_more_is_forgotten_and_the_rest_kept)
{
	ttl_s = 3600;
	begin_with(give, 0, 3600 * 1000);
	want("a.x b.x");
	RUN({"both", has_a_and_b}, {"others", want_others}, {"again", want_it_again},
	    {"a again", has_a_again});
	/* a twice, b once; c was dropped before or after it was sent. */
	ck_assert_int_ge(n_asked_v4, 3);
	ck_assert_int_le(n_asked_v4, 4);
}
END_TEST

#define MANY 3000

static char *many[MANY];

static void make_many(void)
{
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.x", i);
		many[i] = alloc_string(name);
	}
}

static void free_many(void)
{
	for (int i = 0; i < MANY; i++)
		free(many[i]);
}

/* By name and family: 1: asked, 2: answered. Who was asked once is silent. */
static uint8_t seen[MANY][2];
static int n_under_way, most_under_way;

static void answer_the_second_time(const struct dns_question *question, struct dns_reply *reply)
{
	int i = -1, family = question->type == DNS_AAAA;

	ck_assert_int_eq(sscanf(question->name, "n%d.x", &i), 1);
	ck_assert(i >= 0 && i < MANY);
	if (seen[i][0] == 0 && seen[i][1] == 0 && ++n_under_way > most_under_way)
		most_under_way = n_under_way;
	if (seen[i][family] == 0) {
		seen[i][family] = 1;
		reply->n_sent = 0;
		return;
	}
	seen[i][family] = 2;
	if (seen[i][!family] == 2)
		n_under_way--;
	if (family == 0)
		dns_reply_ip(reply, NULL, 3600, "10.0.0.1");
}

static bool all_have_addresses(void)
{
	size_t n;

	for (int i = 0; i < MANY / 10; i++)
		if (dns_addresses(dns, many[i], &n) == NULL)
			return false;
	return true;
}

START_TEST(few_are_under_way_at_once)
{
	make_many();
	memset(seen, 0, sizeof(seen));
	n_under_way = most_under_way = 0;
	begin_with(answer_the_second_time, 50, 3600 * 1000);
	dns_want(dns, many, MANY / 10);
	RUN({"all", all_have_addresses});
	ck_assert_int_le(most_under_way, DNS_UNDER_WAY_MAX);
	ck_assert_int_ge(most_under_way, DNS_UNDER_WAY_MAX / 2);
	free_many();
}
END_TEST

static bool thousands_have_addresses(void)
{
	size_t n;

	for (int i = MANY; i > 0; i--)
		if (dns_addresses(dns, many[i - 1], &n) == NULL)
			return false;
	return true;
}

START_TEST(thousands_of_names_are_fine)
{
	make_many();
	ttl_s = 3600;
	begin_with(give, 0, 3600 * 1000);
	dns_want(dns, many, MANY);
	RUN({"thousands", thousands_have_addresses});
	ck_assert_uint_eq(counters.queries, MANY);
	ck_assert_uint_eq(counters.changes, MANY);
	ck_assert_int_lt(n_changes, MANY);
	free_many();
}
END_TEST

/* ------------------------------------------------------------------ life */

static struct dns_script second;
static struct resolver *other;

static void silence(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	reply->n_sent = 0;
}

static bool is_asked(void)
{
	return server.n_udp > 0;
}

static bool use_another(void)
{
	second = (struct dns_script){.answer = give};
	dns_script_start(&second, loop);
	other = make_resolver(&second, 0);
	dns_use(dns, other, MIN_MS, 1000);
	return true;
}

static void close_second(void)
{
	close_all();
	resolver_free(other);
	dns_script_stop(&second);
}

START_TEST(another_resolver_is_asked_at_once)
{
	const struct io_step steps[] = {{"asked", is_asked},
					{"other", use_another},
					{"told", is_told}};

	begin(silence);
	want("a.x");
	script_run(steps, ARRAY_LEN(steps), close_second);
	ck_assert_int_gt(second.n_udp, 0);
}
END_TEST

START_TEST(it_may_be_freed_at_any_time)
{
	begin(silence);
	want("a.x b.x 10.0.0.1");
	RUN({"asked", is_asked});
	begin(silence);
	want("a.x b.x 10.0.0.1");
	script_run(NULL, 0, close_all);
	ck_assert_int_eq(n_changes, 0);
	dns_free(NULL);
}
END_TEST

Suite *dns_suite(void)
{
	Suite *suite = suite_create("dns");
	TCase *tcase = tcase_create("dns");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, follows_a_name_whose_address_changes);
	tcase_add_test(tcase, rotation_is_no_change);
	tcase_add_test(tcase, an_ip_is_known_and_what_comes_together_is_told_as_one);
	tcase_add_test(tcase, a_failure_keeps_the_last_good_addresses);
	tcase_add_test(tcase, a_name_without_an_answer_has_a_reason_and_is_asked_for_again);
	tcase_add_test(tcase, a_name_that_comes_and_goes_stays);
	tcase_add_test(tcase, the_addresses_of_a_family_that_fails_are_kept);
	tcase_add_test(tcase, what_fails_at_once_is_not_asked_for_all_the_time);
	tcase_add_test(tcase, a_refresh_asks_now_but_not_again_and_again);
	tcase_add_test(tcase, what_is_wanted_no_more_is_forgotten_and_the_rest_kept);
	tcase_add_test(tcase, few_are_under_way_at_once);
	tcase_add_test(tcase, thousands_of_names_are_fine);
	tcase_add_test(tcase, another_resolver_is_asked_at_once);
	tcase_add_test(tcase, it_may_be_freed_at_any_time);
	suite_add_tcase(suite, tcase);
	return suite;
}
