#include "control/outages.h"

#include <check.h>
#include <string.h>

#include "fake_node.h"
#include "suites.h"

#define PORT	  7000 /* of shard a, with b behind it */
#define VERSION	  "version\r\n"
#define FLUSH	  "flush_all\r\n"
#define EVERY_MS  100
#define SETTLE_MS 2000 /* until probes have found out what there is to find */

static struct fake_fleet nodes;
static struct shard_spec shards[2];
static struct pool_spec spec;
static struct topology *topology;
static struct health *health;
static struct outages *outages;
static struct stats *stats;
static uint32_t n_changes;

static void on_health(void *arg, const struct endpoint *endpoint)
{
	(void)arg;
	(void)endpoint;
	n_changes += outages_follow(outages, topology, health);
}

static void on_change(void *arg)
{
	ck_assert_ptr_eq(arg, &nodes);
	n_changes++;
}

/* Have it follow what the spec says now. */
static void follow(void)
{
	struct error error;
	struct topology *before = topology;

	topology = topology_build(&spec, 1, 1, &error);
	ck_assert_msg(topology != NULL, "%s", error.text);
	health_watch(health, topology);
	(void)outages_follow(outages, topology, health);
	if (before != NULL)
		topology_unref(before);
}

static void begin(struct failover_settings failover)
{
	shards[0] = (struct shard_spec){.name = (char *)(uintptr_t) "a",
					.primary = (char *)(uintptr_t) "n:7000",
					.weight = 1};
	shards[1] = (struct shard_spec){.primary = (char *)(uintptr_t) "n:7001", .weight = 1};
	spec = (struct pool_spec){
		.name = (char *)(uintptr_t) "p",
		.protocol = PROTOCOL_MEMCACHED,
		.hash = HASH_DEFAULT,
		.shards = shards,
		.n_shards = 2,
		.settings = {.failover = failover,
			     .health_every_ms = EVERY_MS,
			     .health_timeout_ms = 50,
			     .health_fall = 2,
			     .health_rise = 2},
	};
	n_changes = 0;
	topology = NULL;
	fake_fleet_init(&nodes, PROTOCOL_MEMCACHED);
	for (uint16_t i = 0; i < 2; i++) {
		fake_node_answer(PORT + i, VERSION, "VERSION 1.6.18\r\n");
		fake_node_answer(PORT + i, FLUSH, "OK\r\n");
	}
	struct error error;
	struct topology *none = topology_build(&spec, 0, 1, &error);
	stats = stats_new(none);
	topology_unref(none);
	health = health_new(&(struct health_setup){nodes.loop, 1, on_health, NULL});
	outages = outages_new(&(struct outages_setup){nodes.loop, on_change, &nodes, stats});
	follow();
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
}

static void end(void)
{
	outages_free(outages);
	health_free(health);
	stats_free(stats);
	topology_unref(topology);
	fake_fleet_end(&nodes);
}

static enum outage of_a(void)
{
	return outages_of(outages, "p", "a", "n:7000");
}

static uint64_t counted(enum stat_id id)
{
	return stat_get(&stats->counter[id]);
}

static void fall(void)
{
	fake_node_away(&nodes, PORT);
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
}

static void rise(void)
{
	fake_node_back(PORT);
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
}

START_TEST(a_shard_is_out_while_probes_find_its_node_down)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT});
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	ck_assert_uint_eq(n_changes, 0);
	fall();
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	ck_assert_uint_eq(n_changes, 1);
	ck_assert_int_eq(outages_of(outages, "p", "n:7001", "n:7001"), OUTAGE_NONE);
	ck_assert_int_eq(outages_of(outages, "q", "a", "n:7000"), OUTAGE_NONE);
	ck_assert_uint_eq(counted(STAT_EJECTIONS), 1);
	ck_assert_uint_eq(counted(STAT_RETURNS), 0);
	rise();
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	ck_assert_uint_eq(n_changes, 2);
	ck_assert_uint_eq(counted(STAT_RETURNS), 1);
	ck_assert_uint_eq(fake_node_asked(PORT, FLUSH), 0);
	end();
}
END_TEST

