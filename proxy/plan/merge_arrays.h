/*
 * merge_arrays.h - the arrays that all shards answer with -> one array.
 *
 * For each kind: does a part's reply fit, and the join of parts that all do.
 * Layer: plan. Includes: core/request.
 */
#ifndef PLAN_MERGE_ARRAYS_H
#define PLAN_MERGE_ARRAYS_H

#include "core/request.h"

/* MERGE_CONCAT, MERGE_UNION: an array or a set of anything. The type is the first part's. */
bool merge_is_array(struct request *request, struct call *part);
void merge_concat(struct request *request);

/* In the order of bytes. An error where the elements have more than MERGE_WHOLE_MAX bytes. */
void merge_union(struct request *request);

/* MERGE_AND: an array of integers, as many as in the first part. */
bool merge_is_flags(struct request *request, struct call *part);
void merge_and(struct request *request);

/* MERGE_PAIRS: an array of names and integers in turn, or a map; the same names as in the first
 * part, in the same order. */
bool merge_is_pairs(struct request *request, struct call *part);
void merge_pairs(struct request *request);

#endif
