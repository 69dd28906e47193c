#include "io/inherited.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

/* Large and aligned enough for what getsockname() gives. */
union name {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
};

struct item {
	int fd;
	enum inherited_owner owner;
	union name name;
};

struct inherited {
	struct item *items;
	size_t n;
};

/* Zeroed behind what the kernel wrote, so that a path ends in a NUL. */
static int name_of(int fd, union name *name)
{
	socklen_t len = sizeof(*name) - 1;

	memset(name, 0, sizeof(*name));
	return getsockname(fd, &name->any, &len);
}

static int option_of(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

bool inherited_is_dual(int fd)
{
	union name name;

	return name_of(fd, &name) == 0 && name.any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&name.in6.sin6_addr) &&
	       option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

void inherited_describe(int fd, char *out)
{
	char host[INET6_ADDRSTRLEN];
	union name name;

	if (name_of(fd, &name) != 0)
		snprintf(out, INHERITED_TEXT_MAX, "descriptor %d", fd);
	else if (name.any.sa_family == AF_INET)
		snprintf(out, INHERITED_TEXT_MAX, "%s:%u",
			 inet_ntop(AF_INET, &name.in.sin_addr, host, sizeof(host)),
			 (unsigned)ntohs(name.in.sin_port));
	else if (name.any.sa_family == AF_INET6)
		snprintf(out, INHERITED_TEXT_MAX, "[%s]:%u",
			 inet_ntop(AF_INET6, &name.in6.sin6_addr, host, sizeof(host)),
			 (unsigned)ntohs(name.in6.sin6_port));
	else if (name.any.sa_family == AF_UNIX)
		snprintf(out, INHERITED_TEXT_MAX, "unix:%s", name.un.sun_path);
	else
		snprintf(out, INHERITED_TEXT_MAX, "a socket of family %d", name.any.sa_family);
}

static bool is_same(const union name *a, const struct sockaddr *b)
{
	const struct sockaddr_in *in = (const void *)b;
	const struct sockaddr_in6 *in6 = (const void *)b;
	const struct sockaddr_un *un = (const void *)b;

	if (a->any.sa_family != b->sa_family)
		return false;
	switch (b->sa_family) {
	case AF_INET:
		return a->in.sin_port == in->sin_port &&
		       a->in.sin_addr.s_addr == in->sin_addr.s_addr;
	case AF_INET6:
		return a->in6.sin6_port == in6->sin6_port &&
		       a->in6.sin6_scope_id == in6->sin6_scope_id &&
		       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &in6->sin6_addr);
	default:
		return strcmp(a->un.sun_path, un->sun_path) == 0;
	}
}

/* Does the socket of [::] serve 0.0.0.0 at the same port? */
static bool serves_any_ipv4(const struct item *item, const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const void *)address;

	return address->sa_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY) &&
	       item->name.any.sa_family == AF_INET6 && item->name.in6.sin6_port == in->sin_port &&
	       inherited_is_dual(item->fd);
}

struct inherited *inherited_new(void)
{
	return alloc_zeroed(1, sizeof(struct inherited));
}

int inherited_add(struct inherited *in, int fd, enum inherited_owner owner, struct error *error)
{
	struct item item = {.fd = fd, .owner = owner};
	int family = option_of(fd, SOL_SOCKET, SO_DOMAIN);
	bool is_known = family == AF_INET || family == AF_INET6 || family == AF_UNIX;

	if (!is_known || option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 || name_of(fd, &item.name) != 0) {
		error_set(error, "descriptor %d is no socket that listens for streams", fd);
		close(fd);
		return -1;
	}
	/* The flag is the open socket's, so whoever shares it has it too. */
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		error_set(error, "descriptor %d: %s", fd, strerror(errno));
		close(fd);
		return -1;
	}
	in->items = alloc_resize(in->items, (in->n + 1) * sizeof(*in->items));
	in->items[in->n++] = item;
	return 0;
}

size_t inherited_count(const struct inherited *in)
{
	return in->n;
}

int inherited_take(struct inherited *in, const struct sockaddr *address,
		   enum inherited_owner *owner)
{
	size_t kept = 0;
	int fd = -1;

	*owner = INHERITED_OURS;
	for (size_t i = 0; i < in->n; i++) {
		const struct item *item = &in->items[i];

		if (!is_same(&item->name, address) && !serves_any_ipv4(item, address)) {
			in->items[kept++] = *item;
			continue;
		}
		/* The same socket may come from the manager and from the process before us. */
		if (item->owner == INHERITED_FOREIGN)
			*owner = INHERITED_FOREIGN;
		if (fd < 0)
			fd = item->fd;
		else
			close(item->fd);
	}
	in->n = kept;
	return fd;
}

void inherited_close_rest(struct inherited *in)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct item *item = &in->items[i];
		char text[INHERITED_TEXT_MAX];

		inherited_describe(item->fd, text);
		if (item->owner == INHERITED_FOREIGN) {
			log_write(LOG_LEVEL_WARN,
				  "the socket %s that was passed is no listen address of this "
				  "configuration: closed",
				  text);
		} else {
			log_write(LOG_LEVEL_INFO, "no longer listening at %s", text);
			if (item->name.any.sa_family == AF_UNIX)
				unlink(item->name.un.sun_path);
		}
		close(item->fd);
	}
	in->n = 0;
}

void inherited_free(struct inherited *in)
{
	if (in == NULL)
		return;
	for (size_t i = 0; i < in->n; i++)
		close(in->items[i].fd);
	free(in->items);
	free(in);
}
