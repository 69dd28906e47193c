#include "io/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "io/loop_uv.h"

#define BACKLOG	      1024
#define ACCEPT_BATCH  64 /* connections taken at one wake-up, so that others get their turn */
#define ADDRESSES_MAX 16
#define NO_FD_WAIT_MS 100 /* after running out of descriptors */

struct socket {
	uv_poll_t poll;
	struct listener *listener;
	int fd;
	enum inherited_owner owner;
};

struct listener {
	struct loop *loop;
	struct inherited *inherited; /* while it opens */
	struct socket sockets[ADDRESSES_MAX];
	uint32_t n, n_closing;
	void (*on_accept)(void *arg, int fd);
	void *arg;
	struct timer *resume; /* runs while there are no descriptors left */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" for TCP */
	bool is_shared; /* the file is another process's too */
	bool is_held;
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_resume(void *arg)
{
	struct listener *l = arg;

	if (l->is_held)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		uv_poll_start(&l->sockets[i].poll, UV_READABLE, on_ready);
}

/* Out of descriptors or memory: poll again a little later instead of spinning. */
static void wait_for_descriptors(struct listener *l, int err)
{
	static struct log_site site;

	log_limited(&site, LOG_LEVEL_ERROR, "cannot accept: %s", strerror(err));
	for (uint32_t i = 0; i < l->n; i++)
		uv_poll_stop(&l->sockets[i].poll);
	timer_start(l->resume, NO_FD_WAIT_MS);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct socket *s = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			s->listener->on_accept(s->listener->arg, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			wait_for_descriptors(s->listener, errno);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

/* The descriptor that listens from now on, or a negative errno. */
static int open_socket(int family, const struct sockaddr *sa, socklen_t len)
{
	int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, sa, len) != 0 || listen(fd, BACKLOG) != 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* From now on it is the listener's, whatever comes. */
static int watch_socket(struct listener *l, int fd, enum inherited_owner owner)
{
	struct socket *s = &l->sockets[l->n++];

	s->fd = fd;
	s->owner = owner;
	s->listener = l;
	s->poll.data = s;
	uv_poll_init(&l->loop->uv, &s->poll, fd);
	return uv_poll_start(&s->poll, UV_READABLE, on_ready);
}

static bool use_inherited(struct listener *l, const struct sockaddr *sa, int *err)
{
	enum inherited_owner owner;
	int fd = l->inherited != NULL ? inherited_take(l->inherited, sa, &owner) : -1;

	if (fd < 0)
		return false;
	/* The process that it came from may go on with it, if this one comes to nothing. */
	l->is_shared = true;
	*err = watch_socket(l, fd, owner);
	return true;
}

/* [::] or 0.0.0.0, where a socket of this listener takes both already? */
static bool is_covered(const struct listener *l, const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;
	bool is_any = sa->sa_family == AF_INET ? in->sin_addr.s_addr == htonl(INADDR_ANY)
					       : sa->sa_family == AF_INET6 &&
							 IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);

	for (uint32_t i = 0; is_any && i < l->n; i++)
		if (inherited_is_dual(l->sockets[i].fd))
			return true;
	return false;
}

static int add_socket(struct listener *l, const struct sockaddr *sa, socklen_t len)
{
	int err = 0;

	if (is_covered(l, sa) || use_inherited(l, sa, &err))
		return err;
	int fd = open_socket(sa->sa_family, sa, len);
	return fd < 0 ? fd : watch_socket(l, fd, INHERITED_OURS);
}

/* A socket file that nobody answers at is left from a process that died. */
static void remove_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) != 0 && errno == ECONNREFUSED &&
	    stat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(un->sun_path);
	close(fd);
}

static int open_unix(struct listener *l, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path));
	int err = 0;
	if (!use_inherited(l, (const struct sockaddr *)&un, &err)) {
		remove_stale(&un);
		err = add_socket(l, (const struct sockaddr *)&un, sizeof(un));
	}
	if (err == 0)
		memcpy(l->path, un.sun_path, sizeof(l->path));
	return err;
}

/* 0 or a negative errno; a name that cannot be looked up is -EADDRNOTAVAIL. */
static int open_tcp(struct listener *l, const char *host, uint16_t port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list;
	char service[8];
	int err = 0;

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	if (getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, service, &hints, &list) != 0)
		return -EADDRNOTAVAIL;
	for (struct addrinfo *ai = list; ai != NULL && err == 0 && l->n < ADDRESSES_MAX;
	     ai = ai->ai_next)
		err = add_socket(l, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(list);
	return err;
}

struct listener *listener_open(const struct listener_setup *setup, struct error *error)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	l->loop = setup->loop;
	l->inherited = setup->inherited;
	l->on_accept = setup->on_accept;
	l->arg = setup->arg;
	l->resume = timer_new(setup->loop, on_resume, l);
	int err = setup->port == 0 ? open_unix(l, setup->host)
				   : open_tcp(l, setup->host, setup->port);
	l->inherited = NULL;
	if (err == 0)
		return l;
	if (setup->port == 0)
		error_set(error, "listen at unix:%s: %s", setup->host, strerror(-err));
	else
		error_set(error, "listen at %s:%u: %s", setup->host, (unsigned)setup->port,
			  strerror(-err));
	listener_close(l);
	return NULL;
}

int listener_descriptor(const struct listener *l, size_t i, enum inherited_owner *owner)
{
	if (i >= l->n)
		return -1;
	*owner = l->sockets[i].owner;
	return l->sockets[i].fd;
}

void listener_hold(struct listener *l, bool is_held)
{
	l->is_held = is_held;
	on_resume(l);
	for (uint32_t i = 0; is_held && i < l->n; i++)
		uv_poll_stop(&l->sockets[i].poll);
}

void listener_share(struct listener *l, bool is_shared)
{
	l->is_shared = is_shared;
}

static void on_closed(uv_handle_t *handle)
{
	struct socket *s = handle->data;
	struct listener *l = s->listener;

	if (--l->n_closing == 0)
		free(l);
}

void listener_close(struct listener *l)
{
	if (l == NULL)
		return;
	timer_free(l->resume);
	if (l->path[0] != '\0' && !l->is_shared && l->sockets[0].owner == INHERITED_OURS)
		unlink(l->path);
	l->n_closing = l->n;
	for (uint32_t i = 0; i < l->n; i++) {
		/* Who asks for it to be closed may try at once whether it is. */
		uv_poll_stop(&l->sockets[i].poll);
		close(l->sockets[i].fd);
		uv_close((uv_handle_t *)&l->sockets[i].poll, on_closed);
	}
	if (l->n == 0)
		free(l);
}
