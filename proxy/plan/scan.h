/*
 * scan.h - SCAN over all shards, one after the other, with a cursor that says which.
 * Layer: plan. Includes: plan.
 */
#ifndef PLAN_SCAN_H
#define PLAN_SCAN_H

#include "plan/plan.h"

/* The low bits of a client's cursor are the shard's index, the others the node's own cursor: a node's
 * is below its number of buckets, so that all stay below 2^63. */
#define SCAN_SHARD_BITS 12

/* Carry out a SCAN whose arity is right. */
void scan_start(struct request *request, const struct command_bytes *command);

#endif
