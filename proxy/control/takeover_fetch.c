#include "control/takeover_fetch.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/takeover_wire.h"

#define FETCH_MS 5000 /* to get all sockets */

/* An exchange under way. */
struct fetch {
	const char *path;
	struct inherited *into;
	struct takeover_old *old;
	uint64_t deadline_ms;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* As takeover_receive(), but waits until the deadline. */
static enum takeover_read receive(const struct fetch *fetch, struct takeover_message *message)
{
	for (;;) {
		enum takeover_read result = takeover_receive(fetch->old->fd, message);
		uint64_t now = now_ms();
		struct pollfd pollfd = {.fd = fetch->old->fd, .events = POLLIN};

		if (result != TAKEOVER_NOTHING || now >= fetch->deadline_ms)
			return result;
		poll(&pollfd, 1, (int)(fetch->deadline_ms - now));
	}
}

static int fail(const struct fetch *fetch, const char *what, struct error *error)
{
	return error_set(error, "takeover: process %ld at %s %s", (long)fetch->old->pid,
			 fetch->path, what);
}

static int take_sockets(const struct fetch *fetch, struct takeover_message *message,
			const char *letters, struct error *error)
{
	int result = 0;

	for (size_t i = 0; i < message->n_fds && result == 0; i++) {
		enum inherited_owner owner = letters[i] == 'x' ? INHERITED_FOREIGN : INHERITED_OURS;
		int fd = message->fds[i];

		message->fds[i] = -1; /* the set's, or closed by it */
		result = inherited_add(fetch->into, fd, owner, error);
	}
	fetch->old->n_sockets += message->n_fds;
	return result;
}

/* A message of the old process: -1 with `error`, 0 more is to come, 1 that was the last one. */
static int take_message(const struct fetch *fetch, struct takeover_message *message,
			struct error *error)
{
	const char *text = message->text;
	size_t prefix = strlen(TAKEOVER_SOCKETS);
	char end[TAKEOVER_BYTES_MAX];

	snprintf(end, sizeof(end), "end %zu", fetch->old->n_sockets);
	if (strcmp(text, end) == 0 && message->n_fds == 0)
		return 1;
	if (strcmp(text, "busy") == 0)
		return fail(fetch, "gives its sockets to another process just now", error);
	if (strcmp(text, "refused") == 0)
		return fail(fetch, "refuses: it runs as another user", error);
	if (strncmp(text, TAKEOVER_SOCKETS, prefix) != 0 || strlen(text + prefix) != message->n_fds)
		return fail(fetch, "does not say what slipring does", error);
	return take_sockets(fetch, message, text + prefix, error);
}

static int take_all(const struct fetch *fetch, struct error *error)
{
	struct takeover_message message;
	int result = 0;

	/* Where that fails the answer says more, if there is one. */
	takeover_send(fetch->old->fd, TAKEOVER_HELLO, NULL, 0);
	while (result == 0) {
		switch (receive(fetch, &message)) {
		case TAKEOVER_GOT:
			result = take_message(fetch, &message, error);
			takeover_discard(&message);
			break;
		case TAKEOVER_NOTHING:
			return fail(fetch, "does not answer; end it first", error);
		case TAKEOVER_GONE:
			return fail(fetch, "closed the connection", error);
		default:
			return fail(fetch, "does not say what slipring does", error);
		}
	}
	return result;
}

/* 1 connected, 0 nobody is there, -1 with `error`. */
static int find_old(const struct fetch *fetch, struct error *error)
{
	struct takeover_old *old = fetch->old;
	struct stat st;
	uid_t uid;

	if (lstat(fetch->path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return error_set(error, "takeover: %s is there and is no socket", fetch->path);
	old->fd = takeover_connect(fetch->path);
	/* Its place may be taken by the next one between looking the path up and connecting. */
	if (old->fd < 0 && errno == ECONNREFUSED)
		old->fd = takeover_connect(fetch->path);
	if (old->fd < 0 && (errno == ENOENT || errno == ECONNREFUSED))
		return 0;
	if (old->fd < 0 || takeover_peer(old->fd, &old->pid, &uid) != 0)
		return error_set(error, "takeover: connect to %s: %s", fetch->path,
				 strerror(errno));
	if (uid != geteuid())
		return fail(fetch, "runs as another user", error);
	return 1;
}

int takeover_fetch(const char *path, struct inherited *into, struct takeover_old *old,
		   struct error *error)
{
	const struct fetch fetch = {path, into, old, now_ms() + FETCH_MS};

	*old = (struct takeover_old){.fd = -1};
	int result = find_old(&fetch, error);
	if (result == 1)
		result = take_all(&fetch, error);
	if (result != 1 && old->fd >= 0) {
		close(old->fd);
		old->fd = -1;
	}
	return result;
}
