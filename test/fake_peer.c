#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fake_inside.h"

char *fake_reserve(struct fake_bytes *bytes, size_t n)
{
	if (bytes->at == bytes->len)
		bytes->at = bytes->len = 0;
	if (bytes->cap - bytes->len < n) {
		bytes->cap = 2 * (bytes->len + n);
		bytes->p = alloc_resize(bytes->p, bytes->cap);
	}
	return bytes->p + bytes->len;
}

struct fake_peer *fake_peer_new(struct loop *loop, struct stream *stream)
{
	struct fake_peer *peer = alloc_zeroed(1, sizeof(*peer));

	peer->read_max = peer->flush_max = SIZE_MAX;
	peer->fd = -1;
	peer->loop = loop;
	peer->stream = stream;
	TAILQ_INSERT_TAIL(&loop->peers, peer, link);
	return peer;
}

void fake_peer_free(struct fake_peer *peer)
{
	free(peer->got.p);
	free(peer->given.p);
	free(peer);
}

struct fake_peer *fake_server(struct loop *loop, uint16_t port)
{
	struct fake_peer *peer, *newest = NULL;

	TAILQ_FOREACH (peer, &loop->peers, link) {
		if (peer->fd < 0 && peer->port == port)
			newest = peer;
	}
	return newest;
}

uint32_t fake_connects(struct loop *loop, uint16_t port)
{
	struct fake_peer *peer;
	uint32_t n = 0;

	TAILQ_FOREACH (peer, &loop->peers, link)
		n += peer->fd < 0 && peer->port == port;
	return n;
}

struct fake_peer *fake_client(struct loop *loop, int fd)
{
	struct fake_peer *peer;

	TAILQ_FOREACH (peer, &loop->peers, link) {
		if (peer->fd == fd)
			return peer;
	}
	return NULL;
}

void fake_connect(struct fake_peer *peer, int err)
{
	assert(peer->state == FAKE_CONNECTING);
	peer->connect_is_due = true;
	peer->connect_err = err;
}

void fake_send(struct fake_peer *peer, struct span bytes)
{
	assert(!peer->end_is_due);
	if (bytes.len > 0)
		memcpy(fake_reserve(&peer->given, bytes.len), bytes.p, bytes.len);
	peer->given.len += bytes.len;
}

void fake_end(struct fake_peer *peer, int err)
{
	peer->end_is_due = true;
	peer->end_err = err;
}

struct span fake_got(const struct fake_peer *peer)
{
	size_t n = peer->got.len - peer->got.at;

	return span_make(n == 0 ? "" : peer->got.p + peer->got.at, n);
}

void fake_take(struct fake_peer *peer, size_t n)
{
	assert(n <= peer->got.len - peer->got.at);
	peer->got.at += n;
}
