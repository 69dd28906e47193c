#include <check.h>

#include "data_path.h"
#include "suites.h"

#define KEY	"AmazonElastiCache:cluster"
#define PAYLOAD "1\na||7000 b||7001 c||7002\n"

static struct data_path dp;

static void tear_down(void)
{
	data_path_end(&dp);
}

static const struct {
	const char *line, *reply;
} answers[] = {
	{"config get cluster\r\n", "CONFIG cluster 0 26\r\n" PAYLOAD "\r\nEND\r\n"},
	{"config get other\r\n", "END\r\n"},
	{"config get clusters\r\n", "END\r\n"},
	{"config get CLUSTER\r\n", "END\r\n"},
	{"config\r\n", "ERROR\r\n"},
	{"config get\r\n", "ERROR\r\n"},
	{"config get cluster x\r\n", "ERROR\r\n"},
	{"config set cluster\r\n", "ERROR\r\n"},
	{"get " KEY "\r\n", "VALUE " KEY " 0 26\r\n" PAYLOAD "\r\nEND\r\n"},
	{"gets " KEY "\r\n", "VALUE " KEY " 0 26 1\r\n" PAYLOAD "\r\nEND\r\n"},
};

START_TEST(tells_the_nodes_without_asking_one)
{
	data_path_serve_memcached(&dp);
	say(dp.client, answers[_i].line);
	expect(dp.client, answers[_i].reply);
	expect(dp.a, "");
	expect(dp.b, "");
	expect(dp.c, "");
}
END_TEST

START_TEST(answers_in_its_turn)
{
	data_path_serve_memcached(&dp);
	say(dp.client, "get a\r\nconfig get other\r\nget b\r\n");
	expect(dp.client, "");
	say(dp.b, "END\r\n");
	say(dp.a, "VALUE a 0 1\r\nA\r\nEND\r\n");
	expect(dp.client, "VALUE a 0 1\r\nA\r\nEND\r\nEND\r\nEND\r\n");
}
END_TEST

/* What no client that looks for nodes sends is for the nodes. */
START_TEST(is_an_ordinary_key_otherwise)
{
	static const char *const lines[] = {
		"get " KEY " " KEY "\r\n",	     "gat 0 " KEY "\r\n",
		"get AmazonElastiCache:clusteR\r\n", "delete " KEY "\r\n",
		"set " KEY " 0 0 1\r\nx\r\n",
	};

	data_path_serve_memcached(&dp);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct fake_peer *servers[] = {dp.a, dp.b, dp.c};
		struct fake_peer *its = NULL;

		say(dp.client, lines[i]);
		for (size_t j = 0; j < ARRAY_LEN(servers); j++)
			if (fake_got(servers[j]).len > 0)
				its = servers[j];
		ck_assert_ptr_nonnull(its);
		data_path_pass(&dp, its, lines[i], "END\r\n");
	}
}
END_TEST

START_TEST(redis_has_no_such_key)
{
	data_path_serve_redis(&dp);
	say_words(dp.client, "DEL " KEY);
	for (uint16_t i = 0; i < DATA_PATH_SHARDS; i++) {
		struct fake_peer *server = data_path_server(&dp, i);

		if (fake_got(server).len == 0)
			continue;
		answer_words(server, "DEL " KEY, ":0\r\n");
	}
	expect(dp.client, ":0\r\n");
}
END_TEST

Suite *local_cluster_suite(void)
{
	Suite *suite = suite_create("local_cluster");
	TCase *tcase = tcase_create("local_cluster");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, tells_the_nodes_without_asking_one, 0, ARRAY_LEN(answers));
	tcase_add_test(tcase, answers_in_its_turn);
	tcase_add_test(tcase, is_an_ordinary_key_otherwise);
	tcase_add_test(tcase, redis_has_no_such_key);
	suite_add_tcase(suite, tcase);
	return suite;
}
