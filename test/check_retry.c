#include <check.h>

#include "core/retry.h"
#include "suites.h"

/* By result: is a call that reads, and one that writes, sent again while it has tries left? */
static const struct {
	bool read, write;
} again[CALL_RESULTS] = {
	[CALL_REPLY] = {false, false}, [CALL_NOT_SENT] = {true, true},
	[CALL_LOST] = {true, false},   [CALL_TIMEOUT] = {false, false},
	[CALL_DOWN] = {false, false},  [CALL_GARBAGE] = {false, false},
};

START_TEST(what_may_have_run_is_sent_again_only_if_it_reads)
{
	enum call_result result = (enum call_result)_i;

	ck_assert_int_eq(retry_again(result, true, 1, 1), again[_i].read);
	ck_assert_int_eq(retry_again(result, false, 1, 1), again[_i].write);
}
END_TEST

START_TEST(tries_are_counted)
{
	for (unsigned retries = 0; retries < 4; retries++) {
		for (unsigned attempts = 1; attempts < 6; attempts++)
			ck_assert_int_eq(retry_again(CALL_NOT_SENT, true, attempts, retries),
					 attempts <= retries);
	}
}
END_TEST

Suite *retry_suite(void)
{
	Suite *suite = suite_create("retry");
	TCase *tcase = tcase_create("retry");

	tcase_add_loop_test(tcase, what_may_have_run_is_sent_again_only_if_it_reads, 0,
			    CALL_RESULTS);
	tcase_add_test(tcase, tries_are_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}
