#include "plan/merge_arrays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/number.h"
#include "core/limits.h"
#include "plan/part.h"
#include "proto/resp_frame.h"

bool merge_is_array(struct request *request, struct call *part)
{
	return part_take_header(request, part, "*~");
}

static int64_t count_elements(const struct request *request)
{
	int64_t n = 0;

	for (const struct call *part = request->parts; part != NULL; part = part->next)
		n += part_number(part);
	return n;
}

void merge_concat(struct request *request)
{
	part_write_header(request, part_type(request->parts), count_elements(request));
	for (struct call *part = request->parts; part != NULL; part = part->next)
		chain_move(&request->engine->chunks, &request->reply, &part->reply);
}

/* Take the next element off, as it is encoded. */
static struct span cut_element(struct span *in)
{
	struct frame frame = {0};
	struct span element = {in->p, 0};

	if (resp_frame_scan(&frame, *in, &element.len) != FRAME_DONE)
		element.len = in->len;
	*in = span_skip(*in, element.len);
	return element;
}

/* Take ":N\r\n" off. */
static bool cut_integer(struct span *in)
{
	const char *end = in->len > 0 && in->p[0] == ':' ? memchr(in->p, '\r', in->len) : NULL;
	int64_t n;

	if (end == NULL || !number_parse_i64(span_make(in->p + 1, (size_t)(end - in->p) - 1), &n))
		return false;
	*in = span_skip(*in, (size_t)(end - in->p) + 2);
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The elements of all parts at `to`. Their replies are short: see merge_union(). */
static void list_elements(struct request *request, struct span *to)
{
	for (struct call *part = request->parts; part != NULL; part = part->next) {
		struct span rest;

		if (!part_in_one_piece(request, part, MERGE_WHOLE_MAX, &rest))
			continue;
		for (int64_t i = 0; i < part_number(part); i++)
			*to++ = cut_element(&rest);
	}
}

/* Sorted, equal elements lie side by side. Sorting needs no more than the elements do, whatever
 * their bytes are, and makes a reply that does not depend on which shard has what. */
static void write_union(struct request *request, char type, size_t n)
{
	struct span *all = alloc_zeroed(n, sizeof(*all));
	size_t kept = 0;

	list_elements(request, all);
	qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !span_equal(all[i], all[kept - 1]))
			all[kept++] = all[i];
	part_write_header(request, type, (int64_t)kept);
	for (size_t i = 0; i < kept; i++)
		chain_copy(&request->engine->chunks, &request->reply, all[i]);
	free(all);
}

void merge_union(struct request *request)
{
	char type = part_type(request->parts), line[128];
	uint64_t bytes = 0;

	for (const struct call *part = request->parts; part != NULL; part = part->next)
		bytes += part->reply.bytes;
	if (bytes <= MERGE_WHOLE_MAX) {
		write_union(request, type, (size_t)count_elements(request));
		return;
	}
	int len = snprintf(line, sizeof(line),
			   "%sthe shards' replies have %" PRIu64 " bytes, and at most %d are "
			   "joined\r\n",
			   engine_codec(request->pool)->error_prefix, bytes, MERGE_WHOLE_MAX);
	chain_copy(&request->engine->chunks, &request->reply, span_make(line, (size_t)len));
	request->is_error = true;
}

/* Has it as many elements as the first part? Where that is none itself, the whole is its error. */
static bool is_as_long(const struct request *request, const struct call *part)
{
	return !part_is_good(request->parts) || part_number(part) == part_number(request->parts);
}

bool merge_is_flags(struct request *request, struct call *part)
{
	struct span rest;

	if (!part_take_header(request, part, "*~") || !is_as_long(request, part) ||
	    !part_in_one_piece(request, part, MERGE_WHOLE_MAX, &rest))
		return false;
	for (int64_t i = 0; i < part_number(part); i++)
		if (!cut_integer(&rest))
			return false;
	return true;
}

void merge_and(struct request *request)
{
	int64_t n = part_number(request->parts);

	part_write_header(request, part_type(request->parts), n);
	for (int64_t i = 0; i < n; i++) {
		bool all = true;

		for (struct call *part = request->parts; part != NULL; part = part->next)
			all &= part_take_integer(request, part) && part_number(part) != 0;
		part_write_header(request, ':', all);
	}
}

bool merge_is_pairs(struct request *request, struct call *part)
{
	struct call *first = request->parts;
	struct span rest, same;

	if (!part_take_header(request, part, "*%"))
		return false;
	if (part_type(part) == '*') {
		if (part_number(part) % 2 != 0)
			return false;
		part->begin /= 2; /* as a map, it counts pairs from here on */
	}
	if (!is_as_long(request, part) || !part_in_one_piece(request, part, MERGE_WHOLE_MAX, &rest))
		return false;
	/* The first part is compared with itself, and so are all where it is an error. */
	same = rest;
	if (part_is_good(first) && !part_in_one_piece(request, first, MERGE_WHOLE_MAX, &same))
		return false;
	for (int64_t i = 0; i < part_number(part); i++)
		if (!span_equal(cut_element(&rest), cut_element(&same)) || !cut_integer(&rest) ||
		    !cut_integer(&same))
			return false;
	return true;
}

void merge_pairs(struct request *request)
{
	struct call *first = request->parts;
	char type = part_type(first);
	int64_t n = part_number(first);

	part_write_header(request, type, type == '*' ? 2 * n : n);
	for (int64_t i = 0; i < n; i++) {
		uint64_t sum = 0;

		part_move_element(request, first);
		for (struct call *part = first; part != NULL; part = part->next) {
			if (part != first)
				part_drop_element(request, part);
			if (part_take_integer(request, part))
				sum += (uint64_t)part_number(part);
		}
		part_write_header(request, ':', (int64_t)sum);
	}
}
