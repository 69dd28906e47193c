#include "io/srv.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "suites.h"

/* A message under way: the header's count of answers is set as records are added. */
static struct {
	uint8_t p[65535];
	size_t len;
} message;

static struct srv_answer answer;

static void put(const void *bytes, size_t len)
{
	ck_assert_uint_le(message.len + len, sizeof(message.p));
	memcpy(message.p + message.len, bytes, len);
	message.len += len;
}

static void put_u16(uint16_t n)
{
	put((uint8_t[]){(uint8_t)(n >> 8), (uint8_t)n}, 2);
}

/* "_r._tcp.x" as labels; the question stands at offset 12, its "x" at 20. */
static const char question[] = "\2_r\4_tcp\1x\0\0\41\0\1";

static void begin(void)
{
	message.len = 0;
	put("\x12\x34\x81\x80\0\1\0\0\0\0\0\0", 12);
	put(question, sizeof(question) - 1);
}

static void end(void)
{
	srv_answer_fini(&answer);
}

static void put_record(uint16_t type, uint32_t ttl, const void *data, size_t len)
{
	uint16_t n = (uint16_t)(message.p[6] << 8 | message.p[7]);

	put("\xc0\x0c", 2);
	put_u16(type);
	put_u16(1);
	put_u16((uint16_t)(ttl >> 16));
	put_u16((uint16_t)ttl);
	put_u16((uint16_t)len);
	put(data, len);
	message.p[6] = (uint8_t)((n + 1) >> 8);
	message.p[7] = (uint8_t)(n + 1);
}

/* `target` is in wire form, of len bytes. */
static void put_srv(uint32_t ttl, uint16_t priority, uint16_t port, const void *target, size_t len)
{
	uint8_t data[512] = {(uint8_t)(priority >> 8), (uint8_t)priority, 0, 7,
			     (uint8_t)(port >> 8),     (uint8_t)port};

	memcpy(data + 6, target, len);
	put_record(33, ttl, data, 6 + len);
}

static int parse(void)
{
	srv_answer_fini(&answer);
	return srv_parse(message.p, message.len, &answer);
}

static void expect(size_t i, const char *target, uint16_t port)
{
	ck_assert_uint_lt(i, answer.n);
	ck_assert_str_eq(answer.services[i].target, target);
	ck_assert_uint_eq(answer.services[i].port, port);
	ck_assert_uint_eq(answer.services[i].weight, 7);
}

START_TEST(reads_services_in_an_order_of_their_own_and_each_once)
{
	begin();
	put_srv(60, 1, 11211, "\1b\xc0\x14", 4); /* b.x, by a pointer */
	put_srv(30, 1, 11211, "\1A\1x", 5);	 /* capitals are no difference */
	put_srv(90, 0, 7, "\1z\1y", 5);
	put_srv(90, 1, 11211, "\1a\1x", 5);
	put_srv(90, 1, 11210, "\1a\1x", 5);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(answer.n, 4);
	expect(0, "z.y", 7);
	expect(1, "a.x", 11210);
	expect(2, "a.x", 11211);
	expect(3, "b.x", 11211);
	ck_assert_uint_eq(answer.services[0].priority, 0);
	ck_assert_uint_eq(answer.ttl_s, 30);
}
END_TEST

START_TEST(the_time_to_live_is_that_of_the_shortest_link)
{
	begin();
	put_record(5, 4, "\1c\1x", 5);
	put_srv(60, 1, 1, "\1a\1x", 5);
	put_record(1, 2, "\x7f\0\0\1", 4); /* of no interest */
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(answer.n, 1);
	ck_assert_uint_eq(answer.ttl_s, 4);

	begin();
	put_srv(0x80000001, 1, 1, "\1a\1x", 5);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(answer.ttl_s, 0);
}
END_TEST

START_TEST(a_dot_is_the_word_for_no_service)
{
	begin();
	put_srv(60, 0, 0, "\0", 1);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(answer.n, 0);
}
END_TEST

#define L49 "\61abcdefghiabcdefghiabcdefghiabcdefghiabcdefghiabcd" /* 49 bytes and its length */

