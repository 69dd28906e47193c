#include "dns_script.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_BYTES 12
#define FLAGS_AT     2
#define ANSWERS_AT   6 /* where the number of records stands */

static void put(struct dns_reply *reply, const void *bytes, size_t len)
{
	ck_assert_uint_le(reply->len + len, sizeof(reply->p));
	memcpy(reply->p + reply->len, bytes, len);
	reply->len += len;
}

static void put_u16(struct dns_reply *reply, size_t n)
{
	put(reply, (uint8_t[]){(uint8_t)(n >> 8), (uint8_t)n}, 2);
}

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* A name in wire form; returns its bytes. */
static size_t to_wire(const char *name, uint8_t *out)
{
	size_t n = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		out[n++] = (uint8_t)len;
		memcpy(out + n, name, len);
		n += len;
		name += len + (name[len] == '.');
	}
	out[n++] = 0;
	return n;
}

void dns_reply_code(struct dns_reply *reply, int code)
{
	reply->p[FLAGS_AT + 1] = (uint8_t)((reply->p[FLAGS_AT + 1] & 0xf0) | code);
}

void dns_reply_cut(struct dns_reply *reply)
{
	reply->p[FLAGS_AT] |= 2;
}

void dns_reply_record(struct dns_reply *reply, const char *owner, uint16_t type, uint32_t ttl,
		      const void *data, size_t len)
{
	uint8_t name[256] = {0xc0, HEADER_BYTES};
	uint16_t n = u16_at(reply->p + ANSWERS_AT);

	put(reply, name, owner != NULL ? to_wire(owner, name) : 2);
	put_u16(reply, type);
	put_u16(reply, 1);
	put_u16(reply, ttl >> 16);
	put_u16(reply, ttl & 0xffff);
	put_u16(reply, len);
	put(reply, data, len);
	reply->p[ANSWERS_AT] = (uint8_t)((n + 1) >> 8);
	reply->p[ANSWERS_AT + 1] = (uint8_t)(n + 1);
}

void dns_reply_ip(struct dns_reply *reply, const char *owner, uint32_t ttl, const char *ip)
{
	uint8_t bytes[16];
	bool is_v6 = strchr(ip, ':') != NULL;

	ck_assert_int_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, ip, bytes), 1);
	dns_reply_record(reply, owner, is_v6 ? DNS_AAAA : DNS_A, ttl, bytes, is_v6 ? 16 : 4);
}

void dns_reply_cname(struct dns_reply *reply, const char *owner, uint32_t ttl, const char *to)
{
	uint8_t name[256];

	dns_reply_record(reply, owner, DNS_CNAME, ttl, name, to_wire(to, name));
}

void dns_reply_srv(struct dns_reply *reply, uint32_t ttl, uint16_t priority, const char *target,
		   uint16_t port)
{
	uint8_t data[262] = {(uint8_t)(priority >> 8), (uint8_t)priority, 0, 1,
			     (uint8_t)(port >> 8),     (uint8_t)port};

	dns_reply_record(reply, NULL, DNS_SRV, ttl, data, 6 + to_wire(target, data + 6));
}

/* ------------------------------------------------------------------ the server */

/* The answer to the question in bytes[0..len), begun with the question itself. */
static void answer(struct dns_script *server, const uint8_t *bytes, size_t len, bool is_tcp,
		   struct dns_reply *reply)
{
	struct dns_question question = {.is_tcp = is_tcp};
	size_t at = HEADER_BYTES, n = 0;

	while (at < len && bytes[at] != 0) {
		ck_assert_uint_lt(n + bytes[at] + 1, sizeof(question.name));
		if (n > 0)
			question.name[n++] = '.';
		memcpy(question.name + n, bytes + at + 1, bytes[at]);
		n += bytes[at];
		at += bytes[at] + 1U;
	}
	ck_assert_uint_le(at + 5, len);
	question.type = u16_at(bytes + at + 1);
	reply->len = 0;
	reply->n_sent = 1;
	reply->n_forged = 0;
	put(reply, bytes, at + 5);
	memcpy(reply->p + FLAGS_AT, "\x81\x80\0\1\0\0\0\0\0\0", 10);
	server->answer(&question, reply);
}

