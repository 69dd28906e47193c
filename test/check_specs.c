#include "control/specs.h"

#include <check.h>
#include <string.h>

#include "fake_node.h"
#include "made_topology.h"
#include "suites.h"

#define CFG 7000 /* of the configuration endpoint that shards are found at */
#define GET "config get cluster\r\n"
#define TWO "CONFIG cluster 0 18\r\n2\nn||7001 n||7002\n\r\nEND\r\n"

#define PING   "*1\r\n$4\r\nPING\r\n"
#define ROLE   "*1\r\n$4\r\nROLE\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:77\r\n*0\r\n"
#define SLAVE  "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:7000\r\n$9\r\nconnected\r\n:76\r\n"

static struct fake_fleet fleet;
static struct config *config;
static struct members *members;
static struct roles *roles;
static struct outages *outages;
static struct pauses *pauses;
static struct specs specs;

static void on_event(void *arg)
{
	(void)arg;
}

static void on_health(void *arg, const struct endpoint *endpoint)
{
	(void)arg;
	(void)endpoint;
}

static void begin(const char *yaml)
{
	fake_fleet_init(&fleet, PROTOCOL_REDIS);
	config = made_config(yaml);
	members = members_new(fleet.loop, on_event, NULL);
	roles = roles_new();
	outages = outages_new(&(struct outages_setup){fleet.loop, on_event, NULL, NULL});
	pauses = pauses_new(fleet.loop, on_event, NULL);
}

static void end(void)
{
	specs_free(&specs);
	pauses_free(pauses);
	outages_free(outages);
	roles_free(roles);
	members_free(members);
	config_free(config);
	fake_fleet_end(&fleet);
}

static const struct pool_spec *build(void)
{
	const struct specs_known known = {members, roles, outages, pauses};

	specs_build(&specs, config, &known);
	ck_assert_uint_eq(specs.n, config->n_pools);
	return specs.v;
}

static struct topology *built(void)
{
	struct error error;
	struct topology *topology = topology_build(specs.v, specs.n, 1, &error);

	ck_assert_msg(topology != NULL, "%s", error.text);
	return topology;
}

#define HEAD "pools:\n  p:\n    protocol: redis\n    listen: l:1\n"

START_TEST(what_is_listed_is_as_it_stands)
{
	begin(HEAD
	      "    retries: 4\n    shards:\n"
	      "    - {name: s, primary: a:7000, weight: 3, replicas: [b:7001, {address: c:7002, "
	      "zone: z}]}\n"
	      "    - d:7003\n");
	const struct pool_spec *pool = build();

	ck_assert_str_eq(pool->name, "p");
	ck_assert_uint_eq(pool->settings.retries, 4);
	ck_assert_int_eq(pool->pause, PAUSE_NONE);
	ck_assert_uint_eq(pool->n_shards, 2);
	ck_assert_str_eq(pool->shards[0].name, "s");
	ck_assert_str_eq(pool->shards[0].primary, "a:7000");
	ck_assert_uint_eq(pool->shards[0].weight, 3);
	ck_assert_uint_eq(pool->shards[0].n_replicas, 2);
	ck_assert_str_eq(pool->shards[0].replicas[1].address, "c:7002");
	ck_assert_str_eq(pool->shards[0].replicas[1].zone, "z");
	ck_assert_ptr_null(pool->shards[1].name);
	ck_assert_ptr_null(pool->shards[0].place);
	ck_assert(!pool->shards[0].is_unknown);
	/* What is written to them is no change of the configuration. */
	ck_assert_ptr_ne(pool->shards, config->pools->shards);
	ck_assert_ptr_ne(pool->shards->replicas, config->pools->shards->replicas);
	end();
}
END_TEST

/* ------------------------------------------------------------------ found */

#define FINDS                                                                                      \
	"pools:\n  m:\n    protocol: memcached\n    listen: l:1\n"                                 \
	"    discover: {elasticache: \"cfg:7000\"}\n"

static void expect_unknown(const char *primary)
{
	const struct pool_spec *pool = build();

	ck_assert_uint_eq(pool->n_shards, 1);
	ck_assert_str_eq(pool->shards->name, "unknown");
	ck_assert_str_eq(pool->shards->primary, primary);
	ck_assert(pool->shards->is_unknown);
	struct topology *topology = built();
	ck_assert(topology->endpoints->is_unknown);
	ck_assert(topology->endpoints->is_unresolved);
	topology_unref(topology);
}

START_TEST(what_is_not_found_yet_is_unknown)
{
	static const struct {
		const char *yaml, *primary;
	} cases[] = {
		{FINDS, "cfg:7000"},
		{HEAD "    discover: {dns: \"n.x:6379\"}\n", "n.x:6379"},
		{HEAD "    discover: {srv: _redis._tcp.x}\n", "unknown:1"},
		{HEAD "    discover: {cluster: [\"c:7000\"]}\n", "unknown:1"},
		{HEAD "    discover: {sentinel: [\"c:7000\"], masters: [m]}\n", "unknown:1"},
	};

	begin(cases[_i].yaml);
	expect_unknown(cases[_i].primary);
	end();
}
END_TEST

