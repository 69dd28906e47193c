#include "control/ids.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "made_topology.h"
#include "suites.h"

#define ALL_IDS 65536U

static struct ids *ids;
static struct error error;

static void set_up(void)
{
	ids = ids_new();
}

static void tear_down(void)
{
	ids_free(ids);
}

static struct topology *numbered(const char *yaml)
{
	struct topology *topology = made_topology(yaml);

	ck_assert_msg(ids_assign(ids, topology, &error) == 0, "%s", error.text);
	return topology;
}

static void drop(struct topology *topology)
{
	ids_drop(ids, topology);
	topology_unref(topology);
}

#define HEAD  "pools:\n  p:\n    protocol: redis\n    listen: l:1\n"
#define THREE HEAD "    shards: [a:1, b:1, c:1]\n"

START_TEST(what_stays_keeps_its_id)
{
	struct topology *a = numbered(THREE);
	struct topology *b = numbered(HEAD "    shards: [d:1, c:1, a:1]\n");

	ck_assert_uint_eq(made_endpoint(b, "a:1")->id, made_endpoint(a, "a:1")->id);
	ck_assert_uint_eq(made_endpoint(b, "c:1")->id, made_endpoint(a, "c:1")->id);
	ck_assert_uint_eq(made_endpoint(b, "d:1")->id, 3);
	ck_assert(ids_is_new(ids, 3));
	ck_assert(!ids_is_new(ids, made_endpoint(b, "a:1")->id));
	for (uint16_t i = 0; i < b->n_endpoints; i++)
		ck_assert_ptr_eq(topology_endpoint(b, b->endpoints[i].id), &b->endpoints[i]);
	ck_assert_ptr_null(topology_endpoint(b, made_endpoint(a, "b:1")->id));
	drop(a);
	drop(b);
}
END_TEST

/* Each beside the first. */
#define NAMED "    shards: [{name: s, primary: a:1}]\n"
static const struct {
	const char *yaml;
	bool same;
} changed[] = {
	{HEAD NAMED, true},
	{HEAD "    timeouts: {request: 7s}\n    retries: 2\n" NAMED, true},
	{HEAD "    shards: [{name: s, primary: a:1, replicas: [b:1]}]\n", true},
	{HEAD "    shards: [{name: s, primary: b:1, replicas: [a:1]}]\n", true},
	{HEAD "    shards: [{name: s, primary: a:1}, b:1]\n", true},
	{HEAD "    shards: [{name: t, primary: a:1}]\n", false},
	{HEAD "    connections: 3\n" NAMED, false},
	{HEAD "    credentials: {password: x}\n" NAMED, false},
	{HEAD "    credentials: {username: u, password: x}\n" NAMED, false},
	{"pools:\n  q:\n    protocol: redis\n    listen: l:1\n" NAMED, false},
	{"pools:\n  p:\n    protocol: memcached\n    listen: l:1\n" NAMED, false},
};

START_TEST(is_the_same_while_its_connections_would_be)
{
	struct topology *a = numbered(changed[0].yaml), *b = numbered(changed[_i].yaml);
	uint16_t was = made_endpoint(a, "a:1")->id, is = made_endpoint(b, "a:1")->id;

	ck_assert_msg((was == is) == changed[_i].same, "case %d: %d and %d", _i, was, is);
	ck_assert_int_eq(ids_is_new(ids, is), !changed[_i].same);
	drop(a);
	drop(b);
}
END_TEST

static struct topology *at(const char *ip)
{
	struct topology *topology = made_topology(THREE);

	if (ip != NULL)
		made_resolve(topology, "b:1", ip);
	ck_assert_int_eq(ids_assign(ids, topology, &error), 0);
	return topology;
}

START_TEST(another_ip_is_another_endpoint)
{
	struct topology *a = at("10.0.0.1"), *b = at("10.0.0.2"), *c = at("10.0.0.1"),
			*d = at(NULL);
	uint16_t first = made_endpoint(a, "b:1")->id;

	ck_assert_uint_ne(made_endpoint(b, "b:1")->id, first);
	ck_assert_uint_eq(made_endpoint(b, "a:1")->id, made_endpoint(a, "a:1")->id);
	ck_assert_uint_eq(made_endpoint(c, "b:1")->id, first);
	ck_assert_uint_ne(made_endpoint(d, "b:1")->id, first);
	drop(a);
	drop(b);
	drop(c);
	drop(d);
}
END_TEST

