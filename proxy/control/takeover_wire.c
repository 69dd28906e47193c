#include "control/takeover_wire.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BACKLOG 16

/* Room and alignment for the descriptors of one message. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(TAKEOVER_FDS_MAX * sizeof(int))];
};

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* The path is not longer than the address has room for. */
static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	memcpy(un.sun_path, path, len < sizeof(un.sun_path) ? len : sizeof(un.sun_path) - 1);
	return un;
}

int takeover_listen(const char *path, struct error *error)
{
	const struct sockaddr_un un = address_of(path);
	int fd = open_socket();

	/* The file gets the mode that the socket has when it is bound: it is never open to others. */
	if (fd < 0 || fchmod(fd, S_IRUSR | S_IWUSR) != 0 ||
	    bind(fd, (const struct sockaddr *)&un, sizeof(un)) != 0 || listen(fd, BACKLOG) != 0) {
		error_set(error, "takeover: listen at %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

int takeover_connect(const char *path)
{
	const struct sockaddr_un un = address_of(path);
	int fd = open_socket();

	if (fd < 0 || connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	int err = errno;
	close(fd);
	errno = err;
	return -1;
}

int takeover_peer(int fd, pid_t *pid, uid_t *uid)
{
	struct ucred ucred;
	socklen_t len = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len) != 0)
		return -1;
	*pid = ucred.pid;
	*uid = ucred.uid;
	return 0;
}

int takeover_send(int fd, const char *text, const int *fds, size_t n_fds)
{
	union control control = {0};
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void take_descriptors(struct msghdr *header, struct takeover_message *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		memcpy(message->fds + message->n_fds, CMSG_DATA(c), n * sizeof(int));
		message->n_fds += n;
	}
}

enum takeover_read takeover_receive(int fd, struct takeover_message *message)
{
	union control control;
	struct iovec iov = {message->text, sizeof(message->text) - 1};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;
	int tries = 0;

	message->n_fds = 0;
	do {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
		n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		/* One that closed without reading all is told of before what it said last. */
	} while (n < 0 && (errno == EINTR || (errno == ECONNRESET && tries++ == 0)));
	if (n < 0 && errno == EAGAIN)
		return TAKEOVER_NOTHING;
	if (n <= 0)
		return TAKEOVER_GONE;
	take_descriptors(&header, message);
	message->text[n] = '\0';
	if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    strlen(message->text) != (size_t)n) {
		takeover_discard(message);
		return TAKEOVER_GARBAGE;
	}
	return TAKEOVER_GOT;
}

void takeover_discard(struct takeover_message *message)
{
	for (size_t i = 0; i < message->n_fds; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	message->n_fds = 0;
}
