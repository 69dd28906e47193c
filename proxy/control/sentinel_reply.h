/*
 * sentinel_reply.h - what Sentinels answer -> addresses. Pure but for the lists it makes.
 * Layer: control. Includes: base/span, found, route/spec.
 */
#ifndef CONTROL_SENTINEL_REPLY_H
#define CONTROL_SENTINEL_REPLY_H

#include "base/attr.h"
#include "base/span.h"
#include "control/found.h"
#include "route/spec.h"

#define SENTINEL_REPLICAS_MAX 256 /* of one primary: more is no answer of a Sentinel */

/*
 * Read a whole reply to SENTINEL GET-MASTER-ADDR-BY-NAME. True with the address, or "" where the
 * Sentinel knows no such name. False if it is another reply, or an address of nobody.
 */
NODISCARD bool sentinel_read_address(struct span reply, char address[ADDRESS_TEXT_MAX]);

/*
 * Read a whole reply to SENTINEL REPLICAS to an empty list: the addresses of those that can be read:
 * not down, nor disconnected, nor without a link to their primary, nor about to be one. False, and
 * the list is empty, if it is another reply or a replica that could be read has no address.
 */
NODISCARD bool sentinel_read_replicas(struct span reply, struct string_list *addresses);

#endif
