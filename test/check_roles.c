#include "control/roles.h"

#include <check.h>
#include <string.h>

#include "fake_node.h"
#include "made_topology.h"
#include "suites.h"

#define A	 7000
#define B	 7001
#define C	 7002
#define EVERY_MS 100

#define ROLE   "*1\r\n$4\r\nROLE\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:77\r\n*0\r\n"
#define SLAVE  "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:7000\r\n$9\r\nconnected\r\n:76\r\n"

/* Probed every 100 ms, down after three failures. */
#define HEAD                                                                                       \
	"pools:\n  p:\n    protocol: redis\n    listen: l:1\n"                                     \
	"    health: {every: 100ms, timeout: 50ms, fall: 3, rise: 2}\n"
#define SHARD(nodes) HEAD "    shards: [{name: s, " nodes "}]\n"
#define CONFIGURED   SHARD("primary: a:7000, replicas: [b:7001, c:7002]")
#define TAKEN	     SHARD("primary: b:7001, replicas: [a:7000, c:7002]")

static struct fake_fleet fleet;
static struct topology *topology;
static struct health *health;
static struct roles *roles;

static void on_change(void *arg, const struct endpoint *endpoint)
{
	(void)arg;
	(void)endpoint;
}

/* Of nodes that say this of themselves, or nothing (NULL: they are away). */
static void say(uint16_t port, const char *answer)
{
	if (answer == NULL) {
		fake_node_away(&fleet, port);
		return;
	}
	fake_node_back(port);
	fake_node_answer(port, ROLE, answer);
}

static void probe(uint64_t times)
{
	fake_fleet_advance_ms(&fleet, times * (EVERY_MS + EVERY_MS / 8 + 5));
}

static void follow(const char *yaml)
{
	struct topology *before = topology;

	topology = made_topology(yaml);
	health_watch(health, topology);
	if (before != NULL)
		topology_unref(before);
}

