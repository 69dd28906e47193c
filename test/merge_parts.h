/*
 * merge_parts.h - replies of any number of parts, cut as a connection may cut them, and merged.
 * Includes: data_path.
 */
#ifndef TEST_MERGE_PARTS_H
#define TEST_MERGE_PARTS_H

#include "data_path.h"
#include "proto/command.h"

/*
 * A finished request whose parts 0..n-1, of the shards a, b, c, a ... had these replies; NULL stands
 * for one that did not come in time. Each comes in segments of at most `step` bytes, but for header
 * lines, which a scanner leaves whole. The test owns it.
 */
struct request *merge_parts(struct data_path *dp, enum merge how, const char *const *replies,
			    size_t n, size_t step);

#define BLOB "!6\r\nERR no\r\n"		  /* an error of RESP3 */
#define TTL  "|1\r\n+ttl\r\n*1\r\n:5\r\n" /* an attribute */

/* What three parts answer, and the reply made of it. */
struct merge_case {
	enum merge how;
	const char *parts[DATA_PATH_SHARDS];
	const char *reply;
	bool is_error;
};

/* Try it with segments of several sizes. */
void check_merge_case(struct data_path *dp, const struct merge_case *c);

#endif
