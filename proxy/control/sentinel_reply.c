#include "control/sentinel_reply.h"

#include "base/number.h"
#include "control/resp_read.h"

/* What is known of a replica once its fields are read. */
struct replica {
	struct span ip, port;
	bool is_unfit;
};

bool sentinel_read_address(struct span reply, char address[ADDRESS_TEXT_MAX])
{
	struct resp_element element;
	struct span host, port;
	uint64_t number;

	address[0] = '\0';
	if (!resp_read(&reply, &element))
		return false;
	if (element.is_null)
		return true;
	return element.type == '*' && element.n == 2 && resp_read_text(&reply, &host) &&
	       resp_read_text(&reply, &port) && number_parse_u64(port, &number) &&
	       found_address(host, number, address);
}

/* Does a list of words with commas between have this one? */
static bool has_word(struct span list, const char *word)
{
	while (list.len > 0) {
		const char *comma = memchr(list.p, ',', list.len);
		size_t len = comma != NULL ? (size_t)(comma - list.p) : list.len;

		if (span_equal_str(span_make(list.p, len), word))
			return true;
		list = span_skip(list, len + (comma != NULL));
	}
	return false;
}

static bool is_down(struct span flags)
{
	return has_word(flags, "s_down") || has_word(flags, "o_down") ||
	       has_word(flags, "disconnected");
}

static void take_field(struct replica *replica, struct span name, struct span value)
{
	if (span_equal_str(name, "ip"))
		replica->ip = value;
	else if (span_equal_str(name, "port"))
		replica->port = value;
	else if (span_equal_str(name, "flags"))
		replica->is_unfit |= is_down(value);
	else if (span_equal_str(name, "role-reported"))
		/* One that is being promoted says master before the Sentinels do. */
		replica->is_unfit |=
			!span_equal_str(value, "slave") && !span_equal_str(value, "replica");
}

static bool read_replica(struct span *rest, struct string_list *addresses)
{
	char address[ADDRESS_TEXT_MAX];
	struct replica replica = {.ip = {"", 0}, .port = {"", 0}};
	struct span name, value;
	uint64_t port;
	size_t n;

	if (!resp_read_array(rest, &n) || n % 2 != 0)
		return false;
	for (; n > 0; n -= 2) {
		if (!resp_read_text(rest, &name) || !resp_read_text(rest, &value))
			return false;
		take_field(&replica, name, value);
	}
	if (replica.is_unfit)
		return true;
	if (!number_parse_u64(replica.port, &port) || !found_address(replica.ip, port, address))
		return false;
	found_list_add(addresses, address);
	return true;
}

bool sentinel_read_replicas(struct span reply, struct string_list *addresses)
{
	size_t n;

	*addresses = (struct string_list){0};
	bool is_good = resp_read_array(&reply, &n) && n <= SENTINEL_REPLICAS_MAX;
	for (; is_good && n > 0; n--)
		is_good = read_replica(&reply, addresses);
	if (!is_good)
		found_list_free(addresses);
	return is_good;
}
