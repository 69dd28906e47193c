#include "proto/mc_translate.h"

#include <limits.h>
#include <string.h>

#include "base/number.h"
#include "proto/mc_binary.h"
#include "proto/mc_meta.h"
#include "proto/mc_request.h"

#define NO_CREATION 0xffffffffU /* as the exptime of an increment: what is not there stays so */
#define EXTRAS_MAX  20
#define OPAQUE_MAX  32 /* bytes of an opaque with its letter, as memcached */

static const char not_exact[] =
	"CLIENT_ERROR slipring: the nodes speak binary alone, which has nothing for this";

/* What a packet is made of. */
struct packet {
	struct mcb_header header;
	char extras[EXTRAS_MAX];
	size_t extras_len;
	struct span key, value;
};

static struct span word_of(const struct mc_text *text, uint32_t i)
{
	return parsed_arg(text->parsed, text->start, i);
}

static void add_number(struct packet *packet, size_t bytes, uint64_t n)
{
	for (size_t i = bytes; i-- > 0; n >>= 8)
		packet->extras[packet->extras_len + i] = (char)(n & 0xff);
	packet->extras_len += bytes;
}

static void append_packet(struct chunk_pool *chunks, struct chain *to, struct packet *packet,
			  struct chunk *chunk)
{
	struct mcb_header *header = &packet->header;
	char bytes[MCB_HEADER];

	header->magic = MCB_REQUEST;
	header->extras = (uint8_t)packet->extras_len;
	header->key = (uint16_t)packet->key.len;
	header->body = (uint32_t)(packet->extras_len + packet->key.len + packet->value.len);
	mcb_header_write(bytes, header);
	chain_copy(chunks, to, span_make(bytes, MCB_HEADER));
	chain_copy(chunks, to, span_make(packet->extras, packet->extras_len));
	chain_copy(chunks, to, packet->key);
	if (packet->value.len > 0)
		chain_append(chunks, to, chunk, packet->value);
}

/* A number that a field of 32 bits can hold; negative ones where the field is signed. */
static bool read_exptime(struct span word, uint32_t *exptime)
{
	int64_t n;

	if (!number_parse_i64(word, &n) || n < INT32_MIN || n > INT32_MAX)
		return false;
	*exptime = (uint32_t)n;
	return true;
}

static bool read_u32(struct span word, uint32_t *to)
{
	uint64_t n;

	if (!number_parse_u64(word, &n) || n > UINT32_MAX)
		return false;
	*to = (uint32_t)n;
	return true;
}

static struct span body_of(const struct mc_text *text)
{
	const struct parsed *p = text->parsed;

	return span_make(text->start + p->line_len, p->len - p->line_len - 2);
}

/* ------------------------------------------------------------------ text */

static bool make_store(struct packet *packet, const struct mc_text *text)
{
	uint16_t id = text->parsed->command->id;
	uint32_t flags, exptime;

	packet->header.opcode = id == MC_ADD	   ? MCB_ADD
				: id == MC_REPLACE ? MCB_REPLACE
				: id == MC_APPEND  ? MCB_APPEND
				: id == MC_PREPEND ? MCB_PREPEND
						   : MCB_SET;
	packet->value = body_of(text);
	if (id == MC_APPEND || id == MC_PREPEND)
		return true;
	/* In binary a CAS of 0 asks for none. */
	if (!read_u32(word_of(text, 2), &flags) || !read_exptime(word_of(text, 3), &exptime) ||
	    (id == MC_CAS &&
	     (!number_parse_u64(word_of(text, 5), &packet->header.cas) || packet->header.cas == 0)))
		return false;
	add_number(packet, 4, flags);
	add_number(packet, 4, exptime);
	return true;
}

static bool make_arithmetic(struct packet *packet, const struct mc_text *text)
{
	uint64_t delta;

	if (!number_parse_u64(word_of(text, 2), &delta))
		return false;
	packet->header.opcode =
		text->parsed->command->id == MC_INCR ? MCB_INCREMENT : MCB_DECREMENT;
	add_number(packet, 8, delta);
	add_number(packet, 8, 0);
	add_number(packet, 4, NO_CREATION);
	return true;
}

static bool make_touch(struct packet *packet, const struct mc_text *text)
{
	uint32_t exptime;

	if (!read_exptime(word_of(text, 2), &exptime))
		return false;
	packet->header.opcode = MCB_TOUCH;
	add_number(packet, 4, exptime);
	return true;
}

