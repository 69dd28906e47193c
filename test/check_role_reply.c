#include "control/role_reply.h"

#include <check.h>
#include <stdlib.h>

#include "suites.h"

/* As Redis 7.0.15 says it, but for what the names tell otherwise. */
#define MASTER                                                                                     \
	"*3\r\n$6\r\nmaster\r\n:1234\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$5\r\n17902\r\n$1\r\n0\r\n"
#define SLAVE	"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:17901\r\n$9\r\nconnected\r\n:150\r\n"
#define LOST	"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:17901\r\n$7\r\nconnect\r\n:-1\r\n"
#define NAMED	"*5\r\n$5\r\nslave\r\n$4\r\nr.io\r\n:6379\r\n$4\r\nsync\r\n:7\r\n"
#define OVER_V6 "*5\r\n$5\r\nslave\r\n$3\r\n::1\r\n:6379\r\n$9\r\nconnected\r\n:7\r\n"
#define NOBODY	"*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$7\r\nconnect\r\n:-1\r\n"
#define GUARD	"*2\r\n$8\r\nsentinel\r\n*1\r\n$1\r\nm\r\n"
#define INFO_MASTER                                                                                \
	"$95\r\n# Replication\r\nrole:master\r\nconnected_slaves:1\r\nmaster_repl_offset:150\r\n"  \
	"second_repl_offset:-1\r\n\r\n"
#define INFO_SLAVE                                                                                 \
	"$139\r\n# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:17901\r\n"    \
	"master_link_status:up\r\nslave_repl_offset:149\r\nmaster_repl_offset:150\r\n\r\n"
#define INFO_LOST                                                                                  \
	"$94\r\n# Replication\r\nrole:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:17901\r\n"     \
	"master_link_status:down\r\n\r\n"

static const struct {
	bool (*read)(struct span reply, struct role_reply *out);
	const char *reply;
	struct role_reply is;
} replies[] = {
	{role_read, MASTER, {ROLE_PRIMARY, false, "", 1234}},
	{role_read, SLAVE, {ROLE_REPLICA, true, "127.0.0.1:17901", 150}},
	{role_read, LOST, {ROLE_REPLICA, false, "127.0.0.1:17901", 0}},
	{role_read, NAMED, {ROLE_REPLICA, false, "r.io:6379", 7}},
	{role_read, OVER_V6, {ROLE_REPLICA, true, "[::1]:6379", 7}},
	{role_read, NOBODY, {ROLE_REPLICA, false, "", 0}},
	{role_read, GUARD, {ROLE_SENTINEL, false, "", 0}},
	{role_read_info, INFO_MASTER, {ROLE_PRIMARY, false, "", 150}},
	{role_read_info, INFO_SLAVE, {ROLE_REPLICA, true, "127.0.0.1:17901", 149}},
	{role_read_info, INFO_LOST, {ROLE_REPLICA, false, "127.0.0.1:17901", 0}},
};

START_TEST(reads_what_a_node_says)
{
	struct role_reply role;

	ck_assert(replies[_i].read(span_of(replies[_i].reply), &role));
	ck_assert_int_eq(role.kind, replies[_i].is.kind);
	ck_assert_int_eq(role.is_linked, replies[_i].is.is_linked);
	ck_assert_str_eq(role.leader, replies[_i].is.leader);
	ck_assert_uint_eq(role.offset, replies[_i].is.offset);
}
END_TEST

/* The list of a primary's replicas is not read, nor are the names that a Sentinel watches. */
START_TEST(part_of_a_reply_is_none)
{
	size_t len = strlen(replies[_i].reply);
	size_t needed = replies[_i].is.kind == ROLE_SENTINEL ? strlen("*2\r\n$8\r\nsentinel\r\n")
			: replies[_i].reply[0] == '*' && replies[_i].is.kind == ROLE_PRIMARY
				? strlen("*3\r\n$6\r\nmaster\r\n:1234\r\n")
				: len;

	for (size_t n = 0; n < needed; n++) {
		char *copy = malloc(n + 1); /* of its own, so that reading past it is seen */
		struct role_reply role;

		memcpy(copy, replies[_i].reply, n);
		ck_assert_msg(!replies[_i].read(span_make(copy, n), &role), "%zu bytes", n);
		free(copy);
	}
}
END_TEST

static const char *const others[] = {
	"",
	"+OK\r\n",
	"$-1\r\n",
	"*-1\r\n",
	"*0\r\n",
	"*1\r\n",
	"*1\r\n$6\r\nmaster\r\n",
	"*1\r\n$5\r\nqueen\r\n",
	"*2\r\n:1\r\n:2\r\n",
	"*2\r\n$6\r\nmaster\r\n*1\r\n",
	"*2\r\n$-6\r\nmaster\r\n:1\r\n",
	"*2\r\n$99999999999999999999\r\nmaster\r\n:1\r\n",
	"*2\r\n$9223372036854775808\r\nmaster\r\n:1\r\n",
	"*5\r\n$5\r\nslave\r\n*0\r\n:1\r\n$0\r\n\r\n:1\r\n",
	"$0\r\n\r\n",
	"$11\r\nrole:queen\n\r\n",
	"$12\r\nrole:queen\r\n\r\n",
	"$13\r\nxrole:slave\r\n\r\n",
};

START_TEST(other_replies_are_none)
{
	struct role_reply role;

	ck_assert(!role_read(span_of(others[_i]), &role));
	ck_assert(!role_read_info(span_of(others[_i]), &role));
}
END_TEST

/* A value that looks like a field is none. */
START_TEST(fields_begin_their_line)
{
	struct role_reply role;

	ck_assert(
		role_read_info(span_of("$40\r\nx:role:slave\r\nrole:master\r\nroles:slave\r\n\r\n"),
			       &role));
	ck_assert_int_eq(role.kind, ROLE_PRIMARY);
}
END_TEST

Suite *role_reply_suite(void)
{
	Suite *suite = suite_create("role_reply");
	TCase *tcase = tcase_create("role_reply");

	tcase_add_loop_test(tcase, reads_what_a_node_says, 0, (int)ARRAY_LEN(replies));
	tcase_add_loop_test(tcase, part_of_a_reply_is_none, 0, (int)ARRAY_LEN(replies));
	tcase_add_loop_test(tcase, other_replies_are_none, 0, (int)ARRAY_LEN(others));
	tcase_add_test(tcase, fields_begin_their_line);
	suite_add_tcase(suite, tcase);
	return suite;
}
