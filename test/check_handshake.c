#include <check.h>

#include "core/connset.h"
#include "core/handshake.h"
#include "data_path.h"
#include "suites.h"

static struct data_path dp;

static const struct {
	enum pool_protocol protocol;
	struct conn_kind kind;
	const char *user, *password, *bytes;
	uint32_t replies;
} cases[] = {
	{PROTOCOL_MEMCACHED, {.resp = 2}, NULL, NULL, "version\r\n", 1},
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
};

START_TEST(knows_what_a_refusal_means)
{
	ck_assert_int_eq(handshake_fault(span_of(errors[_i].error)), errors[_i].fault);
}
END_TEST

Suite *handshake_suite(void)
{
	Suite *suite = suite_create("handshake");
	TCase *tcase = tcase_create("handshake");

	tcase_add_loop_test(tcase, asks_what_its_kind_needs, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tcase, knows_what_a_refusal_means, 0, ARRAY_LEN(errors));
	suite_add_tcase(suite, tcase);
	return suite;
}
