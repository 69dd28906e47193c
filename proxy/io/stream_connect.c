#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/loop_uv.h"
#include "io/stream.h"

/* A connection being made. Outlives its stream where libuv still holds the request. */
struct connecting {
	union {
		uv_getaddrinfo_t lookup;
		uv_connect_t connect;
	} uv;
	struct stream *stream; /* NULL once abandoned */
	struct deferred failed;
	int err;
	uint32_t attempt;
	uint16_t port;
	bool looking_up;
};

static void finish(struct connecting *c, int err)
{
	struct stream *stream = c->stream;

	free(c);
	if (stream == NULL)
		return;
	stream->connecting = NULL;
	stream_connected(stream, err);
}

static void on_connect(uv_connect_t *req, int status)
{
	finish(req->data, status);
}

static void run_failed(struct deferred *deferred)
{
	struct connecting *c = container_of(deferred, struct connecting, failed);

	finish(c, c->err);
}

/* Failing at once is told later all the same, so that the caller holds the stream by then. */
static void fail_soon(struct connecting *c, int err)
{
	c->err = err;
	loop_defer(c->stream->loop, &c->failed);
}

static void connect_to(struct connecting *c, const struct sockaddr *address)
{
	c->uv.connect.data = c;
	int err = uv_tcp_connect(&c->uv.connect, &c->stream->uv.tcp, address, on_connect);
	if (err != 0)
		fail_soon(c, err);
}

/*
 * The attempt'th address of the answer, round and round, those of IPv4 first: a name such as
 * localhost often has both, and most nodes listen at the one of IPv4 alone.
 */
static const struct addrinfo *pick(const struct addrinfo *list, uint32_t attempt)
{
	uint32_t n = 0, n_v4 = 0;

	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		n++;
		n_v4 += ai->ai_family == AF_INET;
	}
	uint32_t at = attempt % n;
	bool v4 = at < n_v4;
	uint32_t skip = v4 ? at : at - n_v4;
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
		if ((ai->ai_family == AF_INET) == v4 && skip-- == 0)
			return ai;
	return list;
}

static void on_lookup(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct connecting *c = req->data;

	c->looking_up = false;
	if (c->stream == NULL || status != 0 || list == NULL)
		finish(c, status != 0 ? status : UV_EAI_NODATA);
	else
		connect_to(c, pick(list, c->attempt)->ai_addr);
	uv_freeaddrinfo(list);
}

static void look_up(struct connecting *c, const char *host, uint16_t port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	char service[8];

	snprintf(service, sizeof(service), "%u", (unsigned)port);
	c->uv.lookup.data = c;
	c->looking_up = true;
	int err = uv_getaddrinfo(&c->stream->loop->uv, &c->uv.lookup, on_lookup, host, service,
				 &hints);
	if (err != 0) {
		c->looking_up = false;
		fail_soon(c, err);
	}
}

static void begin(struct connecting *c, const char *host, uint16_t port)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	if (c->stream->is_unix) {
		c->uv.connect.data = c;
		uv_pipe_connect(&c->uv.connect, &c->stream->uv.pipe, host, on_connect);
	} else if (uv_ip4_addr(host, port, &in4) == 0) {
		connect_to(c, (const struct sockaddr *)&in4);
	} else if (uv_ip6_addr(host, port, &in6) == 0) {
		connect_to(c, (const struct sockaddr *)&in6);
	} else {
		look_up(c, host, port);
	}
}

struct stream *stream_connect(struct loop *loop, const char *host, uint16_t port, uint32_t attempt,
			      const struct stream_events *events, void *owner)
{
	struct stream *stream = stream_new(loop, port == 0, events, owner);
	struct connecting *c = calloc(1, sizeof(*c));

	if (stream == NULL || c == NULL) {
		fputs("slipring: out of memory\n", stderr);
		abort();
	}
	stream->role = STREAM_SERVER;
	stream->connecting = c;
	c->stream = stream;
	c->attempt = attempt;
	c->port = port;
	c->failed.run = run_failed;
	begin(c, host, port);
	return stream;
}

void connecting_abandon(struct connecting *c)
{
	c->stream = NULL;
	if (c->looking_up)
		uv_cancel((uv_req_t *)&c->uv.lookup); /* its callback comes either way */
}
