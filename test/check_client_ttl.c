#include <check.h>

#include "data_path.h"
#include "proto/mc_binary.h"
#include "suites.h"

/* Expiry times are changed in transactions too, and of inline commands. */

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static void serve(void)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS,
						      .ttl = {.max_s = 60, .default_s = 30}});
}

START_TEST(what_is_queued_is_changed)
{
	serve();
	say(dp.client, "MULTI\r\nSET a x\r\nEXPIRE a 99\r\n");
	expect(dp.client, "+OK\r\n");
	struct fake_peer *own = data_path_connect(&dp, 0);
	expect_first(own, array_of("MULTI"));
	expect_first(own, array_of("SET a x PX 30000"));
	answer_words(own, "EXPIRE a 60", "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
	expect(dp.client, "+QUEUED\r\n+QUEUED\r\n");
	say(dp.client, "EXEC\r\n");
	answer_words(own, "EXEC", "*2\r\n+OK\r\n:1\r\n");
	expect(dp.client, "*2\r\n+OK\r\n:1\r\n");
}
END_TEST

START_TEST(an_inline_command_is_changed)
{
	serve();
	say(dp.client, "set a \"x y\" ex 99\r\n");
	answer_to(dp.a, "*5\r\n$3\r\nset\r\n$1\r\na\r\n$3\r\nx y\r\n$2\r\nex\r\n$2\r\n60\r\n",
		  "+OK\r\n");
	expect(dp.client, "+OK\r\n");
}
END_TEST

/* The line's blanks and noreply go, its value stays. */
START_TEST(a_memcached_client_is_served_as_ever)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .ttl = {.max_s = 60}});
	say(dp.client, "  set a 0 99 3 noreply \r\n1\r2\r\nset a 0 -1 1\nx\r\nset a 0 x 1\r\n");
	answer_to(dp.a, "set a 0 60 3\r\n1\r2\r\nset a 0 -1 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
	expect(dp.client, "STORED\r\nCLIENT_ERROR bad command line format\r\n");
}
END_TEST

/* A binary request, with an expiry time at the end of its extras. */
static struct span packet(uint8_t opcode, uint8_t extras, uint32_t exptime, const char *value)
{
	static char bytes[200];
	struct mcb_header header = {.magic = MCB_REQUEST,
				    .opcode = opcode,
				    .extras = extras,
				    .key = 1,
				    .body = extras + 1 + (uint32_t)strlen(value),
				    .opaque = 7};
	char *end = bytes + MCB_HEADER + extras;

	memset(bytes, 1, sizeof(bytes));
	mcb_header_write(bytes, &header);
	for (int i = 1; i <= 4; i++, exptime >>= 8)
		end[-i] = (char)(exptime & 0xff);
	end[0] = 'a';
	memcpy(end + 1, value, strlen(value));
	return span_make(bytes, MCB_HEADER + header.body);
}

static const struct {
	uint8_t opcode, loud, extras;
	uint32_t exptime, sent;
	const char *value;
} packets[] = {
	{MCB_SET, MCB_SET, 8, 99, 60, "x"},
	{MCB_SET, MCB_SET, 8, 50, 50, "x"},
	{MCB_SET, MCB_SET, 8, 0, 30, ""},
	{MCB_SET, MCB_SET, 8, UINT32_MAX, UINT32_MAX, "x"},
	{MCB_SETQ, MCB_SET, 8, 99, 60, "x"},
	{MCB_SETQ, MCB_SET, 8, 50, 50, "x"},
	{MCB_INCREMENT, MCB_INCREMENT, 20, 99, 60, ""},
	/* Not to be made if it is not there. */
	{MCB_INCREMENT, MCB_INCREMENT, 20, UINT32_MAX, UINT32_MAX, ""},
	{MCB_INCREMENTQ, MCB_INCREMENT, 20, 0, 30, ""},
	{MCB_TOUCH, MCB_TOUCH, 4, 99, 60, ""},
	{MCB_GAT, MCB_GAT, 4, 0, 30, ""},
	{MCB_GATKQ, MCB_GATK, 4, 99, 60, ""},
};

START_TEST(a_binary_command_is_changed)
{
	data_path_serve(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED,
						      .ttl = {.max_s = 60, .default_s = 30}});
	say_bytes(dp.client, packet(packets[_i].opcode, packets[_i].extras, packets[_i].exptime,
				    packets[_i].value));
	struct fake_peer *own = data_path_server(&dp, 0);
	if (own->state == FAKE_CONNECTING) {
		fake_connect(own, 0);
		fake_settle(dp.loop);
	}
	struct span hello = codec_mc_binary.hello;
	ck_assert(span_starts_with(fake_got(own), hello));
	fake_take(own, hello.len);
	struct chain reply = {0};
	const struct mcb_header noop = {.opcode = MCB_NOOP};
	mcb_packet(&dp.engine.chunks, &reply, noop, span_of(""), span_of(""), span_of(""));
	char bytes[MCB_HEADER];
	(void)chain_peek(&reply, bytes, sizeof(bytes));
	chain_clear(&dp.engine.chunks, &reply);
	say_bytes(own, span_make(bytes, sizeof(bytes)));
	expect_bytes(own, packet(packets[_i].loud, packets[_i].extras, packets[_i].sent,
				 packets[_i].value));
	data_path_fini(&dp);
}
END_TEST

Suite *client_ttl_suite(void)
{
	Suite *suite = suite_create("client_ttl");
	TCase *tc = tcase_create("client_ttl");

	tcase_add_checked_fixture(tc, NULL, tear_down);
	tcase_add_test(tc, what_is_queued_is_changed);
	tcase_add_test(tc, an_inline_command_is_changed);
	tcase_add_test(tc, a_memcached_client_is_served_as_ever);
	tcase_add_loop_test(tc, a_binary_command_is_changed, 0, ARRAY_LEN(packets));
	suite_add_tcase(suite, tc);
	return suite;
}
