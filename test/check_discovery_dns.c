#include <check.h>
#include <stdio.h>
#include <string.h>

#include "control/discovery.h"
#include "dns_script.h"
#include "io/resolver.h"
#include "io_script.h"
#include "suites.h"

static struct loop *loop;
static struct dns_script server;
static struct resolver *resolver;
static struct discovery *discovery;
static int n_found, n_polls, n_asked;
static struct text list; /* of the last one that was found: "10.0.0.1:1 10.0.0.2:1 " */
static size_t n_shards;

static void on_found(void *arg, const struct found *found)
{
	ck_assert_ptr_eq(arg, &n_found);
	ck_assert_uint_gt(found->n, 0);
	n_found++;
	n_shards = found->n;
	text_reset(&list);
	for (size_t i = 0; i < found->n; i++) {
		ck_assert_ptr_null(found->shards[i].name);
		ck_assert_uint_eq(found->shards[i].n_replicas + found->shards[i].n_slots, 0);
		text_printf(&list, "%s ", found->shards[i].primary);
	}
}

static void begin(struct discover_spec discover,
		  void (*answer)(const struct dns_question *, struct dns_reply *))
{
	char name[] = "p";
	struct pool_spec pool = {.name = name, .discover = discover};
	char *servers[] = {server.text};
	struct error error;

	loop = script_begin();
	server = (struct dns_script){.answer = answer};
	dns_script_start(&server, loop);
	resolver = resolver_new(&(struct resolver_setup){loop, servers, 1, 0}, &error);
	ck_assert_ptr_nonnull(resolver);
	n_found = n_polls = n_asked = 0;
	discovery = discovery_new(&(struct discovery_setup){.loop = loop,
							    .resolver = resolver,
							    .min_ttl_ms = 10,
							    .pool = &pool,
							    .on_found = on_found,
							    .arg = &n_found});
	ck_assert_int_eq(n_found, 0);
}

static void begin_dns(const char *name,
		      void (*answer)(const struct dns_question *, struct dns_reply *))
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", name);
	begin((struct discover_spec){.dns = copy}, answer);
}

static void begin_srv(void (*answer)(const struct dns_question *, struct dns_reply *))
{
	char name[] = "_mc._tcp.x";

	begin((struct discover_spec){.srv = name}, answer);
}

static void close_all(void)
{
	discovery_free(discovery);
	resolver_free(resolver);
	dns_script_stop(&server);
}

static void tear_down(void)
{
	text_free(&list);
}

#define RUN(...)                                                                                   \
	script_run((const struct io_step[]){__VA_ARGS__},                                          \
		   ARRAY_LEN(((const struct io_step[]){__VA_ARGS__})), close_all)

static bool is_found(void)
{
	return n_found == 1;
}

static bool is_found_again(void)
{
	return n_found == 2;
}

static bool is_asked_more(void)
{
	static int from;

	if (from == 0)
		from = n_asked;
	if (n_asked < from + 6)
		return false;
	from = 0;
	return true;
}

/* What the script says; changed by steps. */
static enum { GIVE, MOVE, NOTHING, NO_NAME, FAIL, LOSE_V6 } mode;

static bool move(void)
{
	mode = MOVE;
	return true;
}

static bool say_nothing(void)
{
	mode = NOTHING;
	return true;
}

static bool say_no_name(void)
{
	mode = NO_NAME;
	return true;
}

static bool go_wrong(void)
{
	mode = FAIL;
	return true;
}

static bool lose_v6(void)
{
	mode = LOSE_V6;
	return true;
}

static bool is_trouble(void)
{
	return discovery_trouble(discovery) != NULL;
}

static bool says(const char *text)
{
	return strstr(discovery_trouble(discovery), text) != NULL;
}

static bool is_kept(void)
{
	ck_assert_int_eq(n_found, 1);
	ck_assert_msg(says("a.x: "), "%s", discovery_trouble(discovery));
	return true;
}

static bool is_well(void)
{
	if (discovery_trouble(discovery) != NULL)
		return false;
	return n_found == 2;
}

/* ------------------------------------------------------------------ addresses */

static void addresses(const struct dns_question *question, struct dns_reply *reply)
{
	n_asked += question->type == DNS_A;
	if (mode == NO_NAME)
		dns_reply_code(reply, DNS_NXDOMAIN);
	else if (mode == FAIL || (mode == LOSE_V6 && question->type == DNS_AAAA))
		dns_reply_code(reply, DNS_SERVFAIL);
	else if (question->type == DNS_A && mode != NOTHING) {
		bool is_odd = n_asked % 2;

		dns_reply_ip(reply, NULL, 0, is_odd ? "10.0.0.1" : "10.0.0.10");
		dns_reply_ip(reply, NULL, 0, is_odd ? "10.0.0.10" : "10.0.0.1");
		if (mode != GIVE)
			dns_reply_ip(reply, NULL, 0, "10.0.0.2");
	} else if (mode != NOTHING) {
		dns_reply_ip(reply, NULL, 0, "fd00::1");
	}
}