static void begin_unprobed(const char *yaml, const char *a, const char *b, const char *c)
{
	fake_fleet_init(&fleet, PROTOCOL_REDIS);
	for (uint16_t port = A; port <= C; port++)
		fake_node_answer(port, "*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
	say(A, a);
	say(B, b);
	say(C, c);
	health = health_new(&(struct health_setup){fleet.loop, 1, on_change, NULL});
	roles = roles_new();
	topology = NULL;
	follow(yaml);
}

static void begin(const char *yaml, const char *a, const char *b, const char *c)
{
	begin_unprobed(yaml, a, b, c);
	probe(2);
}

static void end(void)
{
	roles_free(roles);
	health_free(health);
	fake_fleet_end(&fleet);
	topology_unref(topology);
}

static const char *primary(void)
{
	const char *text = roles_primary(roles, "p", "s");

	return text != NULL ? text : "as configured";
}

/* What the nodes say now leads to this. */
static void expect(bool is_changed, const char *text)
{
	ck_assert_int_eq(roles_judge(roles, topology, health), is_changed);
	ck_assert_str_eq(primary(), text);
}

START_TEST(the_one_in_use_stays_while_it_says_so)
{
	begin(CONFIGURED, MASTER, SLAVE, SLAVE);
	expect(false, "as configured");
	/* Even beside one that has been promoted. */
	say(B, MASTER);
	probe(2);
	expect(false, "as configured");
	ck_assert(!roles_is_urgent(&topology->pools->shards[0], health));
	end();
}
END_TEST

START_TEST(a_replica_is_followed_by_the_one_other_primary)
{
	begin(CONFIGURED, SLAVE, SLAVE, SLAVE);
	expect(false, "as configured");
	ck_assert(roles_is_urgent(&topology->pools->shards[0], health));
	say(B, MASTER);
	probe(2);
	expect(true, "b:7001");
	end();
}
END_TEST

START_TEST(it_need_not_have_been_seen_as_a_replica)
{
	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	expect(true, "b:7001");
	end();
}
END_TEST

START_TEST(of_two_claimants_neither_is_taken)
{
	begin(CONFIGURED, SLAVE, MASTER, MASTER);
	expect(false, "as configured");
	say(C, SLAVE);
	probe(2);
	expect(true, "b:7001");
	end();
}
END_TEST

START_TEST(who_is_down_is_followed_by_whoever_claims_it)
{
	begin(CONFIGURED, MASTER, MASTER, SLAVE);
	expect(false, "as configured");
	say(A, NULL);
	probe(6);
	ck_assert_int_eq(health_get(health, 0)->state, HEALTH_DOWN);
	expect(true, "b:7001");
	end();
}
END_TEST

START_TEST(without_a_claimant_who_is_down_stays)
{
	begin(CONFIGURED, MASTER, SLAVE, NULL);
	say(A, NULL);
	probe(6);
	expect(false, "as configured");
	/* One that said so before it fell says nothing now. */
	say(B, MASTER);
	probe(2);
	say(B, NULL);
	probe(2);
	expect(false, "as configured");
	end();
}
END_TEST

/* One probe of the first node fails, and no more. */
static void fail_once(void)
{
	uint64_t failures = health_counts(health)->failures;

	say(A, "-ERR broken\r\n");
	while (health_counts(health)->failures == failures)
		fake_fleet_advance_ms(&fleet, 1);
	fake_fleet_settle(&fleet);
	ck_assert(!health_get(health, 0)->is_fresh);
	ck_assert_int_eq(health_get(health, 0)->state, HEALTH_UP);
}

START_TEST(at_the_first_failure_one_that_was_promoted_is_taken)
{
	begin(CONFIGURED, MASTER, SLAVE, SLAVE);
	say(B, MASTER);
	probe(2);
	ck_assert(health_get(health, 1)->was_replica);
	expect(false, "as configured");
	fail_once();
	expect(true, "b:7001");
	end();
}
END_TEST

START_TEST(at_the_first_failure_one_that_was_never_a_replica_is_not)
{
	begin(CONFIGURED, MASTER, MASTER, SLAVE);
	ck_assert(!health_get(health, 1)->was_replica);
	fail_once();
	expect(false, "as configured");
	ck_assert(roles_is_urgent(&topology->pools->shards[0], health));
	end();
}
END_TEST

START_TEST(of_a_node_never_heard_of_nothing_is_concluded)
{
	begin_unprobed(CONFIGURED, NULL, MASTER, SLAVE);
	fake_fleet_advance_ms(&fleet, EVERY_MS / 2);
	ck_assert_uint_eq(health_counts(health)->failures, 1);
	ck_assert(health_get(health, 1)->is_fresh);
	ck_assert_int_eq(health_get(health, 0)->state, HEALTH_UNKNOWN);
	expect(false, "as configured");
	probe(3);
	expect(true, "b:7001");
	end();
}
END_TEST

/* Between a verdict and the topology that has it. */
START_TEST(the_same_again_until_it_is_applied)
{
	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	expect(true, "b:7001");
	expect(true, "b:7001");
	follow(TAKEN);
	probe(2);
	expect(false, "b:7001");
	expect(false, "b:7001");
	end();
}
END_TEST

/* The old one comes back and says that it is a primary: its data is old. */
START_TEST(who_comes_back_is_not_taken_back)
{
	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	expect(true, "b:7001");
	follow(TAKEN);
	say(A, MASTER);
	probe(2);
	expect(false, "b:7001");
	end();
}
END_TEST

START_TEST(the_next_one_takes_over_from_who_took_over)
{
	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	expect(true, "b:7001");
	follow(TAKEN);
	say(B, SLAVE);
	say(C, MASTER);
	probe(2);
	expect(true, "c:7002");
	/* And back to the one that is configured. */
	follow(SHARD("primary: c:7002, replicas: [b:7001, a:7000]"));
	say(C, SLAVE);
	say(A, MASTER);
	probe(2);
	expect(true, "a:7000");
	follow(CONFIGURED);
	probe(2);
	expect(false, "a:7000");
	end();
}
END_TEST

static void follow_at(const char *yaml, const char *ip)
{
	struct topology *before = topology;

	topology = made_topology(yaml);
	made_resolve(topology, "a:7000", ip);
	health_watch(health, topology);
	topology_unref(before);
	probe(2);
}

START_TEST(a_name_that_stands_for_another_ip_decides_again)
{
	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	follow_at(CONFIGURED, "10.0.0.1");
	expect(true, "b:7001");
	follow_at(TAKEN, "10.0.0.1");
	expect(false, "b:7001");
	follow_at(TAKEN, "10.0.0.2");
	expect(true, "as configured");
	end();
}
END_TEST

START_TEST(a_shard_of_other_nodes_decides_again)
{
	static const char *const others[] = {
		SHARD("primary: b:7001, replicas: [c:7002]"),
		SHARD("primary: a:7000, replicas: [c:7002]"),
	};

	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	expect(true, "b:7001");
	follow(others[_i]);
	expect(true, "as configured");
	end();
}
END_TEST

START_TEST(shards_are_judged_each_by_itself)
{
	begin(HEAD "    shards: [{name: r, primary: c:7002}, {name: s, primary: a:7000, replicas: "
		   "[b:7001]}]\n",
	      SLAVE, MASTER, MASTER);
	expect(true, "b:7001");
	ck_assert_ptr_null(roles_primary(roles, "p", "r"));
	ck_assert_ptr_null(roles_primary(roles, "q", "s"));
	end();
}
END_TEST

/* As if a source that knows the roles had found the same nodes. */
START_TEST(roles_that_a_source_knows_are_left_to_it)
{
	begin(CONFIGURED, SLAVE, MASTER, SLAVE);
	topology->pools->has_led_roles = true;
	expect(false, "as configured");
	topology->pools->has_led_roles = false;
	expect(true, "b:7001");
	end();
}
END_TEST

START_TEST(none_to_free_is_fine)
{
	roles_free(NULL);
}
END_TEST

Suite *roles_suite(void)
{
	Suite *suite = suite_create("roles");
	TCase *tcase = tcase_create("roles");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_one_in_use_stays_while_it_says_so);
	tcase_add_test(tcase, a_replica_is_followed_by_the_one_other_primary);
	tcase_add_test(tcase, it_need_not_have_been_seen_as_a_replica);
	tcase_add_test(tcase, of_two_claimants_neither_is_taken);
	tcase_add_test(tcase, who_is_down_is_followed_by_whoever_claims_it);
	tcase_add_test(tcase, without_a_claimant_who_is_down_stays);
	tcase_add_test(tcase, at_the_first_failure_one_that_was_promoted_is_taken);
	tcase_add_test(tcase, at_the_first_failure_one_that_was_never_a_replica_is_not);
	tcase_add_test(tcase, of_a_node_never_heard_of_nothing_is_concluded);
	tcase_add_test(tcase, the_same_again_until_it_is_applied);
	tcase_add_test(tcase, who_comes_back_is_not_taken_back);
	tcase_add_test(tcase, the_next_one_takes_over_from_who_took_over);
	tcase_add_test(tcase, a_name_that_stands_for_another_ip_decides_again);
	tcase_add_loop_test(tcase, a_shard_of_other_nodes_decides_again, 0, 2);
	tcase_add_test(tcase, shards_are_judged_each_by_itself);
	tcase_add_test(tcase, roles_that_a_source_knows_are_left_to_it);
	tcase_add_test(tcase, none_to_free_is_fine);
	suite_add_tcase(suite, tcase);
	return suite;
}
