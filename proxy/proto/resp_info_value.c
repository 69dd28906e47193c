#include "proto/resp_info_value.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/number.h"

#define MICROS	       1000000
#define DIGITS_MAX     6  /* behind the point of a decimal; Redis writes no more */
#define LIST_ITEMS_MAX 16 /* Redis has five; each costs a look at the lists of all shards */

static const struct {
	const char *pattern;
	enum info_rule rule;
} rules[] = {
#define INFO_RULE(pattern, rule) {pattern, INFO_##rule},
#define INFO_RATIO(name, over, under, less, is_percent)
#include "proto/resp_info.def"
#undef INFO_RULE
#undef INFO_RATIO
};

/* A number in two parts of the same sign, so that neither large counters nor small fractions lose
 * anything by being added. */
struct decimal {
	int64_t whole, micros;
	int digits; /* as many as are written behind the point */
};

static bool span_ends_with(struct span a, struct span end)
{
	return a.len >= end.len && memcmp(a.p + a.len - end.len, end.p, end.len) == 0;
}

/* A '*' at either end, or between two pieces, stands for anything. */
static bool fits(struct span name, const char *pattern)
{
	const char *star = strchr(pattern, '*');

	if (star == NULL)
		return span_equal_str(name, pattern);
	struct span before = span_make(pattern, (size_t)(star - pattern));
	struct span behind = span_of(star + 1);
	return name.len >= before.len + behind.len && span_starts_with(name, before) &&
	       span_ends_with(name, behind);
}

enum info_rule resp_info_value_rule(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (fits(name, rules[i].pattern))
			return rules[i].rule;
	return INFO_FIRST;
}

static bool parse_decimal(struct span s, struct decimal *out)
{
	bool is_minus = s.len > 0 && s.p[0] == '-';
	uint64_t whole, part = 0;

	s = span_skip(s, is_minus);
	const char *point = s.len > 0 ? memchr(s.p, '.', s.len) : NULL;
	struct span before = span_make(s.p, point != NULL ? (size_t)(point - s.p) : s.len);
	size_t digits = point != NULL ? s.len - before.len - 1 : 0;

	if (digits > DIGITS_MAX || !number_parse_u64(before, &whole) || whole > INT64_MAX)
		return false;
	if (point != NULL && !number_parse_u64(span_make(point + 1, digits), &part))
		return false;
	for (size_t i = digits; i < DIGITS_MAX; i++)
		part *= 10;
	out->whole = is_minus ? -(int64_t)whole : (int64_t)whole;
	out->micros = is_minus ? -(int64_t)part : (int64_t)part;
	out->digits = (int)digits;
	return true;
}

/* Sums that no integer holds wrap around, as Redis's own counters do. */
static void add_decimal(struct decimal *sum, const struct decimal *more)
{
	sum->micros += more->micros;
	sum->whole = (int64_t)((uint64_t)sum->whole + (uint64_t)more->whole +
			       (uint64_t)(sum->micros / MICROS));
	sum->micros %= MICROS;
	if (sum->whole > 0 && sum->micros < 0) {
		sum->whole--;
		sum->micros += MICROS;
	} else if (sum->whole < 0 && sum->micros > 0) {
		sum->whole++;
		sum->micros -= MICROS;
	}
	if (more->digits > sum->digits)
		sum->digits = more->digits;
}

static bool is_less(const struct decimal *a, const struct decimal *b)
{
	return a->whole != b->whole ? a->whole < b->whole : a->micros < b->micros;
}

static void append_decimal(struct text *to, const struct decimal *decimal)
{
	bool is_minus = decimal->whole < 0 || decimal->micros < 0;
	uint64_t whole = (uint64_t)decimal->whole;
	int64_t part = decimal->micros < 0 ? -decimal->micros : decimal->micros;

	text_printf(to, "%s%" PRIu64, is_minus ? "-" : "", decimal->whole < 0 ? -whole : whole);
	for (int i = decimal->digits; i < DIGITS_MAX; i++)
		part /= 10;
	if (decimal->digits > 0)
		text_printf(to, ".%0*" PRId64, decimal->digits, part);
}

/* The first that there is; one of them is. */
static struct span first_of(const struct span *values, size_t n)
{
	size_t i = 0;

	while (i + 1 < n && values[i].p == NULL)
		i++;
	return values[i];
}

/* False if there is none, or one that is no number. */
static bool add_up(const struct span *values, size_t n, struct decimal *sum)
{
	struct decimal decimal;
	bool any = false;

	*sum = (struct decimal){0};
	for (size_t i = 0; i < n; i++) {
		if (values[i].p == NULL)
			continue;
		if (!parse_decimal(values[i], &decimal))
			return false;
		add_decimal(sum, &decimal);
		any = true;
	}
	return any;
}

bool resp_info_value_sum(const struct span *values, size_t n, double *sum)
{
	struct decimal decimal;

	if (!add_up(values, n, &decimal))
		return false;
	*sum = (double)decimal.whole + (double)decimal.micros / MICROS;
	return true;
}

static void append_sum(struct text *to, const struct span *values, size_t n)
{
	struct decimal sum;

	if (add_up(values, n, &sum))
		append_decimal(to, &sum);
	else
		text_append(to, first_of(values, n));
}

