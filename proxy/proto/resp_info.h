/*
 * resp_info.h - what several Redis nodes answer to one INFO -> one text.
 *
 * Pure but for the text it makes. Layer: proto. Includes: base/span, base/text.
 */
#ifndef PROTO_RESP_INFO_H
#define PROTO_RESP_INFO_H

#include <stdbool.h>

#include "base/span.h"
#include "base/text.h"

/* One shard's answer, or why there is none; borrowed. */
struct resp_info_node {
	struct span name, address;
	struct span text;  /* as INFO has it, without the header of a bulk string */
	struct span error; /* p is NULL: none */
};

/*
 * Append to `to` the one text made of those of nodes[0..n).
 *
 * Sections and fields come in the order of the first node that answered, each once; those that
 * only later ones have go behind. The values become one by the rules of resp_info.def; sizes for
 * people (used_memory_human) and ratios (mem_fragmentation_ratio) are made of the merged sizes.
 *
 * The last section, `with_ours` or where a node has an error, is `# Slipring`: slipring_version,
 * shards:N, and a line a node, shard<i>:name=NAME,address=HOST:PORT,status=ok, or its error for a
 * status. Bytes that would make another line or item of them are replaced.
 *
 * 64 sections, 8192 fields, and 64 fields of one name are read; more are dropped. Cost:
 * proportional to the lines of all nodes.
 */
void resp_info_merge(struct text *to, bool with_ours, const struct resp_info_node *nodes, size_t n);

#endif
