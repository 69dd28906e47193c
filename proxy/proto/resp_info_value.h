/*
 * resp_info_value.h - the shards' values of one field of INFO -> one value.
 *
 * Pure but for the text it makes. Layer: proto. Includes: base/span, base/text.
 */
#ifndef PROTO_RESP_INFO_VALUE_H
#define PROTO_RESP_INFO_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "base/text.h"

enum info_rule {
	INFO_FIRST,    /* of the first shard that has one */
	INFO_SUM,      /* integers or decimals */
	INFO_LEAST,    /* the same */
	INFO_GREATEST, /* the same */
	INFO_NOT_OK,   /* the first that is not "ok" */
	INFO_LIST,     /* "name=value,..." with the first's names */
	INFO_HUMAN,    /* the sum of the field without "_human", as "2.50M" */
	INFO_MASTER    /* "master" */
};

/* The rule of a field: a row of resp_info.def, else INFO_FIRST. Cost: a comparison a row. */
enum info_rule resp_info_value_rule(struct span name);

/*
 * Append the one value made of values[0..n), where p is NULL for a shard that has none; one of
 * them has. Where a rule needs numbers and there is something else, it is the first's value.
 *
 * In a list, numbers are added; usec_per_call is made of usec and calls, and avg_ttl is weighted by
 * expires. A list of more than 16 values is none.
 */
void resp_info_value_merge(struct text *to, enum info_rule rule, const struct span *values,
			   size_t n);

/* The sum of the values. False if there is none, or one that is no number. */
NODISCARD bool resp_info_value_sum(const struct span *values, size_t n, double *sum);

/* Bytes as Redis writes them for people: "512B", "2.50M". */
void resp_info_value_human(struct text *to, double bytes);

#endif