START_TEST(what_is_found_takes_its_place)
{
	begin(FINDS);
	fake_node_answer(CFG, GET, TWO);
	members_follow(members, config, NULL);
	expect_unknown("cfg:7000");
	specs_free(&specs);
	fake_fleet_advance_ms(&fleet, 100);
	const struct pool_spec *pool = build();
	ck_assert_uint_eq(pool->n_shards, 2);
	ck_assert_ptr_null(pool->shards[0].name);
	ck_assert_str_eq(pool->shards[0].primary, "n:7001");
	ck_assert_str_eq(pool->shards[1].primary, "n:7002");
	ck_assert_uint_eq(pool->shards[0].weight, 1);
	ck_assert(!pool->shards[0].is_unknown);
	end();
}
END_TEST

/* ------------------------------------------------------------------ roles */

/* Have `roles` learn from the nodes: who is named "s" or is at a:7000 says that it is a replica now,
 * and the node at `port` that it is a primary. */
static void promote(uint16_t port)
{
	struct topology *topology;
	struct health *health = health_new(&(struct health_setup){fleet.loop, 1, on_health, NULL});

	for (uint16_t p = 7000; p <= 7002; p++) {
		fake_node_answer(p, PING, "+PONG\r\n");
		fake_node_answer(p, ROLE, p == port ? MASTER : SLAVE);
	}
	build();
	topology = built();
	specs_free(&specs);
	health_watch(health, topology);
	fake_fleet_advance_ms(&fleet, 5000);
	ck_assert(roles_judge(roles, topology, health));
	health_free(health);
	topology_unref(topology);
}

START_TEST(the_one_that_took_over_changes_places)
{
	begin(HEAD
	      "    zone: z\n    shards:\n    - {name: s, primary: a:7000, replicas: [{address: "
	      "b:7001, zone: z}, c:7002]}\n");
	promote(7001);
	const struct pool_spec *pool = build();

	ck_assert_str_eq(pool->shards->name, "s");
	ck_assert_str_eq(pool->shards->primary, "b:7001");
	ck_assert_str_eq(pool->shards->replicas[0].address, "a:7000");
	/* The zone was that of the other one. */
	ck_assert_ptr_null(pool->shards->replicas[0].zone);
	ck_assert_str_eq(pool->shards->replicas[1].address, "c:7002");
	/* The settings still say what they said. */
	ck_assert_str_eq(config->pools->shards->primary, "a:7000");
	ck_assert_str_eq(config->pools->shards->replicas[0].zone, "z");
	end();
}
END_TEST

/* A key stays where it is, whichever of the shard's nodes is the primary. */
START_TEST(a_shard_without_a_name_keeps_its_name_and_label)
{
	begin(HEAD "    shards:\n    - {primary: a:7000, replicas: [b:7001]}\n    - d:7003\n");
	build();
	struct topology *before = built();
	specs_free(&specs);
	promote(7001);
	ck_assert_str_eq(build()->shards->place, "a:7000");
	struct topology *after = built();
	ck_assert_str_eq(after->pools->shards->primary->text, "b:7001");
	ck_assert_str_eq(after->pools->shards->replicas->text, "a:7000");
	ck_assert_str_eq(after->pools->shards->name, before->pools->shards->name);
	ck_assert_str_eq(after->pools->shards->label, before->pools->shards->label);
	topology_unref(before);
	topology_unref(after);
	end();
}
END_TEST

START_TEST(a_node_that_is_gone_from_the_settings_takes_no_place)
{
	begin(HEAD "    shards:\n    - {name: s, primary: a:7000, replicas: [b:7001]}\n");
	promote(7001);
	config_free(config);
	config = made_config(HEAD "    shards:\n    - {name: s, primary: a:7000, replicas: "
				  "[c:7002]}\n");
	const struct pool_spec *pool = build();
	ck_assert_str_eq(pool->shards->primary, "a:7000");
	ck_assert_str_eq(pool->shards->replicas[0].address, "c:7002");
	ck_assert_ptr_null(pool->shards->place);
	end();
}
END_TEST

START_TEST(pauses_are_those_of_each_pool)
{
	begin("pools:\n"
	      "  p: {protocol: redis, listen: \"l:1\", shards: [\"b:1\"]}\n"
	      "  q: {protocol: redis, listen: \"l:2\", shards: [\"b:1\"]}\n");
	pauses_set(pauses, "q", PAUSE_WRITES, 1000);
	build();
	for (size_t i = 0; i < specs.n; i++)
		ck_assert_int_eq(specs.v[i].pause,
				 specs.v[i].name[0] == 'q' ? PAUSE_WRITES : PAUSE_NONE);
	end();
}
END_TEST

Suite *specs_suite(void)
{
	Suite *suite = suite_create("specs");
	TCase *tcase = tcase_create("specs");

	tcase_add_test(tcase, what_is_listed_is_as_it_stands);
	tcase_add_loop_test(tcase, what_is_not_found_yet_is_unknown, 0, 5);
	tcase_add_test(tcase, what_is_found_takes_its_place);
	tcase_add_test(tcase, the_one_that_took_over_changes_places);
	tcase_add_test(tcase, a_shard_without_a_name_keeps_its_name_and_label);
	tcase_add_test(tcase, a_node_that_is_gone_from_the_settings_takes_no_place);
	tcase_add_test(tcase, pauses_are_those_of_each_pool);
	suite_add_tcase(suite, tcase);
	return suite;
}