static bool make_delete(struct packet *packet, const struct mc_text *text)
{
	(void)text;
	packet->header.opcode = MCB_DELETE;
	return true;
}

static bool make_get(struct packet *packet, const struct mc_text *text)
{
	uint32_t exptime;

	packet->header.opcode = MCB_GETK;
	if (text->parsed->command->flags & CMD_READ)
		return true;
	packet->header.opcode = MCB_GATK;
	if (!read_exptime(word_of(text, 1), &exptime))
		return false;
	add_number(packet, 4, exptime);
	return true;
}

static bool make_flush(struct packet *packet, const struct mc_text *text)
{
	const struct parsed *p = text->parsed;
	uint32_t delay = 0;

	packet->header.opcode = MCB_FLUSH;
	if (p->args->n - p->noreply > 1 && !read_u32(word_of(text, 1), &delay))
		return false;
	add_number(packet, 4, delay);
	return true;
}

/* All words behind the first are one in binary. */
static bool make_stats(struct packet *packet, const struct mc_text *text)
{
	const struct arg_list *args = text->parsed->args;
	const struct arg *last = &args->v[args->n - 1];

	packet->header.opcode = MCB_STAT;
	if (args->n > 1)
		packet->key = span_make(text->start + args->v[1].at,
					last->at + last->len - args->v[1].at);
	return packet->key.len <= MC_KEY_MAX;
}

/* ------------------------------------------------------------------ meta */

/* What the flags of a meta command say; those that binary knows. */
struct meta_flags {
	bool has_ttl, creates;
	uint32_t flags, ttl, creation_ttl;
	uint64_t cas, initial, delta;
	char mode;
};

/* Flags that need no more than to be there, by command. */
static const char *plain_flags(uint16_t id)
{
	switch (id) {
	case MC_META_GET:
		return "bcfkqsvOPL";
	case MC_META_ARITHMETIC:
		return "bckqvOPL";
	case MC_META_SET:
		return "bckqOPL";
	default:
		return "bkqOPL";
	}
}

static bool read_flag(struct meta_flags *to, uint16_t id, struct span word)
{
	struct span token = span_skip(word, 1);

	if (strchr(plain_flags(id), word.p[0]) != NULL)
		return true;
	switch (word.p[0]) {
	case 'T':
		to->has_ttl = true;
		return (id == MC_META_GET || id == MC_META_SET) && read_exptime(token, &to->ttl);
	case 'F':
		return id == MC_META_SET && read_u32(token, &to->flags);
	case 'C':
		return id != MC_META_GET && number_parse_u64(token, &to->cas) && to->cas > 0;
	case 'M':
		to->mode = token.len == 1 ? token.p[0] : '?';
		return id == MC_META_SET || id == MC_META_ARITHMETIC;
	case 'N':
		to->creates = true;
		return id == MC_META_ARITHMETIC && read_exptime(token, &to->creation_ttl) &&
		       to->creation_ttl != NO_CREATION;
	case 'J':
		return id == MC_META_ARITHMETIC && number_parse_u64(token, &to->initial);
	case 'D':
		return id == MC_META_ARITHMETIC && number_parse_u64(token, &to->delta);
	default:
		return false;
	}
}

/* Each flag once, as memcached wants it; and the opaque's length is its. */
static bool read_flags(struct meta_flags *to, const struct mc_text *text)
{
	const struct arg_list *args = text->parsed->args;
	uint16_t id = text->parsed->command->id;
	bool seen[128] = {false};

	*to = (struct meta_flags){.delta = 1};
	for (uint32_t i = id == MC_META_SET ? 3 : 2; i < args->n; i++) {
		struct span word = word_of(text, i);
		unsigned char flag = (unsigned char)word.p[0];

		if (flag >= 128 || seen[flag] || (flag == 'O' && word.len > OPAQUE_MAX) ||
		    !read_flag(to, id, word))
			return false;
		seen[flag] = true;
	}
	return true;
}

static bool make_meta_set(struct packet *packet, const struct mc_text *text)
{
	static const struct {
		const char *modes;
		uint8_t opcode;
	} modes[] = {
		{"Ss", MCB_SET},     {"Ee", MCB_ADD},	  {"Aa", MCB_APPEND},
		{"Pp", MCB_PREPEND}, {"Rr", MCB_REPLACE},
	};
	struct meta_flags flags;

	if (!read_flags(&flags, text))
		return false;
	if (flags.mode == 0)
		flags.mode = 'S';
	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strchr(modes[i].modes, flags.mode) != NULL)
			packet->header.opcode = modes[i].opcode;
	packet->header.cas = flags.cas;
	packet->value = body_of(text);
	if (packet->header.opcode == MCB_APPEND || packet->header.opcode == MCB_PREPEND)
		return true;
	add_number(packet, 4, flags.flags);
	add_number(packet, 4, flags.ttl);
	return packet->header.opcode != 0;
}

