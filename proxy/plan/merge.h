/*
 * merge.h - the parts' replies of a split request -> one reply.
 * Layer: plan. Includes: core/request.
 */
#ifndef PLAN_MERGE_H
#define PLAN_MERGE_H

#include "core/request.h"

/*
 * Every part of `request` is done: make request->reply of their replies, as the command's merge
 * column says, and set request->is_error. Parts' replies are used up.
 */
void merge(struct request *request);

#endif
