#include "cli/admin_get.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "route/endpoint.h"

#define WAIT_S	    2
#define ANSWER_MAX  ((size_t)64 << 20) /* bytes: what the largest fleets need, some times over */
#define READ_BYTES  16384
#define REQUEST_MAX 512

/* A socket connected to sa, or -1 with errno. */
static int connect_to(int family, const struct sockaddr *sa, socklen_t len)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, sa, len) == 0)
		return fd;
	/* What a connect() says that ran into SO_SNDTIMEO. */
	int err = errno == EINPROGRESS ? ETIMEDOUT : errno;
	close(fd);
	errno = err;
	return -1;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(un.sun_path, path, strlen(path));
	return connect_to(AF_UNIX, (const struct sockaddr *)&un, sizeof(un));
}

/* The first of the host's addresses that answers. *why: what to say of -1. */
static int connect_tcp(const struct address *address, const char **why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	char service[8];
	int fd = -1;

	snprintf(service, sizeof(service), "%u", (unsigned)address->port);
	int err = getaddrinfo(address->host, service, &hints, &list);
	if (err != 0) {
		*why = gai_strerror(err);
		return -1;
	}
	for (struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
		fd = connect_to(ai->ai_family, ai->ai_addr, ai->ai_addrlen);
	*why = strerror(errno);
	freeaddrinfo(list);
	return fd;
}

static int connect_address(const char *text, struct error *error)
{
	struct address address;
	struct error wrong;
	const char *why;
	int fd;

	if (address_parse(text, ADMIN_PORT, &address, &wrong) != 0)
		return error_set(error, "%s: %s", text, wrong.text);
	if (address.is_unix) {
		fd = connect_unix(address.host);
		why = strerror(errno);
	} else {
		fd = connect_tcp(&address, &why);
	}
	if (fd < 0)
		error_set(error, "%s: %s", text, why);
	return fd;
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* All that comes until the server closes. 0, or an errno. */
static int read_all(int fd, struct text *out)
{
	time_t end = now_s() + WAIT_S;
	char buf[READ_BYTES];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		text_append(out, span_make(buf, (size_t)n));
		if (out->len > ANSWER_MAX)
			return EFBIG;
		/* A server that sends a byte a second never runs into SO_RCVTIMEO. */
		if (now_s() > end)
			return ETIMEDOUT;
	}
	return 0;
}

static int ask(int fd, const char *path, struct text *answer)
{
	char request[REQUEST_MAX];
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.0\r\nHost: slipring\r\nConnection: close\r\n\r\n", path);

	if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return errno == EAGAIN ? ETIMEDOUT : errno;
	return read_all(fd, answer);
}

/* The status of "HTTP/1.x NNN ...", or 0 if the answer does not begin so. */
static uint64_t status_of(const struct text *answer)
{
	const char *p = answer->p;
	uint64_t status;

	if (answer->len < strlen("HTTP/1.x NNN") || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ' ||
	    !number_parse_u64(span_make(p + 9, 3), &status))
		return 0;
	return status;
}

/* Append the body of a whole answer of status 200. */
static int take_body(const char *address, const struct text *answer, struct text *body,
		     struct error *error)
{
	uint64_t status = status_of(answer);
	const char *head_end = status > 0 ? strstr(answer->p, "\r\n\r\n") : NULL;

	if (head_end == NULL)
		return error_set(error, "%s: what answers is not HTTP", address);
	if (status != 200)
		return error_set(error,
				 "%s: answers with HTTP status %u: is it slipring's admin address?",
				 address, (unsigned)status);
	head_end += 4;
	text_append(body, span_make(head_end, answer->len - (size_t)(head_end - answer->p)));
	return 0;
}

int admin_get(const char *address, const char *path, struct text *body, struct error *error)
{
	struct text answer = {0};
	int fd = connect_address(address, error);

	if (fd < 0)
		return -1;
	int err = ask(fd, path, &answer);
	close(fd);
	int result = err != 0 ? error_set(error, "%s: %s", address, strerror(err))
			      : take_body(address, &answer, body, error);
	text_free(&answer);
	return result;
}
