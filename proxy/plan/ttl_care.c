#include "plan/ttl_care.h"

#include "proto/mc_meta.h"
#include "proto/mc_request.h"
#include "proto/resp_write.h"
#include "route/policy.h"

/* The argument that is an expiry time; 0: none. append and prepend have one that nodes ignore. */
static const uint8_t mc_exptime[] = {
	[MC_SET] = 3,	[MC_ADD] = 3, [MC_REPLACE] = 3, [MC_CAS] = 3,
	[MC_TOUCH] = 2, [MC_GAT] = 1, [MC_GATS] = 1,
};

#define MCB_EXTRAS_MAX 20 /* bytes */

/* Where the exptime ends among the extras of a binary command; 0: it has none. */
static const uint8_t mc_extras_end[] = {
	[MC_SET] = 8,	[MC_ADD] = 8,	[MC_REPLACE] = 8, [MC_INCR] = 20,
	[MC_DECR] = 20, [MC_TOUCH] = 4, [MC_GAT] = 4,
};

/* Where a command of Redis has its expiry time. */
static const struct place {
	const char *name;
	uint8_t arg;	    /* the time, or with has_options the first word that may name one */
	uint8_t kind;	    /* enum ttl_kind */
	bool has_options;   /* EX, PX, EXAT or PXAT come before it */
	bool takes_default; /* without any of them it stores for ever */
} places[] = {
	{"set", 3, 0, true, true},
	{"setex", 2, TTL_S, false, false},
	{"psetex", 2, TTL_MS, false, false},
	{"getex", 2, 0, true, false},
	{"expire", 2, TTL_S, false, false},
	{"pexpire", 2, TTL_MS, false, false},
	{"expireat", 2, TTL_AT_S, false, false},
	{"pexpireat", 2, TTL_AT_MS, false, false},
};

static const struct option {
	const char *word;
	bool has_time;
	bool is_other; /* it says itself what becomes of the expiry time */
	uint8_t kind;
} options[] = {
	{"EX", true, false, TTL_S},	 {"PX", true, false, TTL_MS},
	{"EXAT", true, false, TTL_AT_S}, {"PXAT", true, false, TTL_AT_MS},
	{"KEEPTTL", false, true, 0},	 {"PERSIST", false, true, 0},
	{"NX", false, false, 0},	 {"XX", false, false, 0},
	{"GET", false, false, 0},
};

/* The rule of a key, of which what is stored elsewhere while its own node is down lives no longer than the
 * detour says. */
static struct ttl_rule rule_for(const struct request *request, struct span key)
{
	const struct pool *pool = request->pool;
	const struct ttl_rule *usual = pool_ttl(pool, key);
	const struct ttl_rule there = {.max_s = pool->detour.ttl_s,
				       .default_s = pool->detour.ttl_s};
	struct engine *engine = request->engine;

	if (likely(pool->detour.ttl_s == 0) ||
	    !route_own(pool, key, engine->digest, &engine->rng)->is_away)
		return *usual;
	return ttl_strictest(usual, &there);
}

static const struct option *find_option(struct span word)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (span_equal_nocase(word, options[i].word))
			return &options[i];
	return NULL;
}

static const struct place *find_place(const struct command *command)
{
	if (!(command->flags & CMD_WRITE))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(command->name, places[i].name) == 0)
			return &places[i];
	return NULL;
}

/* The argument that is the time, its kind in *kind; 0: the command has none, and it is not for us to
 * give it one; the number of arguments: it has none. */
static uint32_t find_time(const struct place *place, const struct command_bytes *command,
			  enum ttl_kind *kind)
{
	const struct parsed *p = command->parsed;

	*kind = place->kind;
	if (!place->has_options)
		return place->arg < p->args->n ? place->arg : 0;
	for (uint32_t i = place->arg; i < p->args->n; i++) {
		const struct option *option = find_option(parsed_arg(p, command->start, i));

		if (option == NULL || option->is_other)
			return 0;
		*kind = option->kind;
		if (option->has_time)
			return i + 1 < p->args->n ? i + 1 : 0;
	}
	return place->takes_default ? p->args->n : 0;
}

static void put_text(struct ttl_change *out, struct span bytes)
{
	memcpy(out->text + out->n_text, bytes.p, bytes.len);
	out->n_text += (uint32_t)bytes.len;
}

static void put_word(struct ttl_change *out, struct span word)
{
	out->n_text += (uint32_t)resp_write_header(out->text + out->n_text, '$', (int64_t)word.len);
	put_text(out, word);
	put_text(out, span_of("\r\n"));
}

