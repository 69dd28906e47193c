#include "control/cluster_view.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/number.h"
#include "control/resp_read.h"

/* Cut a word off a line: what is before `end`, which is dropped, or all of it. */
static struct span cut(struct span *line, char end)
{
	const char *at = line->len > 0 ? memchr(line->p, end, line->len) : NULL;
	struct span word = span_make(line->p, at != NULL ? (size_t)(at - line->p) : line->len);

	*line = span_skip(*line, word.len + (at != NULL));
	return word;
}

static bool read_id(struct span word, char id[CLUSTER_ID + 1])
{
	if (word.len != CLUSTER_ID)
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (word.p[i] == '\0' || strchr("0123456789abcdef", word.p[i]) == NULL)
			return false;
	memcpy(id, word.p, CLUSTER_ID);
	id[CLUSTER_ID] = '\0';
	return true;
}

/* The last colon parts the port from the host: one of IPv6 has colons itself, and no brackets. */
static void read_address(struct span word, const char *asked_host, struct cluster_node *node)
{
	struct span hostname = word;
	struct span address = cut(&hostname, ',');
	struct span before_bus = cut(&address, '@');
	const char *colon = memrchr(before_bus.p, ':', before_bus.len);
	uint64_t port;

	node->address[0] = '\0';
	if (colon == NULL)
		return;
	struct span host = span_make(before_bus.p, (size_t)(colon - before_bus.p));
	struct span digits = span_skip(before_bus, host.len + 1);
	if (host.len == 0 && node->is_myself)
		host = span_of(asked_host);
	if (!number_parse_u64(digits, &port) || !found_address(host, port, node->address))
		node->address[0] = '\0';
}

/* False if the node is not one of the cluster yet. */
static bool read_flags(struct span flags, struct cluster_node *node)
{
	while (flags.len > 0) {
		struct span flag = cut(&flags, ',');

		node->is_myself |= span_equal_str(flag, "myself");
		node->is_primary |= span_equal_str(flag, "master");
		node->is_failing |= span_equal_str(flag, "fail") || span_equal_str(flag, "fail?");
		if (span_equal_str(flag, "handshake"))
			return false;
	}
	return true;
}

/* "7", "0-99"; those that move ("[7->-ID]") belong to where they are from until they have moved. */
static bool read_slots(struct span words, struct cluster_node *node)
{
	while (words.len > 0) {
		struct span last = cut(&words, ' ');
		uint64_t from, to;

		if (last.len == 0 || last.p[0] == '[')
			continue;
		struct span first = cut(&last, '-');
		if (!number_parse_u64(first, &from) || from >= CLUSTER_SLOTS)
			return false;
		to = from;
		if (last.len > 0 && (!number_parse_u64(last, &to) || to >= CLUSTER_SLOTS))
			return false;
		if (to < from || node->n_slots == CLUSTER_SLOTS)
			return false;
		node->slots =
			alloc_resize(node->slots, (node->n_slots + 1) * sizeof(node->slots[0]));
		node->slots[node->n_slots++] = (struct slot_range){(uint16_t)from, (uint16_t)to};
	}
	return true;
}