START_TEST(each_address_is_a_shard_and_rotation_no_news)
{
	mode = GIVE;
	begin_dns("a.x:11211", addresses);
	RUN({"found", is_found}, {"more", is_asked_more});
	ck_assert_int_eq(n_found, 1);
	ck_assert_str_eq(list.p, "10.0.0.10:11211 10.0.0.1:11211 [fd00::1]:11211 ");
}
END_TEST

START_TEST(a_new_address_is_a_new_shard)
{
	mode = GIVE;
	begin_dns("a.x:1", addresses);
	RUN({"found", is_found}, {"move", move}, {"again", is_found_again});
	ck_assert_uint_eq(n_shards, 4);
	ck_assert_ptr_nonnull(strstr(list.p, "10.0.0.2:1 "));
}
END_TEST

START_TEST(what_is_no_list_leaves_the_shards_as_they_are)
{
	static const struct io_step wrong[] = {{"nothing", say_nothing},
					       {"no name", say_no_name},
					       {"wrong", go_wrong}};

	mode = GIVE;
	begin_dns("a.x:1", addresses);
	RUN({"found", is_found}, wrong[_i], {"trouble", is_trouble}, {"kept", is_kept},
	    {"move", move}, {"well", is_well});
}
END_TEST

START_TEST(a_family_that_fails_keeps_its_shards)
{
	mode = GIVE;
	begin_dns("a.x:1", addresses);
	RUN({"found", is_found}, {"lose", lose_v6}, {"again", is_found_again});
	ck_assert_ptr_nonnull(strstr(list.p, "10.0.0.2:1 "));
	ck_assert_ptr_nonnull(strstr(list.p, "[fd00::1]:1 "));
}
END_TEST

START_TEST(nothing_is_found_until_there_is_an_answer)
{
	mode = FAIL;
	begin_dns("a.x:1", addresses);
	RUN({"trouble", is_trouble}, {"move", move}, {"found", is_found});
	ck_assert_uint_eq(n_shards, 4);
}
END_TEST

START_TEST(an_ip_is_a_shard_without_dns)
{
	begin_dns("10.0.0.7:1", addresses);
	RUN({"found", is_found});
	ck_assert_str_eq(list.p, "10.0.0.7:1 ");
	ck_assert_int_eq(server.n_udp, 0);
}
END_TEST

static void many(const struct dns_question *question, struct dns_reply *reply)
{
	if (!question->is_tcp)
		dns_reply_cut(reply);
	for (int i = 0; i < 500 && question->is_tcp && question->type == DNS_A; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "10.0.%d.%d", i / 100, i % 100);
		dns_reply_ip(reply, NULL, 60, ip);
	}
}

START_TEST(five_hundred_addresses_are_as_many_shards)
{
	begin_dns("a.x:1", many);
	RUN({"found", is_found});
	ck_assert_uint_eq(n_shards, 500);
}
END_TEST

/* ------------------------------------------------------------------ services */

static void services(const struct dns_question *question, struct dns_reply *reply)
{
	ck_assert_str_eq(question->name, "_mc._tcp.x");
	n_asked++;
	if (mode == FAIL)
		dns_reply_code(reply, DNS_SERVFAIL);
	else if (mode == NOTHING)
		dns_reply_srv(reply, 0, 0, "", 0);
	else if (mode == NO_NAME)
		dns_reply_code(reply, DNS_NXDOMAIN);
	if (mode != GIVE && mode != MOVE)
		return;
	dns_reply_srv(reply, 0, 20, "spare.x", 1);
	dns_reply_srv(reply, 0, 10, n_asked % 2 ? "b.x" : "a.x", 11211);
	dns_reply_srv(reply, 0, 10, n_asked % 2 ? "a.x" : "b.x", 11211);
	dns_reply_srv(reply, 0, 10, "a.x", mode == MOVE ? 11213 : 11212);
}

START_TEST(each_service_of_the_lowest_priority_is_a_shard)
{
	mode = GIVE;
	begin_srv(services);
	RUN({"found", is_found}, {"more", is_asked_more});
	ck_assert_int_eq(n_found, 1);
	ck_assert_str_eq(list.p, "a.x:11211 a.x:11212 b.x:11211 ");
}
END_TEST

