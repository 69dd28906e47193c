#include "control/takeover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/takeover_fetch.h"
#include "control/takeover_wire.h"

#define GREET_MS  2000	/* from connecting to the first message */
#define START_MS  30000 /* from the sockets to the word that the next process accepts */
#define SETTLE_MS 10000 /* from that word to the end of the exchange */

enum state {
	STATE_OPEN,	/* the path is not ours yet */
	STATE_ASKED,	/* so it is, and the old process waits for our word */
	STATE_SETTLING, /* it has our word */
	STATE_IDLE,	/* the path is ours */
	STATE_GREETING, /* somebody has connected */
	STATE_OFFERED,	/* it has the sockets */
	STATE_GIVEN,	/* and accepts by them */
	STATE_OVER,	/* the path is its own */
};

/* Sockets that are put into messages: an offer under way. */
struct offer {
	char text[TAKEOVER_BYTES_MAX];
	int fds[TAKEOVER_FDS_MAX];
	size_t n, total;
	int err; /* the first failure to send, a negative errno */
};

struct takeover {
	struct loop *loop;
	const struct takeover_events *events;
	void *arg;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char temporary[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" once it is renamed */
	struct stat file; /* what is at the path while it is ours */
	enum state state;
	int listening, peer; /* descriptors, or -1 */
	pid_t peer_pid;
	struct fd_watch *listening_watch, *peer_watch;
	struct timer *limit; /* of the state */
	struct offer offer;
};

static void on_peer(void *arg);

static void drop_peer(struct takeover *t)
{
	timer_stop(t->limit);
	fd_watch_free(t->peer_watch);
	t->peer_watch = NULL;
	if (t->peer >= 0)
		close(t->peer);
	t->peer = -1;
}

static void stop_listening(struct takeover *t)
{
	fd_watch_free(t->listening_watch);
	t->listening_watch = NULL;
	if (t->listening >= 0)
		close(t->listening);
	t->listening = -1;
}

/* Go on by what the peer says, for at most `ms`. */
static void await_peer(struct takeover *t, enum state state, uint64_t ms)
{
	t->state = state;
	if (t->peer_watch == NULL)
		t->peer_watch = fd_watch_new(t->loop, t->peer, on_peer, t);
	timer_start(t->limit, ms);
}

/* ------------------------------------------------------------------ the next process */

int takeover_ask(struct takeover *t, struct inherited *into, struct error *error)
{
	struct takeover_old old = {.fd = -1};
	int result = takeover_fetch(t->path, into, &old, error);

	if (result != 1)
		return result;
	t->state = STATE_ASKED;
	t->peer = old.fd;
	t->peer_pid = old.pid;
	log_write(LOG_LEVEL_INFO, "taking over from process %ld: %zu sockets", (long)old.pid,
		  old.n_sockets);
	return 1;
}

/* By renaming, so that at every moment somebody answers there. */
static void take_path(struct takeover *t)
{
	struct stat st;
	bool is_free = lstat(t->path, &st) != 0 || S_ISSOCK(st.st_mode);

	t->state = STATE_IDLE;
	if (!is_free)
		errno = EEXIST;
	if (is_free && lstat(t->temporary, &t->file) == 0 && rename(t->temporary, t->path) == 0)
		t->temporary[0] = '\0';
	else
		log_write(LOG_LEVEL_ERROR, "takeover: no next process will find this one at %s: %s",
			  t->path, strerror(errno));
}

static void settle(struct takeover *t)
{
	take_path(t);
	drop_peer(t); /* the old one stops answering at the path now */
	t->events->on_settled(t->arg);
}

static void hear_old(struct takeover *t, enum takeover_read result, const char *text)
{
	if (result == TAKEOVER_GOT && strcmp(text, "yours") == 0) {
		log_write(LOG_LEVEL_INFO, "process %ld accepts no more; its clients stay with it",
			  (long)t->peer_pid);
		settle(t);
	} else if (result == TAKEOVER_GOT && strcmp(text, "late") == 0) {
		log_write(LOG_LEVEL_ERROR, "process %ld would not wait any longer, and goes on",
			  (long)t->peer_pid);
		drop_peer(t);
		t->state = STATE_OVER;
		t->events->on_failed(t->arg);
	} else if (result == TAKEOVER_GONE) {
		log_write(LOG_LEVEL_WARN, "process %ld ended before it had let go",
			  (long)t->peer_pid);
		settle(t);
	}
}

/* ------------------------------------------------------------------ the old process */

static void flush_offer(struct takeover *t)
{
	struct offer *offer = &t->offer;

	if (offer->n > 0 && offer->err == 0)
		offer->err = takeover_send(t->peer, offer->text, offer->fds, offer->n);
	offer->total += offer->n;
	offer->n = 0;
	snprintf(offer->text, sizeof(offer->text), "%s", TAKEOVER_SOCKETS);
}

void takeover_offer(struct takeover *t, int fd, enum inherited_owner owner)
{
	struct offer *offer = &t->offer;

	size_t len = strlen(offer->text);

	snprintf(offer->text + len, sizeof(offer->text) - len, "%c",
		 owner == INHERITED_FOREIGN ? 'x' : 'o');
	offer->fds[offer->n++] = fd;
	if (offer->n == TAKEOVER_FDS_MAX)
		flush_offer(t);
}

static void be_idle(struct takeover *t, const char *why)
{
	log_write(LOG_LEVEL_WARN, "takeover: process %ld %s: going on as before", (long)t->peer_pid,
		  why);
	drop_peer(t);
	t->state = STATE_IDLE;
}

static void offer_all(struct takeover *t)
{
	char end[TAKEOVER_BYTES_MAX];

	t->offer = (struct offer){.text = TAKEOVER_SOCKETS};
	t->events->on_asked(t->arg);
	flush_offer(t);
	snprintf(end, sizeof(end), "end %zu", t->offer.total);
	if (t->offer.err == 0)
		t->offer.err = takeover_send(t->peer, end, NULL, 0);
	if (t->offer.err != 0) {
		be_idle(t, strerror(-t->offer.err));
		return;
	}
	log_write(LOG_LEVEL_INFO, "process %ld is about to take over", (long)t->peer_pid);
	await_peer(t, STATE_OFFERED, START_MS);
}

static void hear_next(struct takeover *t, enum takeover_read result, const char *text)
{
	if (t->state == STATE_GIVEN) {
		if (result == TAKEOVER_GONE) { /* the path is its own now */
			drop_peer(t);
			stop_listening(t);
			t->state = STATE_OVER;
		}
	} else if (result == TAKEOVER_GONE) {
		be_idle(t, "ended before it accepted");
	} else if (t->state == STATE_GREETING && result == TAKEOVER_GOT &&
		   strcmp(text, TAKEOVER_HELLO) == 0) {
		offer_all(t);
	} else if (t->state == STATE_OFFERED && result == TAKEOVER_GOT &&
		   strcmp(text, "ready") == 0) {
		log_write(LOG_LEVEL_INFO, "process %ld accepts from now on", (long)t->peer_pid);
		await_peer(t, STATE_GIVEN, SETTLE_MS);
		t->events->on_taken(t->arg);
		takeover_send(t->peer, "yours", NULL, 0);
	} else {
		be_idle(t, "does not say what slipring does");
	}
}

static void on_peer(void *arg)
{
	struct takeover *t = arg;
	struct takeover_message message;
	enum takeover_read result = takeover_receive(t->peer, &message);

	if (result == TAKEOVER_NOTHING)
		return;
	takeover_discard(&message); /* nothing that is said now comes with descriptors */
	if (t->state == STATE_SETTLING)
		hear_old(t, result, message.text);
	else
		hear_next(t, result, message.text);
}

static void on_limit(void *arg)
{
	struct takeover *t = arg;
	enum state before = t->state;

	/* What was said in time counts, even if this process was too slow to hear it. */
	on_peer(t);
	if (t->state != before)
		return;
	switch (t->state) {
	case STATE_SETTLING:
		log_write(LOG_LEVEL_WARN, "process %ld does not say that it has let go",
			  (long)t->peer_pid);
		settle(t);
		break;
	case STATE_GREETING:
		be_idle(t, "said nothing");
		break;
	case STATE_OFFERED:
		takeover_send(t->peer, "late", NULL, 0);
		be_idle(t, "did not accept in time");
		break;
	default:
		hear_next(t, TAKEOVER_GONE, NULL);
		break;
	}
}

/* Somebody connects, at any time. */
static void on_connection(void *arg)
{
	struct takeover *t = arg;
	int fd = accept4(t->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	pid_t pid;
	uid_t uid;

	if (fd < 0)
		return;
	bool is_known = takeover_peer(fd, &pid, &uid) == 0;
	if (is_known && uid == geteuid() && t->state == STATE_IDLE) {
		t->peer = fd;
		t->peer_pid = pid;
		await_peer(t, STATE_GREETING, GREET_MS);
		return;
	}
	bool is_busy = is_known && uid == geteuid();
	if (!is_busy)
		log_write(LOG_LEVEL_WARN, "takeover: process %ld of user %ld is refused",
			  is_known ? (long)pid : -1, is_known ? (long)uid : -1);
	takeover_send(fd, is_busy ? "busy" : "refused", NULL, 0);
	close(fd);
}

/* ------------------------------------------------------------------ life */

struct takeover *takeover_open(struct loop *loop, const char *path,
			       const struct takeover_events *events, void *arg, struct error *error)
{
	if (strlen(path) > TAKEOVER_PATH_MAX) {
		error_set(error, "takeover: %s is longer than %d bytes", path, TAKEOVER_PATH_MAX);
		return NULL;
	}
	struct takeover *t = alloc_zeroed(1, sizeof(*t));

	t->loop = loop;
	t->events = events;
	t->arg = arg;
	t->peer = -1;
	snprintf(t->path, sizeof(t->path), "%s", path);
	snprintf(t->temporary, sizeof(t->temporary), "%s.%ld", path, (long)getpid());
	unlink(t->temporary); /* of a process with our number that crashed */
	t->listening = takeover_listen(t->temporary, error);
	if (t->listening < 0) {
		free(t);
		return NULL;
	}
	t->limit = timer_new(loop, on_limit, t);
	return t;
}

void takeover_begin(struct takeover *t)
{
	t->listening_watch = fd_watch_new(t->loop, t->listening, on_connection, t);
	if (t->state != STATE_ASKED) {
		take_path(t);
		return;
	}
	takeover_send(t->peer, "ready", NULL, 0);
	await_peer(t, STATE_SETTLING, SETTLE_MS);
}

bool takeover_has_old(const struct takeover *t)
{
	return t->state == STATE_ASKED || t->state == STATE_SETTLING;
}

bool takeover_is_offered(const struct takeover *t)
{
	return t->state == STATE_OFFERED;
}

bool takeover_is_over(const struct takeover *t)
{
	return t->state == STATE_OVER;
}

void takeover_close(struct takeover *t)
{
	struct stat st;

	if (t == NULL)
		return;
	drop_peer(t);
	stop_listening(t);
	timer_free(t->limit);
	if (t->temporary[0] != '\0')
		unlink(t->temporary);
	else if (lstat(t->path, &st) == 0 && st.st_dev == t->file.st_dev &&
		 st.st_ino == t->file.st_ino)
		unlink(t->path); /* not that of the next process, which has another file there */
	free(t);
}
