#include "proto/mc_stats.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/number.h"

#define MICROS	 1000000
#define ROWS_MAX 1024 /* names; a memcached has about a hundred, so what sends more is none */

enum rule {
	EACH, /* once if all say the same, else node by node */
	SUM,
	LEAST,
	GREATEST,
	SECONDS, /* added up, with six digits behind the point */
	JOINED	 /* each distinct value once */
};

/* The first that fits counts; a trailing '*' stands for anything. What fits none is EACH. */
static const struct {
	const char *name;
	enum rule rule;
} rules[] = {
	{"uptime", LEAST},
	{"time", GREATEST},
	{"version", JOINED},
	{"libevent", JOINED},
	{"pointer_size", JOINED},
	{"rusage_user", SECONDS},
	{"rusage_system", SECONDS},
	{"accepting_conns", LEAST}, /* 0: some node accepts none */
	{"hash_power_level", GREATEST},
	{"hash_is_expanding", GREATEST},
	{"slab_reassign_running", GREATEST},
	{"lru_crawler_running", GREATEST},
	{"auth_*", SUM},
	{"bytes*", SUM},
	{"cas_*", SUM},
	{"cmd_*", SUM},
	{"conn_yields", SUM},
	{"connection_structures", SUM},
	{"crawler_*", SUM},
	{"curr_*", SUM},
	{"decr_*", SUM},
	{"delete_*", SUM},
	{"direct_reclaims", SUM},
	{"evicted_*", SUM},
	{"evictions", SUM},
	{"expired_unfetched", SUM},
	{"extstore_*", SUM},
	{"get_*", SUM},
	{"hash_bytes", SUM},
	{"idle_kicks", SUM},
	{"incr_*", SUM},
	{"limit_maxbytes", SUM},
	{"listen_disabled_num", SUM},
	{"log_*", SUM},
	{"lru_*", SUM},
	{"lrutail_reflocked", SUM},
	{"malloc_fails", SUM},
	{"max_connections", SUM},
	{"moves_*", SUM},
	{"read_buf_*", SUM},
	{"reclaimed", SUM},
	{"rejected_connections", SUM},
	{"reserved_fds", SUM},
	{"response_obj_*", SUM},
	{"round_robin_fallback", SUM},
	{"slab_global_page_pool", SUM},
	{"slab_reassign_*", SUM},
	{"slabs_*", SUM},
	{"store_*", SUM},
	{"threads", SUM},
	{"time_in_listen_disabled_us", SUM},
	{"total_*", SUM},
	{"touch_*", SUM},
	{"unexpected_napi_ids", SUM},
};

/* The names seen so far, and what each node says of them: values[i * n_nodes + node], with
 * p NULL for nothing. */
struct table {
	struct span *names, *values;
	size_t n, cap, n_nodes;
};

static enum rule rule_of(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct span pattern = span_of(rules[i].name);
		bool open = pattern.p[pattern.len - 1] == '*';

		pattern.len -= open;
		if (open ? span_starts_with(name, pattern) : span_equal(name, pattern))
			return rules[i].rule;
	}
	return EACH;
}

/* Take the next line off the reply, without its line end. False at END or where none is whole. */
static bool next_line(struct span *reply, struct span *line)
{
	const char *newline = reply->len > 0 ? memchr(reply->p, '\n', reply->len) : NULL;

	if (newline == NULL)
		return false;
	size_t len = (size_t)(newline - reply->p);
	*line = span_make(reply->p, len > 0 && newline[-1] == '\r' ? len - 1 : len);
	*reply = span_skip(*reply, len + 1);
	return !span_equal_str(*line, "END");
}

/* Cut at the first blank: what is before it, and what is behind. */
static struct span cut_word(struct span *line)
{
	const char *blank = line->len > 0 ? memchr(line->p, ' ', line->len) : NULL;
	struct span word = span_make(line->p, blank ? (size_t)(blank - line->p) : line->len);

	*line = span_skip(*line, word.len + (blank != NULL));
	return word;
}

static bool is_list(struct span reply)
{
	return span_starts_with(reply, span_of("STAT ")) ||
	       span_starts_with(reply, span_of("ITEM ")) ||
	       span_starts_with(reply, span_of("PREFIX ")) ||
	       span_starts_with(reply, span_of("END\r\n"));
}

static void append_line(struct text *to, struct span kind, const struct span *node,
			struct span name, struct span value)
{
	text_append(to, kind);
	text_puts(to, " ");
	if (node != NULL) {
		text_append(to, *node);
		text_puts(to, ":");
	}
	text_append(to, name);
	text_puts(to, " ");
	text_append(to, value);
	text_puts(to, "\r\n");
}

/* The values of one name, if there are no others than numbers. */
static bool fold_numbers(enum rule rule, const struct span *values, size_t n, uint64_t *result)
{
	bool any = false;
	uint64_t value;

	*result = 0;
	for (size_t i = 0; i < n; i++) {
		if (values[i].p == NULL)
			continue;
		if (!number_parse_u64(values[i], &value))
			return false;
		if (rule == SUM)
			*result += value;
		else if (!any || (rule == LEAST ? value < *result : value > *result))
			*result = value;
		any = true;
	}
	return true;
}

/* "12.345678" in microseconds; memcached always writes six digits behind the point. */
static bool parse_seconds(struct span value, uint64_t *us)
{
	const char *point = value.len > 0 ? memchr(value.p, '.', value.len) : NULL;
	uint64_t whole, part;

	if (point == NULL || value.p + value.len - point != 7)
		return false;
	if (!number_parse_u64(span_make(value.p, (size_t)(point - value.p)), &whole) ||
	    !number_parse_u64(span_make(point + 1, 6), &part) || whole > UINT32_MAX)
		return false;
	*us = whole * MICROS + part;
	return true;
}

