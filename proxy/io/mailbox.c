#include "io/mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "io/loop_uv.h"

struct mailbox {
	uv_async_t wake;
	uv_mutex_t lock;
	struct mail *first, **end;
	void (*on_mail)(void *arg, struct mail *mail);
	void *arg;
};

static void deliver(struct mailbox *box)
{
	uv_mutex_lock(&box->lock);
	struct mail *mail = box->first;
	box->first = NULL;
	box->end = &box->first;
	uv_mutex_unlock(&box->lock);
	while (mail != NULL) {
		struct mail *next = mail->next;

		box->on_mail(box->arg, mail);
		mail = next;
	}
}

static void on_wake(uv_async_t *wake)
{
	deliver(wake->data);
}

struct mailbox *mailbox_new(struct loop *loop, void (*on_mail)(void *arg, struct mail *), void *arg)
{
	struct mailbox *box = calloc(1, sizeof(*box));

	if (box == NULL || uv_mutex_init(&box->lock) != 0 ||
	    uv_async_init(&loop->uv, &box->wake, on_wake) != 0) {
		fputs("slipring: cannot make a mailbox\n", stderr);
		abort();
	}
	box->wake.data = box;
	box->end = &box->first;
	box->on_mail = on_mail;
	box->arg = arg;
	return box;
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
	mail->next = NULL;
	uv_mutex_lock(&box->lock);
	*box->end = mail;
	box->end = &mail->next;
	/* Inside the lock: an awake receiver may take the mail and with it end the mailbox. */
	uv_async_send(&box->wake);
	uv_mutex_unlock(&box->lock);
}

static void on_closed(uv_handle_t *handle)
{
	struct mailbox *box = handle->data;

	uv_mutex_destroy(&box->lock);
	free(box);
}

void mailbox_free(struct mailbox *box)
{
	deliver(box);
	uv_close((uv_handle_t *)&box->wake, on_closed);
}
