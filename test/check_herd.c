#include "core/herd.h"

#include <check.h>
#include <stdio.h>

#include "data_path.h"
#include "suites.h"

static struct data_path dp;
static struct herds *herds;
static struct request_list list = TAILQ_HEAD_INITIALIZER(list);

static void set_up(void)
{
	data_path_begin(&dp,
			(struct data_path_setup){.protocol = PROTOCOL_REDIS, .coalesce = true});
	herds = dp.engine.herds;
}

static void tear_down(void)
{
	data_path_fini(&dp);
}

static struct herd_key key_of(const char *bytes, const char *key)
{
	struct herd_key herd_key = {.pool = dp.pool, .kind = {.resp = 2}, .bytes = span_of(bytes)};

	herds_stand(&dp.engine, span_of(key), &herd_key);
	return herd_key;
}

static struct herd *open_herd(const struct herd_key *key)
{
	struct herd *herd = herds_open(herds, key);

	herd->request = request_new(&dp.engine, dp.pool, NULL, &list);
	TAILQ_REMOVE(&list, herd->request, order);
	chain_copy(&dp.engine.chunks, &herd->request->first.bytes, key->bytes);
	return herd;
}

static bool is_found(struct herd *herd, const char *bytes, const char *key)
{
	struct herd_key herd_key = key_of(bytes, key);

	return herds_find(herds, &herd_key) == herd;
}

static void drop(struct herd *herd)
{
	chain_clear(&dp.engine.chunks, &herd->request->first.bytes);
	request_free(herd->request);
	herds_drop(herds, herd);
}

START_TEST(found_by_all_of_its_key)
{
	struct herd_key key = key_of("get a", "a"), other;
	struct herd *herd = open_herd(&key);
	struct pool elsewhere = *dp.pool;

	ck_assert_ptr_eq(herds_find(herds, &key), herd);
	other = key_of("get b", "a");
	ck_assert_ptr_null(herds_find(herds, &other));
	other = key;
	other.bytes = span_of("get b"); /* whose hash is the same, by an accident */
	ck_assert_ptr_null(herds_find(herds, &other));
	other = key;
	other.kind.db = 1;
	ck_assert_ptr_null(herds_find(herds, &other));
	other = key;
	other.kind.resp = 3;
	ck_assert_ptr_null(herds_find(herds, &other));
	other = key;
	other.reads = READS_REPLICA;
	ck_assert_ptr_null(herds_find(herds, &other));
	other = key;
	other.place = 1;
	ck_assert_ptr_null(herds_find(herds, &other));
	other = key;
	other.pool = &elsewhere;
	ck_assert_ptr_null(herds_find(herds, &other));
	ck_assert_ptr_eq(herds_find(herds, &key), herd);
	drop(herd);
	ck_assert_ptr_null(herds_find(herds, &key));
}
END_TEST

/* A request that writes. */
static struct request *new_write(void)
{
	struct request *write = request_new(&dp.engine, dp.pool, NULL, &list);

	TAILQ_REMOVE(&list, write, order);
	return write;
}

/* A write of the key closes it, one of another key does not; both may come from any worker. */
START_TEST(closed_by_a_write)
{
	struct request *write = new_write();
	struct herd_key key = key_of("get a", "a");
	struct herd *herd = open_herd(&key);

	if (_i == 0)
		herds_note_write(write, span_of("a"));
	else
		herds_note_write_all(write);
	ck_assert(is_found(NULL, "get a", "a"));
	ck_assert(!herd->is_open);
	drop(herd);

	/* What was begun while the write was under way ends with it. */
	herd = open_herd(&key);
	herds_note_end(write);
	ck_assert(is_found(NULL, "get a", "a"));
	drop(herd);
	request_free(write);
}
END_TEST

START_TEST(open_through_writes_of_other_keys)
{
	struct request *write = new_write();
	struct herd_key key = key_of("get a", "a");
	struct herd *herd = open_herd(&key);

	herds_note_write(write, span_of("b"));
	ck_assert(is_found(herd, "get a", "a"));
	/* A second key: the end of both is the end of all. */
	herds_note_write(write, span_of("c"));
	ck_assert(is_found(herd, "get a", "a"));
	herds_note_end(write);
	ck_assert(is_found(NULL, "get a", "a"));
	drop(herd);
	request_free(write);
}
END_TEST

/* More than there are buckets, closed in another order than opened. */
START_TEST(many_at_once)
{
	enum { N = 10000 };
	static struct herd *all[N];
	char bytes[32];

	for (int i = 0; i < N; i++) {
		snprintf(bytes, sizeof(bytes), "get %d", i);
		struct herd_key key = key_of(bytes, bytes);
		all[i] = open_herd(&key);
	}
	for (int i = 0; i < N; i += 2)
		herds_close(herds, all[i]);
	for (int i = 0; i < N; i++) {
		snprintf(bytes, sizeof(bytes), "get %d", i);
		struct herd_key key = key_of(bytes, bytes);
		ck_assert_ptr_eq(herds_find(herds, &key), i % 2 == 0 ? NULL : all[i]);
	}
	for (int i = N - 1; i >= 0; i--)
		drop(all[i]);
}
END_TEST

Suite *herd_suite(void)
{
	Suite *suite = suite_create("herd");
	TCase *tc = tcase_create("herd");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, found_by_all_of_its_key);
	tcase_add_loop_test(tc, closed_by_a_write, 0, 2);
	tcase_add_test(tc, open_through_writes_of_other_keys);
	tcase_add_test(tc, many_at_once);
	suite_add_tcase(suite, tc);
	return suite;
}