/* By its address, where it has no name. */
START_TEST(a_shard_without_a_name_is_known_by_its_address)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT});
	fake_node_away(&nodes, PORT + 1);
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_int_eq(outages_of(outages, "p", "n:7001", "n:7001"), OUTAGE_DOWN);
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	end();
}
END_TEST

START_TEST(one_that_never_was_up_is_out_too)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT});
	shards[0].primary = (char *)(uintptr_t) "n:7009";
	follow();
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_int_eq(outages_of(outages, "p", "a", "n:7009"), OUTAGE_DOWN);
	end();
}
END_TEST

START_TEST(another_node_has_nothing_to_do_with_it)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT});
	fall();
	ck_assert_int_eq(outages_of(outages, "p", "a", "n:7002"), OUTAGE_NONE);
	fake_node_answer(PORT + 2, VERSION, "VERSION 1.6.18\r\n");
	shards[0].primary = (char *)(uintptr_t) "n:7002";
	follow();
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_uint_eq(counted(STAT_RETURNS), 0);
	end();
}
END_TEST

START_TEST(a_shard_that_is_no_more_is_forgotten)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT, .on_return = ON_RETURN_FLUSH});
	fall();
	spec.shards = &shards[1];
	spec.n_shards = 1;
	follow();
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	rise();
	ck_assert_uint_eq(fake_node_asked(PORT, FLUSH), 0);
	end();
}
END_TEST

/* ------------------------------------------------------------------ flush */

START_TEST(a_node_is_flushed_before_it_is_used)
{
	begin((struct failover_settings){.mode = FAILOVER_KEEP, .on_return = ON_RETURN_FLUSH});
	fall();
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	fake_node_answer(PORT, FLUSH, NULL); /* it does not answer */
	fake_node_back(PORT);
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	ck_assert_uint_ge(fake_node_asked(PORT, FLUSH), 2);
	fake_node_answer(PORT, FLUSH, "ERROR\r\n"); /* or refuses */
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	ck_assert_uint_eq(counted(STAT_RETURNS), 0);
	fake_node_answer(PORT, FLUSH, "OK\r\n");
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	uint32_t asked = fake_node_asked(PORT, FLUSH);
	ck_assert_uint_eq(counted(STAT_RETURNS), 1);
	ck_assert_uint_eq(counted(STAT_EJECTIONS), 0);
	ck_assert_uint_eq(n_changes, 2);
	fake_fleet_advance_ms(&nodes, 2 * SETTLE_MS);
	ck_assert_uint_eq(fake_node_asked(PORT, FLUSH), asked);
	ck_assert_uint_eq(fake_node_asked(PORT + 1, FLUSH), 0);
	end();
}
END_TEST

START_TEST(one_that_falls_while_it_is_flushed_is_flushed_once_more)
{
	begin((struct failover_settings){.on_return = ON_RETURN_FLUSH});
	fall();
	fake_node_answer(PORT, FLUSH, NULL);
	rise();
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	fall();
	fake_node_answer(PORT, FLUSH, "OK\r\n");
	fake_fleet_advance_ms(&nodes, SETTLE_MS);
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	rise();
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	ck_assert_uint_eq(counted(STAT_RETURNS), 1);
	end();
}
END_TEST

/* ------------------------------------------------------------------ down again */

static const struct {
	struct failover_settings failover;
	bool is_damped;
} again[] = {
	{{.mode = FAILOVER_GUTTER, .gutter_ttl_s = 20, .on_return = ON_RETURN_FLUSH}, true},
	{{.mode = FAILOVER_GUTTER, .gutter_ttl_s = 20, .on_return = ON_RETURN_KEEP}, false},
	{{.mode = FAILOVER_GUTTER, .gutter_ttl_s = 1, .on_return = ON_RETURN_FLUSH}, false},
	{{.mode = FAILOVER_EJECT, .eject_ttl_s = 20, .on_return = ON_RETURN_FLUSH}, true},
	{{.mode = FAILOVER_EJECT, .eject_ttl_s = 0, .on_return = ON_RETURN_FLUSH}, false},
	{{.mode = FAILOVER_KEEP, .gutter_ttl_s = 20, .on_return = ON_RETURN_FLUSH}, false},
};

