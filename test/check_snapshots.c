#include "control/snapshots.h"

#include <check.h>

#include "made_topology.h"
#include "suites.h"

#define HEAD "pools:\n  p:\n    protocol: redis\n    listen: l:1\n"

static struct ids *ids;
static struct snapshots *snapshots;
static struct error error;

static void set_up(void)
{
	ids = ids_new();
	snapshots = snapshots_new(ids);
}

static void tear_down(void)
{
	snapshots_free(snapshots);
	ids_free(ids);
}

static struct topology *numbered(const char *yaml)
{
	struct topology *topology = made_topology(yaml);

	ck_assert_msg(ids_assign(ids, topology, &error) == 0, "%s", error.text);
	return topology;
}

static struct topology *added(const char *yaml)
{
	struct topology *topology = numbered(yaml);

	snapshots_add(snapshots, topology);
	return topology;
}

START_TEST(keeps_what_somebody_looks_at)
{
	ck_assert_ptr_null(snapshots_newest(snapshots));
	struct topology *a = topology_ref(added(HEAD "    shards: [a:1]\n"));
	struct topology *b = added(HEAD "    shards: [a:1, b:1]\n");
	struct topology *c = topology_ref(added(HEAD "    shards: [c:1]\n"));

	uint16_t id = made_endpoint(b, "b:1")->id;
	ck_assert_ptr_eq(snapshots_newest(snapshots), c);
	snapshots_tidy(snapshots);
	/* It is free again; those of a:1 and c:1 are not. */
	struct topology *d = added(HEAD "    shards: [d:1]\n");
	ck_assert_uint_eq(made_endpoint(d, "d:1")->id, id);
	ck_assert_ptr_eq(snapshots_newest(snapshots), d);
	ck_assert_uint_eq(topology_refs(a), 2);
	ck_assert_uint_eq(topology_refs(c), 2);
	topology_unref(a);
	topology_unref(c);
}
END_TEST

START_TEST(one_that_is_dropped_gives_its_ids_back)
{
	struct topology *a = numbered(HEAD "    shards: [a:1]\n");
	uint16_t id = made_endpoint(a, "a:1")->id;

	snapshots_drop(snapshots, a);
	ck_assert_ptr_null(snapshots_newest(snapshots));
	ck_assert_uint_eq(made_endpoint(added(HEAD "    shards: [b:1]\n"), "b:1")->id, id);
	snapshots_free(NULL);
}
END_TEST

Suite *snapshots_suite(void)
{
	Suite *suite = suite_create("snapshots");
	TCase *tcase = tcase_create("snapshots");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, keeps_what_somebody_looks_at);
	tcase_add_test(tcase, one_that_is_dropped_gives_its_ids_back);
	suite_add_tcase(suite, tcase);
	return suite;
}
