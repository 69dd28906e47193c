/*
 * srv.h - the services that a DNS answer names: SRV records (RFC 2782) with their time to live.
 *
 * Pure: bytes in, a list out. Any bytes may come: a server, or who pretends to be one, sends them.
 * Layer: io. Includes: base/attr.
 */
#ifndef IO_SRV_H
#define IO_SRV_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define SRV_TARGET_MAX 253 /* bytes of a host's name in dotted form: 255 on the wire */

struct service {
	char target[SRV_TARGET_MAX + 1]; /* in lower case, without a dot at its end */
	uint16_t port, priority, weight;
};

/* Owned by whoever parsed; zeroed is empty. */
struct srv_answer {
	struct service *services; /* by priority, target, port, weight; each once */
	size_t n;
	uint32_t ttl_s; /* the least of the SRV records and of the CNAMEs that led to them */
};

/*
 * Read the answer section of a whole DNS message. 0, also where it has no service (a target of "."
 * says that there is none), or -EBADMSG: cut short, a name that runs in a circle or is none of a
 * host, a port 0. Nothing is owned by *out then. Cost: n log n, of at most 3,600 records.
 */
NODISCARD int srv_parse(const uint8_t *bytes, size_t len, struct srv_answer *out);

void srv_answer_fini(struct srv_answer *answer);

#endif
