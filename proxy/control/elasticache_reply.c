#include "control/elasticache_reply.h"

#include "base/number.h"

#define SHOWN_MAX 60 /* bytes of what is wrong that a message repeats */

/* Cut off the front of *rest what is before `end`, which is dropped; all of it if `end` is not there. */
static struct span cut(struct span *rest, char end)
{
	const char *at = rest->len > 0 ? memchr(rest->p, end, rest->len) : NULL;
	struct span head = span_make(rest->p, at != NULL ? (size_t)(at - rest->p) : rest->len);

	*rest = span_skip(*rest, head.len + (at != NULL));
	return head;
}

/* The same without a CR before a line's end. */
static struct span cut_line(struct span *rest)
{
	struct span line = cut(rest, '\n');

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* The value of the reply's one block. False if there is none. */
static bool find_value(struct span reply, struct span *value)
{
	struct span line = cut_line(&reply);
	struct span word = cut(&line, ' ');
	uint64_t flags, bytes;

	if (!span_equal_str(word, "CONFIG") && !span_equal_str(word, "VALUE"))
		return false;
	(void)cut(&line, ' '); /* the key that was asked for */
	if (!number_parse_u64(cut(&line, ' '), &flags) ||
	    !number_parse_u64(cut(&line, ' '), &bytes) || bytes > reply.len)
		return false;
	*value = span_make(reply.p, (size_t)bytes);
	return true;
}

static bool is_known(const struct found *found, const char *address)
{
	for (size_t i = 0; i < found->n; i++)
		if (strcmp(found->shards[i].primary, address) == 0)
			return true;
	return false;
}

/* HOST|IP|PORT. The host may look like a number, and it is what clients know the node by. */
static bool read_node(struct span node, char address[ADDRESS_TEXT_MAX])
{
	struct span host = cut(&node, '|'), ip = cut(&node, '|');
	uint64_t port;

	return number_parse_u64(node, &port) &&
	       found_address(host.len > 0 ? host : ip, port, address);
}

static int read_nodes(struct span line, struct found *found, struct error *error)
{
	char address[ADDRESS_TEXT_MAX];

	while (line.len > 0) {
		struct span node = cut(&line, ' ');

		if (node.len == 0)
			continue;
		if (!read_node(node, address))
			return error_set(error, "'%.*s' is no node; expected HOST|IP|PORT",
					 (int)(node.len < SHOWN_MAX ? node.len : SHOWN_MAX),
					 node.p);
		if (is_known(found, address))
			continue;
		if (found->n == ELASTICACHE_NODES_MAX)
			return error_set(error, "more than %d nodes", ELASTICACHE_NODES_MAX);
		(void)found_add(found, NULL, address);
	}
	return found->n > 0 ? 0 : error_set(error, "there is no node in the answer");
}

int elasticache_read(struct span reply, struct found *found, struct error *error)
{
	struct span value;
	int result;

	*found = (struct found){0};
	if (span_starts_with(reply, span_of("END")))
		return error_set(error, "it knows of no cluster");
	if (!find_value(reply, &value))
		return error_set(error, "an answer that is no configuration of a cluster");
	struct span version = cut_line(&value);
	if (!number_parse_u64(version, &found->version))
		return error_set(error, "'%.*s' is no version; expected a number",
				 (int)(version.len < SHOWN_MAX ? version.len : SHOWN_MAX),
				 version.p);
	result = read_nodes(cut_line(&value), found, error);
	if (result != 0)
		found_fini(found);
	return result;
}
