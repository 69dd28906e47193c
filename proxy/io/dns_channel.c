#include "io/dns_channel.h"

#include <ares.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/number.h"
#include "io/loop_uv.h"

#define DNS_PORT	53
#define SERVER_TEXT_MAX 64 /* bytes of an IP with brackets */

/* A socket of c-ares', watched as it says. */
struct watched {
	uv_poll_t poll;
	struct dns_channel *channel;
	ares_socket_t fd;
	LIST_ENTRY(watched) link;
};

LIST_HEAD(watched_list, watched);

struct dns_channel {
	struct loop *loop;
	ares_channel dns, files;
	struct timer *timer;
	struct watched_list sockets;
};

/* c-ares has deadlines of its own, which move with each call. */
void dns_channel_set_timer(struct dns_channel *channel)
{
	struct timeval wait;

	if (ares_timeout(channel->dns, NULL, &wait) == NULL)
		timer_stop(channel->timer);
	else /* rounded up: what is early finds nothing due, and spins */
		timer_start(channel->timer,
			    (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000 + 1);
}

static void on_timer(void *arg)
{
	struct dns_channel *channel = arg;

	ares_process_fd(channel->dns, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	dns_channel_set_timer(channel);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watched *watched = poll->data;
	struct dns_channel *channel = watched->channel;
	ares_socket_t fd = watched->fd; /* the socket may be gone after the call */

	/* An error of the socket is found by reading it. */
	ares_process_fd(channel->dns, status < 0 || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
			events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
	dns_channel_set_timer(channel);
}

static void on_watched_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watched *find_watched(struct dns_channel *channel, ares_socket_t fd)
{
	struct watched *watched;

	LIST_FOREACH (watched, &channel->sockets, link)
		if (watched->fd == fd)
			return watched;
	return NULL;
}

/* c-ares says what it wants to know of a socket; neither: it closes it next. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *channel = arg;
	struct watched *watched = find_watched(channel, fd);

	if (!readable && !writable) {
		if (watched == NULL)
			return;
		LIST_REMOVE(watched, link);
		uv_close((uv_handle_t *)&watched->poll, on_watched_closed);
		return;
	}
	if (watched == NULL) {
		watched = alloc_zeroed(1, sizeof(*watched));
		watched->channel = channel;
		watched->fd = fd;
		watched->poll.data = watched;
		int err = uv_poll_init(&channel->loop->uv, &watched->poll, fd);
		if (err != 0) {
			/* Its question ends by the timer. */
			log_write(LOG_LEVEL_ERROR, "dns: cannot watch a socket: %s",
				  uv_strerror(err));
			free(watched);
			return;
		}
		LIST_INSERT_HEAD(&channel->sockets, watched, link);
	}
	uv_poll_start(&watched->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
		      on_poll);
}

/* Cut "IP:PORT" or "[IPV6]:PORT", or either without a port. */
static bool cut_server(const char *text, struct ip *ip, uint64_t *port)
{
	char host[SERVER_TEXT_MAX];
	bool is_bracketed = text[0] == '[';

	*port = DNS_PORT;
	if (ip_parse(text, ip))
		return true;
	text += is_bracketed;
	size_t len = strcspn(text, is_bracketed ? "]" : ":");
	if (len >= sizeof(host) || (is_bracketed && text[len] == '\0'))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	text += len + is_bracketed;
	if (!ip_parse(host, ip) || ip->is_v6 != is_bracketed)
		return false;
	if (*text == '\0')
		return true;
	return *text == ':' && number_parse_u64(span_of(text + 1), port) && *port >= 1 &&
	       *port <= UINT16_MAX;
}

static int parse_server(const char *text, struct ares_addr_port_node *node)
{
	struct ip ip;
	uint64_t port;

	if (!cut_server(text, &ip, &port))
		return -1;
	node->family = ip.is_v6 ? AF_INET6 : AF_INET;
	memcpy(&node->addr, ip.bytes, ip.is_v6 ? 16 : 4);
	node->udp_port = node->tcp_port = (int)port;
	return 0;
}

static int set_servers(struct dns_channel *channel, const struct resolver_setup *setup,
		       struct error *error)
{
	struct ares_addr_port_node *nodes = alloc_zeroed(setup->n_servers, sizeof(nodes[0]));
	int result = 0;

	for (size_t i = 0; i < setup->n_servers && result == 0; i++) {
		nodes[i].next = i + 1 < setup->n_servers ? &nodes[i + 1] : NULL;
		if (parse_server(setup->servers[i], &nodes[i]) != 0)
			result = error_set(error,
					   "'%s' is no server of DNS; expected IP, IP:PORT or "
					   "[IPV6]:PORT",
					   setup->servers[i]);
	}
	if (result == 0 && setup->n_servers > 0)
		result = ares_set_servers_ports(channel->dns, nodes) == ARES_SUCCESS
				 ? 0
				 : error_set(error, "the servers of DNS cannot be set");
	free(nodes);
	return result;
}

/* What the channels have of /etc/resolv.conf, of which none is needed, is read here. */
static int open_channels(struct dns_channel *channel, uint32_t try_ms, struct error *error)
{
	char dns[] = "b", files[] = "f";
	struct ares_options options = {
		.timeout = try_ms > 0 ? (int)try_ms : RESOLVER_TRY_MS,
		.tries = RESOLVER_TRIES,
		.lookups = dns,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = channel,
	};
	struct ares_options of_files = {.lookups = files};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (status == ARES_SUCCESS)
		status = ares_init_options(&channel->dns, &options, mask);
	if (status == ARES_SUCCESS)
		status = ares_init_options(&channel->files, &of_files, ARES_OPT_LOOKUPS);
	return status == ARES_SUCCESS ? 0 : error_set(error, "dns: %s", ares_strerror(status));
}

struct dns_channel *dns_channel_new(const struct resolver_setup *setup, struct error *error)
{
	struct dns_channel *channel = alloc_zeroed(1, sizeof(*channel));

	channel->loop = setup->loop;
	LIST_INIT(&channel->sockets);
	channel->timer = timer_new(setup->loop, on_timer, channel);
	if (open_channels(channel, setup->try_ms, error) != 0 ||
	    set_servers(channel, setup, error) != 0) {
		dns_channel_free(channel);
		return NULL;
	}
	return channel;
}

ares_channel dns_channel_servers(const struct dns_channel *channel)
{
	return channel->dns;
}

ares_channel dns_channel_files(const struct dns_channel *channel)
{
	return channel->files;
}

void dns_channel_free(struct dns_channel *channel)
{
	if (channel == NULL)
		return;
	ares_destroy(channel->dns);
	ares_destroy(channel->files);
	ares_library_cleanup();
	timer_free(channel->timer);
	free(channel);
}