/* The same address twice in a shard: its counters would be mixed up else. */
START_TEST(twins_are_told_apart)
{
	struct config *config = made_config(HEAD "    shards: [{name: s, primary: a:1, replicas: "
						 "[b:1, c:1, d:1]}]\n");
	struct topology *of[2];

	strcpy(config->pools->shards->replicas[1].address, "b:1");
	strcpy(config->pools->shards->replicas[2].address, "b:1");
	for (int i = 0; i < 2; i++) {
		of[i] = topology_build(config->pools, 1, 1, &error);
		ck_assert_msg(of[i] != NULL, "%s", error.text);
		ck_assert_int_eq(ids_assign(ids, of[i], &error), 0);
	}
	for (uint16_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(of[0]->endpoints[i].id, i);
		ck_assert_uint_eq(of[1]->endpoints[i].id, i);
	}
	config_free(config);
	drop(of[1]);
	drop(of[0]);
	of[0] = numbered(THREE);
	ck_assert_uint_eq(of[0]->endpoints[2].id, 2);
	drop(of[0]);
}
END_TEST

START_TEST(an_id_is_given_again_once_nobody_has_it)
{
	struct topology *a = numbered(THREE), *b = numbered(HEAD "    shards: [a:1, c:1]\n"), *c;

	ck_assert(!ids_is_new(ids, 1));
	c = numbered(HEAD "    shards: [d:1]\n");
	ck_assert_uint_eq(made_endpoint(c, "d:1")->id, 3);
	drop(c);
	drop(a); /* b:1 is in no topology now, a:1 and c:1 still are */
	c = numbered(HEAD "    shards: [e:1, f:1]\n");
	ck_assert_uint_eq(made_endpoint(c, "e:1")->id, 1);
	ck_assert(ids_is_new(ids, 1));
	ck_assert_uint_eq(made_endpoint(c, "f:1")->id, 3);
	drop(b);
	drop(c);
}
END_TEST

START_TEST(a_pool_has_its_index_for_good)
{
#define POOL(name) "  " name ": {protocol: redis, listen: \"l:1\", shards: [\"b:1\"]}\n"
#define OTHER(name, port)                                                                          \
	"  " name ": {protocol: memcached, listen: \"l:" port "\", shards: [\"b:1\"]}\n"
	struct topology *a = numbered("pools:\n" POOL("p") OTHER("q", "2"));
	struct topology *b = numbered("pools:\n" OTHER("r", "3") OTHER("q", "2"));

	ck_assert_uint_eq(topology_pool(a, "p")->index, 0);
	ck_assert_uint_eq(topology_pool(a, "q")->index, 1);
	ck_assert_uint_eq(topology_pool(b, "q")->index, 1);
	ck_assert_uint_eq(topology_pool(b, "r")->index, 2);
	drop(a);
	drop(b);
	/* Of another protocol the counters mean something else; the first comes back to its own. */
	a = numbered("pools:\n" OTHER("p", "1"));
	b = numbered("pools:\n" POOL("p"));
	ck_assert_uint_eq(a->pools->index, 3);
	ck_assert_uint_eq(b->pools->index, 0);
	drop(a);
	drop(b);
}
END_TEST

/* ------------------------------------------------------------------ exhaustion */

/* A shard of n endpoints. */
static struct topology *many(char *name, size_t n)
{
	static char address[] = "10.0.0.1:1";
	struct replica_spec *replicas = calloc(n, sizeof(*replicas));
	struct shard_spec shards[] = {
		{.name = name, .primary = address, .weight = 1, .n_replicas = n - 1},
	};
	struct pool_spec pool = {.name = (char[]){"m"},
				 .protocol = PROTOCOL_REDIS,
				 .distribution = DIST_JUMP,
				 .hash = HASH_DEFAULT,
				 .shards = shards,
				 .n_shards = 1};
	char(*texts)[64] = calloc(n, sizeof(*texts));

	shards->replicas = replicas;
	for (size_t i = 0; i + 1 < n; i++) {
		snprintf(texts[i], sizeof(texts[i]), "10.1.%zu.%zu:1", i >> 8, i & 255);
		replicas[i].address = texts[i];
	}
	struct topology *topology = topology_build(&pool, 1, 1, &error);
	ck_assert_msg(topology != NULL, "%s", error.text);
	free(texts);
	free(replicas);
	return topology;
}

START_TEST(more_than_there_are_is_an_error_and_changes_nothing)
{
	char a_name[] = "a", b_name[] = "b", c_name[] = "c";
	struct topology *a = many(a_name, ALL_IDS / 2), *b = many(b_name, ALL_IDS / 2 - 1);
	struct topology *c = many(c_name, 2), *d = many(c_name, 1);

	ck_assert_int_eq(ids_assign(ids, a, &error), 0);
	ck_assert_int_eq(ids_assign(ids, b, &error), 0);
	ck_assert_int_eq(ids_assign(ids, c, &error), -1);
	ck_assert_str_eq(error.text, "more than 65536 endpoints are in use");
	topology_unref(c);
	/* The last one is still to be had, and those in use keep what they have. */
	ck_assert_int_eq(ids_assign(ids, d, &error), 0);
	ck_assert_uint_eq(d->endpoints->id, ALL_IDS - 1);
	drop(d);
	c = many(a_name, ALL_IDS / 2);
	ck_assert_int_eq(ids_assign(ids, c, &error), 0);
	for (uint16_t i = 0; i < c->n_endpoints; i++)
		ck_assert_uint_eq(c->endpoints[i].id, a->endpoints[i].id);
	drop(a);
	drop(b);
	drop(c);
}
END_TEST

