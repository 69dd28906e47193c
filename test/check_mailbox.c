#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "io/mailbox.h"
#include "io_script.h"
#include "suites.h"

#define SENDERS 3
#define LETTERS 2000 /* of each sender */

struct letter {
	struct mail mail;
	int sender, number;
};

static struct mailbox *box;
static struct letter letters[SENDERS][LETTERS];
static int next[SENDERS], n_got;
static pthread_t receiver;

static void on_mail(void *arg, struct mail *mail)
{
	const struct letter *letter = container_of(mail, struct letter, mail);

	ck_assert_ptr_eq(arg, &box);
	ck_assert(pthread_equal(pthread_self(), receiver));
	ck_assert_int_eq(letter->number, next[letter->sender]++);
	n_got++;
}

static void *send_all(void *arg)
{
	int sender = (int)((struct letter(*)[LETTERS])arg - letters);

	for (int i = 0; i < LETTERS; i++) {
		letters[sender][i].sender = sender;
		letters[sender][i].number = i;
		mailbox_post(box, &letters[sender][i].mail);
	}
	return NULL;
}

static void begin(void)
{
	receiver = pthread_self();
	n_got = 0;
	for (int i = 0; i < SENDERS; i++)
		next[i] = 0;
	box = mailbox_new(script_begin(), on_mail, &box);
}

static bool have_all(void)
{
	return n_got == SENDERS * LETTERS;
}

static void free_box(void)
{
	mailbox_free(box);
}

static void free_box_at_once(void)
{
	n_got = 0;
	for (int i = 0; i < SENDERS; i++) {
		next[i] = 0;
		send_all(&letters[i]);
	}
	ck_assert_int_eq(n_got, 0);
	mailbox_free(box);
	ck_assert_int_eq(n_got, SENDERS * LETTERS);
}

START_TEST(mail_of_each_thread_comes_in_its_order_and_none_is_lost)
{
	const struct io_step steps[] = {{"have_all", have_all}};
	pthread_t threads[SENDERS];

	begin();
	for (int i = 0; i < SENDERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_all, &letters[i]), 0);
	script_run(steps, 1, free_box);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(unread_mail_is_delivered_when_it_is_freed)
{
	begin();
	script_run(NULL, 0, free_box_at_once);
}
END_TEST

Suite *mailbox_suite(void)
{
	Suite *suite = suite_create("mailbox");
	TCase *tcase = tcase_create("mailbox");

	tcase_add_test(tcase, mail_of_each_thread_comes_in_its_order_and_none_is_lost);
	tcase_add_test(tcase, unread_mail_is_delivered_when_it_is_freed);
	suite_add_tcase(suite, tcase);
	return suite;
}
