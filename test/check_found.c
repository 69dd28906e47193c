#include "control/found.h"

#include <check.h>
#include <stdlib.h>

#include "suites.h"

/* Two shards, of which the first has two replicas and two ranges of slots. */
static struct found example(void)
{
	struct found found = {.version = 7};
	struct found_shard *a = found_add(&found, "a", "h:1");

	found_add_replica(a, "h:2");
	found_add_replica(a, "h:3");
	found_add_slots(a, 0, 99);
	found_add_slots(a, 200, 300);
	found_add(&found, NULL, "h:4");
	return found;
}

START_TEST(a_copy_says_the_same)
{
	struct found found = example(), copy;

	found_copy(&copy, &found);
	ck_assert(found_equal(&found, &copy));
	ck_assert_uint_eq(copy.version, 7);
	ck_assert_ptr_ne(copy.shards[0].name, found.shards[0].name);
	copy.version = 8;
	ck_assert(found_equal(&found, &copy));
	found_fini(&copy);
	ck_assert_uint_eq(copy.n, 0);
	found_fini(&copy);
	found_fini(&found);
}
END_TEST

START_TEST(order_does_not_matter)
{
	struct found found = example(), other = {0};

	found_add(&other, NULL, "h:4");
	struct found_shard *a = found_add(&other, "a", "h:1");
	found_add_slots(a, 200, 300);
	found_add_slots(a, 0, 99);
	found_add_replica(a, "h:3");
	found_add_replica(a, "h:2");
	ck_assert(found_equal(&found, &other));
	found_sort(&other);
	ck_assert_ptr_null(other.shards[0].name);
	ck_assert_str_eq(other.shards[1].replicas[0], "h:2");
	ck_assert_uint_eq(other.shards[1].slots[0].first, 0);
	found_fini(&other);
	found_fini(&found);
}
END_TEST

static void rename_shard(struct found *found)
{
	found->shards[0].name[0] = 'b';
}

static void move_primary(struct found *found)
{
	found->shards[1].primary[2] = '5';
}

static void lose_primary(struct found *found)
{
	free(found->shards[0].primary);
	found->shards[0].primary = NULL;
}

static void move_replica(struct found *found)
{
	found->shards[0].replicas[1][2] = '9';
}

static void add_replica(struct found *found)
{
	found_add_replica(&found->shards[1], "h:6");
}

static void move_slots(struct found *found)
{
	found->shards[0].slots[1].last = 301;
}

static void add_slots(struct found *found)
{
	found_add_slots(&found->shards[1], 400, 400);
}

static void add_shard(struct found *found)
{
	found_add(found, "c", "h:1");
}

static void (*const changes[])(struct found *) = {
	rename_shard, move_primary, lose_primary, move_replica,
	add_replica,  move_slots,   add_slots,	  add_shard,
};

START_TEST(any_change_is_one)
{
	struct found found = example(), other = example();

	changes[_i](&other);
	ck_assert(!found_equal(&found, &other));
	ck_assert(!found_equal(&other, &found));
	found_fini(&found);
	found_fini(&other);
}
END_TEST

START_TEST(tells_what_can_be_connected_to)
{
	static const struct {
		const char *host;
		uint64_t port;
		const char *address; /* NULL: none */
	} cases[] = {
		{"10.0.0.1", 1, "10.0.0.1:1"},
		{"::1", 65535, "[::1]:65535"},
		{"a-b.c_d", 11211, "a-b.c_d:11211"},
		{"123", 1, "123:1"},
		{"", 1, NULL},
		{"?", 1, NULL},
		{"*", 1, NULL},
		{"a", 0, NULL},
		{"a", 65536, NULL},
		{"a", UINT64_MAX, NULL},
		{"unix:/x", 1, NULL},
		{"unix:x", 1, NULL},
		{"a:1", 1, NULL},
		{"[::1]", 1, NULL},
		{"a b", 1, NULL},
		{"unix", 6379, NULL},
	};
	char out[ADDRESS_TEXT_MAX], host[ADDRESS_HOST_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool is_told = found_address(span_of(cases[i].host), cases[i].port, out);

		ck_assert_msg(is_told == (cases[i].address != NULL), "%s", cases[i].host);
		if (is_told)
			ck_assert_str_eq(out, cases[i].address);
	}
	ck_assert(!found_address(span_make("a\0b", 3), 1, out));
	memset(host, 'a', sizeof(host));
	ck_assert(found_address(span_make(host, ADDRESS_HOST_MAX), 1, out));
	ck_assert(!found_address(span_make(host, ADDRESS_HOST_MAX + 1), 1, out));
}
END_TEST

Suite *found_suite(void)
{
	Suite *suite = suite_create("found");
	TCase *tcase = tcase_create("found");

	tcase_add_test(tcase, a_copy_says_the_same);
	tcase_add_test(tcase, order_does_not_matter);
	tcase_add_loop_test(tcase, any_change_is_one, 0, (int)ARRAY_LEN(changes));
	tcase_add_test(tcase, tells_what_can_be_connected_to);
	suite_add_tcase(suite, tcase);
	return suite;
}