/* Targets, in wire form; the first pointer's own place is unknown to a case, but 12 is a name's. */
static const struct {
	const char *what;
	const char *target;
	size_t len;
	bool is_ok;
} targets[] = {
	{"a host", "\1a", 3, true},
	{"an underscore and a dash", "\3a_-", 5, true},
	{"the whole question", "\xc0\x0c", 2, true},
	{"a name of 253 bytes", L49 L49 L49 L49 L49 "\3abc", 5 * 50 + 5, true},
	{"a name of 254 bytes", L49 L49 L49 L49 L49 "\4abcd", 5 * 50 + 6, false},
	{"nothing", "", 0, false},
	{"no end", "\1a", 2, false},
	{"a label past its record", "\5abc", 4, false},
	{"a pointer past the message", "\xff\xff", 2, false},
	{"half a pointer", "\xc0", 1, false},
	{"an unknown kind of label",
	 "\x41"
	 "a",
	 3, false},
	{"a dot within a label", "\3a.b", 5, false},
	{"a NUL within a label", "\3a\0b", 5, false},
	{"a blank within a label", "\3a b", 5, false},
	{"a letter that is none of ASCII", "\2\xc3\xa9", 4, false},
};

START_TEST(knows_the_name_of_a_host)
{
	begin();
	put_srv(60, 0, 1, targets[_i].target, targets[_i].len);
	ck_assert_msg(parse() == (targets[_i].is_ok ? 0 : -EBADMSG), "%s", targets[_i].what);
	ck_assert_uint_eq(answer.n, targets[_i].is_ok);
}
END_TEST

/* The target of the one record stands behind its 12 bytes and 6 of the service. */
START_TEST(pointers_that_run_in_a_circle_end)
{
	begin();
	size_t here = message.len + 12 + 6;
	uint8_t to[] = {(uint8_t)(0xc0 | here >> 8), (uint8_t)here};
	uint8_t again[] = {1, 'a', to[0], to[1]};

	put_srv(60, 0, 1, to, 2);
	ck_assert_int_eq(parse(), -EBADMSG);
	begin();
	put_srv(60, 0, 1, again, 4);
	ck_assert_int_eq(parse(), -EBADMSG);
}
END_TEST

START_TEST(a_port_of_0_is_no_port)
{
	begin();
	put_srv(60, 0, 0, "\1a", 3);
	ck_assert_int_eq(parse(), -EBADMSG);
}
END_TEST

START_TEST(a_message_that_is_cut_anywhere_is_refused)
{
	begin();
	put_srv(60, 1, 11211, "\1b\xc0\x14", 4);
	put_srv(60, 1, 11211, "\1c\1x", 5);
	size_t whole = message.len;
	for (message.len = 0; message.len < whole; message.len++)
		ck_assert_int_eq(parse(), -EBADMSG);
	message.len = whole;
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(answer.n, 2);
}
END_TEST

/* As many as a message holds; all are read: whoever asked cuts the list. */
START_TEST(a_full_message_is_read)
{
	size_t n = 0;

	begin();
	for (; message.len + 12 + 6 + 4 <= sizeof(message.p); n++) {
		uint8_t target[] = {1, 'a', 0xc0, 0x14};

		put_srv(60, 1, (uint16_t)(n + 1), target, sizeof(target));
	}
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(answer.n, n);
	for (size_t i = 0; i < n; i++)
		expect(i, "a.x", (uint16_t)(i + 1));
}
END_TEST

Suite *srv_suite(void)
{
	Suite *suite = suite_create("srv");
	TCase *tcase = tcase_create("srv");

	tcase_add_checked_fixture(tcase, NULL, end);
	tcase_add_test(tcase, reads_services_in_an_order_of_their_own_and_each_once);
	tcase_add_test(tcase, the_time_to_live_is_that_of_the_shortest_link);
	tcase_add_test(tcase, a_dot_is_the_word_for_no_service);
	tcase_add_loop_test(tcase, knows_the_name_of_a_host, 0, ARRAY_LEN(targets));
	tcase_add_test(tcase, pointers_that_run_in_a_circle_end);
	tcase_add_test(tcase, a_port_of_0_is_no_port);
	tcase_add_test(tcase, a_message_that_is_cut_anywhere_is_refused);
	tcase_add_test(tcase, a_full_message_is_read);
	suite_add_tcase(suite, tcase);
	return suite;
}
