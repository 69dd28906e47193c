#include "proto/mc_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "proto/mc_binary.h"
#include "proto/mc_request.h"

#define NUMBER_MAX 24  /* bytes of a number as text, with a blank and a letter */
#define SHORT_MAX  512 /* bytes of a key or an error's text that are looked at */

/* One packet taken off a reply; its value is still at the reply's head. */
struct packet {
	struct mcb_header header;
	char extras[32], key[256];
	uint32_t value;
};

/* What a reply is written with. */
struct writer {
	struct chunk_pool *chunks;
	struct chain *from, to;
	const struct command *row;
	struct span line;
};

static void put(struct writer *w, const char *text)
{
	chain_copy(w->chunks, &w->to, span_of(text));
}

static void put_span(struct writer *w, struct span bytes)
{
	chain_copy(w->chunks, &w->to, bytes);
}

static void put_number(struct writer *w, const char *before, uint64_t n)
{
	char text[NUMBER_MAX + 1];

	put(w, before);
	snprintf(text, sizeof(text), "%" PRIu64, n);
	put(w, text);
}

/* Take `n` bytes off into `to`, which has room for `max` of them; the rest is dropped. */
static void take(struct writer *w, char *to, size_t max, size_t n)
{
	chain_peek(w->from, to, n <= max ? n : max);
	chain_consume(w->chunks, w->from, n);
}

static struct packet take_packet(struct writer *w)
{
	struct packet packet = {0};
	char bytes[MCB_HEADER];

	take(w, bytes, sizeof(bytes), MCB_HEADER);
	packet.header = mcb_header_read(bytes);
	take(w, packet.extras, sizeof(packet.extras), packet.header.extras);
	take(w, packet.key, sizeof(packet.key), packet.header.key);
	packet.value = packet.header.body - packet.header.key - packet.header.extras;
	/* No client has such a key; a node that says so must not have us look beyond ours. */
	if (packet.header.key > sizeof(packet.key))
		packet.header.key = sizeof(packet.key);
	return packet;
}

/* The value as it stands, and a line end. */
static void move_value(struct writer *w, const struct packet *packet)
{
	if (packet->value > 0)
		chain_move_head(w->chunks, &w->to, w->from, packet->value);
	put(w, "\r\n");
}

static void drop_value(struct writer *w, const struct packet *packet)
{
	chain_consume(w->chunks, w->from, packet->value);
}

