#include "proto/resp_info.h"

#include <stdint.h>

#include "base/alloc.h"
#include "proto/resp_info_value.h"

/* INFO is asked for rarely, and a few times a second at most: what is read is kept in tables of its
 * own until the text is made. */

#define SECTIONS_MAX 64
#define FIELDS_MAX   8192 /* Redis has about 1200 with the statistics of each command */
#define REPEATS_MAX  64	  /* fields of one name in a section: each module is a line "module" */
#define SLOTS	     (2 * FIELDS_MAX) /* a power of two */
#define FIRST_CAP    256
#define NO_FIELD     FIELDS_MAX
#define OURS	     "Slipring"

struct field {
	struct span name;
	size_t section;
};

/* The fields seen so far, and what each node says of them: values[i * n_nodes + node], with p
 * NULL for nothing. */
struct table {
	struct span sections[SECTIONS_MAX]; /* the first is what stands before any header */
	size_t n_sections;
	struct field *fields;
	struct span *values;
	size_t n, cap, n_nodes;
	uint16_t slots[SLOTS]; /* by hash: a field's number and one; 0: free */
};

/* What a ratio is made of: over / (under - less). */
static const struct ratio {
	const char *name, *over, *under, *less;
	bool is_percent;
} ratios[] = {
#define INFO_RULE(pattern, rule)
#define INFO_RATIO(name, over, under, less, is_percent) {name, over, under, less, is_percent},
#include "proto/resp_info.def"
#undef INFO_RULE
#undef INFO_RATIO
};

/* FNV-1a. */
static size_t hash_of(struct span name, size_t section)
{
	uint32_t hash = 2166136261U ^ (uint32_t)section;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.p[i]) * 16777619U;
	return (hash ^ hash >> 16) % SLOTS;
}

static bool is_field(const struct table *table, size_t i, size_t section, struct span name)
{
	return i < table->n && table->fields[i].section == section &&
	       span_equal(table->fields[i].name, name);
}

/* The first field of that name, or NO_FIELD. */
static size_t find_field(const struct table *table, size_t section, struct span name)
{
	for (size_t at = hash_of(name, section); table->slots[at] != 0; at = (at + 1) % SLOTS)
		if (is_field(table, table->slots[at] - 1U, section, name))
			return table->slots[at] - 1U;
	return NO_FIELD;
}

static size_t add_field(struct table *table, size_t section, struct span name)
{
	size_t n_nodes = table->n_nodes;

	if (table->n == table->cap) {
		table->cap = table->cap == 0 ? FIRST_CAP : table->cap * 2;
		table->fields = alloc_resize(table->fields, table->cap * sizeof(table->fields[0]));
		table->values = alloc_resize(table->values,
					     table->cap * n_nodes * sizeof(table->values[0]));
	}
	table->fields[table->n] = (struct field){name, section};
	memset(&table->values[table->n * n_nodes], 0, n_nodes * sizeof(table->values[0]));
	return table->n++;
}

/* Where a node's value belongs: its first field of that name that has none, made if need be. */
static void set_value(struct table *table, size_t node, size_t section, struct span name,
		      struct span value)
{
	size_t at = hash_of(name, section), repeats = 0;

	for (; table->slots[at] != 0; at = (at + 1) % SLOTS) {
		size_t i = table->slots[at] - 1U;
		struct span *its = &table->values[i * table->n_nodes + node];

		if (!is_field(table, i, section, name))
			continue;
		if (its->p == NULL) {
			*its = value;
			return;
		}
		if (++repeats == REPEATS_MAX)
			return;
	}
	if (table->n == FIELDS_MAX)
		return;
	size_t i = add_field(table, section, name);
	table->slots[at] = (uint16_t)(i + 1);
	table->values[i * table->n_nodes + node] = value;
}

/* The number of a section, or SECTIONS_MAX where it is not read: there is no room, or the node is a
 * proxy of this kind itself and the section its own. */
static size_t find_section(struct table *table, struct span name)
{
	if (span_equal_str(name, OURS))
		return SECTIONS_MAX;
	for (size_t i = 1; i < table->n_sections; i++)
		if (span_equal(table->sections[i], name))
			return i;
	if (table->n_sections == SECTIONS_MAX)
		return SECTIONS_MAX;
	table->sections[table->n_sections] = name;
	return table->n_sections++;
}

/* Take the next line, without its line end. False at the end. */
static bool next_line(struct span *text, struct span *line)
{
	if (text->len == 0)
		return false;
	const char *newline = memchr(text->p, '\n', text->len);
	size_t len = newline != NULL ? (size_t)(newline - text->p) : text->len;

	*line = span_make(text->p, len > 0 && text->p[len - 1] == '\r' ? len - 1 : len);
	*text = span_skip(*text, len + (newline != NULL));
	return true;
}

