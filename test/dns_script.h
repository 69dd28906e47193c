/*
 * dns_script.h - a DNS server of the test's own, on the loop that it tests: over UDP and TCP, on a port of the
 * loopback, with answers that no real server can be made to give.
 * Includes: base/span, io/loop.
 */
#ifndef TEST_DNS_SCRIPT_H
#define TEST_DNS_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_SRV = 33 };
enum { DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

struct dns_question {
	char name[256]; /* with dots between its labels */
	uint16_t type;
	bool is_tcp;
};

/* A message; begun as an answer to its question without records. */
struct dns_reply {
	uint8_t p[65535];
	size_t len;
	int n_sent;   /* how often it is sent; 0: silence */
	int n_forged; /* how often it is sent with another id before */
};

/* One server; as many as a test starts. */
struct dns_script {
	struct loop *loop;
	void (*answer)(const struct dns_question *question, struct dns_reply *reply);
	uint16_t port;
	char text[32];	  /* "127.0.0.1:PORT" */
	int n_udp, n_tcp; /* questions */
	/* private: */
	int udp, tcp, conn;
	struct fd_watch *on_udp, *on_tcp, *on_conn;
	uint8_t in[1024]; /* of the TCP connection */
	size_t in_len;
};

void dns_script_start(struct dns_script *server, struct loop *loop);
void dns_script_stop(struct dns_script *server);

/* Change a reply: its code; "it is cut, ask over TCP"; a record of the question's name, or of another. */
void dns_reply_code(struct dns_reply *reply, int code);
void dns_reply_cut(struct dns_reply *reply);
void dns_reply_record(struct dns_reply *reply, const char *owner, uint16_t type, uint32_t ttl,
		      const void *data, size_t len);
void dns_reply_ip(struct dns_reply *reply, const char *owner, uint32_t ttl, const char *ip);
void dns_reply_cname(struct dns_reply *reply, const char *owner, uint32_t ttl, const char *to);
void dns_reply_srv(struct dns_reply *reply, uint32_t ttl, uint16_t priority, const char *target,
		   uint16_t port);

#endif
