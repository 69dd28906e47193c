#include <check.h>

#include "core/connset.h"
#include "core/handshake.h"
#include "data_path.h"
#include "proto/mc_binary.h"
#include "suites.h"

static struct data_path dp;

static const struct {
	enum pool_protocol protocol;
	struct conn_kind kind;
	const char *user, *password, *bytes;
	uint32_t replies;
} cases[] = {
	{PROTOCOL_MEMCACHED, {.resp = 2}, NULL, NULL, "version\r\n", 1},
	{PROTOCOL_MEMCACHED,
	 {.resp = 2},
	 "me",
	 "pw",
	 "set slipring-login 0 -1 5\r\nme pw\r\nversion\r\n",
	 2},
	{PROTOCOL_MEMCACHED,
	 {.resp = 2},
	 NULL,
	 "pw",
	 "set slipring-login 0 -1 10\r\ndefault pw\r\nversion\r\n",
	 2},
	{PROTOCOL_REDIS, {.resp = 2}, NULL, NULL, "*1\r\n$4\r\nPING\r\n", 1},
	{PROTOCOL_REDIS,
	 {.resp = 2},
	 NULL,
	 "pw",
	 "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*1\r\n$4\r\nPING\r\n",
	 2},
	{PROTOCOL_REDIS,
	 {.resp = 2, .db = 12},
	 "me",
	 "pw",
	 "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n"
	 "*1\r\n$4\r\nPING\r\n",
	 3},
	{PROTOCOL_REDIS,
	 {.resp = 3},
	 NULL,
	 NULL,
	 "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n",
	 2},
	{PROTOCOL_REDIS,
	 {.resp = 3},
	 NULL,
	 "pw",
	 "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$2\r\npw\r\n"
	 "*1\r\n$4\r\nPING\r\n",
	 2},
};

START_TEST(asks_what_its_kind_needs)
{
	struct chain bytes = {0};
	char out[256];

	data_path_init(&dp, (struct data_path_setup){.protocol = cases[_i].protocol});
	struct pool pool = *dp.pool;
	pool.node_user = (char *)(uintptr_t)cases[_i].user;
	pool.node_password = (char *)(uintptr_t)cases[_i].password;
	ck_assert_uint_eq(handshake_write(&dp.engine, &pool, cases[_i].kind, &bytes),
			  cases[_i].replies);
	out[chain_peek(&bytes, out, sizeof(out) - 1)] = '\0';
	ck_assert_str_eq(out, cases[_i].bytes);
	chain_clear(&dp.engine.chunks, &bytes);
	data_path_end(&dp);
}
END_TEST

#define NOOP_PACKET "\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static const struct {
	const char *user, *password;
	struct span bytes;
	uint32_t replies;
} packets[] = {
	{NULL, NULL, {NOOP_PACKET, 24}, 1},
	{"me",
	 "pw",
	 {"\x80\x21\0\x05\0\0\0\0\0\0\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0"
	  "PLAIN\0me\0pw" NOOP_PACKET,
	  24 + 11 + 24},
	 2},
	{NULL,
	 "pw",
	 {"\x80\x21\0\x05\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0"
	  "PLAIN\0default\0pw" NOOP_PACKET,
	  24 + 16 + 24},
	 2},
};

START_TEST(asks_the_same_in_binary)
{
	const struct conn_kind binary = {.resp = 2, .binary = 1};
	struct chain bytes = {0};
	char out[256];

	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_MEMCACHED});
	struct pool pool = *dp.pool;
	pool.node_user = (char *)(uintptr_t)packets[_i].user;
	pool.node_password = (char *)(uintptr_t)packets[_i].password;
	ck_assert_uint_eq(handshake_write(&dp.engine, &pool, binary, &bytes), packets[_i].replies);
	ck_assert_uint_eq(bytes.bytes, packets[_i].bytes.len);
	chain_peek(&bytes, out, sizeof(out));
	ck_assert_mem_eq(out, packets[_i].bytes.p, packets[_i].bytes.len);
	chain_clear(&dp.engine.chunks, &bytes);
	data_path_end(&dp);
}
END_TEST

