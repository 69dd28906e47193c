#include "core/writes.h"

#include <check.h>

#include "core/reads.h"
#include "core/session.h"
#include "data_path.h"
#include "proto/command.h"
#include "suites.h"

static struct data_path dp;
static struct session session;
static struct request_list list;

/* What a client wrote is remembered for 100 ms. */
static void begin(void)
{
	data_path_init(&dp, (struct data_path_setup){.protocol = PROTOCOL_REDIS,
						     .read_your_writes_ms = 100});
	session = (struct session){.pool = dp.pool, .identity = 7};
	TAILQ_INIT(&list);
}

static struct request *ask(const char *name, enum reads reads)
{
	struct request *request =
		request_new(&dp.engine, dp.pool, resp_command_find(span_of(name)), &list);

	TAILQ_REMOVE(&list, request, order);
	request->session = &session;
	request->reads = reads;
	return request;
}

/* Name a key in a command, or none: where may it be read? */
static enum reads note(const char *name, const char *key)
{
	struct request *request = ask(name, READS_PREFER_REPLICA);

	if (key != NULL)
		reads_note_key(request, span_of(key));
	else
		reads_note_keyless(request);
	enum reads reads = request->reads;
	if (request->written.n > 0)
		reads_note_end(request);
	request_free(request);
	return reads;
}

START_TEST(a_client_reads_what_it_wrote)
{
	begin();
	ck_assert_int_eq(note("get", "k"), READS_PREFER_REPLICA);
	note("set", "k");
	ck_assert_int_eq(note("get", "k"), READS_PRIMARY);
	ck_assert_int_eq(note("get", "other"), READS_PREFER_REPLICA);
	session.identity++;
	ck_assert_int_eq(note("get", "k"), READS_PREFER_REPLICA);
	session.identity--;
	ck_assert_uint_eq(data_path_count(&dp, STAT_READS_OWN), 1);
	fake_advance_ms(dp.loop, 99);
	ck_assert_int_eq(note("get", "k"), READS_PRIMARY);
	fake_advance_ms(dp.loop, 1);
	ck_assert_int_eq(note("get", "k"), READS_PREFER_REPLICA);
	note("flushall", NULL);
	ck_assert_int_eq(note("get", "any"), READS_PRIMARY);
	fake_advance_ms(dp.loop, 100);
	ck_assert_int_eq(note("get", "any"), READS_PREFER_REPLICA);
	data_path_fini(&dp);
}
END_TEST

START_TEST(the_marks_of_a_write_are_renewed_at_its_end)
{
	begin();
	struct request *request = ask("mset", READS_PRIMARY);
	char key[] = "a";

	for (; key[0] < 'a' + _i; key[0]++)
		reads_note_key(request, span_of(key));
	fake_advance_ms(dp.loop, 150);
	reads_note_end(request);
	request_free(request);
	for (key[0] = 'a'; key[0] < 'a' + _i; key[0]++)
		ck_assert_int_eq(note("get", key), READS_PRIMARY);
	ck_assert_int_eq(note("get", "z"), _i > WRITTEN_MAX ? READS_PRIMARY : READS_PREFER_REPLICA);
	data_path_fini(&dp);
}
END_TEST

START_TEST(what_was_queued_is_written_by_exec)
{
	begin();
	note("multi", NULL);
	session.transaction = (struct transaction *)(void *)&dp; /* there is one */
	note("set", "k");
	fake_advance_ms(dp.loop, 150);
	note("exec", NULL);
	session.transaction = NULL;
	ck_assert_int_eq(note("get", "k"), READS_PRIMARY);
	ck_assert_int_eq(note("get", "other"), READS_PREFER_REPLICA);
	fake_advance_ms(dp.loop, 100);
	note("exec", NULL);
	ck_assert_int_eq(note("get", "k"), READS_PREFER_REPLICA);
	data_path_fini(&dp);
}
END_TEST

Suite *writes_suite(void)
{
	Suite *suite = suite_create("writes");
	TCase *tcase = tcase_create("writes");

	tcase_add_test(tcase, a_client_reads_what_it_wrote);
	tcase_add_loop_test(tcase, the_marks_of_a_write_are_renewed_at_its_end, 1, WRITTEN_MAX + 3);
	tcase_add_test(tcase, what_was_queued_is_written_by_exec);
	suite_add_tcase(suite, tcase);
	return suite;
}
