#include "control/crew.h"

#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_script.h"
#include "made_topology.h"
#include "suites.h"

#define WORKERS 2
#define CLIENTS 3 /* that a pool may have */

static struct loop *loop;
static struct crew *crew;
static struct topology *topology;
static int peers[CLIENTS + 1]; /* of clients, in the order in which they came */
static size_t n_peers;
static int n_drained;
static uint16_t suspect;

static void on_drained(void *arg)
{
	ck_assert_ptr_eq(arg, &n_drained);
	n_drained++;
}

static void on_suspect(void *arg, uint16_t id)
{
	ck_assert_ptr_eq(arg, &n_drained);
	suspect = id;
}

static const struct crew_events events = {on_drained, on_suspect};

static bool is_new(void *arg, uint16_t id)
{
	(void)arg;
	(void)id;
	return true;
}

static void begin(void)
{
	loop = script_begin();
	crew = crew_new(loop, WORKERS, 64 << 20, &events, &n_drained);
	topology = made_topology(
		"pools:\n"
		"  p: {protocol: redis, listen: \"l:1\", shards: [\"127.0.0.1:1\"], "
		"limits: {clients: 3}}\n"
		"  q: {protocol: redis, listen: \"l:2\", shards: [\"127.0.0.1:1\"]}\n");
	n_peers = 0;
	n_drained = 0;
	suspect = UINT16_MAX;
	ck_assert_uint_eq(crew_size(crew), WORKERS);
}

static void tell(void)
{
	crew_tell(crew, topology, is_new, NULL);
}

/* A client of the pool of an index; what it gets is read at its peer. */
static void come(uint16_t pool_index)
{
	int fds[2];

	script_pair(true, fds);
	peers[n_peers++] = fds[1];
	crew_accept(crew, pool_index, fds[0], true);
}

static void close_all(void)
{
	crew_stop(crew);
}

#define RUN(...)                                                                                   \
	do {                                                                                       \
		const struct io_step steps[] = {__VA_ARGS__};                                      \
                                                                                                   \
		script_run(steps, ARRAY_LEN(steps), close_all);                                    \
	} while (0)

static void end(void)
{
	crew_free(crew);
	topology_unref(topology);
	for (size_t i = 0; i < n_peers; i++)
		close(peers[i]);
}

static bool has(size_t peer, const char *bytes)
{
	char got[64];
	ssize_t n = recv(peers[peer], got, sizeof(got), MSG_DONTWAIT | MSG_PEEK);

	return n == (ssize_t)strlen(bytes) && memcmp(got, bytes, (size_t)n) == 0;
}

static bool is_closed(size_t peer)
{
	char got;

	return recv(peers[peer], &got, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static bool first_is_served(void)
{
	return has(0, "+PONG\r\n");
}

static bool all_are_served(void)
{
	for (size_t i = 0; i < n_peers; i++)
		if (!has(i, "+PONG\r\n"))
			return false;
	return true;
}

static void ping_all(void)
{
	for (size_t i = 0; i < n_peers; i++)
		script_send(peers[i], span_of("PING\r\n"));
}

/* They are not turned away because the workers know nothing of their pool so far. */
START_TEST(clients_that_come_early_are_served_in_time)
{
	begin();
	come(0);
	come(1);
	ping_all();
	ck_assert_uint_eq(crew_clients(crew), 0);
	tell();
	ck_assert_uint_eq(crew_clients(crew), 2);
	RUN({"served", all_are_served});
	end();
}
END_TEST

START_TEST(one_whose_pool_never_comes_is_closed_at_the_end)
{
	begin();
	come(0);
	ping_all();
	come(7);
	tell();
	ck_assert_uint_eq(crew_clients(crew), 1);
	RUN({"served", first_is_served});
	ck_assert(!is_closed(1));
	crew_free(crew);
	ck_assert(is_closed(1));
	topology_unref(topology);
	close(peers[0]);
	close(peers[1]);
}
END_TEST

START_TEST(clients_are_spread_over_the_workers)
{
	begin();
	tell();
	for (int i = 0; i < CLIENTS + 1; i++)
		come((uint16_t)(i % 2));
	for (int w = 0; w < WORKERS; w++) {
		uint64_t n = 0;

		for (int p = 0; p < 2; p++)
			n += stat_get(&crew_stats(crew)[w]->pools[p]->opened);
		ck_assert_uint_eq(n, (CLIENTS + 1) / WORKERS);
	}
	ping_all();
	RUN({"served", all_are_served});
	end();
}
END_TEST

static bool last_is_refused(void)
{
	char got[128];
	ssize_t n = recv(peers[CLIENTS], got, sizeof(got) - 1, MSG_DONTWAIT | MSG_PEEK);

	if (n <= 0)
		return false;
	got[n] = '\0';
	ck_assert_str_eq(got, "-ERR max number of clients reached\r\n");
	return true;
}

START_TEST(one_more_than_the_limit_is_told_so)
{
	begin();
	tell();
	for (int i = 0; i < CLIENTS + 1; i++)
		come(0);
	ck_assert_uint_eq(crew_clients(crew), CLIENTS);
	ck_assert_uint_eq(stat_get(&crew_stats(crew)[WORKERS]->counter[STAT_CLIENTS_REFUSED]), 1);
	RUN({"refused", last_is_refused});
	end();
}
END_TEST

static bool leave(void)
{
	for (size_t i = 0; i < n_peers; i++)
		close(peers[i]);
	n_peers = 0;
	return true;
}

static bool nobody_is_left(void)
{
	return crew_clients(crew) == 0;
}

static bool drain(void)
{
	ck_assert(!crew_is_drained(crew));
	crew_drain(crew);
	return true;
}

static bool is_drained(void)
{
	return n_drained == 1 && crew_is_drained(crew);
}

START_TEST(is_drained_when_the_last_has_gone)
{
	begin();
	tell();
	come(0);
	come(1);
	ping_all();
	RUN({"served", all_are_served}, {"gone", leave}, {"counted", nobody_is_left},
	    {"drain", drain}, {"drained", is_drained});
	ck_assert_int_eq(n_drained, 1);
	end();
}
END_TEST

static bool ask_node(void)
{
	script_send(peers[0], span_of("GET a\r\n"));
	return true;
}

static bool is_suspected(void)
{
	return suspect == 0;
}

/* Nobody listens there. */
START_TEST(a_node_that_a_worker_sees_fail_is_told_of)
{
	begin();
	tell();
	come(0);
	RUN({"asked", ask_node}, {"told", is_suspected});
	end();
}
END_TEST

Suite *crew_suite(void)
{
	Suite *suite = suite_create("crew");
	TCase *tcase = tcase_create("crew");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, clients_that_come_early_are_served_in_time);
	tcase_add_test(tcase, one_whose_pool_never_comes_is_closed_at_the_end);
	tcase_add_test(tcase, clients_are_spread_over_the_workers);
	tcase_add_test(tcase, one_more_than_the_limit_is_told_so);
	tcase_add_test(tcase, is_drained_when_the_last_has_gone);
	tcase_add_test(tcase, a_node_that_a_worker_sees_fail_is_told_of);
	suite_add_tcase(suite, tcase);
	return suite;
}