static const struct {
	const char *error;
	int fault;
} errors[] = {
	{"-NOAUTH Authentication required.\r\n", FAULT_PASSWORD},
	{"-WRONGPASS invalid username-password pair or user is disabled.\r\n", FAULT_PASSWORD},
	{"-ERR AUTH <password> called without any password\r\n", FAULT_PASSWORD},
	{"-LOADING Redis is loading the dataset in memory\r\n", FAULT_LOADING},
	{"-ERR DB index is out of range\r\n", FAULT_DATABASE},
	{"-NOPROTO unsupported protocol version\r\n", FAULT_PROTOCOL},
	{"-ERR unknown command 'HELLO'\r\n", FAULT_PROTOCOL},
	{"-ERR something else\r\n", FAULT_ERROR_ANSWER},
	{"SERVER_ERROR busy\r\n", FAULT_ERROR_ANSWER},
	{"CLIENT_ERROR authentication failure\r\n", FAULT_PASSWORD},
	{"CLIENT_ERROR unauthenticated\r\n", FAULT_PASSWORD},
	{"ERROR\r\n", FAULT_ERROR_ANSWER},
};

START_TEST(knows_what_a_refusal_means)
{
	ck_assert_int_eq(handshake_fault(span_of(errors[_i].error)), errors[_i].fault);
}
END_TEST

static const struct {
	uint8_t opcode;
	uint16_t status;
	int fault;
} refusals[] = {
	{MCB_SASL_AUTH, MCB_AUTH_ERROR, FAULT_PASSWORD},
	{MCB_NOOP, MCB_AUTH_ERROR, FAULT_PASSWORD},
	{MCB_SASL_AUTH, MCB_UNKNOWN, FAULT_NO_SASL},
	{MCB_NOOP, MCB_UNKNOWN, FAULT_ERROR_ANSWER},
	{MCB_SASL_AUTH, MCB_AUTH_CONTINUE, FAULT_ERROR_ANSWER},
};

START_TEST(knows_what_a_packet_means)
{
	const struct mcb_header header = {
		.magic = MCB_RESPONSE,
		.opcode = refusals[_i].opcode,
		.status = refusals[_i].status,
	};
	char bytes[MCB_HEADER];

	mcb_header_write(bytes, &header);
	ck_assert(mcb_is_error(span_make(bytes, sizeof(bytes))));
	ck_assert_int_eq(handshake_fault(span_make(bytes, sizeof(bytes))), refusals[_i].fault);
	ck_assert_int_eq(handshake_fault(span_make(bytes, 1)), FAULT_ERROR_ANSWER);
}
END_TEST

#define REFUSED "a:7000 refuses the user or password (set 'credentials')"

static const struct {
	const char *answer, *why;
	int state;
} answers[] = {
	{"STORED\r\nVERSION 1.6.18\r\n", "a:7000: connecting", ENDPOINT_UP},
	{"CLIENT_ERROR authentication failure\r\nCLIENT_ERROR unauthenticated\r\n", REFUSED,
	 ENDPOINT_DOWN},
	/* memcached loses the first of two such answers where both lines came in one piece. */
	{"CLIENT_ERROR unauthenticated\r\n", REFUSED, ENDPOINT_DOWN},
	{"STORED\r\nERROR\r\n", "a:7000 answers its first question with an error", ENDPOINT_DOWN},
};

START_TEST(a_memcached_node_takes_the_password_or_is_down)
{
	static char user[] = "me", password[] = "p:w";
	char why[CONNSET_WHY_MAX];

	data_path_begin(&dp, (struct data_path_setup){
				     .protocol = PROTOCOL_MEMCACHED,
				     .credentials = {.name = user, .password = {.text = password}},
			     });
	struct fake_peer *a = data_path_server(&dp, 0);
	fake_connect(a, 0);
	fake_settle(dp.loop);
	answer_to(a, "set slipring-login 0 -1 6\r\nme p:w\r\nversion\r\n", answers[_i].answer);
	ck_assert_int_eq(atomic_load(&data_path_endpoint(&dp, 0)->state), answers[_i].state);
	ck_assert_str_eq(connset_why(&dp.engine, dp.pool->shards[0].primary, why), answers[_i].why);
	data_path_fini(&dp);
}
END_TEST

Suite *handshake_suite(void)
{
	Suite *suite = suite_create("handshake");
	TCase *tcase = tcase_create("handshake");

	tcase_add_loop_test(tcase, asks_what_its_kind_needs, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tcase, knows_what_a_refusal_means, 0, ARRAY_LEN(errors));
	tcase_add_loop_test(tcase, asks_the_same_in_binary, 0, ARRAY_LEN(packets));
	tcase_add_loop_test(tcase, knows_what_a_packet_means, 0, ARRAY_LEN(refusals));
	tcase_add_loop_test(tcase, a_memcached_node_takes_the_password_or_is_down, 0,
			    ARRAY_LEN(answers));
	suite_add_tcase(suite, tcase);
	return suite;
}
