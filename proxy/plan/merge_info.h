/*
 * merge_info.h - the shards' replies to INFO -> one reply.
 * Layer: plan. Includes: core/request.
 */
#ifndef PLAN_MERGE_INFO_H
#define PLAN_MERGE_INFO_H

#include "core/request.h"

/* Is it text, of INFO_MAX bytes at most? It is taken out of its bulk or verbatim string. */
bool merge_is_info(struct request *request, struct call *part);

/* Make request->reply of the good parts' texts, as proto/resp_info.h describes; one is good. */
void merge_info(struct request *request);

#endif