static void on_udp(void *arg)
{
	static struct dns_reply reply;
	struct dns_script *server = arg;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t in[512];
	ssize_t n = recvfrom(server->udp, in, sizeof(in), MSG_DONTWAIT, (struct sockaddr *)&from,
			     &from_len);

	if (n < HEADER_BYTES)
		return;
	server->n_udp++;
	answer(server, in, (size_t)n, false, &reply);
	for (int i = -reply.n_forged; i < reply.n_sent; i++) {
		reply.p[0] ^= i < 0;
		sendto(server->udp, reply.p, reply.len, 0, (struct sockaddr *)&from, from_len);
		reply.p[0] ^= i < 0;
	}
}

static void close_conn(struct dns_script *server)
{
	fd_watch_free(server->on_conn);
	server->on_conn = NULL;
	if (server->conn >= 0)
		close(server->conn);
	server->conn = -1;
}

/* Replies fit the socket: the kernel holds more than a message's 64 KiB. */
static void on_conn(void *arg)
{
	static struct dns_reply reply;
	struct dns_script *server = arg;
	ssize_t n = recv(server->conn, server->in + server->in_len,
			 sizeof(server->in) - server->in_len, MSG_DONTWAIT);

	if (n <= 0) {
		close_conn(server);
		return;
	}
	server->in_len += (size_t)n;
	while (server->in_len >= 2 && server->in_len >= 2U + u16_at(server->in)) {
		size_t len = u16_at(server->in);
		uint8_t head[2];

		server->n_tcp++;
		answer(server, server->in + 2, len, true, &reply);
		head[0] = (uint8_t)(reply.len >> 8);
		head[1] = (uint8_t)reply.len;
		for (int i = 0; i < reply.n_sent; i++) {
			send(server->conn, head, 2, MSG_NOSIGNAL);
			send(server->conn, reply.p, reply.len, MSG_NOSIGNAL);
		}
		server->in_len -= 2 + len;
		memmove(server->in, server->in + 2 + len, server->in_len);
	}
}

/* One at a time: the newest. */
static void on_tcp(void *arg)
{
	struct dns_script *server = arg;

	close_conn(server);
	server->in_len = 0;
	server->conn = accept(server->tcp, NULL, NULL);
	ck_assert_int_ge(server->conn, 0);
	server->on_conn = fd_watch_new(server->loop, server->conn, on_conn, server);
	ck_assert_ptr_nonnull(server->on_conn);
}

/* UDP and TCP on the same port: the one that TCP was given may be in use for UDP. */
static void open_sockets(struct dns_script *server)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int err;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	do {
		in.sin_port = 0;
		server->tcp = socket(AF_INET, SOCK_STREAM, 0);
		server->udp = socket(AF_INET, SOCK_DGRAM, 0);
		ck_assert_int_eq(bind(server->tcp, (struct sockaddr *)&in, len), 0);
		ck_assert_int_eq(listen(server->tcp, 16), 0);
		ck_assert_int_eq(getsockname(server->tcp, (struct sockaddr *)&in, &len), 0);
		err = bind(server->udp, (struct sockaddr *)&in, len);
		if (err != 0) {
			ck_assert_int_eq(errno, EADDRINUSE);
			close(server->tcp);
			close(server->udp);
		}
	} while (err != 0);
	server->port = ntohs(in.sin_port);
}

void dns_script_start(struct dns_script *server, struct loop *loop)
{
	server->loop = loop;
	server->n_udp = server->n_tcp = 0;
	server->conn = -1;
	open_sockets(server);
	snprintf(server->text, sizeof(server->text), "127.0.0.1:%u", (unsigned)server->port);
	server->on_udp = fd_watch_new(loop, server->udp, on_udp, server);
	server->on_tcp = fd_watch_new(loop, server->tcp, on_tcp, server);
	ck_assert(server->on_udp != NULL && server->on_tcp != NULL);
}

void dns_script_stop(struct dns_script *server)
{
	close_conn(server);
	fd_watch_free(server->on_udp);
	fd_watch_free(server->on_tcp);
	close(server->udp);
	close(server->tcp);
	server->on_udp = server->on_tcp = NULL;
}