/* PX and the default behind the last word. */
static bool add_default(struct request *request, const struct command_bytes *command,
			const struct ttl_rule *rule, struct ttl_change *out)
{
	char number[NUMBER_TEXT_MAX];
	int64_t ms = ttl_given_ms(rule, &request->engine->rng);

	if (ms == 0)
		return false;
	*out = (struct ttl_change){.at = command->parsed->len, .n_words = 2};
	put_word(out, span_of("PX"));
	put_word(out, span_make(number, number_write_i64(number, ms)));
	return true;
}

static bool change_resp(struct request *request, const struct command_bytes *command,
			struct ttl_change *out)
{
	const struct parsed *p = command->parsed;
	const struct place *place = find_place(request->command);
	char number[NUMBER_TEXT_MAX];
	enum ttl_kind kind;

	if (place == NULL)
		return false;
	uint32_t at = find_time(place, command, &kind);
	const struct ttl_rule *rule = pool_ttl(request->pool, parsed_arg(p, command->start, 1));
	if (at == 0 || !ttl_is_set(rule))
		return false;
	if (at == p->args->n)
		return add_default(request, command, rule, out);
	size_t n =
		ttl_adjust_word(rule, kind, parsed_arg(p, command->start, at),
				loop_real_ms(request->engine->loop), &request->engine->rng, number);
	if (n == 0)
		return false;
	const struct arg *before = &p->args->v[at - 1], *its = &p->args->v[at];
	*out = (struct ttl_change){.at = before->at + before->len + 2};
	out->len = its->at + its->len + 2 - out->at;
	put_word(out, span_make(number, n));
	return true;
}

static struct ttl_rule rule_of(const struct request *request, const struct command_bytes *command,
			       uint32_t first, const uint32_t *order, uint32_t n)
{
	const struct parsed *p = command->parsed;
	struct ttl_rule rule = {0};

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = first + (order != NULL ? order[i] : i);
		const struct ttl_rule its = rule_for(request, parsed_arg(p, command->start, at));

		rule = ttl_strictest(&rule, &its);
	}
	return rule;
}

/* A node hangs up over a longer line, on all that share its connection. */
static bool fits(const struct parsed *p, const struct ttl_change *changes, uint32_t n)
{
	uint32_t len = p->line_end - p->line_at + 2;

	for (uint32_t i = 0; i < n; i++)
		len += changes[i].n_text - changes[i].len;
	return len <= MC_LINE_MAX;
}

/* A number of memcached's that lies at `at`; how many changes it is. */
static uint32_t change_number(struct request *request, const struct command_bytes *command,
			      const struct ttl_rule *rule, struct arg at, struct ttl_change *out)
{
	char number[NUMBER_TEXT_MAX];
	size_t len =
		ttl_adjust_word(rule, TTL_MC, span_make(command->start + at.at, at.len),
				loop_real_ms(request->engine->loop), &request->engine->rng, number);

	if (len == 0)
		return 0;
	*out = (struct ttl_change){.at = at.at, .len = at.len};
	put_text(out, span_make(number, len));
	return 1;
}

bool ttl_care_part(struct request *request, const struct command_bytes *command, uint32_t first,
		   const uint32_t *order, uint32_t n, struct ttl_change *out)
{
	uint16_t id = request->command->id;
	uint8_t at = id < ARRAY_LEN(mc_exptime) ? mc_exptime[id] : 0;

	if (at == 0)
		return false;
	struct ttl_rule rule = rule_of(request, command, first, order, n);
	if (!ttl_is_set(&rule) ||
	    change_number(request, command, &rule, command->parsed->args->v[at], out) == 0 ||
	    !fits(command->parsed, out, 1))
		return false;
	stat_add(&request->engine->stats->counter[STAT_TTL_CHANGED], 1);
	return true;
}

/* T with the default, behind what ms has. */
static uint32_t add_flag(struct request *request, const struct command_bytes *command,
			 const struct ttl_rule *rule, struct ttl_change *out)
{
	char number[NUMBER_TEXT_MAX];
	size_t len =
		ttl_adjust_word(rule, TTL_MC, span_of("0"), loop_real_ms(request->engine->loop),
				&request->engine->rng, number);

	if (len == 0 || command->parsed->args->n >= MC_META_WORDS_MAX)
		return 0;
	*out = (struct ttl_change){.at = command->parsed->line_end};
	put_text(out, span_of(" T"));
	put_text(out, span_make(number, len));
	return 1;
}

/* T is an item's time, N that of one that is made because there was none. */
static uint32_t change_flags(struct request *request, const struct command_bytes *command,
			     struct ttl_change out[TTL_CHANGES_MAX])
{
	const struct parsed *p = command->parsed;
	bool is_set = request->command->id == MC_META_SET, takes_default = is_set;
	char decoded[MC_META_KEY_MAX];
	const struct ttl_rule rule = rule_for(request, mc_meta_key(p, command->start, decoded));
	uint32_t n = 0;

