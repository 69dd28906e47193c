/*
 * mailbox.h - messages to another thread's loop: a mutex, a list, one wake-up a batch.
 *
 * mailbox_post() may be called from any thread, all else only from the receiving one.
 * Layer: io. Includes: loop.
 */
#ifndef IO_MAILBOX_H
#define IO_MAILBOX_H

#include "base/attr.h"
#include "io/loop.h"

/* Embedded in each message; a message belongs to the receiver once posted. */
struct mail {
	struct mail *next;
};

struct mailbox;

/* on_mail(arg, mail) runs in `loop`, in the order of posting. */
NODISCARD struct mailbox *mailbox_new(struct loop *loop, void (*on_mail)(void *arg, struct mail *),
				      void *arg);
void mailbox_post(struct mailbox *mailbox, struct mail *mail);

/* Close it at the end of the turn; nobody may post any more. Unread mail is delivered first. */
void mailbox_free(struct mailbox *mailbox);

#endif
