#include "control/role_reply.h"

#include "base/number.h"
#include "control/found.h"
#include "control/resp_read.h"

/* The text that *rest begins with, up to `end`, of which both are cut off. */
static bool cut(struct span *rest, const char *end, struct span *out)
{
	const char *at = memmem(rest->p, rest->len, end, strlen(end));

	if (at == NULL)
		return false;
	*out = span_make(rest->p, (size_t)(at - rest->p));
	*rest = span_skip(*rest, out->len + strlen(end));
	return true;
}

static void set_leader(struct role_reply *out, struct span host, struct span port_text)
{
	uint64_t port;

	if (!number_parse_u64(port_text, &port) || !found_address(host, port, out->leader))
		out->leader[0] = '\0';
}

/* A replica that follows nobody yet says -1. */
static void set_offset(struct role_reply *out, struct span text)
{
	if (!number_parse_u64(text, &out->offset))
		out->offset = 0;
}

static bool set_kind(struct role_reply *out, struct span word)
{
	static const struct {
		const char *word;
		enum role_kind kind;
	} kinds[] = {
		{"master", ROLE_PRIMARY},
		{"slave", ROLE_REPLICA},
		{"replica", ROLE_REPLICA},
		{"sentinel", ROLE_SENTINEL},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!span_equal_str(word, kinds[i].word))
			continue;
		*out = (struct role_reply){.kind = kinds[i].kind};
		return true;
	}
	return false;
}

/* Behind "slave": host, port, the link's state, offset. */
static bool read_replica(struct span rest, struct role_reply *out)
{
	struct span host, port, link, offset;

	if (!resp_read_text(&rest, &host) || !resp_read_text(&rest, &port) ||
	    !resp_read_text(&rest, &link) || !resp_read_text(&rest, &offset))
		return false;
	set_leader(out, host, port);
	set_offset(out, offset);
	out->is_linked = span_equal_str(link, "connected");
	return true;
}

bool role_read(struct span reply, struct role_reply *out)
{
	struct span rest = reply, text;
	size_t n;

	if (!resp_read_array(&rest, &n) || !resp_read_text(&rest, &text) || !set_kind(out, text))
		return false;
	if (out->kind == ROLE_REPLICA)
		return read_replica(rest, out);
	if (out->kind == ROLE_SENTINEL)
		return true;
	if (!resp_read_text(&rest, &text))
		return false;
	set_offset(out, text);
	return true;
}

/* The value of a line "name:value" of INFO, or an empty one. */
static struct span field_of(struct span info, const char *name)
{
	struct span line;
	size_t len = strlen(name);

	while (cut(&info, "\r\n", &line))
		if (line.len > len && line.p[len] == ':' && memcmp(line.p, name, len) == 0)
			return span_skip(line, len + 1);
	return span_make("", 0);
}

bool role_read_info(struct span reply, struct role_reply *out)
{
	struct span rest = reply, info;

	if (!resp_read_text(&rest, &info) || !set_kind(out, field_of(info, "role")))
		return false;
	if (out->kind == ROLE_PRIMARY)
		set_offset(out, field_of(info, "master_repl_offset"));
	if (out->kind != ROLE_REPLICA)
		return true;
	set_leader(out, field_of(info, "master_host"), field_of(info, "master_port"));
	set_offset(out, field_of(info, "slave_repl_offset"));
	out->is_linked = span_equal_str(field_of(info, "master_link_status"), "up");
	return true;
}