static bool fold_seconds(const struct span *values, size_t n, uint64_t *sum_us)
{
	uint64_t us;

	*sum_us = 0;
	for (size_t i = 0; i < n; i++) {
		if (values[i].p == NULL)
			continue;
		if (!parse_seconds(values[i], &us))
			return false;
		*sum_us += us;
	}
	return true;
}

static bool is_first_of_its_kind(const struct span *values, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (values[j].p != NULL && span_equal(values[j], values[i]))
			return false;
	return true;
}

/* Returns whether there was but one. */
static bool join_distinct(struct text *to, const struct span *values, size_t n)
{
	size_t distinct = 0;

	for (size_t i = 0; i < n; i++) {
		if (values[i].p == NULL || !is_first_of_its_kind(values, i))
			continue;
		text_puts(to, distinct++ > 0 ? "," : "");
		text_append(to, values[i]);
	}
	return distinct == 1;
}

static void append_each(struct text *to, const struct mc_stats_node *nodes, struct span name,
			const struct span *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (values[i].p != NULL)
			append_line(to, span_of("STAT"), &nodes[i].name, name, values[i]);
}

/* One name's line, or its lines where the nodes' values do not make one. */
static void append_merged(struct text *to, const struct mc_stats_node *nodes, struct span name,
			  const struct span *values, size_t n)
{
	enum rule rule = rule_of(name);
	struct text value = {0};
	uint64_t number;
	bool single;

	if (rule == SECONDS) {
		single = fold_seconds(values, n, &number);
		text_printf(&value, "%" PRIu64 ".%06" PRIu64, number / MICROS, number % MICROS);
	} else if (rule == JOINED || rule == EACH) {
		single = join_distinct(&value, values, n) || rule == JOINED;
	} else {
		single = fold_numbers(rule, values, n, &number);
		text_printf(&value, "%" PRIu64, number);
	}
	if (single)
		append_line(to, span_of("STAT"), NULL, name, span_make(value.p, value.len));
	else
		append_each(to, nodes, name, values, n);
	text_free(&value);
}

/*
 * The row of a name, added if it is new, or ROWS_MAX if there is no room. Nodes list their names
 * in the same order, so it is mostly the one at `hint`.
 */
static size_t find_row(struct table *table, struct span name, size_t hint)
{
	if (hint < table->n && span_equal(table->names[hint], name))
		return hint;
	for (size_t i = 0; i < table->n; i++)
		if (span_equal(table->names[i], name))
			return i;
	if (table->n == ROWS_MAX)
		return ROWS_MAX;
	if (table->n == table->cap) {
		size_t cap = table->cap == 0 ? 128 : table->cap * 2;

		table->names = alloc_resize(table->names, cap * sizeof(table->names[0]));
		table->values = alloc_resize(table->values,
					     cap * table->n_nodes * sizeof(table->values[0]));
		table->cap = cap;
	}
	table->names[table->n] = name;
	memset(&table->values[table->n * table->n_nodes], 0,
	       table->n_nodes * sizeof(table->values[0]));
	return table->n++;
}

static void collect(struct table *table, size_t node, struct span reply)
{
	struct span line;
	size_t row = 0;

	while (next_line(&reply, &line)) {
		if (!span_equal_str(cut_word(&line), "STAT"))
			continue;
		struct span name = cut_word(&line);
		row = find_row(table, name, row);
		if (row < ROWS_MAX)
			table->values[row++ * table->n_nodes + node] = line;
	}
}

static void merge_general(struct text *to, const struct mc_stats_node *nodes, size_t n)
{
	struct table table = {.n_nodes = n};

	for (size_t i = 0; i < n; i++)
		if (is_list(nodes[i].reply))
			collect(&table, i, nodes[i].reply);
	for (size_t i = 0; i < table.n; i++)
		append_merged(to, nodes, table.names[i], &table.values[i * n], n);
	free(table.names);
	free(table.values);
}

static void list_nodes(struct text *to, const struct mc_stats_node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct span reply = nodes[i].reply, line;

		while (is_list(nodes[i].reply) && next_line(&reply, &line)) {
			struct span kind = cut_word(&line), name = cut_word(&line);

			append_line(to, kind, &nodes[i].name, name, line);
		}
	}
}

/* The reply that stands for all if none is a list, or NULL. */
static const struct span *only_line(const struct mc_stats_node *nodes, size_t n)
{
	const struct span *chosen = &nodes[0].reply;

	for (size_t i = 0; i < n; i++)
		if (is_list(nodes[i].reply))
			return NULL;
	for (size_t i = n; i-- > 0;) {
		struct span reply = nodes[i].reply;

		if (!span_starts_with(reply, span_of("OK\r\n")) &&
		    !span_starts_with(reply, span_of("RESET\r\n")))
			chosen = &nodes[i].reply;
	}
	return chosen;
}

void mc_stats_merge(struct text *to, bool general, const struct mc_stats_node *nodes, size_t n)
{
	const struct span *line = n > 0 ? only_line(nodes, n) : NULL;

	if (n == 1 || line != NULL) {
		text_append(to, n == 1 ? nodes[0].reply : *line);
		return;
	}
	if (general)
		merge_general(to, nodes, n);
	else
		list_nodes(to, nodes, n);
	for (size_t i = 0; i < n; i++) {
		struct span reply = nodes[i].reply, text;

		if (!is_list(reply) && next_line(&reply, &text))
			append_line(to, span_of("STAT"), &nodes[i].name, span_of("error"), text);
	}
	text_puts(to, "END\r\n");
}
