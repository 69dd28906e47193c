#include "control/members.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "fake_node.h"
#include "made_topology.h"
#include "suites.h"

#define CFG   7000
#define OTHER 7100
#define GET   "config get cluster\r\n"
#define ONE   "CONFIG cluster 0 10\r\n1\nn||7001\n\r\nEND\r\n"
#define TWO   "CONFIG cluster 0 18\r\n2\nn||7001 n||7002\n\r\nEND\r\n"
#define THREE "CONFIG cluster 0 10\r\n3\nn||7002\n\r\nEND\r\n"
#define NEWER "CONFIG cluster 0 18\r\n9\nn||7001 n||7002\n\r\nEND\r\n"

#define HEAD   "pools:\n  p:\n    protocol: memcached\n    listen: l:1\n"
#define FINDS  HEAD "    discover: {elasticache: \"cfg:7000\"}\n"
#define FASTER FINDS "    timeouts: {connect: 77ms}\n"
#define MOVED  HEAD "    discover: {elasticache: \"cfg:7100\"}\n"
#define LISTS  HEAD "    shards: [a:1]\n"

static struct fake_fleet fleet;
static struct config *config;
static struct members *members;
static size_t n_changes;

static void on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &fleet);
	n_changes++;
}

/* As a reload does it. */
static void follow(const char *yaml)
{
	struct config *before = config;

	config = made_config(yaml);
	members_follow(members, config, NULL);
	config_free(before);
	fake_fleet_advance_ms(&fleet, 1);
}

static void begin(const char *yaml)
{
	fake_fleet_init(&fleet, PROTOCOL_MEMCACHED);
	config = NULL;
	n_changes = 0;
	members = members_new(fleet.loop, on_change, &fleet);
	fake_node_answer(CFG, GET, TWO);
	follow(yaml);
}

static void end(void)
{
	members_free(members);
	config_free(config);
	fake_fleet_end(&fleet);
}

static void expect(const char *text, size_t changes)
{
	const struct found *found = members_found(members, "p");
	char got[256] = "";

	for (size_t i = 0; found != NULL && i < found->n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
			 found->shards[i].primary);
	ck_assert_str_eq(got, text);
	ck_assert_uint_eq(n_changes, changes);
}

START_TEST(a_source_that_stays_goes_on)
{
	begin(FINDS);
	expect("n:7001 n:7002 ", 1);
	follow(FINDS "    hash_tag: \"{}\"\n");
	expect("n:7001 n:7002 ", 1);
	ck_assert_uint_eq(fake_node_asked(CFG, GET), 1);
	follow(LISTS);
	ck_assert_ptr_null(members_found(members, "p"));
	end();
}
END_TEST

/* The timeouts say how it is asked: neither what it said nor whom else to ask is forgotten. */
START_TEST(a_source_that_is_asked_in_another_way_is_the_same)
{
	begin(FINDS);
	/* That of the list as it is now, which nobody had to be told. */
	fake_node_answer(CFG, GET, NEWER);
	members_refresh(members, "p");
	fake_fleet_settle(&fleet);
	fake_node_answer(CFG, GET, THREE);
	fake_node_away(&fleet, 7001);
	fake_node_away(&fleet, 7002);
	follow(FASTER);
	expect("n:7001 n:7002 ", 1);
	ck_assert_ptr_nonnull(strstr(members_trouble(members, "p"), "which is older than 9"));
	follow(FINDS);
	ck_assert_ptr_nonnull(strstr(members_trouble(members, "p"), "which is older than 9"));
	fake_node_away(&fleet, CFG);
	fake_node_back(7002);
	fake_node_answer(7002, GET, "CONFIG cluster 0 11\r\n10\nn||7003\n\r\nEND\r\n");
	follow(FASTER);
	expect("n:7003 ", 2);
	end();
}
END_TEST

START_TEST(another_source_begins_anew)
{
	begin(FINDS);
	fake_node_answer(7001, GET, TWO);
	follow(MOVED);
	/* Its nodes are not those of the other cluster, and meanwhile there are no others. */
	expect("n:7001 n:7002 ", 1);
	ck_assert_uint_eq(fake_node_asked(7001, GET), 0);
	fake_node_answer(OTHER, GET, ONE);
	members_refresh(members, NULL);
	fake_fleet_settle(&fleet);
	expect("n:7001 ", 2);
	end();
}
END_TEST

Suite *members_suite(void)
{
	Suite *suite = suite_create("members");
	TCase *tcase = tcase_create("members");

	tcase_add_test(tcase, a_source_that_stays_goes_on);
	tcase_add_test(tcase, a_source_that_is_asked_in_another_way_is_the_same);
	tcase_add_test(tcase, another_source_begins_anew);
	suite_add_tcase(suite, tcase);
	return suite;
}
