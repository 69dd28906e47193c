#include "cluster_text.h"

#include <check.h>
#include <stdio.h>

#include "base/text.h"

#define TEXTS_MAX 1024

const char *cluster_id_of(char node)
{
	static char ids[128][CLUSTER_ID + 1];

	snprintf(ids[(int)node], sizeof(ids[0]), "%040x", (unsigned)node);
	return ids[(int)node];
}

uint16_t cluster_port_of(char node)
{
	return (uint16_t)(7001 + node - 'a');
}

/* One word of the short form as a line. */
static void put_node(struct text *to, struct span word, char myself)
{
	char node = word.p[0];
	bool is_replica = word.len > 1 && word.p[1] == '>';
	bool is_failing = word.p[word.len - 1] == '!';
	struct span slots = is_replica || word.len < 2 ? span_make("", 0) : span_skip(word, 2);

	if (is_failing && slots.len > 0)
		slots.len--;
	text_printf(to, "%s n:%u@1 %s%s%s %s 0 0 1 connected ", cluster_id_of(node),
		    cluster_port_of(node), node == myself ? "myself," : "",
		    is_replica ? "slave" : "master", is_failing ? ",fail" : "",
		    is_replica ? cluster_id_of(word.p[2]) : "-");
	for (size_t i = 0; i < slots.len; i++)
		text_append(to, span_make(slots.p[i] == ',' ? " " : slots.p + i, 1));
	text_puts(to, "\n");
}

const char *cluster_nodes_text(const char *nodes, char myself)
{
	static struct text kept[TEXTS_MAX];
	static struct text *next = kept;
	struct text lines = {0};

	ck_assert(next < kept + TEXTS_MAX);
	while (*nodes != '\0') {
		size_t len = strcspn(nodes, " ");

		put_node(&lines, span_make(nodes, len), myself);
		nodes += len + (nodes[len] == ' ');
	}
	text_printf(next, "$%zu\r\n%s\r\n", lines.len, lines.p);
	text_free(&lines);
	return next++->p;
}

struct cluster_view cluster_view_of(const char *nodes, char myself)
{
	struct cluster_view view = {0};
	struct error error = {0};
	int result = cluster_read_nodes(span_of(cluster_nodes_text(nodes, myself)), "asked", &view,
					&error);

	ck_assert_msg(result == 0, "%s: %s", nodes, error.text);
	view.is_ok = true;
	view.epoch = 1;
	return view;
}
