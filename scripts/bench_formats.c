/*
 * bench_formats.c - requests and replies in RESP, and in memcached's text, meta and binary.
 *
 * Long because the formats are read side by side.
 */
#include "bench_formats.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_SPAN 65536 /* places in the pattern where a value may start */
#define QUOTED_MAX   160   /* bytes of a wrong reply that are shown */

static void quote(const char *p, size_t len)
{
	putc('"', stderr);
	for (size_t i = 0; i < len && i < QUOTED_MAX; i++)
		fprintf(stderr, p[i] >= ' ' && p[i] <= '~' ? "%c" : "\\x%02x", (unsigned char)p[i]);
	putc('"', stderr);
}

void wrong(const char *expected, const char *got, size_t len)
{
	fprintf(stderr, "bench_load: wrong reply: expected ");
	quote(expected, strlen(expected));
	fprintf(stderr, ", got ");
	quote(got, len);
	putc('\n', stderr);
	exit(3);
}

void *take(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL) {
		fprintf(stderr, "bench_load: no memory\n");
		exit(2);
	}
	return p;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void data_prepare(struct data *data, const struct format *format, uint64_t *rng)
{
	size_t len = PATTERN_SPAN + data->size;
	char *pattern = take(len, 1);

	for (size_t i = 0; i < len; i++)
		pattern[i] = (char)('0' + next_random(rng) % 75);
	data->pattern = pattern;
	if (format->prepare != NULL)
		format->prepare(data);
	data->value_head_len = strlen(data->value_head);
	data->value_tail_len = strlen(data->value_tail);
}

/* What the formats have in common. */

static const char *value_of(const struct data *data, uint32_t key)
{
	return data->pattern + key * 2654435761u % PATTERN_SPAN;
}

static uint32_t key_at(const struct data *data, const struct op *op, uint32_t place)
{
	return (op->first + place * data->stride) % data->keys;
}

