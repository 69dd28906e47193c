#include "control/sentinel_reply.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "recorded.h"
#include "suites.h"

/* Answers of redis-server 7.0 --sentinel, and forged ones. "-": refused. */
static const struct {
	const char *name, *address, *replicas; /* as read by either question */
} replies[] = {
	{"address", "127.0.0.1:17101", "-"},
	{"address_none", "", "-"},
	{"no_such_master", "-", "-"},
	{"master", "-", "-"},
	{"replicas", "-", "127.0.0.1:17102 127.0.0.1:17103"},
	/* The one that is about to be the primary says so before the Sentinels do. */
	{"replicas_promoting", "-", "127.0.0.1:17103"},
	{"replicas_one_down", "-", "127.0.0.1:17103"},
	{"name", "redis-1.internal:6379", "-"},
	{"v6", "[fd00::1]:6379", "-"},
	{"unknown_host", "-", "-"},
	{"no_host", "-", "-"},
	{"bad_port", "-", "-"},
	{"replica_unknown", "-", "-"},
	{"replica_odd", "-", "-"},
	{"many", "-", "-"},
	{"nested", "-", "-"},
	{"map", "-", "h:1"},
};

static const char *address_in(struct span reply)
{
	static char address[ADDRESS_TEXT_MAX];

	return sentinel_read_address(reply, address) ? address : "-";
}

/* With blanks between; the caller frees it. */
static struct text replicas_in(struct span reply)
{
	struct string_list list;
	struct text text = {0};

	text_puts(&text, sentinel_read_replicas(reply, &list) ? "" : "-");
	for (size_t i = 0; i < list.n; i++)
		text_printf(&text, "%s%s", i > 0 ? " " : "", list.v[i]);
	found_list_free(&list);
	return text;
}

START_TEST(reads_what_sentinels_say)
{
	char name[64];

	snprintf(name, sizeof(name), "sentinel/%s", replies[_i].name);
	struct span reply = recorded(TEST_DIR, name);
	struct text replicas = replicas_in(reply);
	ck_assert_str_eq(address_in(reply), replies[_i].address);
	ck_assert_str_eq(replicas.p, replies[_i].replicas);
	text_free(&replicas);
	free((char *)(uintptr_t)reply.p);
}
END_TEST

START_TEST(every_cut_is_refused)
{
	struct span whole = recorded(TEST_DIR, "sentinel/replicas");

	for (size_t len = 0; len < whole.len; len++) {
		char *copy = malloc(len > 0 ? len : 1);
		struct string_list list;

		memcpy(copy, whole.p, len);
		ck_assert(!sentinel_read_replicas(span_make(copy, len), &list));
		ck_assert_uint_eq(list.n, 0);
		free(copy);
	}
	free((char *)(uintptr_t)whole.p);
}
END_TEST

static const char *const unfit[] = {
	"$5\r\nflags\r\n$12\r\ns_down,slave\r\n",
	"$5\r\nflags\r\n$19\r\nslave,o_down,whatev\r\n",
	"$5\r\nflags\r\n$12\r\ndisconnected\r\n",
	"$13\r\nrole-reported\r\n$6\r\nmaster\r\n",
};

START_TEST(leaves_out_what_cannot_be_read)
{
	char reply[256];

	snprintf(reply, sizeof(reply),
		 "*1\r\n*6\r\n$2\r\nip\r\n$1\r\nh\r\n%s$4\r\nport\r\n$1\r\n1\r\n", unfit[_i]);
	struct text replicas = replicas_in(span_of(reply));
	ck_assert_str_eq(replicas.p, "");
	text_free(&replicas);
}
END_TEST

Suite *sentinel_reply_suite(void)
{
	Suite *suite = suite_create("sentinel_reply");
	TCase *tcase = tcase_create("sentinel_reply");

	tcase_add_loop_test(tcase, reads_what_sentinels_say, 0, (int)ARRAY_LEN(replies));
	tcase_add_test(tcase, every_cut_is_refused);
	tcase_add_loop_test(tcase, leaves_out_what_cannot_be_read, 0, (int)ARRAY_LEN(unfit));
	suite_add_tcase(suite, tcase);
	return suite;
}