static bool make_meta_get(struct packet *packet, const struct mc_text *text)
{
	struct meta_flags flags;

	if (!read_flags(&flags, text))
		return false;
	packet->header.opcode = flags.has_ttl ? MCB_GATK : MCB_GETK;
	if (flags.has_ttl)
		add_number(packet, 4, flags.ttl);
	return true;
}

static bool make_meta_delete(struct packet *packet, const struct mc_text *text)
{
	struct meta_flags flags;

	packet->header.opcode = MCB_DELETE;
	if (!read_flags(&flags, text))
		return false;
	packet->header.cas = flags.cas;
	return true;
}

static bool make_meta_arithmetic(struct packet *packet, const struct mc_text *text)
{
	struct meta_flags flags;

	if (!read_flags(&flags, text) || (flags.mode != 0 && strchr("Ii+Dd-", flags.mode) == NULL))
		return false;
	bool is_less = flags.mode != 0 && strchr("Dd-", flags.mode) != NULL;
	packet->header.opcode = is_less ? MCB_DECREMENT : MCB_INCREMENT;
	packet->header.cas = flags.cas;
	add_number(packet, 8, flags.delta);
	add_number(packet, 8, flags.initial);
	add_number(packet, 4, flags.creates ? flags.creation_ttl : NO_CREATION);
	return true;
}

/* ------------------------------------------------------------------ all */

static bool (*const makes[])(struct packet *packet, const struct mc_text *text) = {
	[MC_GET] = make_get,
	[MC_GETS] = make_get,
	[MC_GAT] = make_get,
	[MC_GATS] = make_get,
	[MC_SET] = make_store,
	[MC_ADD] = make_store,
	[MC_REPLACE] = make_store,
	[MC_APPEND] = make_store,
	[MC_PREPEND] = make_store,
	[MC_CAS] = make_store,
	[MC_INCR] = make_arithmetic,
	[MC_DECR] = make_arithmetic,
	[MC_TOUCH] = make_touch,
	[MC_DELETE] = make_delete,
	[MC_FLUSH_ALL] = make_flush,
	[MC_STATS] = make_stats,
	[MC_META_GET] = make_meta_get,
	[MC_META_SET] = make_meta_set,
	[MC_META_DELETE] = make_meta_delete,
	[MC_META_ARITHMETIC] = make_meta_arithmetic,
	[MC_META_DEBUG] = NULL,
};

const char *mc_translate(struct chunk_pool *chunks, struct chain *to, const struct mc_text *text)
{
	const struct parsed *p = text->parsed;
	struct packet packet = {0};
	char key[MC_META_KEY_MAX];

	if (p->key_count > 0)
		packet.key = mc_meta_key(p, text->start, key);
	if (p->command->id >= ARRAY_LEN(makes) || makes[p->command->id] == NULL ||
	    !makes[p->command->id](&packet, text))
		return not_exact;
	if (p->key_encoded && packet.key.p != key)
		return "CLIENT_ERROR error decoding key";
	append_packet(chunks, to, &packet, text->chunk);
	return NULL;
}

void mc_translate_key(struct chunk_pool *chunks, struct chain *to, const struct mc_text *text,
		      uint32_t word, struct span exptime)
{
	struct packet packet = {.key = word_of(text, word)};
	uint32_t seconds;

	(void)make_get(&packet, text); /* its exptime was looked at when the first key was sent */
	if (packet.extras_len > 0 && exptime.len > 0 && read_exptime(exptime, &seconds)) {
		packet.extras_len = 0;
		add_number(&packet, 4, seconds);
	}
	packet.header.opcode = packet.header.opcode == MCB_GETK ? MCB_GETKQ : MCB_GATKQ;
	append_packet(chunks, to, &packet, text->chunk);
}

void mc_translate_end(struct chunk_pool *chunks, struct chain *to)
{
	struct packet packet = {.header = {.opcode = MCB_NOOP}};

	append_packet(chunks, to, &packet, NULL);
}
