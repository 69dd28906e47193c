#include "control/yaml_tree.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/alloc.h"
#include "control/source.h"

/* What libyaml's complaints mean to someone who edits a configuration. */
static const struct complaint {
	const char *context, *problem; /* what libyaml's begin with; "" is any */
	bool at_context;	       /* the fault is where the construct began */
	const char *text;
} complaints[] = {
	{"while scanning a simple key", "", true,
	 "a word where a key should be; write 'key: value', with a space behind the colon"},
	{"while scanning a quoted scalar", "", true,
	 "a quote that is not closed; end the text with the same quote"},
	{"while parsing a quoted scalar", "", false,
	 "a backslash that begins no escape; write two, or use single quotes"},
	{"while parsing a flow sequence", "", true,
	 "a '[' that is not closed; write [a, b], with a comma between values"},
	{"while parsing a flow mapping", "", true,
	 "a '{' that is not closed; write {key: value, key: value}"},
	{"while parsing a block mapping", "", false,
	 "not a key of the map that it stands in; indent the keys of one map alike"},
	{"while parsing a block collection", "", false,
	 "not an item of the list that it stands in; indent the '-' of one list alike"},
	{"while scanning for the next token", "", false,
	 "a character that cannot begin a value; put the text in quotes"},
	{"", "mapping values are not allowed", false,
	 "a ':' where no value may begin; put text that contains ': ' in quotes, and check the "
	 "indentation here and the colon of the line above"},
	{"", "block sequence entries are not allowed", false,
	 "a '-' where no list may begin; put the list on its own lines below its key"},
	{"", "", false, "not YAML; expected 'key: value' lines, indented with spaces"},
};

struct builder {
	struct tree *tree;
	struct findings *findings;
	struct tree_node *at; /* the open map or list; NULL at the top */
	char *key;	      /* in a map: of the value that comes next, or NULL */
	struct place key_place;
	size_t depth, documents;
	bool is_over; /* an error that makes the rest meaningless */
};

static struct place place_of(yaml_mark_t mark)
{
	return (struct place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s != NULL ? s : "", prefix, strlen(prefix)) == 0;
}

/* Does the indentation of a line (from 1) contain a tab? */
static bool has_tab_indent(struct span content, uint32_t line)
{
	size_t i = 0;

	for (uint32_t at = 1; at < line && i < content.len; i++)
		at += content.p[i] == '\n';
	while (i < content.len && content.p[i] == ' ')
		i++;
	return i < content.len && content.p[i] == '\t';
}

static void syntax_error(const yaml_parser_t *parser, struct span content,
			 struct findings *findings)
{
	size_t i = 0;

	while (!starts_with(parser->context, complaints[i].context) ||
	       !starts_with(parser->problem, complaints[i].problem))
		i++;
	struct place place =
		place_of(complaints[i].at_context ? parser->context_mark : parser->problem_mark);
	if (parser->error == YAML_READER_ERROR) /* it has no mark */
		place = source_place(content, parser->problem_offset);
	uint32_t problem_line = (uint32_t)parser->problem_mark.line + 1;
	if (has_tab_indent(content, problem_line)) {
		place.line = problem_line;
		place.column = 1;
		findings_error(findings, place, NULL,
			       "a tab in the indentation; YAML is indented with spaces only");
		return;
	}
	findings_error(findings, place, NULL, "YAML syntax: %s (%s)", complaints[i].text,
		       parser->problem != NULL ? parser->problem : "no more is known");
}

static struct tree_node *new_node(struct builder *builder, const yaml_event_t *event)
{
	struct tree_node *node = alloc_zeroed(1, sizeof(*node)), *parent = builder->at;

	node->older = builder->tree->newest;
	builder->tree->newest = node;
	node->place = place_of(event->start_mark);
	node->parent = parent;
	node->key = builder->key;
	node->key_place = builder->key_place;
	builder->key = NULL;
	if (parent == NULL) {
		builder->tree->root = node;
		return node;
	}
	node->index = parent->n++;
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return node;
}

static void refuse_event(struct builder *builder, const yaml_event_t *event, const char *what)
{
	findings_error(builder->findings, place_of(event->start_mark), NULL, "%s", what);
}

/* The text of a scalar for its owner, without what C strings cannot hold. */
static char *scalar_text(struct builder *builder, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	if (memchr(text, '\0', event->data.scalar.length) != NULL)
		refuse_event(builder, event, "a zero byte in a text; take it out");
	return alloc_string(text);
}

static void on_key(struct builder *builder, const yaml_event_t *event)
{
	if (event->type != YAML_SCALAR_EVENT) {
		refuse_event(builder, event,
			     "a map, list or alias as a key; expected a word, as in 'key: value'");
		builder->is_over = true;
		return;
	}
	builder->key = scalar_text(builder, event);
	builder->key_place = place_of(event->start_mark);
}

static void refuse_extras(struct builder *builder, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor != NULL)
		refuse_event(builder, event,
			     "an anchor ('&name'), which is not supported; write the value out "
			     "where it is used");
	if (tag != NULL)
		refuse_event(builder, event,
			     "a tag ('!name'), which is not supported; leave it out");
}