static bool is_srv_kept(void)
{
	ck_assert_int_eq(n_found, 1);
	ck_assert_msg(says("_mc._tcp.x: "), "%s", discovery_trouble(discovery));
	return true;
}

START_TEST(services_that_are_gone_or_fail_are_kept)
{
	static const struct io_step wrong[] = {{"nothing", say_nothing},
					       {"no name", say_no_name},
					       {"wrong", go_wrong}};

	mode = GIVE;
	begin_srv(services);
	RUN({"found", is_found}, wrong[_i], {"trouble", is_trouble}, {"kept", is_srv_kept},
	    {"move", move}, {"well", is_well});
	ck_assert_ptr_nonnull(strstr(list.p, "a.x:11213 "));
}
END_TEST

/* One service twice, with another weight each. */
static void weights(const struct dns_question *question, struct dns_reply *reply)
{
	static const uint8_t data[] = {0, 0, 0, 9, 0, 1, 1, 'a', 0};

	(void)question;
	dns_reply_srv(reply, 60, 0, "a", 1);
	dns_reply_record(reply, NULL, DNS_SRV, 60, data, sizeof(data));
}

START_TEST(a_service_with_two_weights_is_one_shard)
{
	begin_srv(weights);
	RUN({"found", is_found});
	ck_assert_str_eq(list.p, "a:1 ");
}
END_TEST

/* ------------------------------------------------------------------ refresh */

static void long_lived(const struct dns_question *question, struct dns_reply *reply)
{
	n_asked += question->type == DNS_A;
	if (question->type == DNS_A)
		dns_reply_ip(reply, NULL, 3600, mode == GIVE ? "10.0.0.1" : "10.0.0.2");
}

static bool refresh_much(void)
{
	for (int i = 0; i < 1000; i++)
		discovery_refresh(discovery);
	return true;
}

static bool a_while(void)
{
	return ++n_polls % 150 == 0; /* of a millisecond, or more */
}

START_TEST(a_refresh_asks_now_but_not_again_and_again)
{
	mode = GIVE;
	begin_dns("a.x:1", long_lived);
	RUN({"found", is_found}, {"while", a_while}, {"move", move}, {"refresh", refresh_much},
	    {"again", is_found_again}, {"while", a_while});
	/* Once; once for the refresh, and once more for those that came meanwhile. */
	ck_assert_int_ge(n_asked, 2);
	ck_assert_int_le(n_asked, 3);
}
END_TEST

START_TEST(every_is_how_often_where_it_is_given)
{
	char name[] = "a.x:1";

	mode = GIVE;
	begin((struct discover_spec){.dns = name, .every_ms = 20}, long_lived);
	RUN({"more", is_asked_more}, {"found", is_found}, {"move", move},
	    {"again", is_found_again});
}
END_TEST

static void silence(const struct dns_question *question, struct dns_reply *reply)
{
	(void)question;
	reply->n_sent = 0;
}

static bool is_under_way(void)
{
	return server.n_udp > 0;
}

START_TEST(it_may_be_freed_while_it_asks)
{
	begin_dns("a.x:1", silence);
	RUN({"under way", is_under_way});
	ck_assert_int_eq(n_found, 0);
}
END_TEST

Suite *discovery_dns_suite(void)
{
	Suite *suite = suite_create("discovery_dns");
	TCase *tcase = tcase_create("discovery_dns");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, each_address_is_a_shard_and_rotation_no_news);
	tcase_add_test(tcase, a_new_address_is_a_new_shard);
	tcase_add_loop_test(tcase, what_is_no_list_leaves_the_shards_as_they_are, 0, 3);
	tcase_add_test(tcase, a_family_that_fails_keeps_its_shards);
	tcase_add_test(tcase, nothing_is_found_until_there_is_an_answer);
	tcase_add_test(tcase, an_ip_is_a_shard_without_dns);
	tcase_add_test(tcase, five_hundred_addresses_are_as_many_shards);
	tcase_add_test(tcase, each_service_of_the_lowest_priority_is_a_shard);
	tcase_add_loop_test(tcase, services_that_are_gone_or_fail_are_kept, 0, 3);
	tcase_add_test(tcase, a_service_with_two_weights_is_one_shard);
	tcase_add_test(tcase, a_refresh_asks_now_but_not_again_and_again);
	tcase_add_test(tcase, every_is_how_often_where_it_is_given);
	tcase_add_test(tcase, it_may_be_freed_while_it_asks);
	suite_add_tcase(suite, tcase);
	return suite;
}