/* One line to the view's end. False if it is no node's. */
static bool read_node(struct span line, const char *asked_host, struct cluster_view *view)
{
	struct cluster_node node = {0};
	struct span id = cut(&line, ' '), address = cut(&line, ' ');
	bool is_member = read_flags(cut(&line, ' '), &node);
	struct span primary = cut(&line, ' ');

	if (!read_id(id, node.id))
		return false;
	if (!is_member)
		return true;
	if (!span_equal_str(primary, "-") && !read_id(primary, node.primary))
		return false;
	read_address(address, asked_host, &node);
	for (int i = 0; i < 4; i++) /* ping, pong, epoch, link: how it is between those two alone */
		(void)cut(&line, ' ');
	bool is_good = read_slots(line, &node) && (node.n_slots == 0 || node.address[0] != '\0');
	if (!is_good || view->n == CLUSTER_NODES_MAX) {
		free(node.slots);
		return false;
	}
	view->nodes[view->n++] = node;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct cluster_node *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* Mark a node's slots. False if one is marked already. */
static bool mark_slots(const struct cluster_node *node, bool *is_owned)
{
	for (size_t i = 0; i < node->n_slots; i++)
		for (uint32_t slot = node->slots[i].first; slot <= node->slots[i].last; slot++) {
			if (is_owned[slot])
				return false;
			is_owned[slot] = true;
		}
	return true;
}

/* Have no two nodes, which are in the order of their ids, the same id or slot, and is one of them the
 * one that answers? */
static bool is_consistent(const struct cluster_view *view)
{
	bool *is_owned = alloc_zeroed(CLUSTER_SLOTS, sizeof(is_owned[0]));
	bool is_good = cluster_view_myself(view) != NULL;

	for (size_t i = 0; is_good && i < view->n; i++) {
		const struct cluster_node *node = &view->nodes[i];

		is_good = (node->n_slots == 0 || node->is_primary) &&
			  (i == 0 || by_id(&view->nodes[i - 1], node) != 0) &&
			  mark_slots(node, is_owned);
	}
	free(is_owned);
	return is_good;
}

int cluster_read_nodes(struct span reply, const char *asked_host, struct cluster_view *view,
		       struct error *error)
{
	struct span text;
	bool is_good = true;

	view->n = 0;
	if (!resp_read_text(&reply, &text))
		return error_set(error, "an answer that is no list of nodes");
	view->nodes = alloc_zeroed(CLUSTER_NODES_MAX, sizeof(view->nodes[0]));
	while (is_good && text.len > 0) {
		struct span line = cut(&text, '\n');

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		is_good = line.len == 0 || read_node(line, asked_host, view);
	}
	qsort(view->nodes, view->n, sizeof(view->nodes[0]), by_id);
	if (is_good && is_consistent(view)) {
		view->nodes = alloc_resize(view->nodes, view->n * sizeof(view->nodes[0]));
		return 0;
	}
	cluster_view_fini(view);
	return error_set(error, "a list of nodes that cannot be right");
}

bool cluster_read_info(struct span reply, struct cluster_view *view)
{
	struct span text;
	bool has_state = false;

	view->is_ok = false;
	view->epoch = 0;
	if (!resp_read_text(&reply, &text))
		return false;
	while (text.len > 0) {
		struct span line = cut(&text, '\n');

		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		struct span name = cut(&line, ':');
		if (span_equal_str(name, "cluster_state")) {
			has_state = true;
			view->is_ok = span_equal_str(line, "ok");
		} else if (span_equal_str(name, "cluster_current_epoch") &&
			   !number_parse_u64(line, &view->epoch)) {
			return false;
		}
	}
	return has_state;
}

bool cluster_view_has_majority(const struct cluster_view *view)
{
	size_t owners = 0, well = 0;

	for (size_t i = 0; i < view->n; i++) {
		owners += view->nodes[i].n_slots > 0;
		well += view->nodes[i].n_slots > 0 && !view->nodes[i].is_failing;
	}
	return 2 * well > owners;
}

const struct cluster_node *cluster_view_find(const struct cluster_view *view, const char *id)
{
	size_t from = 0, to = view->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(id, view->nodes[middle].id);

		if (order == 0)
			return &view->nodes[middle];
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

const struct cluster_node *cluster_view_myself(const struct cluster_view *view)
{
	for (size_t i = 0; i < view->n; i++)
		if (view->nodes[i].is_myself)
			return &view->nodes[i];
	return NULL;
}

static bool equal_nodes(const struct cluster_node *a, const struct cluster_node *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->primary, b->primary) == 0 &&
	       strcmp(a->address, b->address) == 0 && a->is_myself == b->is_myself &&
	       a->is_primary == b->is_primary && a->is_failing == b->is_failing &&
	       a->n_slots == b->n_slots &&
	       (a->n_slots == 0 ||
		memcmp(a->slots, b->slots, a->n_slots * sizeof(a->slots[0])) == 0);
}

bool cluster_view_equal(const struct cluster_view *a, const struct cluster_view *b)
{
	bool is_equal = a->n == b->n && a->epoch == b->epoch && a->is_ok == b->is_ok;

	for (size_t i = 0; is_equal && i < a->n; i++)
		is_equal = equal_nodes(&a->nodes[i], &b->nodes[i]);
	return is_equal;
}

void cluster_view_fini(struct cluster_view *view)
{
	for (size_t i = 0; i < view->n; i++)
		free(view->nodes[i].slots);
	free(view->nodes);
	view->nodes = NULL;
	view->n = 0;
}
