#include "proto/mc_binary.h"

#include <limits.h>
#include <string.h>

#include "proto/mc_request.h"

static const char error_unknown[] = "ERROR";
static const char error_arguments[] = "CLIENT_ERROR Invalid arguments";
static const char error_stranger[] = "CLIENT_ERROR unauthenticated";
static const char error_large[] = "SERVER_ERROR object too large for cache";

enum { NO_KEY, KEY, MAYBE };
enum { NONE, ANY };

static const struct mcb_opcode opcodes[256] = {
#define NO_ROW	  -1
#define ROW(name) MC_##name
#define MCB_OPCODE(id, opcode, loud_, row_, extras_, key_, value_, action_)                        \
	[opcode] = {.loud = loud_,                                                                 \
		    .action = MCB_ACT_##action_,                                                   \
		    .extras = extras_,                                                             \
		    .key = key_,                                                                   \
		    .value = value_,                                                               \
		    .is_quiet = (opcode) != (loud_),                                               \
		    .row = row_},
#include "proto/mc_binary.def"
#undef MCB_OPCODE
};

const struct mcb_opcode *mcb_opcode(uint8_t opcode)
{
	return &opcodes[opcode];
}

/* ------------------------------------------------------------------ headers */

static uint64_t read_number(const char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

static void write_number(char *p, size_t n, uint64_t value)
{
	for (size_t i = n; i-- > 0; value >>= 8)
		p[i] = (char)(value & 0xff);
}

struct mcb_header mcb_header_read(const char bytes[MCB_HEADER])
{
	return (struct mcb_header){
		.magic = (uint8_t)bytes[0],
		.opcode = (uint8_t)bytes[1],
		.key = (uint16_t)read_number(bytes + 2, 2),
		.extras = (uint8_t)bytes[4],
		.status = (uint16_t)read_number(bytes + 6, 2),
		.body = (uint32_t)read_number(bytes + 8, 4),
		.opaque = (uint32_t)read_number(bytes + 12, 4),
		.cas = read_number(bytes + 16, 8),
	};
}

void mcb_header_write(char bytes[MCB_HEADER], const struct mcb_header *header)
{
	bytes[0] = (char)header->magic;
	bytes[1] = (char)header->opcode;
	write_number(bytes + 2, 2, header->key);
	bytes[4] = (char)header->extras;
	bytes[5] = 0;
	write_number(bytes + 6, 2, header->status);
	write_number(bytes + 8, 4, header->body);
	write_number(bytes + 12, 4, header->opaque);
	write_number(bytes + 16, 8, header->cas);
}

void mcb_packet(struct chunk_pool *chunks, struct chain *to, struct mcb_header header,
		struct span extras, struct span key, struct span value)
{
	char bytes[MCB_HEADER];

	header.extras = (uint8_t)extras.len;
	header.key = (uint16_t)key.len;
	header.body = (uint32_t)(extras.len + key.len + value.len);
	mcb_header_write(bytes, &header);
	chain_copy(chunks, to, span_make(bytes, sizeof(bytes)));
	chain_copy(chunks, to, extras);
	chain_copy(chunks, to, key);
	chain_copy(chunks, to, value);
}

/* ------------------------------------------------------------------ requests */

static enum parse_result refuse(struct parsed *out, const char *error)
{
	out->error = error;
	return PARSE_BAD;
}

/* Answered with an error; what it has behind `len` bytes is dropped. */
static enum parse_result answer(struct parsed *out, const char *error, uint64_t len,
				uint64_t swallow)
{
	out->error = error;
	out->len = (uint32_t)len;
	out->swallow = swallow;
	return PARSE_DONE;
}

/* As memcached looks at the lengths of a command that it knows. */
static bool fits(const struct mcb_opcode *row, const struct mcb_header *header)
{
	bool no_value = header->body == (uint32_t)header->key + header->extras;

	if (row->action == MCB_ACT_FLUSH) /* the time may be left out */
		return header->key == 0 && no_value && (header->extras == 0 || header->extras == 4);
	if (header->extras != row->extras || (row->value == NONE && !no_value))
		return false;
	return row->key == MAYBE || (row->key == KEY) == (header->key > 0);
}

static void list_parts(struct parsed *out, const struct mcb_header *header)
{
	struct arg_list *args = out->args;
	uint32_t key_at = MCB_HEADER + header->extras, value_at = key_at + header->key;

	args->v[MCB_ARG_HEADER] = (struct arg){0, MCB_HEADER};
	args->v[MCB_ARG_EXTRAS] = (struct arg){MCB_HEADER, header->extras};
	args->v[MCB_ARG_KEY] = (struct arg){key_at, header->key};
	args->v[MCB_ARG_VALUE] =
		(struct arg){value_at, header->body - header->key - header->extras};
	args->n = MCB_ARGS;
	out->line_len = value_at;
	out->key_first = MCB_ARG_KEY;
	out->key_count = header->key > 0;
}

/* A command whose lengths are right: its body. */
static enum parse_result take_body(struct span in, const struct parse_limits *limits,
				   const struct mcb_header *header, struct parsed *out)
{
	bool is_sasl = opcodes[header->opcode].action == MCB_ACT_SASL;
	uint32_t value = header->body - header->key - header->extras;
	uint64_t max = is_sasl ? MCB_SASL_MAX : limits->request, len = MCB_HEADER;

	/* Of a value that is refused its key is waited for: what is there of it is stale then. */
	bool is_large = value > max || value > INT_MAX - 2;
	len += is_large ? (uint64_t)header->extras + header->key : header->body;
	if (in.len < len) {
		out->need = (uint32_t)len;
		return PARSE_MORE;
	}
	list_parts(out, header);
	if (is_large && is_sasl)
		return refuse(out, error_arguments);
	out->drops_key = is_large && opcodes[header->opcode].loud == MCB_SET;
	if (is_large)
		return answer(out, error_large, len, value);
	out->len = (uint32_t)len;
	return PARSE_DONE;
}

enum parse_result mcb_request_parse(struct parse_state *state, struct span in,
				    const struct parse_limits *limits, struct arg_list *args,
				    struct parsed *out)
{
	(void)state;
	*out = (struct parsed){.args = args, .is_binary = true};
	args->n = 0;
	if (in.len > 0 && (uint8_t)in.p[0] != MCB_REQUEST)
		return refuse(out, "");
	if (in.len < MCB_HEADER) {
		out->need = MCB_HEADER;
		return PARSE_MORE;
	}
	while (unlikely(args->cap < MCB_ARGS))
		if (!arg_list_grow(args))
			return refuse(out, "SERVER_ERROR out of memory reading request");
	struct mcb_header header = mcb_header_read(in.p);
	const struct mcb_opcode *row = &opcodes[header.opcode];
	if ((uint32_t)header.key + header.extras > header.body)
		return refuse(out, error_unknown);
	if (limits->is_stranger && row->action != MCB_ACT_SASL && row->action != MCB_ACT_VERSION)
		return refuse(out, error_stranger);
	if (header.key > MC_KEY_MAX)
		return refuse(out, error_arguments);
	if (row->action == MCB_ACT_NONE)
		return answer(out, error_unknown, MCB_HEADER, header.body);
	if (!fits(row, &header))
		return refuse(out, error_arguments);
	size_t n;
	out->command = row->row < 0 ? NULL : &mc_command_table(&n)[row->row];
	return take_body(in, limits, &header, out);
}

/* ------------------------------------------------------------------ replies */

/* Where in a reply the scan is: frame->owed. */
enum place { AT_PACKET, IN_LAST_PACKET };

/* One whole header. False if it is none. */
static bool take_header(struct frame *frame, const char *bytes)
{
	struct mcb_header header = mcb_header_read(bytes);
	bool goes_on = header.opcode == MCB_STAT && header.status == MCB_OK && header.key > 0;

	if (header.magic != MCB_RESPONSE || header.body > INT_MAX ||
	    (uint32_t)header.key + header.extras > header.body)
		return false;
	if (frame->until_barrier)
		goes_on = header.opcode != MCB_NOOP;
	frame->owed = goes_on ? AT_PACKET : IN_LAST_PACKET;
	frame->skip = header.body;
	if (header.status == MCB_OK && header.opcode != MCB_NOOP)
		frame->values++;
	return true;
}

enum frame_result mcb_reply_scan(struct frame *frame, struct span in, size_t *took)
{
	*took = 0;
	if (in.len == 0)
		return FRAME_MORE;
	frame_begin(frame, in.p[0]);
	for (;;) {
		struct span rest = span_skip(in, *took);
		size_t body = rest.len < frame->skip ? rest.len : (size_t)frame->skip;

		*took += body;
		frame->skip -= body;
		rest = span_skip(rest, body);
		if (frame->skip == 0 && frame->owed == IN_LAST_PACKET)
			return FRAME_DONE;
		if (frame->skip > 0 || rest.len < MCB_HEADER) {
			if (frame->skip > 0 || rest.len == 0 || (uint8_t)rest.p[0] == MCB_RESPONSE)
				return FRAME_MORE;
		}
		if (rest.len < MCB_HEADER || !take_header(frame, rest.p)) {
			frame->why = "no packet of memcached's binary protocol";
			return FRAME_BAD;
		}
		*took += MCB_HEADER;
	}
}

bool mcb_is_error(struct span start)
{
	if (start.len < 8)
		return false;
	switch (read_number(start.p + 6, 2)) {
	case MCB_OK:
	case MCB_NOT_FOUND:
	case MCB_EXISTS:
	case MCB_NOT_STORED:
		return false;
	default:
		return true;
	}
}

enum mcb_status mcb_status_of(struct span line, struct span *text)
{
	static const struct {
		const char *prefix;
		enum mcb_status status;
		const char *text; /* NULL: what is behind the first word */
	} rows[] = {
		{"OK", MCB_OK, ""},
		{"END", MCB_OK, ""},
		{"RESET", MCB_OK, ""},
		{"NOT_FOUND", MCB_NOT_FOUND, "Not found"},
		{"ERROR", MCB_UNKNOWN, "Unknown command"},
		{"SERVER_ERROR object too large", MCB_TOO_LARGE, "Too large."},
		{"SERVER_ERROR out of memory", MCB_OUT_OF_MEMORY, "Out of memory"},
		{"SERVER_ERROR", MCB_TEMPORARY, NULL},
		{"CLIENT_ERROR unauthenticated", MCB_AUTH_ERROR, "Auth failure."},
		{"CLIENT_ERROR", MCB_INVALID, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!span_starts_with(line, span_of(rows[i].prefix)))
			continue;
		const char *blank = memchr(line.p, ' ', line.len);
		*text = rows[i].text != NULL ? span_of(rows[i].text)
			: blank == NULL	     ? span_of("")
					     : span_skip(line, (size_t)(blank - line.p) + 1);
		return rows[i].status;
	}
	*text = line;
	return MCB_INTERNAL;
}