static uint64_t read_number(const char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

/* ------------------------------------------------------------------ errors */

/* A node's own words must not end the line that they stand in. */
static struct span first_line(struct span text)
{
	size_t len = 0;

	while (len < text.len && (unsigned char)text.p[len] >= ' ')
		len++;
	return span_make(text.p, len);
}

/* What memcached's text protocol has for a status that is no plain answer. */
static void put_error(struct writer *w, const struct packet *packet)
{
	char text[SHORT_MAX] = "";
	size_t len = packet->value < sizeof(text) ? packet->value : 0;

	chain_peek(w->from, text, len);
	drop_value(w, packet);
	switch (packet->header.status) {
	case MCB_TOO_LARGE:
		put(w, "SERVER_ERROR object too large for cache");
		break;
	case MCB_DELTA:
		put(w, "CLIENT_ERROR cannot increment or decrement non-numeric value");
		break;
	case MCB_OUT_OF_MEMORY:
		put(w, "SERVER_ERROR out of memory storing object");
		break;
	case MCB_INVALID:
		put(w, "CLIENT_ERROR bad command line format");
		break;
	default:
		put(w, "SERVER_ERROR ");
		put_span(w, first_line(span_make(text, len)));
	}
	put(w, "\r\n");
}

static bool is_plain(uint16_t status)
{
	return status == MCB_OK || status == MCB_NOT_FOUND || status == MCB_EXISTS ||
	       status == MCB_NOT_STORED;
}

/* ------------------------------------------------------------------ text */

static bool answer_values(struct writer *w, bool barred)
{
	bool has_cas = w->row->id == MC_GETS || w->row->id == MC_GATS;

	while (!chain_is_empty(w->from)) {
		struct packet packet = take_packet(w);

		if (barred && packet.header.opcode == MCB_NOOP)
			break;
		if (!is_plain(packet.header.status)) {
			put_error(w, &packet);
			chain_clear(w->chunks, w->from);
			return true;
		}
		if (packet.header.status != MCB_OK) {
			drop_value(w, &packet);
			continue;
		}
		put(w, "VALUE ");
		put_span(w, span_make(packet.key, packet.header.key));
		put_number(w, " ", read_number(packet.extras, 4));
		put_number(w, " ", packet.value);
		if (has_cas)
			put_number(w, " ", packet.header.cas);
		put(w, "\r\n");
		move_value(w, &packet);
	}
	put(w, "END\r\n");
	return false;
}

static bool answer_stats(struct writer *w)
{
	bool any = false;

	while (!chain_is_empty(w->from)) {
		struct packet packet = take_packet(w);

		if (packet.header.status == MCB_NOT_FOUND) {
			drop_value(w, &packet);
			put(w, "ERROR\r\n");
			return true;
		}
		if (packet.header.status != MCB_OK) {
			put_error(w, &packet);
			return true;
		}
		if (packet.header.key == 0)
			break;
		any = true;
		put(w, "STAT ");
		put_span(w, span_make(packet.key, packet.header.key));
		put(w, " ");
		move_value(w, &packet);
	}
	put(w, !any && span_starts_with(w->line, span_of("stats reset")) ? "RESET\r\n" : "END\r\n");
	return false;
}

/* By command: what is said of OK, of what is not there, and of what is. */
static const struct {
	const char *ok, *not_found, *exists;
} words[] = {
	[MC_SET] = {"STORED", "NOT_STORED", "NOT_STORED"},
	[MC_ADD] = {"STORED", "NOT_STORED", "NOT_STORED"},
	[MC_REPLACE] = {"STORED", "NOT_STORED", "NOT_STORED"},
	[MC_APPEND] = {"STORED", "NOT_STORED", "NOT_STORED"},
	[MC_PREPEND] = {"STORED", "NOT_STORED", "NOT_STORED"},
	[MC_CAS] = {"STORED", "NOT_FOUND", "EXISTS"},
	[MC_INCR] = {NULL, "NOT_FOUND", "EXISTS"},
	[MC_DECR] = {NULL, "NOT_FOUND", "EXISTS"},
	[MC_TOUCH] = {"TOUCHED", "NOT_FOUND", "EXISTS"},
	[MC_DELETE] = {"DELETED", "NOT_FOUND", "EXISTS"},
	[MC_FLUSH_ALL] = {"OK", "OK", "OK"},
	[MC_META_SET] = {"HD", "NS", "EX"},
	[MC_META_DELETE] = {"HD", "NF", "EX"},
	[MC_META_ARITHMETIC] = {"HD", "NF", "EX"},
};

static const char *word_for(const struct writer *w, uint16_t status)
{
	return status == MCB_OK		   ? words[w->row->id].ok
	       : status == MCB_NOT_FOUND   ? words[w->row->id].not_found
	       : status == MCB_EXISTS	   ? words[w->row->id].exists
	       : w->row->id >= MC_META_GET ? "NS"
					   : "NOT_STORED";
}

static bool answer_line(struct writer *w)
{
	struct packet packet = take_packet(w);
	char number[8] = {0};

	if (!is_plain(packet.header.status)) {
		put_error(w, &packet);
		return true;
	}
	take(w, number, sizeof(number), packet.value);
	const char *word = word_for(w, packet.header.status);
	if (word == NULL)
		put_number(w, "", read_number(number, sizeof(number)));
	else
		put(w, word);
	put(w, "\r\n");
	return false;
}

/* ------------------------------------------------------------------ meta */

static struct span next_word(struct span *rest)
{
	size_t len = 0;

	while (rest->len > 0 && rest->p[0] == ' ')
		*rest = span_skip(*rest, 1);
	while (len < rest->len && rest->p[len] != ' ' && rest->p[len] != '\r')
		len++;
	struct span word = span_make(rest->p, len);

	*rest = span_skip(*rest, len);
	return word;
}

/* Does the command have this flag? */
static bool has_flag(const struct writer *w, char flag)
{
	struct span rest = w->line;
	uint32_t i = 0;

	for (struct span word = next_word(&rest); word.len > 0; word = next_word(&rest))
		if (i++ >= (w->row->id == MC_META_SET ? 3U : 2U) && word.p[0] == flag)
			return true;
	return false;
}

/* What the command asked to be told, in its order; of an item only where there is one. */
static void put_flags(struct writer *w, const struct packet *packet, bool is_there, uint64_t size)
{
	struct span rest = w->line;
	(void)next_word(&rest);
	struct span key = next_word(&rest);

	if (w->row->id == MC_META_SET)
		(void)next_word(&rest);
	for (struct span word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
		char flag = word.p[0];

		if (flag == 'O') {
			put(w, " ");
			put_span(w, word);
		} else if (flag == 'k') {
			put(w, " k");
			put_span(w, key);
			put(w, has_flag(w, 'b') ? " b" : "");
		} else if (is_there && flag == 'c') {
			put_number(w, " c", packet->header.cas);
		} else if (is_there && flag == 's') {
			put_number(w, " s", size);
		} else if (is_there && flag == 'f') {
			put_number(w, " f", read_number(packet->extras, 4));
		}
	}
	put(w, "\r\n");
}

static bool answer_meta_get(struct writer *w)
{
	struct packet packet = take_packet(w);

	if (!is_plain(packet.header.status)) {
		put_error(w, &packet);
		return true;
	}
	if (packet.header.status != MCB_OK) {
		drop_value(w, &packet);
		if (!has_flag(w, 'q')) {
			put(w, "EN");
			put_flags(w, &packet, false, 0);
		}
		return false;
	}
	bool wants_value = has_flag(w, 'v');
	if (wants_value)
		put_number(w, "VA ", packet.value);
	else
		put(w, "HD");
	put_flags(w, &packet, true, packet.value);
	if (wants_value)
		move_value(w, &packet);
	else
		drop_value(w, &packet);
	return false;
}

/* An item that is there already is EX only to who asked for one CAS of it. */
static const char *meta_word(const struct writer *w, uint16_t status)
{
	bool is_set = w->row->id == MC_META_SET, has_cas = has_flag(w, 'C');

	if (is_set && status == MCB_EXISTS && !has_cas)
		return "NS";
	if (is_set && status == MCB_NOT_FOUND && has_cas)
		return "NF";
	return word_for(w, status);
}

static bool answer_meta(struct writer *w)
{
	struct packet packet = take_packet(w);
	char number[8] = {0}, text[NUMBER_MAX];

	if (!is_plain(packet.header.status)) {
		put_error(w, &packet);
		return true;
	}
	take(w, number, sizeof(number), packet.value);
	bool is_ok = packet.header.status == MCB_OK;
	if (is_ok && has_flag(w, 'q'))
		return false;
	bool wants_value = is_ok && w->row->id == MC_META_ARITHMETIC && has_flag(w, 'v');
	int len = snprintf(text, sizeof(text), "%" PRIu64, read_number(number, sizeof(number)));
	if (wants_value)
		put_number(w, "VA ", (uint64_t)len);
	else
		put(w, meta_word(w, packet.header.status));
	put_flags(w, &packet, is_ok, 0);
	if (wants_value) {
		put(w, text);
		put(w, "\r\n");
	}
	return false;
}

bool mc_answer(struct chunk_pool *chunks, struct chain *reply, const struct command *row,
	       struct span line, bool barred)
{
	struct writer w = {.chunks = chunks, .from = reply, .row = row, .line = line};
	bool is_error;

	if (row->id == MC_STATS)
		is_error = answer_stats(&w);
	else if (row->id == MC_META_GET)
		is_error = answer_meta_get(&w);
	else if (row->flags & CMD_META)
		is_error = answer_meta(&w);
	else if (row->flags & CMD_HITS)
		is_error = answer_values(&w, barred);
	else
		is_error = answer_line(&w);
	chain_clear(chunks, reply);
	chain_move(chunks, reply, &w.to);
	return is_error;
}