static void on_value(struct builder *builder, const yaml_event_t *event)
{
	refuse_extras(builder, event);
	if (builder->at != NULL && builder->at->kind == TREE_MAP && builder->key == NULL) {
		on_key(builder, event);
		return;
	}
	struct tree_node *node = new_node(builder, event);
	if (event->type == YAML_ALIAS_EVENT) {
		node->kind = TREE_REFUSED;
		refuse_event(builder, event,
			     "an alias ('*name'), which is not supported; write the value out");
	} else if (event->type == YAML_SCALAR_EVENT) {
		node->kind = TREE_SCALAR;
		node->text = scalar_text(builder, event);
		node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	} else {
		node->kind = event->type == YAML_MAPPING_START_EVENT ? TREE_MAP : TREE_LIST;
		builder->at = node;
		if (++builder->depth <= TREE_DEPTH_MAX)
			return;
		refuse_event(builder, event, "nested too deeply; the settings need 7 levels");
		builder->is_over = true;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct tree_node *x = *(const struct tree_node *const *)a;
	const struct tree_node *y = *(const struct tree_node *const *)b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static void refuse_duplicate_keys(struct builder *builder, const struct tree_node *map)
{
	char path[TREE_PATH_MAX];
	const struct tree_node **sorted = alloc_zeroed(map->n, sizeof(struct tree_node *));
	size_t n = 0, first = 0;

	for (const struct tree_node *node = map->first; node != NULL; node = node->next)
		sorted[n++] = node;
	qsort(sorted, n, sizeof(sorted[0]), by_key);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(sorted[i]->key, sorted[first]->key) != 0) {
			first = i;
			continue;
		}
		findings_error(builder->findings, sorted[i]->key_place, tree_path(sorted[i], path),
			       "given twice; it stands on line %u already, so take one of them out",
			       sorted[first]->key_place.line);
	}
	free(sorted);
}

static void on_end(struct builder *builder)
{
	assert(builder->at != NULL);
	if (builder->at->kind == TREE_MAP)
		refuse_duplicate_keys(builder, builder->at);
	builder->at = builder->at->parent;
	builder->depth--;
}

static void on_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (builder->documents++ > 0) {
			refuse_event(builder, event,
				     "a second document ('---'); expected one in a file");
			builder->is_over = true;
		}
		break;
	case YAML_ALIAS_EVENT:
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		on_value(builder, event);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_end(builder);
		break;
	default:
		break;
	}
}

static void run_parser(struct builder *builder, struct span content)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool is_end = false;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_input_string(&parser, (const unsigned char *)content.p, content.len);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	while (!is_end && !builder->is_over) {
		if (!yaml_parser_parse(&parser, &event)) {
			syntax_error(&parser, content, builder->findings);
			builder->is_over = true;
			break;
		}
		on_event(builder, &event);
		is_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	free(builder->key);
}

void tree_parse(struct tree *tree, struct span content, struct findings *findings)
{
	struct builder builder = {.tree = tree, .findings = findings};

	*tree = (struct tree){0};
	if (!source_is_text(content, findings))
		return;
	run_parser(&builder, content);
	if (builder.is_over) {
		tree->root = NULL;
	} else if (tree->root == NULL || tree_is_null(tree->root)) {
		findings_error(findings, (struct place){1, 1}, NULL,
			       "the file is empty; expected 'pools:' with a pool in it");
		tree->root = NULL;
	} else if (tree->root->kind != TREE_MAP) {
		findings_error(findings, tree->root->place, NULL,
			       "not a map; expected 'key: value' lines, beginning with 'pools:'");
		tree->root = NULL;
	}
}

void tree_free(struct tree *tree)
{
	struct tree_node *node = tree->newest;

	while (node != NULL) {
		struct tree_node *older = node->older;

		free(node->key);
		free(node->text);
		free(node);
		node = older;
	}
	*tree = (struct tree){0};
}

const char *tree_path(const struct tree_node *node, char out[TREE_PATH_MAX])
{
	const struct tree_node *chain[TREE_DEPTH_MAX + 1];
	size_t n = 0, len = 0;

	for (; node != NULL && node->parent != NULL && n < ARRAY_LEN(chain); node = node->parent)
		chain[n++] = node;
	out[0] = '\0';
	while (n-- > 0 && len < TREE_PATH_MAX - 1) {
		const char *key = chain[n]->key;
		int added = key != NULL ? snprintf(out + len, TREE_PATH_MAX - len, "%s%s",
						   len > 0 ? "." : "", key)
					: snprintf(out + len, TREE_PATH_MAX - len, "[%zu]",
						   chain[n]->index);
		len += added > 0 ? (size_t)added : 0;
	}
	return out;
}

const struct tree_node *tree_get(const struct tree_node *map, const char *key)
{
	const struct tree_node *node = map->first;

	while (node != NULL && strcmp(node->key, key) != 0)
		node = node->next;
	return node;
}

bool tree_is_null(const struct tree_node *node)
{
	return node->kind == TREE_SCALAR && node->is_plain &&
	       (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
		strcmp(node->text, "null") == 0);
}