static void collect(struct table *table, size_t node, struct span text)
{
	struct span line;
	size_t section = 0;

	while (next_line(&text, &line)) {
		const char *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;

		if (span_starts_with(line, span_of("# "))) {
			section = find_section(table, span_skip(line, 2));
		} else if (colon != NULL && line.p[0] != '#' && section < SECTIONS_MAX) {
			struct span name = span_make(line.p, (size_t)(colon - line.p));

			set_value(table, node, section, name, span_skip(line, name.len + 1));
		}
	}
}

static bool sum_of(const struct table *table, size_t section, struct span name, double *sum)
{
	size_t i = find_field(table, section, name);

	return i != NO_FIELD &&
	       resp_info_value_sum(&table->values[i * table->n_nodes], table->n_nodes, sum);
}

static const struct ratio *ratio_of(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(ratios); i++)
		if (span_equal_str(name, ratios[i].name))
			return &ratios[i];
	return NULL;
}

/* False if what it is made of is not there. */
static bool append_ratio(struct text *to, const struct table *table, size_t section,
			 const struct ratio *ratio)
{
	double over, under, less = 0;

	if (!sum_of(table, section, span_of(ratio->over), &over) ||
	    !sum_of(table, section, span_of(ratio->under), &under) ||
	    (ratio->less[0] != '\0' && !sum_of(table, section, span_of(ratio->less), &less)) ||
	    !(under - less > 0))
		return false;
	over /= under - less;
	text_printf(to, ratio->is_percent ? "%.2f%%" : "%.2f",
		    ratio->is_percent ? 100 * over : over);
	return true;
}

static bool append_human(struct text *to, const struct table *table, const struct field *field)
{
	struct span base = span_make(field->name.p, field->name.len - strlen("_human"));
	double sum;

	if (resp_info_value_rule(base) != INFO_SUM || !sum_of(table, field->section, base, &sum))
		return false;
	resp_info_value_human(to, sum);
	return true;
}

static void append_field(struct text *to, const struct table *table, size_t i)
{
	const struct field *field = &table->fields[i];
	const struct ratio *ratio = ratio_of(field->name);
	enum info_rule rule = ratio != NULL ? INFO_FIRST : resp_info_value_rule(field->name);
	bool done = false;

	text_append(to, field->name);
	text_puts(to, ":");
	if (ratio != NULL)
		done = append_ratio(to, table, field->section, ratio);
	else if (rule == INFO_HUMAN)
		done = append_human(to, table, field);
	if (!done)
		resp_info_value_merge(to, rule, &table->values[i * table->n_nodes], table->n_nodes);
	text_puts(to, "\r\n");
}

/* Redis sets sections apart by an empty line. */
static void append_header(struct text *to, size_t start, struct span name)
{
	text_puts(to, to->len > start ? "\r\n# " : "# ");
	text_append(to, name);
	text_puts(to, "\r\n");
}

/* A word of a line "name=WORD,...": clients cut it at ',' and '='. */
static void append_word(struct text *to, struct span word)
{
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.p[i];

		if (c < ' ' || c == 0x7f)
			c = ' ';
		else if (c == ',' || c == '=')
			c = c == ',' ? ';' : ':';
		text_append(to, span_make((const char *)&c, 1));
	}
}

static void append_shards(struct text *to, const struct resp_info_node *nodes, size_t n)
{
	text_printf(to, "slipring_version:" SLIPRING_VERSION "\r\nshards:%zu\r\n", n);
	for (size_t i = 0; i < n; i++) {
		text_printf(to, "shard%zu:name=", i);
		append_word(to, nodes[i].name);
		text_puts(to, ",address=");
		append_word(to, nodes[i].address);
		text_puts(to, ",status=");
		append_word(to, nodes[i].error.p != NULL ? nodes[i].error : span_of("ok"));
		text_puts(to, "\r\n");
	}
}

void resp_info_merge(struct text *to, bool with_ours, const struct resp_info_node *nodes, size_t n)
{
	struct table *table = alloc_zeroed(1, sizeof(*table));
	size_t start = to->len;

	table->n_sections = 1;
	table->n_nodes = n;
	for (size_t i = 0; i < n; i++)
		if (nodes[i].error.p == NULL)
			collect(table, i, nodes[i].text);
		else
			with_ours = true;
	for (size_t section = 0; section < table->n_sections; section++) {
		if (section > 0)
			append_header(to, start, table->sections[section]);
		for (size_t i = 0; i < table->n; i++)
			if (table->fields[i].section == section)
				append_field(to, table, i);
	}
	if (with_ours) {
		append_header(to, start, span_of(OURS));
		append_shards(to, nodes, n);
	}
	free(table->fields);
	free(table->values);
	free(table);
}