	if (!ttl_is_set(&rule) || request->command->id == MC_META_DEBUG)
		return 0;
	for (uint32_t i = is_set ? 3 : 2; i < p->args->n; i++) {
		struct arg flag = p->args->v[i];
		const char *word = command->start + flag.at;

		/* What is appended leaves the item its time. */
		if (word[0] == 'T' || (word[0] == 'M' && flag.len > 1 && strchr("AaPp", word[1])))
			takes_default = false;
		if ((word[0] == 'T' || word[0] == 'N') && n < TTL_CHANGES_MAX)
			n += change_number(request, command, &rule,
					   (struct arg){flag.at + 1, flag.len - 1}, &out[n]);
	}
	if (takes_default && n < TTL_CHANGES_MAX)
		n += add_flag(request, command, &rule, &out[n]);
	if (n == 0 || !fits(p, out, n))
		return 0;
	stat_add(&request->engine->stats->counter[STAT_TTL_CHANGED], 1);
	return n;
}

/* The command's bytes from one place to another. */
static void append(struct request *request, const struct command_bytes *command, uint32_t from,
		   uint32_t to)
{
	plan_append(request, &request->first.bytes, command,
		    span_make(command->start + from, to - from));
}

static bool take_mc(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct ttl_change changes[TTL_CHANGES_MAX];
	uint32_t at = p->line_at, n;

	if (request->command->flags & CMD_META)
		n = change_flags(request, command, changes);
	else
		n = ttl_care_part(request, command, p->key_first, NULL, p->key_count, changes);
	if (n == 0)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		append(request, command, at, changes[i].at);
		chain_copy(&request->engine->chunks, &request->first.bytes,
			   span_make(changes[i].text, changes[i].n_text));
		at = changes[i].at + changes[i].len;
	}
	append(request, command, at, p->line_end);
	chain_copy(&request->engine->chunks, &request->first.bytes, span_of("\r\n"));
	append(request, command, p->line_len, p->len);
	return true;
}

static bool take_resp(struct request *request, const struct command_bytes *command)
{
	const struct parsed *p = command->parsed;
	struct chain *bytes = &request->first.bytes;
	struct chunk_pool *chunks = &request->engine->chunks;
	char head[RESP_HEADER_MAX];
	struct ttl_change change;

	if (!change_resp(request, command, &change))
		return false;
	/* The first line is the number of words. */
	const char *newline = memchr(command->start, '\n', p->len);
	size_t n = resp_write_header(head, '*', (int64_t)p->args->n + change.n_words);
	chain_copy(chunks, bytes, span_make(head, n));
	append(request, command, (uint32_t)(newline + 1 - command->start), change.at);
	chain_copy(chunks, bytes, span_make(change.text, change.n_text));
	append(request, command, change.at + change.len, p->len);
	stat_add(&request->engine->stats->counter[STAT_TTL_CHANGED], 1);
	return true;
}

static uint32_t load_be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void store_be32(char *p, uint32_t n)
{
	for (int i = 3; i >= 0; i--, n >>= 8)
		p[i] = (char)(n & 0xff);
}

bool ttl_care_take_binary(struct request *request, const struct command_bytes *command,
			  const char header[MCB_HEADER])
{
	struct engine *engine = request->engine;
	struct span extras = parsed_arg(command->parsed, command->start, MCB_ARG_EXTRAS);
	const struct ttl_rule rule =
		rule_for(request, parsed_arg(command->parsed, command->start, MCB_ARG_KEY));
	uint16_t id = request->command->id;
	size_t end = id < ARRAY_LEN(mc_extras_end) ? mc_extras_end[id] : 0;
	char head[MCB_HEADER + MCB_EXTRAS_MAX];

	if (end == 0 || extras.len < end || extras.len > MCB_EXTRAS_MAX || !ttl_is_set(&rule))
		return false;
	uint32_t exptime = load_be32(extras.p + end - 4);
	uint32_t changed = ttl_adjust_u32(&rule, exptime, loop_real_ms(engine->loop), &engine->rng);
	if (changed == exptime)
		return false;
	memcpy(head, header, MCB_HEADER);
	memcpy(head + MCB_HEADER, extras.p, extras.len);
	store_be32(head + MCB_HEADER + end - 4, changed);
	chain_copy(&engine->chunks, &request->first.bytes,
		   span_make(head, MCB_HEADER + extras.len));
	append(request, command, (uint32_t)(MCB_HEADER + extras.len), command->parsed->len);
	stat_add(&engine->stats->counter[STAT_TTL_CHANGED], 1);
	return true;
}

bool ttl_care_take(struct request *request, const struct command_bytes *command)
{
	if (command->parsed->is_binary)
		return false;
	return request->pool->protocol == PROTOCOL_REDIS ? take_resp(request, command)
							 : take_mc(request, command);
}