/* The least or the greatest, as its shard wrote it. */
static void append_extreme(struct text *to, bool least, const struct span *values, size_t n)
{
	struct span chosen = {NULL, 0};
	struct decimal its = {0}, decimal;

	for (size_t i = 0; i < n; i++) {
		if (values[i].p == NULL)
			continue;
		if (!parse_decimal(values[i], &decimal)) {
			chosen = first_of(values, n);
			break;
		}
		if (chosen.p == NULL ||
		    (least ? is_less(&decimal, &its) : is_less(&its, &decimal))) {
			chosen = values[i];
			its = decimal;
		}
	}
	text_append(to, chosen);
}

static void append_not_ok(struct text *to, const struct span *values, size_t n)
{
	struct span chosen = first_of(values, n);

	for (size_t i = 0; i < n && span_equal_str(chosen, "ok"); i++)
		if (values[i].p != NULL)
			chosen = values[i];
	text_append(to, chosen);
}

/* Take the next "name=value" off a list. False at its end, or where it is none. */
static bool next_item(struct span *list, struct span *name, struct span *value)
{
	if (list->len == 0)
		return false;
	const char *comma = memchr(list->p, ',', list->len);
	size_t len = comma != NULL ? (size_t)(comma - list->p) : list->len;
	const char *equals = memchr(list->p, '=', len);

	if (equals == NULL)
		return false;
	size_t name_len = (size_t)(equals - list->p);
	*name = span_make(list->p, name_len);
	*value = span_make(equals + 1, len - name_len - 1);
	*list = span_skip(*list, len + (comma != NULL));
	return true;
}

/* The value of a name in a list; p is NULL if there is none. */
static struct span item_of(struct span list, struct span wanted)
{
	struct span name, value;

	while (list.p != NULL && next_item(&list, &name, &value))
		if (span_equal(name, wanted))
			return value;
	return span_make(NULL, 0);
}

static bool is_list(struct span list)
{
	struct span name, value;
	size_t items = 0;

	while (next_item(&list, &name, &value))
		if (++items > LIST_ITEMS_MAX)
			return false;
	return items > 0 && list.len == 0;
}

static void pick_items(struct span *items, const struct span *lists, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++)
		items[i] = item_of(lists[i], name);
}

static double sum_items(struct span *items, const struct span *lists, size_t n, const char *name)
{
	double sum;

	pick_items(items, lists, n, span_of(name));
	return resp_info_value_sum(items, n, &sum) ? sum : 0;
}

/* The mean of avg_ttl over the keys that expire. */
static double mean_ttl(const struct span *lists, size_t n)
{
	double sum = 0, keys = 0;

	for (size_t i = 0; i < n; i++) {
		struct span ttl = item_of(lists[i], span_of("avg_ttl"));
		struct span expires = item_of(lists[i], span_of("expires"));
		double its_ttl, its_keys;

		if (ttl.p == NULL || expires.p == NULL || !resp_info_value_sum(&ttl, 1, &its_ttl) ||
		    !resp_info_value_sum(&expires, 1, &its_keys))
			continue;
		sum += its_ttl * its_keys;
		keys += its_keys;
	}
	return keys > 0 ? sum / keys : 0;
}

static void append_list(struct text *to, const struct span *lists, size_t n)
{
	struct span rest = first_of(lists, n), name, value;
	struct span *items = alloc_zeroed(n, sizeof(*items));
	bool plain = !is_list(rest);

	if (plain)
		text_append(to, rest);
	for (bool more = false; !plain && next_item(&rest, &name, &value); more = true) {
		text_puts(to, more ? "," : "");
		text_append(to, name);
		text_puts(to, "=");
		if (span_equal_str(name, "usec_per_call")) {
			double calls = sum_items(items, lists, n, "calls");
			double usec = sum_items(items, lists, n, "usec");

			text_printf(to, "%.2f", calls > 0 ? usec / calls : 0);
		} else if (span_equal_str(name, "avg_ttl")) {
			text_printf(to, "%.0f", mean_ttl(lists, n));
		} else {
			pick_items(items, lists, n, name);
			append_sum(to, items, n);
		}
	}
	free(items);
}

void resp_info_value_human(struct text *to, double bytes)
{
	static const char units[] = "BKMGTP";
	size_t unit = 0;

	for (; bytes >= 1024 && unit + 2 < sizeof(units); unit++)
		bytes /= 1024;
	text_printf(to, "%.*f%c", unit == 0 ? 0 : 2, bytes, units[unit]);
}

void resp_info_value_merge(struct text *to, enum info_rule rule, const struct span *values,
			   size_t n)
{
	switch (rule) {
	case INFO_SUM:
		append_sum(to, values, n);
		break;
	case INFO_LEAST:
	case INFO_GREATEST:
		append_extreme(to, rule == INFO_LEAST, values, n);
		break;
	case INFO_NOT_OK:
		append_not_ok(to, values, n);
		break;
	case INFO_LIST:
		append_list(to, values, n);
		break;
	case INFO_MASTER:
		text_puts(to, "master");
		break;
	default:
		text_append(to, first_of(values, n));
	}
}