/* The spec has no gutter, as its nodes are nothing to outages. */
static struct failover_settings without_gutter(struct failover_settings failover)
{
	if (failover.mode != FAILOVER_GUTTER)
		return failover;
	static char *spare[] = {(char *)(uintptr_t) "s:7100"};
	spec.gutter = (struct string_list){spare, 1};
	return failover;
}

START_TEST(old_values_elsewhere_are_not_read_where_returns_are_flushed)
{
	begin((struct failover_settings){0});
	spec.settings.failover = without_gutter(again[_i].failover);
	follow();
	fall();
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	rise();
	ck_assert_int_eq(of_a(), OUTAGE_NONE);
	if (again[_i].failover.gutter_ttl_s == 1)
		fake_fleet_advance_ms(&nodes, 2000);
	uint64_t ejections = counted(STAT_EJECTIONS);
	fall();
	ck_assert_int_eq(of_a(), again[_i].is_damped ? OUTAGE_DAMPED : OUTAGE_DOWN);
	if (again[_i].is_damped) {
		ck_assert_uint_eq(counted(STAT_EJECTIONS), ejections);
		n_changes = 0;
		fake_fleet_advance_ms(&nodes, 21000);
		ck_assert_int_eq(of_a(), OUTAGE_DOWN);
		ck_assert_uint_eq(n_changes, 1);
		ck_assert_uint_eq(counted(STAT_EJECTIONS), ejections + 1);
	}
	end();
}
END_TEST

/* Nothing went elsewhere in between, so the time counts from the first return. */
START_TEST(one_that_flaps_is_not_damped_for_ever)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT,
					 .eject_ttl_s = 20,
					 .on_return = ON_RETURN_FLUSH});
	fall();
	rise();
	for (int i = 0; i < 4; i++) {
		fall();
		ck_assert_int_eq(of_a(), OUTAGE_DAMPED);
		rise();
		ck_assert_int_eq(of_a(), OUTAGE_NONE);
	}
	fake_fleet_advance_ms(&nodes, 4000);
	fall();
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	end();
}
END_TEST

/* Falling while it is flushed, its time is not forgotten. */
START_TEST(damping_ends_whatever_happens_meanwhile)
{
	begin((struct failover_settings){.mode = FAILOVER_EJECT,
					 .eject_ttl_s = 20,
					 .on_return = ON_RETURN_FLUSH});
	fall();
	rise();
	fall();
	fake_node_answer(PORT, FLUSH, NULL);
	rise();
	ck_assert_int_eq(of_a(), OUTAGE_DAMPED);
	if (_i == 0)
		fall();
	fake_fleet_advance_ms(&nodes, 21000);
	ck_assert_int_eq(of_a(), OUTAGE_DOWN);
	end();
}
END_TEST

Suite *outages_suite(void)
{
	Suite *suite = suite_create("outages");
	TCase *tcase = tcase_create("outages");

	tcase_add_test(tcase, a_shard_is_out_while_probes_find_its_node_down);
	tcase_add_test(tcase, a_shard_without_a_name_is_known_by_its_address);
	tcase_add_test(tcase, one_that_never_was_up_is_out_too);
	tcase_add_test(tcase, another_node_has_nothing_to_do_with_it);
	tcase_add_test(tcase, a_shard_that_is_no_more_is_forgotten);
	tcase_add_test(tcase, a_node_is_flushed_before_it_is_used);
	tcase_add_test(tcase, one_that_falls_while_it_is_flushed_is_flushed_once_more);
	tcase_add_loop_test(tcase, old_values_elsewhere_are_not_read_where_returns_are_flushed, 0,
			    ARRAY_LEN(again));
	tcase_add_test(tcase, one_that_flaps_is_not_damped_for_ever);
	tcase_add_loop_test(tcase, damping_ends_whatever_happens_meanwhile, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