static char *put(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static char *put_key(char *to, const struct data *data, uint32_t key)
{
	uint32_t size = data->size;

	to[0] = 'b';
	to[7] = ':';
	for (int i = 6; i > 0; i--, size /= 10, key /= 10) {
		to[i] = (char)('0' + size % 10);
		to[i + 7] = (char)('0' + key % 10);
	}
	return to + KEY_LEN;
}

static char *put_value(char *to, const struct data *data, uint32_t key)
{
	to = put(to, value_of(data, key), data->size);
	return put(to, "\r\n", 2);
}

static size_t line_len(const char *p, size_t len)
{
	const char *end = memchr(p, '\n', len);

	return end == NULL ? 0 : (size_t)(end - p) + 1;
}

static bool is_line(const char *line, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(line, expected, len) == 0;
}

static void expect_line(const char *line, size_t len, const char *expected)
{
	if (!is_line(line, len, expected))
		wrong(expected, line, len);
}

static void expect_value_head(const struct data *data, const char *line, size_t len)
{
	if (len != data->value_head_len || memcmp(line, data->value_head, len) != 0)
		wrong(data->value_head, line, len);
}

static void start_value(const struct data *data, struct reply *reply, uint32_t key, const char *end,
			bool is_last)
{
	reply->value = value_of(data, key);
	reply->value_end = end;
	reply->value_len = data->size + strlen(end);
	reply->value_left = reply->value_len;
	reply->value_is_last = is_last;
}

size_t take_value(const struct data *data, struct reply *reply, const char *p, size_t len)
{
	size_t n = len < reply->value_left ? len : reply->value_left;
	size_t at = reply->value_len - reply->value_left;
	size_t body = at < data->size ? data->size - at : 0;

	if (body > n)
		body = n;
	if (memcmp(p, reply->value + at, body) != 0)
		wrong("the key's own value", p, body);
	for (size_t i = body; i < n; i++) {
		if (p[i] != reply->value_end[at + i - data->size])
			wrong("CRLF behind a value", p + i, n - i);
	}
	reply->value_left -= n;
	if (reply->value_left == 0) {
		reply->seen++;
		reply->done = reply->value_is_last;
	}
	return n;
}

/* RESP: GET of one key, MGET of several. */

static void resp_prepare(struct data *data)
{
	sprintf(data->value_head, "$%u\r\n", data->size);
	sprintf(data->array_head, "*%u\r\n", data->multi);
}

static char *resp_put_get(char *to, const struct data *data, const struct op *op)
{
	if (op->count == 1)
		to = put(to, "*2\r\n$3\r\nGET\r\n", 13);
	else
		to += sprintf(to, "*%u\r\n$4\r\nMGET\r\n", op->count + 1);
	for (uint32_t i = 0; i < op->count; i++) {
		to = put(to, "$14\r\n", 5);
		to = put_key(to, data, key_at(data, op, i));
		to = put(to, "\r\n", 2);
	}
	return to;
}

static char *resp_put_set(char *to, const struct data *data, const struct op *op)
{
	to = put(to, "*3\r\n$3\r\nSET\r\n$14\r\n", 18);
	to = put_key(to, data, op->first);
	to += sprintf(to, "\r\n$%u\r\n", data->size);
	return put_value(to, data, op->first);
}

static void resp_on_head(const struct data *data, const struct op *op, struct reply *reply,
			 const char *head, size_t len)
{
	if (op->count == 0) {
		expect_line(head, len, "+OK\r\n");
		reply->done = true;
	} else if (op->count > 1 && !reply->in_array) {
		expect_line(head, len, data->array_head);
		reply->in_array = true;
	} else {
		expect_value_head(data, head, len);
		start_value(data, reply, key_at(data, op, reply->seen), "\r\n",
			    reply->seen + 1 == op->count);
	}
}

/* Text: one `get` of all keys. */

static void text_prepare(struct data *data)
{
	sprintf(data->value_head, "VALUE b%06u:", data->size);
	sprintf(data->value_tail, " 0 %u\r\n", data->size);
}

static char *text_put_get(char *to, const struct data *data, const struct op *op)
{
	to = put(to, "get", 3);
	for (uint32_t i = 0; i < op->count; i++) {
		to = put(to, " ", 1);
		to = put_key(to, data, key_at(data, op, i));
	}
	return put(to, "\r\n", 2);
}

static char *text_put_set(char *to, const struct data *data, const struct op *op)
{
	to = put(to, "set ", 4);
	to = put_key(to, data, op->first);
	to += sprintf(to, " 0 0 %u\r\n", data->size);
	return put_value(to, data, op->first);
}

/* The number of the key that a whole VALUE line names. */
static uint32_t key_of_line(const struct data *data, const char *line, size_t len)
{
	size_t before = data->value_head_len;
	size_t behind = data->value_tail_len;
	const char *digits = line + before;
	uint32_t key = 0;

	if (len != before + 6 + behind || memcmp(line, data->value_head, before) != 0 ||
	    memcmp(digits + 6, data->value_tail, behind) != 0)
		wrong(data->value_head, line, len);
	for (int i = 0; i < 6; i++)
		key = key * 10 + (uint32_t)(digits[i] - '0');
	return key;
}

/* Values of a multi-get may come in any order, each once: shards answer when they can. */
static void text_on_value(const struct data *data, const struct op *op, struct reply *reply,
			  const char *line, size_t len)
{
	uint32_t key = key_of_line(data, line, len);
	uint32_t distance = (key + data->keys - op->first) % data->keys;
	uint32_t place = distance / data->stride;

	if (key >= data->keys || distance % data->stride != 0 || place >= op->count ||
	    (reply->seen_bits[place / 64] >> place % 64 & 1))
		wrong("a key that was asked, once", line, len);
	reply->seen_bits[place / 64] |= 1ull << place % 64;
	start_value(data, reply, key, "\r\n", false);
}

static void text_on_head(const struct data *data, const struct op *op, struct reply *reply,
			 const char *head, size_t len)
{
	if (op->count == 0) {
		expect_line(head, len, "STORED\r\n");
		reply->done = true;
	} else if (is_line(head, len, "END\r\n")) {
		if (reply->seen != op->count)
			wrong("a value for each key", head, len);
		reply->done = true;
	} else {
		text_on_value(data, op, reply, head, len);
	}
}

/* Meta: an `mg` for each key, answered in their order. */

static void meta_prepare(struct data *data)
{
	sprintf(data->value_head, "VA %u\r\n", data->size);
}

static char *meta_put_get(char *to, const struct data *data, const struct op *op)
{
	for (uint32_t i = 0; i < op->count; i++) {
		to = put(to, "mg ", 3);
		to = put_key(to, data, key_at(data, op, i));
		to = put(to, " v\r\n", 4);
	}
	return to;
}

static char *meta_put_set(char *to, const struct data *data, const struct op *op)
{
	to = put(to, "ms ", 3);
	to = put_key(to, data, op->first);
	to += sprintf(to, " %u\r\n", data->size);
	return put_value(to, data, op->first);
}

static void meta_on_head(const struct data *data, const struct op *op, struct reply *reply,
			 const char *head, size_t len)
{
	if (op->count == 0) {
		expect_line(head, len, "HD\r\n");
		reply->done = true;
	} else {
		expect_value_head(data, head, len);
		start_value(data, reply, key_at(data, op, reply->seen), "\r\n",
			    reply->seen + 1 == op->count);
	}
}

/*
 * Binary: GET of one key; of several, a GETKQ for each and the NOOP that ends them. Replies come
 * in the order of the requests, and each brings its request's opaque back.
 */

enum { REQUEST = 0x80, REPLY = 0x81 };
enum { GET = 0x00, SET = 0x01, NOOP = 0x0a, GETKQ = 0x0d };

/* The header. put_packet makes of it what is on the wire: until then its numbers are the host's. */
struct packet {
	uint8_t magic;
	uint8_t opcode;
	uint16_t key_len;
	uint8_t extras_len;
	uint8_t data_type;
	uint16_t status;
	uint32_t body_len; /* on the wire: of extras, key and value; until then the value's */
	uint32_t opaque;
	uint64_t cas;
};

_Static_assert(sizeof(struct packet) == 24, "a header has no holes");

#define PACKET_MAX (sizeof(struct packet) + 8 + KEY_LEN) /* without its value */

/* A header, its extras (zeros) and its key, if key_len is not 0. */
static char *put_packet(char *to, struct packet packet, const struct data *data, uint32_t key)
{
	bool has_key = packet.key_len != 0;

	packet.body_len = htonl(packet.body_len + packet.extras_len + packet.key_len);
	packet.key_len = htons(packet.key_len);
	packet.opaque = htonl(packet.opaque);
	to = put(to, (const char *)&packet, sizeof(packet));
	memset(to, 0, packet.extras_len);
	to += packet.extras_len;
	return has_key ? put_key(to, data, key) : to;
}

static char *binary_put_get(char *to, const struct data *data, const struct op *op)
{
	struct packet packet = {.magic = REQUEST, .opcode = GET, .opaque = op->opaque};

	packet.key_len = KEY_LEN;
	if (op->count == 1)
		return put_packet(to, packet, data, op->first);
	packet.opcode = GETKQ;
	for (uint32_t i = 0; i < op->count; i++, packet.opaque++)
		to = put_packet(to, packet, data, key_at(data, op, i));
	packet.opcode = NOOP;
	packet.key_len = 0;
	return put_packet(to, packet, data, 0);
}

static char *binary_put_set(char *to, const struct data *data, const struct op *op)
{
	struct packet packet = {.magic = REQUEST, .opcode = SET, .opaque = op->opaque};

	packet.key_len = KEY_LEN;
	packet.extras_len = 8; /* flags and expiry time */
	packet.body_len = data->size;
	to = put_packet(to, packet, data, op->first);
	return put(to, value_of(data, op->first), data->size);
}

static size_t packet_len(const char *p, size_t len)
{
	struct packet packet;
	size_t whole;

	if (len < sizeof(packet))
		return 0;
	memcpy(&packet, p, sizeof(packet));
	whole = sizeof(packet) + packet.extras_len + ntohs(packet.key_len);
	return len < whole ? 0 : whole;
}

/* All of a packet before its value must be this one, but for the CAS, which the node chose. */
static void expect_packet(const char *head, size_t len, struct packet packet,
			  const struct data *data, uint32_t key)
{
	const size_t cas = offsetof(struct packet, cas);
	char expected[PACKET_MAX];
	size_t expected_len = (size_t)(put_packet(expected, packet, data, key) - expected);

	if (len == expected_len)
		memcpy(expected + cas, head + cas, sizeof(packet.cas));
	if (len != expected_len || memcmp(head, expected, len) != 0)
		wrong("the packet that answers the request", head, len);
}

static void binary_on_value(const struct data *data, const struct op *op, struct reply *reply,
			    const char *head, size_t len)
{
	bool is_single = op->count == 1;
	uint32_t key = key_at(data, op, reply->seen);
	struct packet packet = {.magic = REPLY, .extras_len = 4}; /* its extras: the flags */

	packet.opcode = is_single ? GET : GETKQ;
	packet.key_len = is_single ? 0 : KEY_LEN;
	packet.body_len = data->size;
	packet.opaque = op->opaque + reply->seen;
	expect_packet(head, len, packet, data, key);
	start_value(data, reply, key, "", is_single);
}

static void binary_on_head(const struct data *data, const struct op *op, struct reply *reply,
			   const char *head, size_t len)
{
	struct packet packet = {.magic = REPLY, .opaque = op->opaque + op->count};

	if (reply->seen < op->count) {
		binary_on_value(data, op, reply, head, len);
	} else {
		packet.opcode = op->count == 0 ? SET : NOOP;
		expect_packet(head, len, packet, data, 0);
		reply->done = true;
	}
}

const struct format *format_of(const char *name)
{
	static const struct format formats[] = {
		{"resp", resp_prepare, resp_put_get, resp_put_set, line_len, resp_on_head},
		{"text", text_prepare, text_put_get, text_put_set, line_len, text_on_head},
		{"meta", meta_prepare, meta_put_get, meta_put_set, line_len, meta_on_head},
		{"binary", NULL, binary_put_get, binary_put_set, packet_len, binary_on_head},
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	}
	return NULL;
}