/* ------------------------------------------------------------------ whatever happens */

#define LIVE  6	  /* topologies in use at a time, at most */
#define HOSTS 12  /* that endpoints are chosen among */
#define TURNS 200 /* topologies made */

/* A pool of 1 to 4 shards of 0 to 3 replicas, of few addresses and fewer IPs. */
static struct topology *random_topology(struct rng *rng)
{
	struct text yaml = {0};

	text_puts(&yaml, HEAD);
	if (rng_below(rng, 4) == 0)
		text_puts(&yaml, "    credentials: {password: x}\n");
	text_puts(&yaml, "    shards:\n");
	uint64_t n = 1 + rng_below(rng, 4);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t first = rng_below(rng, HOSTS), replicas = rng_below(rng, 4);

		text_printf(&yaml, "    - {name: s%d, primary: \"h%d:1\"", (int)i, (int)first);
		for (uint64_t k = 1; k <= replicas; k++)
			text_printf(&yaml, "%s\"h%d:1\"", k > 1 ? ", " : ", replicas: [",
				    (int)((first + k) % HOSTS));
		text_puts(&yaml, replicas > 0 ? "]}\n" : "}\n");
	}
	struct topology *topology = made_topology(yaml.p);
	text_free(&yaml);
	for (uint16_t i = 0; i < topology->n_endpoints; i++) {
		const char *ip = rng_below(rng, 8) == 0 ? "10.0.0.2" : "10.0.0.1";

		endpoint_resolve(&topology->endpoints[i], &ip, 1);
	}
	return topology;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* Written anew, from what ids.h says of it. */
static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
	return strcmp(a->shard->name, b->shard->name) == 0 && strcmp(a->text, b->text) == 0 &&
	       strcmp(a->ips[0], b->ips[0]) == 0 &&
	       same_text(a->pool->node_password, b->pool->node_password);
}

static void compare(const struct topology *a, const struct topology *b, uint64_t seed)
{
	for (uint16_t i = 0; i < a->n_endpoints; i++)
		for (uint16_t j = 0; j < b->n_endpoints; j++)
			ck_assert_msg((a->endpoints[i].id == b->endpoints[j].id) ==
					      is_same(&a->endpoints[i], &b->endpoints[j]),
				      "seed %llu: %s has %d, %s has %d", (unsigned long long)seed,
				      a->endpoints[i].text, a->endpoints[i].id,
				      b->endpoints[j].text, b->endpoints[j].id);
}

/* An id says the same in all topologies in use, and is never higher than it has to be. */
START_TEST(ids_hold_over_random_topologies)
{
	uint64_t seed = (uint64_t)time(NULL) * 8 + (uint64_t)_i;
	struct topology *live[LIVE] = {0};
	struct rng rng;

	printf("check_ids: seed %llu\n", (unsigned long long)seed);
	rng_init(&rng, seed);
	for (int turn = 0; turn < TURNS; turn++) {
		struct topology **place = &live[rng_below(&rng, LIVE)];

		if (*place != NULL)
			drop(*place);
		*place = random_topology(&rng);
		ck_assert_int_eq(ids_assign(ids, *place, &error), 0);
		for (int i = 0; i < LIVE; i++)
			if (live[i] != NULL)
				compare(*place, live[i], seed);
		ck_assert_uint_le((*place)->n_ids, LIVE * 16);
	}
	for (int i = 0; i < LIVE; i++)
		if (live[i] != NULL)
			drop(live[i]);
	struct topology *last = numbered(THREE);
	ck_assert_uint_eq(last->n_ids, 3);
	drop(last);
}
END_TEST

START_TEST(none_to_free_is_fine)
{
	ids_free(NULL);
	ck_assert(!ids_is_new(ids, 0));
	ck_assert(!ids_is_new(ids, UINT16_MAX));
}
END_TEST

Suite *ids_suite(void)
{
	Suite *suite = suite_create("ids");
	TCase *tcase = tcase_create("ids");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_stays_keeps_its_id);
	tcase_add_loop_test(tcase, is_the_same_while_its_connections_would_be, 0,
			    ARRAY_LEN(changed));
	tcase_add_test(tcase, another_ip_is_another_endpoint);
	tcase_add_test(tcase, twins_are_told_apart);
	tcase_add_test(tcase, an_id_is_given_again_once_nobody_has_it);
	tcase_add_test(tcase, a_pool_has_its_index_for_good);
	tcase_add_test(tcase, more_than_there_are_is_an_error_and_changes_nothing);
	tcase_add_loop_test(tcase, ids_hold_over_random_topologies, 0, 4);
	tcase_add_test(tcase, none_to_free_is_fine);
	suite_add_tcase(suite, tcase);
	return suite;
}
